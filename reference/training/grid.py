"""A grid of runs: one model for every depth, trained on every amount of data, or for every amount of compute."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from reference.data.errors import DataError
from reference.scaling.flops import training
from reference.scaling.parameters import parameters
from reference.tasks.learned import Learned
from reference.training.families import Family
from reference.training.settings import Run, parts
from reference.training.training_settings import TrainingSettings

DEPTHS = 1, 2, 3, 4
MOST, OF_TEXT, SHARES = 8000, 24000, (8, 4, 2, 1)  # sequences, passages, and by what they are divided
LAYERS = "layers", "encoder-layers", "decoder-layers"
FOLLOW = (*LAYERS, "training", "depth", "steps")  # settings that follow from depth and data


@dataclasses.dataclass(frozen=True)
class Cell:
    """A run of the grid, and where it stands there; its budget is the compute that its data follow from, if any."""

    depth: int
    budget: float | None
    run: Run

    @property
    def data(self) -> int:
        """How many sequences there are to train on, or passages of a text."""
        run = self.run
        return run.steps * run.training.batch if run.task.goes_on else run.task.training

    @property
    def place(self) -> str:
        amount = f"data {self.data:,}" if self.budget is None else f"compute {self.budget:g}"
        return f"depth {self.depth}, {amount}"

    @property
    def parameters(self) -> int:
        return parameters(self.run.model)

    @property
    def tokens(self) -> int:
        """How many tokens are said in training, those of each epoch anew."""
        return self._sequences * self.run.task.sizes[1]

    @property
    def flops(self) -> int:
        """What the products of the training take, without the evaluation."""
        return self._sequences * training(self.run.model, *self.run.task.sizes)

    @property
    def _sequences(self) -> int:
        return self.data if self.run.task.goes_on else self.run.training.epochs * self.data


def dial(task: type[Learned], family: Family, depth: int) -> dict[str, Any]:
    """Return the entries that follow from a depth: width, heads and rate besides the blocks.

    Where a task has a depth of its own, all but what losses could not be compared without: cells read as much at once.
    """
    if "depth" in task.names():
        return {"depth": depth, "context": 64, "batch": 12}
    rate = task.usual.get("rate", TrainingSettings.rate)
    sizes = {"width": 32 * depth, "heads": depth, "hidden": 128 * depth, "rate": 2 * rate / depth}
    return {**{name: depth for name in LAYERS if name in family.settings.names()}, **sizes}


def cells(
    given: Mapping[str, Any], depths: Sequence[int] = DEPTHS, data: Sequence[int] = (), compute: Sequence[float] = ()
) -> list[Cell]:
    """Return the cells of a grid, the cheapest first; `given` are entries of a run, which hold for all of them.

    Each is one epoch unless the entries say otherwise.

    Raises:
        TypeError: an entry is of another type.
        ValueError: an entry is unknown or out of range, or a cell cannot be as it is asked for, and is named; the task
            is learned from the rows of a file, of which there are as many as there are; or, as a DataError, a file
            cannot be learned from.
    """
    task, family = parts(given)
    if "training" in task.follow and not task.goes_on:
        raise ValueError(f"grid: a task must have as much data as a cell asks for, got {given['task']}, of a file")
    grid, found = _Grid(task, {}), []
    for depth in depths:
        entries = {"epochs": 1, **dial(task, family, depth), **given}
        amounts = data if data or compute else grid.usual(entries, depth)
        found += [Cell(depth, None, grid.run(entries, depth, amount)) for amount in amounts]
        for budget in compute:
            found.append(Cell(depth, budget, grid.run(entries, depth, grid.paid(entries, depth, budget))))
    return sorted(found, key=lambda cell: cell.flops)


@dataclasses.dataclass
class _Grid:
    """The runs of a grid; what is read off files is read for the first of them."""

    task: type[Learned]
    read: dict[str, Any]

    def run(self, entries: Mapping[str, Any], depth: int, amount: int) -> Run:
        try:
            run = Run.of({**entries, **self.read, **self._entry(entries, amount)})
        except DataError:
            raise
        except (TypeError, ValueError) as error:
            text = str(error).partition(": ")[2]
            raise type(error)(f"grid: {text} (depth {depth:,}, data {amount:,})") from None
        self.read = {name: value for name, value in run.task.entries().items() if name in self.task.follow}
        return run

    def usual(self, entries: Mapping[str, Any], depth: int) -> list[int]:
        """Return amounts of data, from many sequences down, or from as many as the task has."""
        if self.task.goes_on:
            return [OF_TEXT // share for share in SHARES]
        most: Any = MOST
        try:
            self.run(entries, depth, most)
        except ValueError:
            most = self.task.training  # the default
        return [max(most // share, 1) for share in SHARES]

    def paid(self, entries: Mapping[str, Any], depth: int, budget: float) -> int:
        """Return how many sequences a model of this depth can be trained on for so many flops."""
        least = Cell(depth, budget, self.run(entries, depth, 1))  # a sequence, or a batch of passages
        if budget < least.flops:
            what = "a sequence" if least.data == 1 else f"{least.data:,} sequences"
            want = f"compute must pay for {what} at depth {depth:,}, {least.flops:.3g} flops"
            raise ValueError(f"grid: {want}, got {budget:g}")
        return int(budget / least.flops) * least.data

    def _entry(self, entries: Mapping[str, Any], amount: int) -> dict[str, int]:
        """Return the entry that makes for so many sequences; of passages a batch is filled up."""
        if not self.task.goes_on:
            return {"training": amount}
        batch = entries["batch"]
        return {"steps": math.ceil(amount / batch) if type(batch) is int and batch > 0 else 1}  # else the run says so
