"""One evaluation of a PyTorch function, and what autograd has for its arguments."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.torch_tensors import Stage, Tensors
from gradcheck.subjects.adapted import Broken

REENTRANT = "compatible with .grad()"  # of the error of what runs a backward pass of its own within one, a checkpoint


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
        found = None if self.tensors.adds_up and not (batched or twice) else self._asked(ys, dys, batched, twice)
        if found is None:
            found = self._added_up(ys, dys)
        if any(dy._version for dy in dys):  # counts what happens in place
            raise Broken("mutation", "the pullback writes to the cotangent dy it was given")
        return found

    def _asked(self, ys: Sequence[Any], dys: Sequence[Any], batched: bool, twice: bool) -> Sequence[Any] | None:
        """Return what autograd returns when it is asked; None where gradients must add up in the tensors."""
        grad, states = self.tensors.torch.autograd.grad, self.stage.states
        ask = functools.partial(grad, create_graph=twice, allow_unused=True, is_grads_batched=batched)
        try:
            with self.tensors.replayed(self.stage):
                found = self.stage.inside(lambda: ask(ys, self.made, dys, True))
            if batched or twice or all(x.grad is None for x in self.made):
                return found
        except RuntimeError as error:
            if batched or twice or REENTRANT not in str(error):
                raise
        self.tensors.adds_up, self.stage.states = True, states
        return None

    def _added_up(self, ys: Sequence[Any], dys: Sequence[Any]) -> Sequence[Any]:
        """Return what `backward` adds up in the tensors, as in training: also what a backward pass within one adds."""
        for x in self.made:
            x.grad = None
        backward = functools.partial(self.tensors.torch.autograd.backward, ys, dys, retain_graph=True)
        with self.tensors.replayed(self.stage):
            self.stage.inside(backward)
        found = [x.grad for x in self.made]
        for x in self.made:
            x.grad = None
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


@contextlib.contextmanager
def refusals(told: Callable[[RuntimeError], Broken | None]) -> Iterator[None]:
    """Raise what is told of an error of autograd's, which refuses the results of a backward pass, in its place."""
    try:
        yield
    except RuntimeError as error:
        broken = told(error)
        if broken is None:
            raise
        raise broken from error
