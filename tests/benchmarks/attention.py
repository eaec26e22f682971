"""What attention in blocks costs, beside attention that makes the whole table of weights.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/attention.py

Forward and backward of one head of 64 under a causal mask, in float32, on one thread of BLAS: `blockwise_vjp` by the
rule, `attend_vjp` with the mask made beforehand. The two take turns. Judged at 4,096 positions: the 95 % bootstrap
interval of the ratio of the medians must lie below 0.6, and the peak memory of `blockwise_vjp` must be at most 25 MB,
with the output and the gradients and without the inputs. The exit status is 1 where that is not reached.
"""

import platform
import sys
import time
import tracemalloc

import numpy as np

from reference.core.masks import causal
from reference.functions.attend import attend_vjp
from reference.functions.blockwise import LONG, blockwise_vjp

WIDTH = 64
LENGTHS = (256, 512, 1024, 2048, 4096)
RUNS = 15  # of each, in turns, after one that does not count
RATIO, MEGABYTES = 0.6, 25  # at the last length


def passes(length, rng):
    """Return forward and backward of both, on the same numbers."""
    q, k, v, do = rng.normal(size=(4, 1, 1, length, WIDTH)).astype(np.float32)
    mask = causal(length)

    def blockwise():
        o, pullback = blockwise_vjp(q, k, v, causal=True)
        return o, *pullback(do)

    def plain():
        o, pullback = attend_vjp(q, k, v, mask=mask)
        return o, *pullback(do)

    return blockwise, plain


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def megabytes(run):
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def interval(ours, theirs, rng, draws=10_000):
    """The ratio of the medians, and its 95 % bootstrap interval."""
    medians = [np.median(rng.choice(times, (draws, len(times))), axis=1) for times in (ours, theirs)]
    low, high = np.quantile(medians[0] / medians[1], (0.025, 0.975))
    return np.median(ours) / np.median(theirs), low, high


def main():
    rng = np.random.default_rng(20261123)
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, float32; medians of {RUNS} runs in turns")
    print(f"forward and backward, 1 head of {WIDTH}, causal; models take blocks from {LONG} positions on\n")
    print(f"{'positions':>9}{'blocks':>12}{'table':>12}{'ratio':>8}{'95 % interval':>18}{'blocks':>12}{'table':>12}")
    for length in LENGTHS:
        blockwise, plain = passes(length, rng)
        for got, expected in zip(blockwise(), plain(), strict=True):
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)  # float32, sums of thousands of numbers
        ours, theirs = zip(*((seconds(blockwise), seconds(plain)) for _ in range(RUNS)), strict=True)
        ratio, low, high = interval(ours, theirs, rng)
        memory = megabytes(blockwise)
        print(
            f"{length:9}{1e3 * np.median(ours):9.1f} ms{1e3 * np.median(theirs):9.1f} ms{ratio:8.2f}"
            f"{f'{low:.2f} to {high:.2f}':>18}{memory:9.1f} MB{megabytes(plain):9.1f} MB",
            flush=True,
        )
    reached = high < RATIO and memory <= MEGABYTES
    bars = f"at {LENGTHS[-1]} positions an interval below {RATIO} and at most {MEGABYTES} MB"
    print(f"\n{'reached' if reached else 'NOT REACHED'}: {bars}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
