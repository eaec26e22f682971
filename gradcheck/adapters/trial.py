"""One use of an object, on a copy, to see which gradient belongs to which parameter and what the passes change."""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.adapters import spellings
from gradcheck.adapters.calls import Calls
from gradcheck.adapters.places import Path, get, held, title
from gradcheck.findings import Finding
from gradcheck.problem import during, flat, like


class Trial:
    """`gradients` holds the path of its gradient for that of each parameter, `adding` those that add up over calls."""

    def __init__(self, obj: Any, calls: Calls, named: Mapping[str, str] | None, inputs: tuple, constants: dict):
        self.name = type(obj).__name__
        work, xs, options = copy.deepcopy((obj, inputs, constants))
        before = held(work)
        self._was = {path: copy.copy(x) for path, x in before.items()}
        with during("the forward pass"), np.errstate(all="ignore"):
            y = calls.run_forward(work, xs, options)
        self._kept = {path: x for path, x in before.items() if get(work, path) is x and _same(x, self._was[path])}
        dy = like(y, np.random.default_rng(0).uniform(0.5, 1.5, flat(y).size), protect=False)
        with during("the backward pass"), np.errstate(all="ignore"):
            calls.run_backward(work, copy.deepcopy(dy))
        self._after = held(work)
        self._changed = {p for p, x in self._after.items() if p not in self._kept or not _same(x, self._was[p])}
        self.gradients = self._matched(named)
        once = {g: copy.copy(self._after[g]) for g in self.gradients.values()}
        with during("the backward pass"), np.errstate(all="ignore"):
            calls.run_backward(work, copy.deepcopy(dy))
        self.adding = {g for g, d in once.items() if _adds(self._was.get(g), d, get(work, g))}
        self.findings = [*self._accumulation(), *self._mutation(), *self._constants(named)]

    def _matched(self, named: Mapping[str, str] | None) -> dict[Path, Path]:
        if named is None:
            return spellings.gradients(self._kept, self._after, self._changed)
        arrays = {title(path): path for path, x in self._kept.items() if spellings.is_parameter(x)}
        places = {title(path): path for path in self._after}
        for there, wanted, what in (
            (arrays, named, "hold a floating array"),
            (places, named.values(), "hold after its backward pass"),
        ):
            for name in wanted:
                if name not in there:
                    raise ValueError(f"gradcheck: {self.name} must {what} {name}, got {', '.join(there) or 'nothing'}")
        return {arrays[name]: places[gradient] for name, gradient in named.items()}

    def _accumulation(self) -> list[Finding]:
        message = (
            "a second backward call adds to {} instead of setting it (accumulation across calls): "
            "set it, or give the class a method zero_grad, which is called before each backward pass"
        )
        pairs = [(title(path), title(g)) for path, g in self.gradients.items() if g in self.adding]
        return [Finding("accumulation", message.format(gradient), "fail", name) for name, gradient in pairs]

    def _mutation(self) -> list[Finding]:
        message = "the backward pass changes the parameter {}"
        spoilt = [title(path) for path in self.gradients if path in self._changed]
        return [Finding("mutation", message.format(name), "fail", name) for name in spoilt]

    def _constants(self, named: Mapping[str, str] | None) -> list[Finding]:
        known = {*self.gradients, *self.gradients.values(), *self._changed}
        seen = {id(self._kept[path]) for path in known if path in self._kept}
        arrays = {path: x for path, x in self._kept.items() if spellings.is_parameter(x) and id(x) not in seen}
        if not arrays or named is not None:
            return []
        message = (
            f"no gradient was found of {', '.join(map(title, arrays))}, so taken as constant; of a parameter "
            "say where it is: module(obj, parameters={'name': 'its gradient'})"
        )
        return [Finding("constant", message, "note")]


def _same(a: Any, b: Any) -> bool:
    """Whether a value is what it was; only arrays can change in place."""
    return not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _adds(zero: Any, once: Any, twice: Any) -> bool:
    """Whether a gradient grew in a second call, with the same dy, as it did in the first."""
    if not isinstance(once, np.ndarray) or np.shape(once) != np.shape(twice) or _same(once, twice):
        return False
    first = once if zero is None else once - zero
    return bool((np.abs(twice - once - first) <= 0.01 * np.abs(twice).max()).all())  # other numbers differ by more
