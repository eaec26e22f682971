"""A projection P that brings inputs back into a domain, and its derivatives, which nobody wrote: they are measured.

It is a map of n real numbers: those of all arrays one after the other, of a complex one pairs (real, imaginary).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.numeric.constants import COMPLEX_STEP
from gradcheck.numeric.derivative import derivative
from gradcheck.numeric.gradients import jacobian
from gradcheck.subjects import alignment, trees

MOST = 1024  # numbers of all inputs: the derivative of P has the square of it
SAME = 2.0**-40  # of the largest entry
AWAY = 2.0**-4  # of the inputs, at which another derivative of P is measured: where it is the same, P is affine


class Projection:
    """P, and its derivative J (n, n) at inputs.

    Raises:
        ValueError: there are too many numbers, P(x) is not like x, or it lies elsewhere.
    """

    def __init__(self, project: Callable[..., Any], inputs: tuple, convention: str):
        """`convention` is that of cotangents of complex arrays."""
        self._project, self._given = project, _arrays(inputs)
        self._sign = -1.0 if convention == "jax" else 1.0
        x = self._numbers(self._given)
        if x.size > MOST:
            raise ValueError(f"gradcheck: a projection takes at most {MOST} entries, got {x.size}")
        away = float(np.abs(self._numbers(_arrays(self(inputs))) - x).max(initial=0))
        if away > SAME * float(np.abs(x).max(initial=0)):
            raise ValueError(f"gradcheck: the inputs must lie in the declared domain, got them {away:.1e} away from it")
        points = (x, x + AWAY * np.cos(np.arange(x.size)) * x)
        found = [jacobian(lambda x: self._moved(inputs, x), point) for point in points]
        here, there = (np.asarray(d.value) for d in found)
        is_affine = np.abs(here - there).max() <= SAME * np.abs(here).max()
        self._everywhere = here if is_affine else None
        self._takes_complex = all(d.method == "complex step" for d in found)

    @property
    def is_known_twice(self) -> bool:
        """Whether its second derivative is known: by differences of differences it is not."""
        return self._everywhere is not None or self._takes_complex

    def __call__(self, inputs: tuple) -> tuple:
        """Return P(x) in the dtypes of x, read-only where x is."""
        back = self._project(*inputs)
        back = back if isinstance(back, tuple) else (back,)
        given, found = _arrays(inputs), _arrays(back)
        want, got = (", ".join(map(_form, arrays)) for arrays in (given, found))
        if want != got:
            got = got or ", ".join(type(z).__name__ for z in back) or "nothing"
            raise ValueError(f"gradcheck: domain must return True, False or inputs of shapes {want}, got {got}")
        for z in found:
            if not np.isfinite(z).all():
                raise ValueError(f"gradcheck: domain must return finite inputs, got {z[~np.isfinite(z)][0]}")
        pairs = zip(given, found, strict=True)
        return _laid(back, [_as_handed(z.astype(x.dtype), x) for x, z in pairs])

    def push(self, inputs: tuple) -> Callable[[Sequence[np.ndarray]], list[np.ndarray]]:
        """Return J d as a function of a direction of each array."""
        slope = self._slope(inputs)

        def pushed(directions: Sequence[np.ndarray]) -> list[np.ndarray]:
            moved = self._split(slope @ self._numbers(directions))
            return [_as_handed(z.astype(d.dtype), d) for z, d in zip(moved, directions, strict=True)]

        return pushed

    def pulled(self, inputs: tuple, cotangents: tuple, bend: np.ndarray | float = 0.0) -> tuple:
        """Return J' g + bend for cotangents g of the inputs; what are none, as they came: that is a finding."""
        g = self._cotangents(inputs, cotangents)
        if g is None:
            return cotangents
        found = self._split(self._numbers(g, self._sign) @ self._slope(inputs) + bend, self._sign)
        return _laid(inputs, [z.astype(d.dtype) for z, d in zip(found, g, strict=True)])

    def bend(self, inputs: tuple, cotangents: tuple, directions: Sequence[np.ndarray]) -> np.ndarray:
        """Return the derivative (n,) of J' g along a direction of each array."""
        g, d = self._cotangents(inputs, cotangents), self._numbers(directions)
        if self._everywhere is not None or g is None:
            return np.zeros(d.size)
        weights = self._numbers(g, self._sign)
        found = derivative(lambda x: weights @ self._slope_at(inputs, x), self._numbers(_arrays(inputs)), d)
        return np.asarray(found.value)

    def _slope(self, inputs: tuple) -> np.ndarray:
        return self._slope_at(inputs, self._numbers(_arrays(inputs)))

    def _slope_at(self, inputs: tuple, x: np.ndarray) -> np.ndarray:
        """Return J at the numbers x (n,)."""
        if self._everywhere is not None:
            return self._everywhere
        if not self._takes_complex:
            return np.asarray(jacobian(lambda x: self._moved(inputs, x), x).value)
        steps = COMPLEX_STEP * 1j * np.eye(x.size)
        return np.stack([self._moved(inputs, x + step).imag / COMPLEX_STEP for step in steps], axis=1)

    def _moved(self, inputs: tuple, x: np.ndarray) -> np.ndarray:
        """Return P as a map of numbers (n,)."""
        return self._numbers(_arrays(self(_laid(inputs, self._split(x)))))

    def _cotangents(self, inputs: tuple, cotangents: tuple) -> list[np.ndarray] | None:
        """Return the cotangent of each array; None: there is none, or one of a real array is complex."""
        pairs, found = zip(inputs, cotangents, strict=True), []
        rows = [d for x, dx in pairs for _, d in alignment.align(x, dx, "", kinds="fc")]
        for x, row in zip(self._given, rows, strict=True):
            d = np.asarray(row) if isinstance(row, np.ndarray | np.generic | float) else None
            if d is None or d.shape != x.shape or d.dtype.kind not in ("f", x.dtype.kind):
                return None
            found.append(d + 0j if np.iscomplexobj(x) else d)
        return found

    def _numbers(self, arrays: Sequence[np.ndarray], sign: float = 1.0) -> np.ndarray:
        """Return arrays like those of the inputs as numbers (n,), complex in a complex step."""
        found = [np.zeros(0)]
        for x, given in zip(arrays, self._given, strict=True):
            parts = np.stack([x.real, sign * x.imag], axis=-1) if np.iscomplexobj(given) else x
            found.append(parts.ravel())
        numbers = np.concatenate(found)
        return numbers.astype(np.complex128 if np.iscomplexobj(numbers) else np.float64)

    def _split(self, numbers: np.ndarray, sign: float = 1.0) -> list[np.ndarray]:
        """Return numbers (n,) as arrays like those of the inputs."""
        found, start = [], 0
        for given in self._given:
            width = 1 + np.iscomplexobj(given)
            parts = numbers[start : start + width * given.size].reshape(*given.shape, width)
            start += width * given.size
            if width == 1:
                found.append(parts[..., 0])
            elif np.iscomplexobj(numbers):
                raise TypeError("gradcheck: a complex array takes no complex step")
            else:
                found.append(parts[..., 0] + 1j * sign * parts[..., 1])
        return found


def _arrays(tree: Any) -> list[np.ndarray]:
    return [x for _, x in trees.leaves(tree, kinds="fc")]


def _laid(tree: Any, arrays: Sequence[np.ndarray]) -> Any:
    return trees.rebuild(tree, iter(arrays), kinds="fc")


def _form(x: np.ndarray) -> str:
    return f"complex {x.shape}" if np.iscomplexobj(x) else str(x.shape)


def _as_handed(x: np.ndarray, given: np.ndarray) -> np.ndarray:
    return x if given.flags.writeable else trees.read_only(x)
