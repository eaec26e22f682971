"""How NumPy handles floating-point errors belongs to the caller: both passes leave it as it was."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import like


def keeps_handling(call: Call, _rounding: Rounding, _rng: np.random.Generator) -> Iterator[Finding]:
    """Yield which pass leaves another handling of floating-point errors behind.

    Both are run under one that is not any layer's own.  What they leave is put back by `during`, as after every call.
    """
    watched = Watched(call.problem.subject)
    problem = call.problem.changed(subject=watched)
    with np.errstate(all="call", call=unheard):
        before = _handling()
        out, pullback = problem.vjp(call.point)
        problem.pull(pullback, like(out, call.g[0], problem.protect))
    for what, after in watched.left.items():
        if changes := _changes(before, after):
            message = f"the {what} changes how NumPy handles floating-point errors, which the checker had set"
            yield Finding("handling", f"{message}: {changes}")


def unheard(_error: str, _flag: int) -> None:
    """Do nothing about a floating-point error, as "ignore" does, but by a function that no layer sets."""


class Watched(Adapted):
    """Another subject; `left` is the handling of errors after each pass."""

    def __init__(self, inner: Adapted):
        self.inner, self.name, self.parameters = inner, inner.name, inner.parameters
        self.left: dict[str, dict[str, Any]] = {}

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = self.inner.vjp(parameters, inputs, constants)
        self.left["forward pass"] = _handling()

        def pull(dy: Any) -> tuple[Any, Any]:
            gradients = pullback(dy)
            self.left["pullback"] = _handling()
            return gradients

        return y, pull


def _handling() -> dict[str, Any]:
    return {**np.geterr(), "function": np.geterrcall()}


def _changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Say what was set and what is; kinds of errors that went the same way stand together."""
    changed: dict[str, list[str]] = {}
    for kind, was in before.items():
        if after[kind] != was:
            changed.setdefault(f"was {_word(was)}, is now {_word(after[kind])}", []).append(kind)
    return "; ".join(f"{', '.join(kinds)} {words}" for words, kinds in changed.items())


def _word(value: Any) -> str:
    if value is unheard:
        return "the checker's"
    return value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
