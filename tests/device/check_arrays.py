"""Subjects whose arrays are CuPy's: kernels of their own, and layers of the reference, right and wrong, on a card.

    python tests/device/check_arrays.py

It takes a session with a card that CuPy can use.  Each line is a subject, a dtype, a verdict and the digits to which
its gradients were checked.  The exit status is 1 where a verdict is another than it should be, 2 without a card.
"""

import dataclasses
import sys

import numpy as np

import gradcheck
from gradcheck.adapters import dlpack
from reference.core import tree
from reference.layers.attention import MultiHeadAttention
from reference.layers.layernorm import LayerNorm
from reference.training import devices
from reference.training.errors import RunError

DTYPES = (np.float32, np.float64)


def swish(wrong):
    """Return x / (1 + exp(-x)) and its pullback, each one kernel; wrong: the derivative of the sigmoid is left out."""
    import cupy

    forward = cupy.ElementwiseKernel("T x", "T y", "y = x / (1 + exp(-x))", "swish")
    term = "" if wrong else " * (1 + x * (1 - s))"
    backward = cupy.ElementwiseKernel("T x, T dy", "T dx", f"T s = 1 / (1 + exp(-x)); dx = dy * s{term}", "d_swish")
    return lambda x: (forward(x), lambda dy: backward(x, dy))


@dataclasses.dataclass
class Skewed:
    """A layer of which the pullback is wrong: what it says of its input is doubled."""

    layer: object

    def vjp(self, *inputs):
        y, pullback = self.layer.vjp(*inputs)

        def pull(dy):
            d_layer, *dx = pullback(dy)
            return Skewed(d_layer), *[2 * d for d in dx]

        return y, pull


def subjects(device, dtype):
    """Yield (name, right, wrong, shapes of the inputs)."""
    rng = np.random.default_rng(0)
    yield "swish", swish(wrong=False), swish(wrong=True), [(5, 7)]
    attention = MultiHeadAttention.init(rng, 8, 2, dtype=dtype)
    for layer, shapes in (LayerNorm.init(8, dtype), [(2, 3, 8)]), (attention, [(2, 3, 8), (2, 4, 8)]):
        there = tree.map(device.there, tree.map(lambda p: p + rng.normal(size=p.shape).astype(dtype), layer))
        yield type(layer).__name__, there, Skewed(there), shapes


def main():
    try:
        device = devices.find("gpu")
    except RunError as error:
        print(f"{error}: nothing was checked", file=sys.stderr)
        return 2
    unexpected = 0
    for dtype in DTYPES:
        for name, right, wrong, shapes in subjects(device, dtype):
            rng = np.random.default_rng(1)
            inputs = [device.there(rng.normal(size=shape).astype(dtype)) for shape in shapes]
            for kind, subject in (("right", right), ("wrong", wrong)):
                report = gradcheck.check(dlpack(subject), *inputs)
                digits = ", ".join("-" if g.digits is None else f"{g.digits:.1f}" for g in report.gradients)
                print(f"{name:18} {kind} {dtype.__name__:8} {report.verdict:12} digits {digits}")
                if report.verdict != ("fail" if kind == "wrong" else "pass"):
                    unexpected += 1
                    print(report)
    return int(unexpected > 0)


if __name__ == "__main__":
    sys.exit(main())
