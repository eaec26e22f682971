"""What a check costs on PyTorch's operators, beside `torch.autograd.gradcheck` in slow mode with forward mode.

    python tests/peers/operators.py [COUNT] [SEED]

COUNT operators of PyTorch's database (40 if none is said) are drawn by SEED, each with its first sample in float64,
and checked by both in turns in one process. Told are the ratios of their processor times, each the least of `RUNS`,
and of their evaluations of the operator, in plain forward passes: a backward counts 2, a forward mode 3.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from operator_cases import cases, operators

import gradcheck
from gradcheck.adapters import torch_function

RUNS = 2
BARS = ((0.5, 4.0), (0.9, 12.0))  # of the ratio of processor times, at these quantiles


class Counted:
    """A function and what its calls cost."""

    def __init__(self, function):
        self.function, self.cost = function, 0

    def __call__(self, *tensors):
        self.cost += 1
        y = self.function(*tensors)
        for part in y if isinstance(y, tuple | list) else (y,):
            if isinstance(part, torch.Tensor) and part.requires_grad:
                part.register_hook(self._backward)
        return y

    def _backward(self, _):
        self.cost += 2


def ours(function, tensors):
    return gradcheck.check(torch_function(function), *tensors).evaluations


def theirs(function, tensors):
    counted = Counted(function)
    torch.autograd.gradcheck(counted, tensors, raise_exception=False)
    return counted.cost


def timed(check, function, tensors):
    """The least processor time of some runs, and what a run cost in forward passes."""
    times = []
    for _ in range(RUNS):
        torch.manual_seed(0)
        start = time.process_time()
        cost = check(function, tensors)
        times.append(time.process_time() - start)
    return min(times), cost


def drawn(count, seed):
    """Yield (name, function, tensors) of operators in a random order, those that have a sample."""
    found, rng = operators(), np.random.default_rng(seed)
    for k in rng.permutation(len(found)):
        if count and (samples := cases(*found[k], "float64", 1)):
            count -= 1
            yield found[k][0], samples[0].function, samples[0].tensors


def main(count=40, seed=0):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = []
    for name, function, tensors in drawn(int(count), int(seed)):
        try:
            (a, paid), (b, cost) = timed(ours, function, tensors), timed(theirs, function, tensors)
        except Exception as error:
            print(f"{name:40} {type(error).__name__}: {str(error).splitlines()[0][:60]}")
            continue
        rows.append((a / b, paid / max(cost, 1)))
        print(f"{name:40}{a:9.3f} s{b:9.3f} s{a / b:8.1f}{paid:9}{cost:7}{paid / max(cost, 1):8.1f}", flush=True)
    ratios, evaluations = np.array(rows).T
    print(f"\n{len(rows)} operators, seed {seed}: ours / theirs, of the processor time and of the evaluations")
    reached = True
    for part, most in BARS:
        ratio = float(np.quantile(ratios, part))
        reached &= ratio <= most
        line = f"quantile {part}: {ratio:.1f} (at most {most:g}), {np.quantile(evaluations, part):.1f}"
        print(line if ratio <= most else f"{line}  NOT REACHED")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
