"""A subject of several output arrays, of which some are looked at alone."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.outputs import pieces


class Part(Adapted):
    """Another subject that returns only some of its output arrays; the cotangents of all others are zero.

    `output` is what it returns somewhere, and `places` are those of the arrays among its leaves.
    """

    def __init__(self, inner: Adapted, output: Any, places: Sequence[int]):
        self.inner, self.name, self.parameters = inner, inner.name, inner.parameters
        self.elsewhere, self.units = inner.elsewhere, inner.units
        zeros: Iterator[Any] = itertools.repeat(np.float64(0))  # what is looked for in a subject are arrays
        self._like, self._places = trees.rebuild(output, zeros), places

    @property
    def complex_safe(self) -> bool:  # type: ignore[override]  # which the subject may learn as it is called
        return self.inner.complex_safe

    def signature(self) -> Callable:
        return self.inner.signature()

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> list[Any]:
        return self._chosen(self.inner.forward(parameters, inputs, constants))

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[list[Any], Callable]:
        y, pullback = self.inner.vjp(parameters, inputs, constants)

        def pull(dy: Sequence[np.ndarray]) -> tuple[Any, tuple]:
            whole = [np.zeros_like(x) for _, x in trees.leaves(y)]
            if not any(d.flags.writeable for d in dy):
                whole = [trees.read_only(d) for d in whole]
            for place, d in zip(self._places, dy, strict=True):
                whole[place] = d
            return pullback(trees.rebuild(y, iter(whole)))

        return self._chosen(y), pull

    def _chosen(self, y: Any) -> list[Any]:
        """Return the arrays at the places, of whatever kind they are: traced ones too."""
        all_of_them = pieces(self._like, y)
        return [all_of_them[place] for place in self._places]
