"""Arrays that count the flops of the products of matrices that are made of them, by NumPy's dispatch (NEP 13)."""

import math

import numpy as np

from reference.core import tree

OTHERS = {np.dot, np.einsum, np.inner, np.outer, np.tensordot, np.vdot}


class Counted(np.ndarray):
    """An array of NumPy's own, so that the same lines run; a product with a vector is a sum here, and not counted."""

    flops = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        if ufunc is np.matmul and all(np.ndim(factor) > 1 for factor in inputs):
            (*heads, rows, inner), (*others, _, columns) = (factor.shape for factor in inputs)
            Counted.flops += 2 * rows * inner * columns * math.prod(np.broadcast_shapes(heads, others))
        options = {name: bare(value) for name, value in options.items()}
        if out:
            options["out"] = tuple(map(bare, out))
        made = getattr(ufunc, method)(*map(bare, inputs), **options)
        if out:
            return out[0] if len(out) == 1 else out
        return tuple(map(counted, made)) if isinstance(made, tuple) else counted(made)

    def __array_function__(self, function, types, args, options):
        if function in OTHERS:
            raise TypeError(f"a product must be counted, got {function.__name__}")
        return super().__array_function__(function, types, args, options)


def bare(value):
    return value.view(np.ndarray) if isinstance(value, Counted) else value


def counted(value):
    return value.view(Counted) if isinstance(value, np.ndarray) else value


def flops(objective, **inputs):
    """The flops of the products of a forward pass, and of it and its pullback."""
    moved = tree.map(counted, objective)
    Counted.flops = 0
    _, pullback = moved.vjp(**inputs)
    forward = Counted.flops
    pullback(1.0)
    return forward, Counted.flops
