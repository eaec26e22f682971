"""What a case of the corpus claims, and whether that is true."""

import numpy as np
from true_gradient import UNIT, gradient

kept = {}  # true gradients, by forward and point: many cases share them


def vjp(case):
    if case.vjp is not None:
        return case.vjp
    return lambda *inputs: (case.forward(*inputs), lambda dy: case.backward(*inputs, dy))


def listed(grads):
    return list(grads) if isinstance(grads, tuple) else [grads]


def copies(arrays):
    return [np.array(x, order="K") for x in arrays]


def cotangent(y):
    rng = np.random.default_rng(5)
    draws = tuple(rng.normal(size=np.shape(part)) for part in listed(y))
    return draws if isinstance(y, tuple) else draws[0]


def claims(case, inputs, dy=None):
    """The cotangent, and what the backward pass makes of it."""
    with np.errstate(all="ignore"):
        y, pullback = vjp(case)(*copies(inputs))
        dy = cotangent(y) if dy is None else dy
        return dy, listed(pullback(dy))


def truth(case, inputs, dy, i):
    key = (case.forward or case.vjp, id(case.inputs), inputs is case.inputs, i)
    if key not in kept:
        forward = case.forward or (lambda *arrays: case.vjp(*arrays)[0])
        kept[key] = gradient(forward, inputs, dy, i, unit=2.0**-24 if case.narrow else UNIT)
    return kept[key]


def rounding(case, inputs, dy, grads, smooth=True):
    """What the last bits of dy, and away from kinks those of the inputs, do to each gradient."""
    rng, spread = np.random.default_rng(9), [np.zeros(np.shape(g)) for g in grads]
    for _ in range(3):
        parts = [np.asarray(part) * (1 + rng.choice([-4, 4], np.shape(part)) * UNIT) for part in listed(dy)]
        near = [x * (1 + smooth * rng.choice([-4, 4]) * UNIT) for x in inputs]
        _, again = claims(case, near, tuple(parts) if isinstance(dy, tuple) else parts[0])
        spread = [np.maximum(s, np.abs(a - g)) for s, a, g in zip(spread, again, grads, strict=True)]
    return [16 * np.ravel(s) for s in spread]


def differing(claim, true, slack):
    """Which entries differ from the true ones by more than rounding and the error of the numeric derivative."""
    gap = np.abs(np.ravel(claim)[true.at] - true.value)
    return gap > 10 * true.error + 1e-8 * np.abs(true.value) + true.jump + slack[true.at]
