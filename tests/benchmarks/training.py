"""Tokens a second in training, beside PyTorch's plain modules: the same weights, batches, rates and optimiser.

    PYTHONPATH=tests/tools OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/training.py

The model of text of the usual depth, 4 layers of width 128 with a context of 64 and batches of 12, in float32.  On one
core the two take turns, and what is told is the ratio of the medians by the time of the processor, which other
programs do not lengthen by being there, with its 95 % bootstrap interval.  On two cores ours are two processes with
half of each batch each, in PyTorch two threads, and the time is that of the clock: on a machine that does nothing else
it means something.
"""

import platform
import time

import numpy as np
import torch
from generation import interval
from gpt import GPT, optimizer, step

from reference.training import loop
from reference.training.settings import Run
from reference.training.state import begin
from reference.training.workers import mapping

RUNS, STEPS = 15, 4  # of each, in turns, after one that does not count; steps of a run


def turns(run, batches, mapper, clock):
    """The seconds of runs of ours, and of PyTorch's, in turns."""
    state, rate = begin(run), 1e-4
    module = GPT(state.model)
    adamw, times = optimizer(module, run.training), ([], [])
    for turn in range(RUNS + 1):
        start = clock()
        for rows in batches:
            state = loop.step(run, state, rows, rate, mapper=mapper)
        middle = clock()
        for rows in batches:
            step(module, adamw, rate, rows.target, rows.labels)
        if turn:
            times[0].append(middle - start)
            times[1].append(clock() - middle)
    return times


def told(name, times, tokens, rng):
    ratio, low, high = interval(*times, rng)
    speeds = [tokens / np.median(some) for some in times]
    print(f"{name:42}{speeds[0]:12.0f}{speeds[1]:12.0f}{ratio:18.2f}{f'{low:.2f} to {high:.2f}':>18}", flush=True)


def main():
    rng = np.random.default_rng(20261127)
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    print(f"{versions}, float32; medians of {RUNS} runs in turns\n")
    print(f"{'4 layers, width 128, context 64, batch 12':42}{'ours':>12}{'PyTorch':>12}  tokens/s{'ratio':>8}"
          f"{'95 % interval':>18}")
    run = Run.of({"task": "text", "shards": 2})
    training, _ = loop.data(run)
    batches = [training[training.order(rng, run.training.batch)] for _ in range(STEPS)]
    tokens = STEPS * run.training.batch * run.task.context
    torch.set_num_threads(1)
    one = Run.of({**run.entries(), "shards": 1})
    with mapping(1) as mapper:
        told("one core, time of the processor", turns(one, batches, mapper, time.process_time), tokens, rng)
    torch.set_num_threads(2)
    with mapping(2) as mapper:
        told("two cores, time of the clock", turns(run, batches, mapper, time.perf_counter), tokens, rng)


if __name__ == "__main__":
    main()
