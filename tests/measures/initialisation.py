"""What the copy task needs from other beginnings of the same model; the table of specs/guides/initialisation.md.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/measures/initialisation.py [ROW ...]

One thing at a time begins larger or smaller than a model draws it, by a factor. Seeds 0 to 4, float32. Counted are the
epochs until all sequences that are held out are said right, with Adam, or 99 % of their tokens, with SGD. A row is
written as soon as it is measured; the others stay as they are.
"""

import functools
import itertools
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from pages import machine, put, rows, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from learning import steps
from plain import plain_epochs

from reference.core import tree
from reference.models.transformer import TOKENS
from reference.training import loop
from reference.training.devices import HOST
from reference.training.settings import Run
from reference.training.state import begin, stream

SEEDS = range(5)
JOBS = {  # entries, and the share that is reached: of sequences, or of tokens
    "Adam": ({}, "sequences", 1.0),
    "SGD": ({"optimizer": "sgd"}, "tokens", 0.99),
}
LIMIT = 10  # epochs, after which it is given up
THREE, TABLES = ("query.w", "key.w", "value.w"), ("embedding.table",)
BEGINNINGS = {  # ends of the paths of parameters, or after ^ a whole path, and the factor by which they begin larger
    "as models draw": {},
    "tables half as large": dict.fromkeys(TABLES, 0.5),
    "tables twice as large: tokens of size 1": dict.fromkeys(TABLES, 2.0),
    "tables 16 times as large, as `nn.Embedding`": dict.fromkeys(TABLES, 16.0),
    "query, key and value each by itself": dict.fromkeys(THREE, 2**0.5),
    "this, and tables twice as large: the first copy job": dict.fromkeys(THREE, 2**0.5) | dict.fromkeys(TABLES, 2.0),
    "head as `nn.Linear`": {"^output.w": 64**-0.5 / (6 / 68) ** 0.5},
    "head of zeros": {"^output.w": 0.0},
    "feed-forward as `nn.Linear`": {
        "feedforward.inner.hidden.w": 64**-0.5 / (6 / 192) ** 0.5,
        "feedforward.inner.output.w": 128**-0.5 / (6 / 192) ** 0.5,
    },
}
PLAIN = {"PyTorch's modules": 1.0, "the same, with tables like ours": TOKENS * 64**-0.5}
OURS = next(iter(BEGINNINGS))
PAGE = "initialisation.md"


def main(*wanted):
    warnings.filterwarnings("ignore", message="enable_nested_tensor")  # of a pre-norm encoder, about its speed
    ways = {name: functools.partial(epochs, factors=factors) for name, factors in BEGINNINGS.items()}
    ways |= {name: functools.partial(plain_epochs, scale=scale) for name, scale in PLAIN.items()}
    for name in wanted or ways:
        found = rows(PAGE, "measured") | {name: [", ".join(map(cell, counts)) for counts in measured(ways[name])]}
        put(PAGE, "measured", table(["", *JOBS], [[row, *found[row]] for row in ways if row in found]))
        print(name, found[name], flush=True)
    milliseconds = a_step()
    counts = [Run.of({}).steps_per_epoch * int(count) for count in found[OURS][0].split(", ")]
    text = (
        f"{machine('numpy', 'scipy', 'torch')} As the job, all is copied after {min(counts)} to {max(counts)} steps, "
        f"each {milliseconds:.1f} ms of a processor: after {min(counts) * milliseconds / 1e3:.1f} to "
        f"{max(counts) * milliseconds / 1e3:.1f} seconds."
    )
    put(PAGE, "machine", text)


def measured(make):
    """For each job and seed the epochs that it needs, one more than LIMIT where it does not get there."""
    found = []
    for entries, of, share in JOBS.values():
        found.append([])
        for seed in SEEDS:
            run = Run.of({**entries, "seed": seed})
            training, held_out = loop.data(run)
            there = (
                all(right(rows, said, of) >= share for rows in (held_out[:16], held_out))
                for said in itertools.islice(make(run, training), LIMIT)
            )
            found[-1].append(1 + next((count for count, reached in enumerate(there) if reached), LIMIT))
    return found


def cell(count):
    return str(count) if count <= LIMIT else f"> {LIMIT}"


def right(rows, said, of):
    same = said(rows) == rows.labels
    return (same if of == "tokens" else same.all(axis=1)).mean()


def epochs(run, training, factors):
    """Yield what answers after each epoch of a model that begins otherwise."""
    return answers(run, training, factors, run.steps_per_epoch)


def answers(run, training, factors, every):
    """Yield what answers after every so many steps of a model that begins otherwise."""
    model = run.family.init(stream(run, 1), run.model)
    paths = [path for path, _ in tree.leaves(model)]
    for end in factors:
        assert any(within(path, end) for path in paths), end
    leaves = iter([factor(path, factors) for path in paths])
    first = begin(run, tree.map(lambda p: np.multiply(p, next(leaves), dtype=p.dtype), model))
    for state in steps(run, first, training):
        if state.step % every == 0:
            yield lambda rows, model=state.model: run.family.said(model, rows, HOST.there)


def within(path, end):
    return path == end[1:] if end.startswith("^") else path.endswith(end)


def factor(path, factors):
    return next((times for end, times in factors.items() if within(path, end)), 1.0)


def a_step():
    """Milliseconds of the processor that a step takes, the median of an epoch's."""
    run = Run.of({})
    training, _ = loop.data(run)
    states, spent = steps(run, begin(run), training), []
    for _ in range(run.steps_per_epoch):
        start = time.process_time()
        next(states)
        spent.append(1e3 * (time.process_time() - start))
    return float(np.median(spent))


if __name__ == "__main__":
    main(*sys.argv[1:])
