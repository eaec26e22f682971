"""A grid whose losses are those of a law, as if it had been trained."""

import numpy as np

from reference.scaling.law import Law
from reference.training.cells import Result
from reference.training.grid import cells

SETTINGS = {"task": "copy", "vocabulary": 8, "held-out": 10}
LAW = Law(E=0.2, A=40.0, B=60.0, a=0.4, b=0.5)


def grid(depths=(1, 2, 3), data=(100, 200, 400), compute=(), **given):
    return cells({**SETTINGS, **given}, depths, data, compute)


def results(grid, noise=0.01, diverged=()):
    """A result of each cell: the law's loss with noise, or why it diverged, by the number of the cell."""
    rng = np.random.default_rng(7)
    made = []
    for number, cell in enumerate(grid):
        loss = float(LAW.loss(cell.parameters, cell.tokens) * np.exp(noise * rng.normal()))
        records = tuple({"epoch": k + 1, "held_out_loss": loss} for k in range(cell.run.training.epochs))
        made.append(Result((), "the loss is not finite at step 3") if number in diverged else Result(records))
    return made
