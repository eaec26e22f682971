"""One use of an object, on a copy, to see which gradient belongs to which parameter and what the passes change."""

import contextlib
import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from gradcheck.adapters import claimed, spellings
from gradcheck.adapters.calls import Calls, Way
from gradcheck.adapters.dependence import used
from gradcheck.adapters.places import Path, copied, get, held, title
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat, like
from gradcheck.subjects.raised import during
from gradcheck.subjects.whole import is_whole

RETURNED = "(returned)"  # where the path of a gradient begins that the backward pass returns


def standing(obj: Any, way: Way, path: Path) -> Any:
    """Return the gradient at a path: of the object, or of what its backward pass returned."""
    return get(way.gradients, path[1:]) if path[0] == RETURNED else get(obj, path)


class Trial:
    """`gradients` holds the path of its gradient for that of each parameter, `adding` those that add up over calls."""

    def __init__(self, obj: Any, calls: Calls, named: Mapping[str, str] | None, inputs: tuple, constants: dict):
        self.name, self._obj, self._calls, self._named = type(obj).__name__, obj, calls, named
        self._inputs, self._options = inputs, constants
        work, xs, options = copied(f"{self.name} with its inputs", obj, inputs, constants)
        before = held(work)
        self._was = {path: copy.copy(x) for path, x in before.items()}
        with during("the forward pass"), np.errstate(all="ignore"):
            y = calls.run_forward(work, xs, options)
        self._kept = {path: x for path, x in before.items() if get(work, path) is x and _same(x, self._was[path])}
        between = {path: copy.copy(x) for path, x in held(work).items()}
        dy = like(y, np.random.default_rng(0).uniform(0.5, 1.5, flat(y).size), protect=False)
        with during("the backward pass"), np.errstate(all="ignore"):
            way = calls.run_backward(work, copy.deepcopy(dy), inputs)
        self._after = held(work)
        self._changed = {p for p, x in self._after.items() if p not in self._kept or not _same(x, self._was[p])}
        self._after |= {(RETURNED, *path): x for path, x in held(way.gradients).items() if way.gradients is not None}
        self.gradients = self._matched()
        self._left = [  # by the backward pass, for a purpose that is not known
            path
            for path, x in self._after.items()
            if path not in self.gradients.values() and (path not in between or not _same(x, between[path]))
        ]
        once = {g: copy.copy(self._after[g]) for g in self.gradients.values() if g[0] != RETURNED}
        with contextlib.suppress(Exception), np.errstate(all="ignore"):  # one that may be called once adds nothing up
            calls.run_backward(work, copy.deepcopy(dy), inputs)
        self.adding = {g for g, d in once.items() if _adds(self._was.get(g), d, get(work, g))}
        self.findings = [*self._accumulation(), *self._mutation(), *self._without_gradient(), *self._whole()]

    def _matched(self) -> dict[Path, Path]:
        if self._named is None:
            return self._found()
        arrays = {title(p): p for p, x in self._kept.items() if spellings.is_parameter(x) or spellings.is_number(x)}
        places = {title(path): path for path in self._after}
        for there, wanted, what in (
            (arrays, self._named, "hold a floating array"),
            (places, self._named.values(), "hold after its backward pass"),
        ):
            for name in wanted:
                if name not in there:
                    raise ValueError(f"gradcheck: {self.name} must {what} {name}, got {', '.join(there) or 'nothing'}")
        return {arrays[name]: places[gradient] for name, gradient in self._named.items()}

    def _found(self) -> dict[Path, Path]:
        stored = {path: x for path, x in self._after.items() if path[0] != RETURNED}
        found = spellings.gradients(self._kept, stored, self._changed)
        others = self._others(found)
        handed = {path[1:]: x for path, x in self._after.items() if path[0] == RETURNED}
        return found | {path: (RETURNED, *g) for path, g in spellings.returned(others, handed).items()}

    def _others(self, gradients: Mapping[Path, Path]) -> dict[Path, np.ndarray]:
        """Return the floating arrays that are neither parameters nor gradients nor changed, each once."""
        seen = {id(self._kept[p]) for p in {*gradients, *gradients.values(), *self._changed} if p in self._kept}
        arrays = {id(x): path for path, x in reversed(self._kept.items()) if spellings.is_parameter(x)}
        return {path: self._kept[path] for key, path in reversed(arrays.items()) if key not in seen}

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

    def _without_gradient(self) -> list[Finding]:
        """Say of each array without a gradient whether the output depends on it."""
        others = self._others(self.gradients) if self._named is None else {}
        plain = [path for path, x in others.items() if spellings.is_no_parameter(path, x)]
        tried = [path for path in others if path not in plain]
        own = {path: get(self._obj, path) for path in (*tried, *self.gradients)}
        own = {path: x for path, x in own.items() if isinstance(x, np.ndarray)}
        depends = used(self._forward, self._obj, tried, own)
        findings = [self._forgotten(path, others[path]) for path in depends]
        for paths, why in (
            (plain, "by name or content masks or running statistics"),
            ([path for path in tried if path not in depends], "on which the output does not depend"),
        ):
            if paths:
                message = f"no gradient was found of {', '.join(map(title, paths))}, {why}, so taken as constant"
                findings.append(Finding("constant", message, "note"))
        return findings

    def _whole(self) -> list[Finding]:
        """Say of each whole number for which the passes have a gradient that this was not checked."""
        others = self._others(self.gradients)
        held = {path: x for path, x in self._kept.items() if path in others or is_whole(x)}
        after = {path: x for path, x in self._after.items() if path not in self.gradients.values()}
        found = claimed.left(held, {path: x for path, x in after.items() if path[0] != RETURNED}, self._changed)
        handed = {path[1:]: x for path, x in after.items() if path[0] == RETURNED}
        found |= {path: (RETURNED, *g) for path, g in claimed.returned(held, handed).items()}
        return claimed.unchecked_of(held, found, after) if self._named is None else []

    def _forgotten(self, path: Path, x: np.ndarray) -> Finding:
        name, start = title(path), f"no gradient for {title(path)}, on which the output depends"
        alike = [title(g) for g in self._left if np.shape(self._after[g]) == x.shape and not _of_an_input(g)]
        if not alike:
            there = {title(parameter): title(gradient) for parameter, gradient in self.gradients.items()}
            message = f"{start}; if it is no parameter, name those that are: module(obj, parameters={there})"
            return Finding("missing", message, "fail", name)
        say = f"say so: module(obj, parameters={{'{name}': '{alike[0]}'}})"
        return Finding("missing", f"{start}; if it is {' or '.join(alike)}, {say}", "inconclusive", name)

    def _forward(self, obj: Any) -> Any:
        return self._calls.run_forward(obj, *copy.deepcopy((self._inputs, self._options)))


def _of_an_input(path: Path) -> bool:
    return path[-1] in (*spellings.INPUT_GRADIENTS, *spellings.OUTPUTS)


def _same(a: Any, b: Any) -> bool:
    """Whether a value is what it was; only arrays can change in place."""
    if not isinstance(a, np.ndarray) or a.dtype.kind == "O":  # what those hold may be anything
        return True
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _adds(zero: Any, once: Any, twice: Any) -> bool:
    """Whether a gradient grew in a second call, with the same dy, as it did in the first."""
    numbers = isinstance(once, np.ndarray) or spellings.is_number(once)
    if not numbers or np.shape(once) != np.shape(twice) or np.array_equal(once, twice, equal_nan=True):
        return False
    first = once if zero is None else once - zero
    return bool((np.abs(twice - once - first) <= 0.01 * np.abs(twice).max()).all())  # other numbers differ by more
