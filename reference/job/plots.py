"""Pictures of a run.  Figures are made by themselves: no pyplot, no global state."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from reference.tasks.learned import Learned
from reference.tasks.task import START, Examples

TICKS = 16  # along an axis of a map; more cannot be read
TRAINING, STEPS, HELD_OUT, SEQUENCES = "#4c72b0", "#bccbe4", "#c44e52", "#55a868"


def curves(
    losses: np.ndarray, records: Sequence[Mapping[str, float]], tokens: int, at_once: bool = False
) -> Figure:
    """Draw loss and accuracy over the epochs, with a line where guessing among so many tokens stands.

    `at_once` is as of a family, by which no token is read before another.
    """
    forced, alone = ("", "") if at_once else (", teacher-forced", ", autoregressive")
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)

    ends = np.array([record["epoch"] for record in records])
    steps = np.arange(1, len(losses) + 1) * (ends[-1] / records[-1]["step"])
    left.plot(steps, losses, color=STEPS, linewidth=0.8, label="training, every step")
    for axes, key, at, colour, label in (
        (left, "loss", ends - 0.5, TRAINING, "training, mean of an epoch"),
        (left, "held_out_loss", ends, HELD_OUT, "held-out"),
        (right, "training_tokens", ends, TRAINING, f"training: tokens{forced}"),
        (right, "held_out_tokens", ends, HELD_OUT, f"held-out: tokens{alone}"),
        (right, "held_out_sequences", ends, SEQUENCES, f"held-out: whole sequences{alone}"),
    ):
        axes.plot(at, [record[key] for record in records], "o-", color=colour, markersize=3.5, label=label)
        axes.set_xlim(0, 1.03 * ends[-1])

    left.set_yscale("log")
    _finish(left, "Loss of a token (nats)", math.log(tokens))
    right.set_ylim(-0.03, 1.03)
    right.yaxis.set_major_formatter(PercentFormatter(1.0))
    _finish(right, "Accuracy", 1 / tokens)
    return figure


def text_curves(losses: np.ndarray, records: Sequence[Mapping[str, Any]], beside: Mapping[str, float]) -> Figure:
    """Draw the loss of a token over the steps, and bits a byte with a line for each of what stands beside."""
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    ends = np.array([record["step"] for record in records])
    middles = ends - records[0]["step"] / 2
    left.plot(np.arange(1, len(losses) + 1), losses, color=STEPS, linewidth=0.8, label="training, every step")
    left.plot(middles, [record["loss"] for record in records], "o-", color=TRAINING, markersize=3.5, label="its mean")
    for axes, key in ((left, "held_out_loss"), (right, "held_out_bits_a_byte")):
        axes.plot(ends, [record[key] for record in records], "o-", color=HELD_OUT, markersize=3.5, label="held-out")
    for (name, bits), style in zip(beside.items(), (":", "--", "-."), strict=True):
        right.axhline(bits, color="0.4", linewidth=0.9, linestyle=style, label=name)
    _framed(left, "Loss of a token (nats)", "step")
    _framed(right, "Bits a byte", "step")
    return figure


def _finish(axes: Axes, title: str, guessing: float) -> None:
    axes.axhline(guessing, color="0.4", linewidth=0.9, linestyle=":", label="guessing")
    _framed(axes, title, "epoch")


def _framed(axes: Axes, title: str, below: str) -> None:
    axes.set_title(title, loc="left")
    axes.set_xlabel(below)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(axes)


def legend_below(axes: Axes) -> None:
    """Say what each line is below the axes, where it covers none of them."""
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))


def attention(maps: Mapping[str, np.ndarray], sample: Examples, task: Learned) -> Figure:
    """Draw the weights (1, H, T, S) of each layer, by path, a row of heads each, for one sequence and its answer."""
    heads = max(weights.shape[1] for weights in maps.values())
    figure = Figure(figsize=(2.2 * heads + 1.2, 2.5 * len(maps) + 0.6), layout="constrained")
    grid = figure.subplots(len(maps), heads, squeeze=False)
    for (path, (weights,)), row in zip(maps.items(), grid, strict=True):
        (looks, rows), (looked_at, columns) = _axes_of(path, sample, task)
        rows, columns = rows[: weights.shape[1]], columns[: weights.shape[2]]  # a classifier reads no answer
        row[0].set_title(path.removeprefix("body.").removesuffix(".inner"), loc="left", fontsize=9)
        every = math.ceil(max(len(rows), len(columns)) / TICKS)
        row[0].set_ylabel(looks + (f" (one of {every} named)" if every > 1 else ""), fontsize=8)
        for head, (axes, shares) in enumerate(zip(row, weights, strict=True), 1):
            image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
            axes.set_xticks(range(0, len(columns), every), columns[::every])
            axes.set_yticks(range(0, len(rows), every), rows[::every])
            axes.tick_params(length=0, labelsize=min(8, 80 / len(rows[::every])))
            axes.set_xlabel(f"{looked_at}, head {head}", fontsize=8)
            axes.spines[:].set_color("0.7")
    figure.suptitle("Where the model looks", fontsize=11)
    figure.colorbar(image, ax=grid, label="share of attention", shrink=0.5, aspect=30)
    return figure


def _axes_of(path: str, sample: Examples, task: Learned) -> tuple[tuple[str, list[str]], tuple[str, list[str]]]:
    """Return what looks, the rows, and what is looked at, the columns; a decoder's row is named by what it says."""

    def names(ids: np.ndarray) -> list[str]:
        return ["start" if token == START and not task.goes_on else task.name_of(int(token)) for token in ids[0]]

    source, said, heard = map(names, (sample.source, sample.labels, sample.target))
    if ".encoder." in f".{path}":
        return ("source", source), ("source", source)
    if ".decoder." not in f".{path}":  # one stack reads all
        return ("tokens", source + heard), ("tokens", source + heard)
    return ("token said", said), ("source", source) if "cross" in path else ("tokens before", heard)


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return file.getvalue()
