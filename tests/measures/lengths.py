"""How far beyond the lengths of training a model answers, by kind of positions; the tables of specs/guides/tasks.md.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/measures/lengths.py [copy-longer|addition-longer [KIND ...]]

Each kind is trained from seeds 0 and 1 with what is usual for the task, in float32, and judged by sequences of one
length at a time, which it says token by token. A row is written as soon as it is measured; the others stay as they are.
"""

import sys
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
from pages import put, rows, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from extrapolation import by_length

from reference.core.families import DecoderOnlySettings

SEEDS = range(2)
KINDS = get_args(get_type_hints(DecoderOnlySettings)["positions"])
LENGTHS = {"copy-longer": range(7, 13), "addition-longer": range(2, 6)}  # those up to 8 and to 3 are trained on
PAGE = "tasks.md"


def main(task=None, *kinds):
    for name in [task] if task else LENGTHS:
        for kind in kinds or KINDS:
            shares = np.array([by_length(name, kind, seed, LENGTHS[name]) for seed in SEEDS]).T
            measured = rows(PAGE, name) | {f"`{kind}`": [cell(share) for share in shares]}
            lines = [[row, *measured[row]] for row in (f"`{kind}`" for kind in KINDS) if row in measured]
            put(PAGE, name, table(["positions", *map(str, LENGTHS[name])], lines))
            print(name, kind, measured[f"`{kind}`"], flush=True)


def cell(shares):
    """The median in percent, and the least and the most."""
    low, middle, high = np.quantile(100 * shares, (0, 0.5, 1))
    return f"{middle:.0f} ({low:.0f} to {high:.0f})" if high - low >= 0.5 else f"{middle:.0f}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
