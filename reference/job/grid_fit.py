"""What the cells of a grid say together: a law, and what it says of the largest cell, which it has not seen."""

import dataclasses

import numpy as np

from reference.scaling.interval import refits
from reference.scaling.law import Law, fit
from reference.training.cells import Result
from reference.training.grid import Cell

SEED, REFITS = 0, 200


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What the law of the other cells says of a cell, with the interval that holds its loss nine times in ten."""

    cell: Cell
    loss: float
    low: float
    high: float
    measured: float

    @property
    def inside(self) -> bool:
        return self.low <= self.measured <= self.high

    @property
    def off(self) -> float:
        """How far the law is off, as a share of the loss."""
        return self.loss / self.measured - 1


@dataclasses.dataclass(frozen=True)
class Found:
    """A law, between which exponents it lies nine times in ten, and its prediction; or why there is none."""

    law: Law | None
    a: tuple[float, float] = (0.0, 0.0)
    b: tuple[float, float] = (0.0, 0.0)
    prediction: Prediction | None = None
    why: str = ""


def found(cells: list[Cell], results: list[Result]) -> Found:
    """Fit the law to all cells but the largest and those that have no loss to fit."""
    fitted = [(cell, loss) for cell, result in zip(cells, results, strict=True) if (loss := result.loss)]
    if not fitted:
        return Found(None, why="no cell has a loss above 0")
    largest, measured = max(fitted, key=lambda pair: pair[0].flops)
    others = [(cell, loss) for cell, loss in fitted if cell is not largest]
    rows = [(cell.parameters, cell.tokens, loss) for cell, loss in others]
    n, d, losses = np.array(rows, float).reshape(-1, 3).T
    try:
        law = fit(n, d, losses)
    except ValueError as error:
        return Found(None, why=f"besides the largest cell, {str(error).partition(': ')[2]}")
    again = refits(n, d, losses, law, rng=np.random.default_rng(SEED), count=REFITS)
    low, high = again.loss(largest.parameters, largest.tokens)
    said = float(law.loss(largest.parameters, largest.tokens))
    a, b = again.exponents()
    return Found(law, a, b, Prediction(largest, said, low, high, measured))


def left_out(cells: list[Cell], results: list[Result]) -> list[tuple[str, str]]:
    """Return the names of the cells that are not fitted, each with the reason."""
    return [
        (cell.place, result.diverged or f"a loss of {result.loss:g}, of which there is no logarithm")
        for cell, result in zip(cells, results, strict=True)
        if not result.loss
    ]
