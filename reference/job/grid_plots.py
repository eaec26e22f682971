"""Pictures of a grid: loss against parameters, tokens and compute, and along lines of equal compute."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from reference.job.grid_fit import Found, Prediction
from reference.job.plots import legend_below
from reference.training.cells import Result
from reference.training.grid import Cell

POINTS = 200  # of a curve
BUDGETS = 5   # lines of equal compute, where the grid was not asked for some
PREDICTED = "#c44e52"

Measured: TypeAlias = list[tuple[Cell, float]]
SIZES: dict[str, Callable[[Cell], int]] = {
    "parameters": lambda cell: cell.parameters,
    "tokens in training": lambda cell: cell.tokens,
    "flops in training": lambda cell: cell.flops,
}


def losses(cells: Sequence[Cell], results: Sequence[Result], found: Found) -> Figure:
    """Draw the loss against each of the three; lines join cells of one amount of data, or of one depth."""
    measured = _measured(cells, results)
    figure = Figure(figsize=(13, 5.6), layout="constrained")
    for axes, (name, of) in zip(figure.subplots(1, 3, sharey=True), SIZES.items(), strict=True):
        group = _amount if name == "parameters" else _depth
        lines: dict[str, Measured] = {}
        for cell, loss in sorted(measured, key=lambda pair: (pair[0].budget or 0, pair[0].depth, pair[0].data)):
            lines.setdefault(group(cell), []).append((cell, loss))
        colours = _colours(len(lines), "viridis" if name == "parameters" else "plasma")
        for (label, own), colour in zip(_in_order(lines), colours, strict=True):
            own = sorted(own, key=lambda pair: of(pair[0]))
            at = [of(cell) for cell, _ in own]
            axes.plot(at, [loss for _, loss in own], "o-", color=colour, markersize=4, linewidth=1, label=label)
        if found.prediction is not None:
            _draw(axes, of(found.prediction.cell), found.prediction)
        _finish(axes, name)
    figure.axes[0].set_ylabel("held-out loss (nats a token)")
    return figure


def isoflop(cells: Sequence[Cell], results: Sequence[Result], found: Found) -> Figure:
    """Draw the loss along lines of equal compute: what the law says, its least, and the cells, each by its compute."""
    measured = _measured(cells, results)
    figure = Figure(figsize=(8.4, 5), layout="constrained")
    axes = figure.subplots()
    flops = np.array([cell.flops for cell, _ in measured], float)
    asked = sorted({cell.budget for cell, _ in measured if cell.budget is not None})
    budgets = np.array(asked or np.geomspace(flops.min(), flops.max(), BUDGETS))
    colours = _colours(len(budgets), "viridis")
    each = np.array(sorted({(cell.parameters, cell.flops / cell.tokens) for cell, _ in measured}), float)
    for budget, colour in zip(budgets, colours, strict=True):
        axes.plot([], [], "o-", color=colour, markersize=5, label=f"{budget:.1e} flops")
        if found.law is not None:
            n = np.geomspace(each[0, 0], each[-1, 0], POINTS)
            token = np.exp(np.interp(np.log(n), *np.log(each).T))  # flops for a token, between the sizes of the grid
            curve = found.law.loss(n, budget / token)
            axes.plot(n, curve, color=colour, linewidth=1.2)
            if 0 < (least := int(curve.argmin())) < POINTS - 1:
                axes.plot(n[least], curve[least], "v", color=colour, markersize=8)
    for cell, loss in measured:
        near = int(np.abs(np.log(budgets / cell.flops)).argmin())
        axes.plot(cell.parameters, loss, "o", color=colours[near], markersize=5)
    if found.prediction is not None:
        _draw(axes, found.prediction.cell.parameters, found.prediction)
    _finish(axes, "parameters")
    axes.set_ylabel("held-out loss (nats a token)")
    axes.set_title("the law at equal compute, its least marked; each cell by the nearest", fontsize=9, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    told = [loss for _, loss in measured]
    if (said := found.prediction) is not None:
        told += [bound for bound in (said.low, said.loss, said.high) if bound > 0]
    axes.set_ylim(min(told) / 1.15, max(told) * 1.15)
    return figure


def _measured(cells: Sequence[Cell], results: Sequence[Result]) -> Measured:
    return [(cell, result.loss) for cell, result in zip(cells, results, strict=True) if result.loss]


def _amount(cell: Cell) -> str:
    return cell.place.partition(", ")[2]


def _depth(cell: Cell) -> str:
    return cell.place.partition(", ")[0]


def _in_order(lines: dict[str, Measured]) -> list[tuple[str, Measured]]:
    """Return the lines, the smaller first: by budget, then by data or depth."""
    return sorted(lines.items(), key=lambda line: (line[1][0][0].budget or 0, line[1][0][0].data, line[1][0][0].depth))


def _draw(axes: Axes, at: float, said: Prediction) -> None:
    """Draw what was predicted of the cell that was held back, and between what."""
    bar = [[max(said.loss - said.low, 0)], [max(said.high - said.loss, 0)]]
    axes.errorbar(
        [at], [said.loss], bar, fmt="D", color=PREDICTED, markersize=5, capsize=4, zorder=3, label="predicted, 90 %"
    )


def _finish(axes: Axes, name: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(name)
    for axis, subs, formatter in (
        (axes.xaxis, (1, 3), EngFormatter(sep="")),
        (axes.yaxis, (1, 1.2, 1.4, 1.6, 2, 3, 4, 6, 8), FuncFormatter(lambda loss, _: f"{loss:g}")),
    ):
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(formatter)
        axis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    legend_below(axes)


def _colours(count: int, name: str) -> list[Any]:
    return [colormaps[name](share) for share in np.linspace(0.05, 0.85, count)]
