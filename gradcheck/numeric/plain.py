"""A plain function of a number, an array or a tree of arrays, and where it is asked for its derivative."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from numbers import Real
from typing import Any

import numpy as np

from gradcheck.numeric.constants import UNIT, U
from gradcheck.numeric.forms import array_of, taken, with_arrays
from gradcheck.subjects import alignment, trees
from gradcheck.subjects.alignment import MISSING
from gradcheck.subjects.nodes import is_leaf
from gradcheck.subjects.randomness import Draws


class Plain:
    """f as a function of a list of float64 arrays, whose outputs are one vector; it counts its calls.

    f is given new arrays each time, and a number of Python's or NumPy's where x has one.

    Raises:
        TypeError: f is not callable, or x holds nothing that can be differentiated.
        ValueError: x is not finite.
    """

    complex_safe = True

    def __init__(self, f: Callable[[Any], Any], x: Any, asked: str):
        self.name = f"gradcheck.{asked}"
        if not callable(f):
            raise TypeError(f"{self.name}: f must be callable, got {type(f).__name__}")
        self._f, self._draws, self.count = f, Draws(), Counter[str]()
        self.x = taken(x)
        for path, kind in (*trees.disguised(self.x, "x"), *trees.odd(self.x, "x")):
            raise TypeError(f"{self.name}: {path} must be a real floating array, got {kind}")
        found = [(path, leaf) for path, leaf in trees.ends(self.x, "x") if is_leaf(leaf)]
        if not found:
            raise TypeError(f"{self.name}: x must be a real number or hold a floating array, got {_brief(x)}")
        for path, leaf in found:
            if not np.can_cast(leaf.dtype, np.float64):
                raise TypeError(f"{self.name}: {path} must be of float64 or narrower, got {leaf.dtype}")
            if not np.isfinite(leaf).all():
                raise ValueError(f"{self.name}: {path} must be finite, got {_first(leaf, ~np.isfinite(leaf))}")
        if not any(leaf.size for _, leaf in found):
            raise ValueError(f"{self.name}: x must have an entry, got none")
        self._scalar = [isinstance(leaf, np.generic) for _, leaf in found]
        self.point = [np.asarray(leaf, np.float64) for _, leaf in found]
        self._build: Any = trees.builder(self.x)

    def vectors(self, direction: Any) -> tuple[np.ndarray | None, ...]:
        """Return a direction as arrays like those of x; None is 1 where x has one entry.

        Raises:
            TypeError: it is not real.
            ValueError: it is not like x, not finite, or missing.
        """
        entries = sum(x.size for x in self.point)
        if direction is None:
            if entries != 1:
                raise ValueError(f"{self.name}: direction must be given for x of {entries} entries, got None")
            return tuple(np.ones_like(x) for x in self.point)
        pairs = alignment.align(self.x, taken(direction), "direction")
        return tuple(self._like(x, path, v) for x, (path, v) in zip(self.point, pairs, strict=True))

    def entries(self) -> Iterator[tuple[np.ndarray | None, ...]]:
        """Yield the directions in which one entry moves, entry by entry."""
        for i, x in enumerate(self.point):
            for k in range(x.size):
                unit = np.zeros(x.size)
                unit[k] = 1
                yield tuple(unit.reshape(x.shape) if j == i else None for j in range(len(self.point)))

    def _like(self, x: np.ndarray, path: str, v: Any) -> np.ndarray:
        if v is MISSING:
            raise ValueError(f"{self.name}: {path} must be like x, got nothing there")
        v = array_of(f"{self.name}: {path}", v, "fiu", "real")
        if v.shape != x.shape:
            raise ValueError(f"{self.name}: {path} must have the shape of x, {x.shape}, got {v.shape}")
        if not np.isfinite(v).all():
            raise ValueError(f"{self.name}: {path} must be finite, got {_first(v, ~np.isfinite(v))}")
        return v.astype(np.float64)

    def first(self) -> tuple[Any, np.ndarray, np.ndarray]:
        """Return f(x) as a tree of arrays, as one vector (m,), and the roundoff of each entry's own format (m,).

        Raises:
            TypeError: it is not real, or holds no number.
            ValueError: it is not finite.
        """
        self.count["forward"] += 1
        y = self._output(self.point)
        found = list(trees.leaves(y, "f(x)", kinds="fc"))
        for path, leaf in found:
            if leaf.dtype.kind == "c":
                raise TypeError(f"{self.name}: {path} must be real, got {leaf.dtype}")
            if not np.isfinite(leaf).all():
                raise ValueError(f"{self.name}: {path} must be finite, got {_first(leaf, ~np.isfinite(leaf))}")
        roundoff = [np.full(leaf.size, UNIT.get(leaf.dtype, U)) for _, leaf in found]
        return y, self._flat(y).astype(np.float64), np.concatenate(roundoff)

    def _output(self, arrays: Sequence[np.ndarray]) -> Any:
        handed = (x[()] if scalar else np.array(x) for x, scalar in zip(arrays, self._scalar, strict=True))
        with self._draws.replayed():
            return with_arrays(self._f(self._build(handed)), Real)

    def forward(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Return all outputs as one vector; what refuses complex numbers with an error has cost nothing."""
        exact = np.iscomplexobj(arrays[0])
        self.count["forward"] += not exact
        y = self._flat(self._output(arrays))
        self.count["complex forward"] += exact
        return y

    def attempt(self, arrays: Sequence[np.ndarray], size: int) -> np.ndarray:
        try:
            y = self.forward(arrays)
        except Exception:  # whatever the user's code raises when a step takes it out of its domain
            return np.full(size, np.nan)
        return y.astype(np.float64) if y.size == size and y.dtype.kind == "f" else np.full(size, np.nan)

    def _flat(self, y: Any) -> np.ndarray:
        parts = [leaf.ravel() for _, leaf in trees.leaves(y, kinds="fc")]
        if not any(part.size for part in parts):
            raise TypeError(f"{self.name}: f must return a real number or a floating array, got {_brief(y)}")
        return np.concatenate(parts)


def _first(x: np.ndarray, where: np.ndarray) -> str:
    """Return the first value of x at which `where` holds, with its index."""
    index = tuple(int(i) for i in np.argwhere(where)[0])
    return f"{x[index]}" + (f" at {list(index)}" if index else "")


def _brief(x: Any) -> str:
    return f"{x.dtype}{list(x.shape)}" if isinstance(x, np.ndarray) else type(x).__name__
