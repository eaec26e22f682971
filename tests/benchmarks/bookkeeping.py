"""How much of a training step is no call of NumPy: those are noted, and made again without what stands between.

A step on one sequence of two positions has every call, and next to no numbers: what it takes longer than its calls
alone is what Python takes, and a batch of any size takes the same.  On a whole batch the calls alone would do better
than that, as their arrays lie in the memory of others that are still warm; that is no bookkeeping.
"""

import time
from unittest import mock

import numpy as np
import taped
import training_step

from reference.core import entrywise, tree
from reference.models.objective import Objective
from reference.optimizers.adam import Adam
from reference.replay.replay import replayed
from reference.training.families import FAMILIES
from reference.training.shards import loss_and_gradient

RUNS, STEPS = 15, 40
BEFORE = 3  # steps until the calls of the layers are made again without them


def stepper(ids):
    """Return the function (model, moments) -> the same after a step on ids (3, B, T)."""
    adam = Adam()

    def step(model, moments):
        inputs = dict(zip(("source", "target", "labels"), ids, strict=True))
        _, d_model = replayed(loss_and_gradient, model, inputs, FAMILIES["encoder-decoder"], len(ids[0]))
        return adam.step(model, d_model, moments, 1e-4)

    return step


def alone(ids, model, moments):
    """Return the calls of a step after the first, as a function, and how many there are; they make the same model."""
    kind = lambda flat: (np.ndarray, flat.leaves[0].dtype)  # noqa: E731, arrays that are noted are as NumPy's own
    with taped.taping() as tape:
        with mock.patch.object(entrywise, "_kind", kind):
            step = stepper([tape.noted(z) for z in ids])
            state = step(*(tree.map(tape.noted, model), moments))
            tape.begin()
            made, _ = step(*state)
            calls, count = tape.compiled(), len(tape.lines)
        leaves = [leaf for _, leaf in tree.leaves(made)]
        for leaf, again in zip(leaves, tape.compiled(*leaves)(), strict=True):
            np.testing.assert_array_equal(taped.plain(leaf), again)
    return calls, count


def seconds(function, *args):
    """The median processor time of a call."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(STEPS):
            function(*args)
        times.append((time.process_time() - start) / STEPS)
    return np.median(times)


def measured(width=64):
    """Return the seconds of a step, of one on two positions, of the calls of that one alone, and their number.

    Raises:
        RuntimeError: the layers are asked at every step, so the step is not the one that is made in training.
    """
    model, ids = training_step.model_of(width), training_step.batch(width)
    few = ids[:, :1, :2]  # of a single id another question is asked, which is not noted
    whole, short = stepper(ids), stepper(few)
    state = model, Adam().init(model)
    for _ in range(BEFORE):
        state = whole(*state)
        short(*state)  # tables that are kept are not to be noted
    asked = RuntimeError("calls of a step on two positions must be made again, got the layers asked")
    with mock.patch.object(Objective, "vjp", side_effect=asked):
        short(*state)
    calls, count = alone(few, *state)
    return seconds(whole, *state), seconds(short, *state), seconds(calls), count


def main():
    whole, short, calls, count = (1e3 * t for t in measured())
    print(f"a step {whole:.2f} ms, on two positions {short:.2f} ms, its {count / 1e3:.0f} calls alone {calls:.2f} ms")
    print(f"bookkeeping: {(short - calls) / whole:.1%} of a step")


if __name__ == "__main__":
    from reference.training.process import settle

    settle()
    main()
