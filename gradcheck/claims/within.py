"""Subjects whose inputs lie in a domain: symmetric or positive definite matrices, probabilities, anything but zero.

A domain is a function of the inputs: a predicate, or a projection P that brings them back.  With a projection the
check is one of f(P(x)), whose gradient is that of f times the derivative of P, which is measured.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.numeric.gradients import jacobian
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted

MOST = 1024  # entries of all inputs: the derivative of P has the square of it
SAME = 2.0**-40  # of the largest entry
AWAY = 2.0**-4  # of the inputs, at which another derivative of P is measured: where it is the same, P is affine


class Within(Adapted):
    """Another subject, at inputs within a domain alone."""

    def __init__(self, inner: Adapted, domain: Callable[..., Any]):
        self.inner, self.name, self._domain = inner, inner.name, domain
        self._affine: np.ndarray | None = None

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        inputs = self.inner.prepare(inputs, constants)
        self.parameters, self.complex_safe = self.inner.parameters, self.inner.complex_safe
        self.units, self.findings = self.inner.units, self.inner.findings
        self._is_predicate = isinstance(self._domain(*inputs), bool | np.bool)
        if not self._is_predicate:
            self._start(inputs)
        elif not self._domain(*inputs):
            raise ValueError("gradcheck: the inputs must lie in the declared domain, got False for them")
        return inputs

    def signature(self) -> Callable:
        return self.inner.signature()

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return self.inner.forward(parameters, self._brought_back(inputs), constants)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = self.inner.vjp(parameters, self._brought_back(inputs), constants)
        if self._is_predicate:
            return y, pullback

        def pull(dy: Any) -> tuple[Any, tuple]:
            d_parameters, d_inputs = pullback(dy)
            return d_parameters, self._pulled(inputs, d_inputs)

        return y, pull

    def _brought_back(self, inputs: tuple) -> tuple:
        if not self._is_predicate:
            return self._projected(inputs)
        if not any(True for _ in trees.leaves(inputs, kinds="c")) and not self._domain(*inputs):
            raise ValueError("outside the declared domain")
        return inputs  # a complex step leaves real parts where they are

    def _projected(self, inputs: tuple) -> tuple:
        back = self._domain(*inputs)
        back = back if isinstance(back, tuple) else (back,)
        want, got = ([x.shape for _, x in trees.leaves(tree, kinds="fc")] for tree in (inputs, back))
        if want != got:
            raise ValueError(f"gradcheck: domain must return True, False or inputs of shapes {want}, got {got}")
        return back

    def _start(self, inputs: tuple) -> None:
        x = _vector(inputs)
        if x.size > MOST:
            raise ValueError(f"gradcheck: a projection takes at most {MOST} entries, got {x.size}")
        away = float(np.abs(_vector(self._projected(inputs)) - x).max(initial=0))
        if away > SAME * float(np.abs(x).max(initial=0)):
            raise ValueError(f"gradcheck: the inputs must lie in the declared domain, got them {away:.1e} away from it")
        here, there = self._derivative(inputs, x), self._derivative(inputs, x + AWAY * np.cos(np.arange(x.size)) * x)
        if np.abs(here - there).max(initial=0) <= SAME * np.abs(here).max(initial=0):
            self._affine = here

    def _pulled(self, inputs: tuple, d_inputs: tuple) -> tuple:
        claims = [d for x, dx in zip(inputs, d_inputs, strict=True) for _, d in trees.align(x, dx, "")]
        shapes = [x.shape for _, x in trees.leaves(inputs)]
        if any(not isinstance(d, np.ndarray) or d.shape != s for d, s in zip(claims, shapes, strict=True)):
            return d_inputs  # which is a finding
        x = _vector(inputs)
        slope = self._derivative(inputs, x) if self._affine is None else self._affine
        pieces = np.split(np.concatenate([d.ravel() for d in claims]) @ slope, np.cumsum([d.size for d in claims])[:-1])
        dtyped = [p.reshape(d.shape).astype(d.dtype) for p, d in zip(pieces, claims, strict=True)]
        return trees.rebuild(inputs, iter(dtyped))

    def _derivative(self, inputs: tuple, x: np.ndarray) -> np.ndarray:
        """Return the derivative of P at x, as a matrix."""

        def projection(vector: np.ndarray) -> np.ndarray:
            pieces = np.split(vector, np.cumsum([leaf.size for _, leaf in trees.leaves(inputs)])[:-1])
            shaped = [p.reshape(leaf.shape) for p, (_, leaf) in zip(pieces, trees.leaves(inputs), strict=True)]
            return _vector(self._projected(trees.rebuild(inputs, iter(shaped))))

        return np.asarray(jacobian(projection, x.astype(np.float64)).value)


def within(subject: Adapted, domain: Callable[..., Any] | None) -> Adapted:
    """Return a subject at inputs within a domain, if there is one."""
    return subject if domain is None else Within(subject, domain)


def _vector(inputs: tuple) -> np.ndarray:
    parts = [x.ravel() for _, x in trees.leaves(inputs, kinds="fc")]
    return np.concatenate([np.zeros(0), *parts])
