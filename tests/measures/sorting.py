"""What sorting and reversing need from tables of other sizes; the second table of specs/guides/initialisation.md.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/measures/sorting.py [ROW ...]

Seeds 0 to 4, float32, as the tasks usually are. Counted are the steps until a share of the sequences that are held out
is said right, in steps of 25. A row is written as soon as it is measured; the other stays as it is.
"""

import sys

from initialisation import BEGINNINGS, OURS, PAGE, SEEDS, answers, right
from pages import put, rows, table

from reference.training import loop
from reference.training.settings import Run

SHARES = {"sort": 0.97, "reverse": 0.99}
EVERY = 25
ROWS = [OURS, "tables twice as large: tokens of size 1"]


def main(*wanted):
    for name in wanted or ROWS:
        found = rows(PAGE, "sorting") | {name: [", ".join(steps(task, BEGINNINGS[name])) for task in SHARES]}
        head = ["", *(f"{task}, {100 * share:.0f} %" for task, share in SHARES.items())]
        put(PAGE, "sorting", table(head, [[row, *found[row]] for row in ROWS if row in found]))
        print(name, found[name], flush=True)


def steps(task, factors):
    """Yield for each seed the steps that the task needs."""
    for seed in SEEDS:
        run = Run.of({"task": task, "seed": seed})
        training, held_out = loop.data(run)
        for count, said in enumerate(answers(run, training, factors, EVERY), 1):
            if right(held_out, said, "sequences") >= SHARES[task]:
                yield str(EVERY * count)
                break
        else:
            yield f"> {run.steps}"


if __name__ == "__main__":
    main(*sys.argv[1:])
