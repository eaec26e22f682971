"""How much of a training step is no call of NumPy: those are noted, and made again without what stands between.

A step on one sequence of one position has every call, and next to no numbers: what it takes longer than its calls alone
is what Python takes, and a batch of any size takes the same.  On a whole batch the calls alone would do better than
that, as their arrays lie in the memory of others that are still warm; that is no bookkeeping.
"""

import time
from unittest import mock

import numpy as np
import taped
import training_step

from reference.core import entrywise, special, tree
from reference.layers import embedding
from reference.models.objective import Objective
from reference.optimizers.adam import Adam

RUNS, STEPS = 15, 40


def stepper(ids):
    """Return the function (model, moments) -> the same after a step on ids (3, B, T)."""
    adam = Adam()

    def step(model, moments):
        source, target, labels = ids
        _, pullback = Objective(model=model, reduction="sum").vjp(source=source, target=target, labels=labels)
        (d_objective,) = pullback(1 / len(source))
        return adam.step(model, d_objective.model, moments, 1e-4)

    return step


def alone(ids, model, moments):
    """Return the calls of a step after the first, as a function, and how many there are; they make the same model."""
    kind = lambda flat: (np.ndarray, flat.leaves[0].dtype)  # noqa: E731, arrays that are noted are as NumPy's own
    with taped.taping() as tape:
        added = lambda *args: taped.noted(special.rows_added, args, {}, tape)  # noqa: E731, SciPy's are not noted
        with mock.patch.object(entrywise, "_kind", kind), mock.patch.object(embedding, "rows_added", added):
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
    """Return the seconds of a step, of one on a single position, of the calls of that one alone, and their number."""
    model, ids = training_step.model_of(width), training_step.batch(width)
    whole, single = stepper(ids), stepper(ids[:, :1, :1])
    state = whole(model, Adam().init(model))
    single(*state)  # tables that are kept are not to be noted
    calls, count = alone(ids[:, :1, :1], *state)
    return seconds(whole, *state), seconds(single, *state), seconds(calls), count


def main():
    whole, single, calls, count = (1e3 * t for t in measured())
    print(f"a step {whole:.2f} ms, on one position {single:.2f} ms, its {count / 1e3:.0f} calls alone {calls:.2f} ms")
    print(f"bookkeeping: {(single - calls) / whole:.1%} of a step")


if __name__ == "__main__":
    from reference.training.process import settle

    settle()
    main()
