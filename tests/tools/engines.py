"""Two small engines of values, of one number and of an array, whose rules a test may exchange."""

import math

import numpy as np


class Value:
    """One number; a subclass may have a wrong slope of tanh, or set gradients instead of adding them up."""

    adds = True

    def __init__(self, data, parents=()):
        self.data, self.grad, self._parents = data, 0.0, parents

    def _wrap(self, other):
        return other if isinstance(other, Value) else type(self)(other)

    def __add__(self, other):
        other = self._wrap(other)
        return type(self)(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = self._wrap(other)
        return type(self)(self.data * other.data, ((self, other.data), (other, self.data)))

    __radd__, __rmul__ = __add__, __mul__

    @staticmethod
    def slope(y):
        return 1 - y * y

    def tanh(self):
        y = math.tanh(self.data)
        return type(self)(y, ((self, self.slope(y)),))

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if id(node) not in seen:
                seen.add(id(node))
                for parent, _ in node._parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in node._parents:
                parent.grad = (parent.grad if self.adds else 0.0) + slope * node.grad


class Tensor:
    """An array; the gradient of what was broadcast is summed over, unless `sums` is False."""

    sums, takes, made_of_values = True, False, False

    def __init__(self, data, parents=()):
        self.data, self.grad, self._parents = np.asarray(data), None, parents

    @property
    def shape(self):
        return self.data.shape

    def _wrap(self, other):
        return other if isinstance(other, Tensor) else type(self)(other)

    def _fit(self, d, shape):
        if not self.sums:
            return np.broadcast_to(d.mean(), shape) if d.shape != shape else d
        d = d.sum(axis=tuple(range(d.ndim - len(shape))))
        axes = tuple(i for i, n in enumerate(shape) if n == 1 and d.shape[i] != 1)
        return d.sum(axis=axes, keepdims=True)

    def __add__(self, other):
        other = self._wrap(other)
        fit = self._fit
        parents = ((self, lambda d: fit(d, self.shape)), (other, lambda d: fit(d, other.shape)))
        return type(self)(self.data + other.data, parents)

    def __mul__(self, other):
        other, fit = self._wrap(other), self._fit
        a, b = self.data, other.data
        parents = ((self, lambda d: fit(d * b, a.shape)), (other, lambda d: fit(d * a, b.shape)))
        return type(self)(a * b, parents)

    def __matmul__(self, other):
        a, b = self.data, other.data
        return type(self)(a @ b, ((self, lambda d: d @ b.T), (other, lambda d: a.T @ d)))

    def tanh(self):
        y = np.tanh(self.data)
        return type(self)(y, ((self, lambda d: d * (1 - y * y)),))

    def sum(self):
        return type(self)(self.data.sum(), ((self, lambda d: np.broadcast_to(d, self.shape)),))

    def backward(self):
        self._walk(np.ones_like(self.data))

    def _walk(self, d):
        found = d if self.grad is None else self._number(self.grad) + d
        self.grad = type(self)(found) if self.made_of_values else found
        for parent, slope in self._parents:
            parent._walk(slope(d))

    @staticmethod
    def _number(grad):
        return grad.data if isinstance(grad, Tensor) else grad


class Seeded(Tensor):
    """`backward(grad)` takes a cotangent, an array."""

    def sum(self):
        raise AssertionError("a cotangent is handed over")

    def backward(self, grad=None):
        self._walk(np.ones_like(self.data) if grad is None else self._number(grad))


class OfValues(Seeded):
    """`backward(gradient)` takes a tensor, and `.grad` is one."""

    made_of_values = True

    def backward(self, gradient=None):
        assert gradient is None or isinstance(gradient, Tensor)
        super().backward(gradient)
