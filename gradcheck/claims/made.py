"""Claims of a subject whose constants, which it makes itself as it is called, are a few roundings away.

A matrix that a function writes down within itself is no array that it holds.  It is met where NumPy is asked for
something of it and of what depends on x, or on dy: by the protocols of NumPy's arrays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.claims.claim import attempted
from gradcheck.numeric.constants import UNIT
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.problem import Arrays, Problem


def with_made_rounded(problem: Problem, point: Arrays, g: np.ndarray, u: float, seed: int) -> list[np.ndarray] | None:
    """Return the gradients for every cotangent where each entry of what is met is up to two units `u` away.

    The same seed gives the same multiples of `u`.  None: no floating array is met, or none of NumPy's.
    """
    if problem.subject.elsewhere:
        return None
    rounding = _Rounding(u, np.random.default_rng(seed))
    found = attempted(problem.changed(subject=_Within(problem.subject, rounding)), point, g)
    return found if rounding.count else None


class _Rounding:
    """Arrays whose operands are rounded anew, and how many were."""

    def __init__(self, u: float, rng: np.random.Generator):
        self._u, self._rng, self.count = u, rng, 0
        rounded = self._rounded

        class Met(np.ndarray):
            def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
                if "out" in options:
                    options["out"] = tuple(bare(x) for x in options["out"])
                return known(getattr(ufunc, method)(*map(rounded, inputs), **options))

            def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
                return known(function(*map(rounded, args), **{key: rounded(x) for key, x in kwargs.items()}))

        def bare(x: Any) -> Any:
            return x.view(np.ndarray) if isinstance(x, Met) else x

        def known(x: Any) -> Any:
            if isinstance(x, tuple | list):
                made = [known(part) for part in x]
                return type(x)(*made) if hasattr(x, "_fields") else type(x)(made)
            return x.view(Met) if isinstance(x, np.ndarray) else np.asarray(x).view(Met) if _is_real(x) else x

        self._met, self.known = Met, known

    def _rounded(self, x: Any) -> Any:
        """Return an operand as a bare array, a few roundings away where it depends neither on x nor on dy."""
        if isinstance(x, tuple | list):
            return type(x)(self._rounded(part) for part in x)
        if isinstance(x, self._met):
            return x.view(np.ndarray)
        if type(x) is not np.ndarray or x.ndim == 0 or UNIT.get(x.dtype, np.inf) > self._u:
            return x
        self.count += 1
        return x * (1 + self._u * self._rng.choice([-2, -1, 1, 2], x.shape)).astype(x.dtype)


def _is_real(x: Any) -> bool:
    return isinstance(x, np.floating)


class _Within(Adapted):
    """Another subject, whose arrays are of a rounding's own kind while it computes."""

    def __init__(self, subject: Adapted, rounding: _Rounding):
        self._inner, self._known = subject, rounding.known
        self.parameters, self.name = subject.parameters, subject.name

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = self._inner.vjp(self._met(parameters), self._met(inputs), constants)
        return _bare(y), lambda dy: _bare(pullback(self._met(dy)))

    def _met(self, tree: Any) -> Any:
        return trees.rebuild(tree, iter([self._known(x) for _, x in trees.leaves(tree)]))


def _bare(tree: Any) -> Any:
    return trees.rebuild(tree, iter([np.asarray(x) for _, x in trees.leaves(tree)]))
