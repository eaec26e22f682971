"""Subjects whose inputs lie in a domain: symmetric or positive definite matrices, probabilities, anything but zero.

A domain is a function of the inputs: a predicate, or a projection P that brings them back.  With a projection the
check is one of f(P(x)), whose gradient is J' g, J being the derivative of P at x and g the gradient of f at P(x).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.claims.projection import Projection
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, NoSecond, Push
from gradcheck.subjects.declared import Declared


class Within(Adapted):
    """Another subject, at inputs within a domain alone."""

    elsewhere = "a declared domain"

    def __init__(self, inner: Adapted, domain: Callable[..., Any], convention: str):
        self.inner, self.name, self._domain, self._convention = inner, inner.name, domain, convention

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        inputs = self.inner.prepare(inputs, constants)
        self.parameters, self.units, self.input_names = self.inner.parameters, self.inner.units, self.inner.input_names
        self._learn()
        self._projection: Projection | None = None
        found = self._domain(*inputs)
        if not isinstance(found, bool | np.bool):
            self._projection = Projection(self._domain, inputs, self._convention)
        elif not found:
            raise ValueError("gradcheck: the inputs must lie in the declared domain, got False for them")
        self._has_complex = _has_complex(inputs)
        return inputs

    def signature(self) -> Callable:
        return self.inner.signature()

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        y = self.inner.forward(parameters, self._brought_back(inputs), constants)
        self._learn()
        return y

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = self.inner.vjp(parameters, self._brought_back(inputs), constants)

        def pull(dy: Any) -> tuple[Any, tuple]:
            d_parameters, d_inputs = pullback(dy)
            self._learn()
            return d_parameters, d_inputs if self._projection is None else self._projection.pulled(inputs, d_inputs)

        return y, pull

    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable] | None:
        found, projection = self.inner.twice(parameters, self._brought_back(inputs), constants), self._projection
        if found is None or projection is None:
            return found
        if not projection.is_known_twice:
            raise NoSecond("the projection takes no complex numbers, and differences of differences are too coarse")
        y, second = found

        def pulled_twice(dy: Any) -> tuple[tuple[Any, tuple], Callable]:
            (d_parameters, d_inputs), pullback = second(dy)

            def pull(d_gradients: tuple[Any, tuple]) -> tuple[Any, tuple, Any]:
                # of <c, J' g> the derivative is that of <J c, g>, g moving, and that of J', g as it is
                c_parameters, c_inputs = d_gradients
                c = [x for _, x in trees.leaves(c_inputs, kinds="fc")]
                pushed = trees.rebuild(c_inputs, iter(projection.push(inputs)(c)), kinds="fc")
                c_d_parameters, c_d_inputs, c_dy = pullback((c_parameters, pushed))
                bend = projection.bend(inputs, d_inputs, c)
                return c_d_parameters, projection.pulled(inputs, c_d_inputs, bend), c_dy

            return (d_parameters, projection.pulled(inputs, d_inputs)), pull

        return y, pulled_twice

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        pushed = self._push(parameters, inputs)(directions)
        return self.inner.jvp(parameters, self._brought_back(inputs), pushed, constants)

    def linearized(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Push]:
        y, push = self.inner.linearized(parameters, self._brought_back(inputs), constants)
        inward = self._push(parameters, inputs)
        return y, lambda directions: push(inward(directions))

    def _push(self, parameters: Any, inputs: tuple) -> Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]:
        """Return how directions of all arrays lead on within the domain."""
        if self._projection is None:
            return lambda directions: directions
        own, push = sum(1 for _ in trees.leaves(parameters)), self._projection.push(inputs)
        return lambda directions: [*directions[:own], *push(directions[own:])]

    def _learn(self) -> None:
        """Take over what an adapter says of itself, which it may learn as it is called."""
        self.findings, self.complex_safe = self.inner.findings, self.inner.complex_safe

    def _brought_back(self, inputs: tuple) -> tuple:
        if self._projection is not None:
            return self._projection(inputs)
        is_complex_step = not self._has_complex and _has_complex(inputs)  # which leaves real parts where they are
        if not is_complex_step and not self._domain(*inputs):
            raise ValueError("outside the declared domain")
        return inputs


def within(subject: Adapted, declared: Declared) -> Adapted:
    """Return a subject at inputs within the declared domain, if there is one."""
    domain = declared.domain
    return subject if domain is None else subject.enclosed(lambda inner: Within(inner, domain, declared.convention))


def _has_complex(inputs: tuple) -> bool:
    return any(True for _ in trees.leaves(inputs, kinds="c"))
