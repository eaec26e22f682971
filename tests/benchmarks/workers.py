"""A training step on two processes, beside one, and beside PyTorch on two threads: the same model and batches.

    PYTHONPATH=tests/tools OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/workers.py

The copy job at width 128 with 2 + 2 layers and batches of 64 in two shards, in float32, at two lengths.  The three take
turns.  What is judged is how many times as fast as one two processes are, by the time of the processor, which other
programs do not lengthen by being there: that of one, over that of the process that leads and the busier of its two
together, which is what a step takes where two cores do nothing else.  At the longer length the 95 % bootstrap interval
of the ratio of the medians must lie above the bar; the shorter is told.  The exit status is 1 where it does not.
"""

import contextlib
import multiprocessing
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from generation import interval
from plain import Plain, plain_optimizer, plain_step

from reference.training import loop
from reference.training.settings import Run
from reference.training.state import begin
from reference.training.workers import mapping

RUNS = 15  # steps of each, in turns, after three that do not count
BAR, LENGTHS = 1.6, (8, 32)
ENTRIES = {
    "width": 128, "heads": 4, "hidden": 512, "encoder-layers": 2, "decoder-layers": 2, "batch": 64, "shards": 2,
    "training": 640, "held-out": 8,
}  # fmt: skip


def measured(length):
    """Of each step in turns the seconds of the clock, and those of the processor that a step must take."""
    run = Run.of({**ENTRIES, "length": length})
    rows, module = loop.data(run)[0][: run.training.batch], Plain(run.model, 1.0)
    optimizer, rate = plain_optimizer(run, module), 1e-4
    times = {"one process": [], "two processes": [], "PyTorch, two threads": []}
    with mapping(1) as alone, mapping(2) as spread:
        states = {"one process": begin(run), "two processes": begin(run)}
        for turn in range(-3, RUNS):
            for name, mapper in (("one process", alone), ("two processes", spread), ("PyTorch, two threads", None)):
                if mapper is None and turn % 3:
                    continue  # its threads wait by working, which takes long where others work too
                helpers = multiprocessing.active_children() if mapper is spread else []
                before, start = [time.process_time(), *map(spent, helpers)], time.perf_counter()
                if mapper is None:
                    plain_step(module, optimizer, rows, rate)
                else:
                    states[name] = loop.step(run, states[name], rows, rate, mapper=mapper)
                clock = time.perf_counter() - start
                own, *others = np.subtract([time.process_time(), *map(spent, helpers)], before)
                if turn >= 0:
                    times[name].append((clock, own + max(others, default=0), own + sum(others)))
    return {name: np.array(some).T for name, some in times.items()}


def spent(process):
    """Seconds of the processor of a process, all its threads together."""
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def main():
    warnings.filterwarnings("ignore", message="enable_nested_tensor")  # of a pre-norm encoder, about its speed
    torch.set_num_threads(2)
    rng, reached = np.random.default_rng(20261127), True
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    print(f"{versions}, float32; medians of {RUNS} steps in turns, in milliseconds\n")
    print(f"{'length':>6}  {'':22}{'clock':>9}{'in a row':>10}{'in all':>9}{'ratio':>8}{'95 % interval':>16}")
    for length in LENGTHS:
        found = measured(length)
        one = found["one process"]
        for name, some in found.items():
            clock, row, whole = 1e3 * np.median(some, axis=1)
            told = ""
            if name == "two processes":
                ratio, low, high = interval(some[1], one[1], rng)
                told = f"{ratio:8.2f}{f'{low:.2f} to {high:.2f}':>16}"
                reached &= length != LENGTHS[-1] or low > BAR
            print(f"{length:6}  {name:22}{clock:9.1f}{row:10.1f}{whole:9.1f}{told}", flush=True)
    print(f"\n{'reached' if reached else 'NOT REACHED'}: at length {LENGTHS[-1]} an interval above {BAR}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
