"""One evaluation of a PyTorch function, and what autograd has for its arguments."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.torch_tensors import Stage, Tensors
from gradcheck.subjects.adapted import Broken


@dataclasses.dataclass(frozen=True)
class Graph:
    """Tensors that require a gradient, the outputs for them that are judged, and where the generators then stood."""

    tensors: Tensors
    made: list[Any]
    outputs: list[Any]
    stage: Stage

    def gradients(
        self, outputs: list[Any], cotangents: list[Any], batched: bool = False, twice: bool = False
    ) -> Sequence[Any]:
        """Return for each tensor what autograd has of these outputs: a tensor, or None.

        With `batched` each cotangent is a stack of several, and so is what is returned; with `twice` that has a graph.

        Raises:
            Broken: the backward pass writes to a cotangent.
        """
        pairs = [(y, dy) for y, dy in zip(outputs, cotangents, strict=True) if y.requires_grad]
        if not pairs:
            return [None] * len(self.made)
        ys, dys = zip(*pairs, strict=True)
        grad = self.tensors.torch.autograd.grad
        with self.tensors.replayed(self.stage):
            ask = functools.partial(grad, create_graph=twice, allow_unused=True, is_grads_batched=batched)
            found = self.stage.inside(lambda: ask(ys, self.made, dys, True))
        if any(dy._version for dy in dys):  # counts what happens in place
            raise Broken("mutation", "the pullback writes to the cotangent dy it was given")
        return found

    def arrays(self, found: Sequence[Any]) -> list[np.ndarray]:
        """Return gradients as arrays, zeros for None."""
        zeros = self.tensors.torch.zeros_like
        pairs = zip(self.made, found, strict=True)
        return [self.tensors.array(zeros(x) if d is None else d) for x, d in pairs]


def refused(error: RuntimeError, name: str) -> Broken | None:
    """Return what autograd refuses in a backward pass's results as a finding; None for any other error."""
    text = str(error).splitlines()[0] if str(error) else ""
    if text.startswith("You must implement either the backward or vjp method"):
        way = "for its jvp alone use gradcheck.adapters.forward_mode(torch_function(function))"
        raise TypeError(f"gradcheck: {name} must have a backward, got none; {way}") from error
    if "incorrect number of gradients" in text:
        return Broken("count", text)
    if "invalid gradient at index" in text:
        return Broken("shape", text)
    if text.startswith("expected Variable or None"):
        return Broken("dtype", f"a backward must return tensors: {text}")
    return None
