"""What a check costs: this checker beside `torch.autograd.gradcheck`, slow mode and defaults, on the same layers.

    python tests/benchmarks/against_torch.py

Each layer is checked at all its inputs and parameters in float64: hand-written NumPy by `gradcheck.check`, the same
mathematics in PyTorch by its own checker, at the same numbers and with one thread each. The two take turns, and what
is judged is the ratio of the medians of their times: its 95 % bootstrap interval must lie below 1, while the report
must say that at least 10 digits were resolved. The exit status is 1 where a layer does not get there.
"""

import platform
import sys
import time

import numpy as np
import torch
from torch.nn.functional import layer_norm, linear

import gradcheck
from reference.core import tree
from reference.layers.attention import SelfAttention
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear

PAIRS = 9  # runs of each at most, after one that does not count
FEWEST = 2
SECONDS = 60  # after which a layer gets no more pairs than the fewest
DIGITS = 10
HEADS = 4


def layers(rng):
    """Yield (name, NumPy layer, x, the function in PyTorch, its parameters)."""
    gamma, beta = rng.normal(size=(2, 64))
    x = rng.normal(size=(16, 8, 64))
    yield "layer norm (16, 8, 64)", LayerNorm(gamma, beta), x, lambda x, g, b: layer_norm(x, (64,), g, b), (gamma, beta)

    w, b = rng.normal(size=(64, 64)), rng.normal(size=64)
    yield "linear 64 x 64", Linear(w, b), rng.normal(size=(16, 64)), lambda x, w, b: linear(x, w.T, b), (w, b)

    attention = tree.map(lambda p: rng.normal(scale=0.3, size=p.shape), SelfAttention.init(rng, 64, HEADS))
    parts = (attention.query, attention.key, attention.value, attention.output)
    parameters = tuple(array for part in parts for array in (part.w, part.b))
    yield "attention (2, 8, 64)", attention, rng.normal(size=(2, 8, 64)), attend, parameters


def attend(x, wq, bq, wk, bk, wv, bv, wo, bo):
    batch, length, width = x.shape
    q, k, v = (
        (x @ w + b).reshape(batch, length, HEADS, width // HEADS).transpose(1, 2)
        for w, b in ((wq, bq), (wk, bk), (wv, bv))
    )
    p = torch.softmax(q @ k.transpose(2, 3) / (width // HEADS) ** 0.5, dim=-1)
    return (p @ v).transpose(1, 2).reshape(batch, length, width) @ wo + bo


def timed(run):
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def interval(ours, theirs, rng, draws=10_000):
    """The ratio of the medians, and its 95 % bootstrap interval."""
    medians = [np.median(rng.choice(times, (draws, len(times))), axis=1) for times in (ours, theirs)]
    low, high = np.quantile(medians[0] / medians[1], (0.025, 0.975))
    return np.median(ours) / np.median(theirs), low, high


def compared(layer, x, function, parameters, rng):
    """Times of both in turns, and the least digits of the last report; structurally zero gradients have none."""
    tensors = tuple(torch.tensor(array, requires_grad=True) for array in (x, *parameters))
    np.testing.assert_allclose(layer.vjp(x)[0], function(*tensors).detach().numpy(), rtol=1e-10, atol=1e-10)
    gradcheck.check(layer, x)
    ours, theirs, start = [], [], time.perf_counter()
    while len(theirs) < FEWEST or (len(theirs) < PAIRS and time.perf_counter() - start < SECONDS):
        seconds, report = timed(lambda: gradcheck.check(layer, x))
        ours.append(seconds)
        seconds, passed = timed(lambda: torch.autograd.gradcheck(function, tensors))
        theirs.append(seconds)
        assert passed
        assert report.verdict == "pass", str(report)
    return ours, theirs, min(g.digits for g in report.gradients if g.digits is not None), interval(ours, theirs, rng)


def main():
    torch.set_num_threads(1)
    rng = np.random.default_rng(20261123)
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    print(f"{versions}, one thread each, float64; medians of runs in turns\n")
    print(f"{'layer':24}{'gradcheck':>12}{'torch':>12}{'ratio':>10}{'95 % interval':>22}{'runs':>6}{'digits':>8}")
    reached = True
    for name, *case in layers(rng):
        ours, theirs, digits, (ratio, low, high) = compared(*case, rng)
        good = high < 1 and digits >= DIGITS
        reached &= good
        print(
            f"{name:24}{np.median(ours):10.3f} s{np.median(theirs):10.3f} s{ratio:10.4f}"
            f"{f'{low:.4f} to {high:.4f}':>22}{len(ours):6}{digits:8.1f}{'' if good else '  NOT REACHED'}",
            flush=True,
        )
    print(f"\n{'reached' if reached else 'NOT REACHED'}: an interval below 1, at least {DIGITS} digits")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
