"""What a PyTorch function returns: which outputs are judged, and what the checker sees of them."""

from typing import Any

import numpy as np

from gradcheck.adapters.convert import mapped
from gradcheck.adapters.torch_tensors import Form, Tensors
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding


class Outputs:
    """An output that requires no gradient, beside one that does, is a constant to the user: it is not judged."""

    def __init__(self, tensors: Tensors):
        self._tensors = tensors
        self._flags: list[bool] = []
        self.known = self._told = False
        self.is_real = True

    def learn(self, y: Any) -> None:
        """Note which outputs require a gradient; where none does the graph may have been cut, and all are judged."""
        flags = [tensor.requires_grad for tensor in self._tensors.differentiable(y)]
        self._flags = flags if any(flags) else [True] * len(flags)
        self.known = True

    def judged(self, y: Any) -> list[Any]:
        """Return the floating and complex tensors of an output that are judged."""
        found = self._tensors.differentiable(y)
        return [tensor for tensor, flag in zip(found, self._of(found), strict=True) if flag]

    def notes(self, y: Any) -> list[Finding]:
        """Return a note on what is not judged, once."""
        marks = mapped(y, lambda leaf: np.zeros(0) if self._differentiable(leaf) else None)
        paths = [path for path, _ in trees.leaves(marks, "y")]
        left = [path for path, flag in zip(paths, self._flags, strict=False) if not flag]
        if self._told or not left:
            return []
        self._told = True
        requires = "requires" if len(left) == 1 else "require"
        return [Finding("constant", f"{', '.join(left)} {requires} no gradient, so was not judged", "note")]

    def shown(self, y: Any, analytic: bool) -> Any:
        """Return an output with arrays for tensors; a complex one as two, except where the checker asks for such."""
        flags = iter(self._of(self._tensors.differentiable(y)))

        def seen(leaf: Any) -> Any:
            if not self._differentiable(leaf):
                return self._tensors.array(leaf) if isinstance(leaf, self._tensors.torch.Tensor) else leaf
            if not next(flags):
                return None
            if not leaf.is_complex() or analytic:
                return self._tensors.array(leaf)
            self.is_real = False
            return self._tensors.pair(leaf)

        return mapped(y, seen)

    def cotangents(self, dy: Any, outputs: list[Any]) -> list[Any]:
        """Return a tensor for every judged output, where that is and in its dtype."""
        return self.joined(self.parts(dy, outputs), outputs)

    def parts(self, dy: Any, outputs: list[Any]) -> list[Any]:
        """Return a tensor for every judged output, two real ones for one that is complex."""
        forms = [Form(y.device, y.dtype) for y in outputs for _ in range(1 + y.is_complex())]
        return [self._tensors.make(piece, form) for (_, piece), form in zip(trees.leaves(dy), forms, strict=True)]

    def joined(self, parts: list[Any], outputs: list[Any]) -> list[Any]:
        rest = iter(parts)
        return [self._tensors.torch.complex(next(rest), next(rest)) if y.is_complex() else next(rest) for y in outputs]

    def tangents(self, pairs: list[tuple[Any, Any]]) -> list[np.ndarray]:
        """Return the tangent of every judged output, zeros for None, as arrays."""
        found: list[np.ndarray] = []
        for y, tangent in pairs:
            tangent = self._tensors.torch.zeros_like(y) if tangent is None else tangent
            found += self._tensors.pair(tangent) if y.is_complex() else [self._tensors.array(tangent)]
        return found

    def _of(self, found: list[Any]) -> list[bool]:
        return self._flags if len(found) == len(self._flags) else [True] * len(found)

    def _differentiable(self, leaf: Any) -> bool:
        return isinstance(leaf, self._tensors.torch.Tensor) and (leaf.is_floating_point() or leaf.is_complex())
