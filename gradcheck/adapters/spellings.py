"""Which of the arrays that an object holds is the gradient of which: the spellings that people use."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from gradcheck.adapters.places import Path

# Case and underscores do not count: `dW`, `d_W` and `dw` are one spelling.
BESIDE = ("d{}", "{}grad", "grad{}", "{}gradient", "gradient{}", "nabla{}", "delta{}", "dld{}", "djd{}")
PARAMETERS = {"params", "parameters", "weights"}
GRADIENTS = ("grads", "gradients", "dparams", "dparameters", "dweights", "paramgrads", "weightgrads")
VALUES = {"value", "data"}
VALUE_GRADIENTS = ("grad", "gradient")
OUTPUTS = ("output", "out", "y")
INPUT_GRADIENTS = ("dinputs", "dinput", "dx", "dX", "d_x", "grad_input", "input_grad")
ZERO = ("zero_grad", "zero_grads", "zero_gradients", "zeroGradParameters")
CONSTANTS = ("mask", "running", "moving")  # what the names of masks and of running statistics begin or end with


def is_parameter(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def is_number(value: Any) -> bool:
    """Whether a value may be a parameter of one number, if it has a gradient: others are rates and the like."""
    return isinstance(value, float | np.floating)


def is_no_parameter(path: Path, value: np.ndarray) -> bool:
    """Whether an array without a gradient is a mask, of zeros and ones or infinite, or a running statistic."""
    name = str(_plain(path)[-1])
    mask = not np.isfinite(value).all() or (value.size > 1 and np.array_equal(np.unique(value), [0, 1]))
    return mask or name.startswith(CONSTANTS) or name.endswith(CONSTANTS)


def returned(parameters: Mapping[Path, Any], gradients: Mapping[Path, Any]) -> dict[Path, Path]:
    """Return the same for what a backward pass returns: by names, or without names one for each in their order."""
    if gradients and all(isinstance(path[0], int) for path in gradients):
        shapes = [np.shape(x) for x in parameters.values()]
        in_order = shapes == [np.shape(x) for x in gradients.values()]
        return dict(zip(parameters, gradients, strict=True)) if in_order else {}
    spelled = _by_spelling(gradients)
    found = {}
    for path in parameters:
        ends = [path[i:] for i in range(len(path))]  # `params.W1` may be W1 there, but the longer name comes first
        match = _first(spelled, (s for end in map(_plain, ends) for s in (end, *_spellings(end))), path)
        if match is not None:
            found[path] = match
    matches = list(found.values())
    return {path: match for path, match in found.items() if matches.count(match) == 1}


def gradients(held: Mapping[Path, Any], after: Mapping[Path, Any], changed: set[Path]) -> dict[Path, Path]:
    """Return for the path of each parameter that of its gradient.

    `held` is what a forward pass leaves alone (so `self.x`, kept for the backward pass, is none, even
    beside a `self.dx`), `after` what there is after the backward pass, of which that `changed` some.
    An array that stands at two paths is taken once.
    """
    spelled = _by_spelling(after)
    found: dict[Path, Path] = {}
    seen: set[int] = set()
    for path, value in held.items():
        if not (is_number(value) or (is_parameter(value) and id(value) not in seen)):
            continue
        match, second = _first(spelled, _spellings(_plain(path)), path), (*path[:-1], 1)
        pair = path[-1] == 0 and len(path) > 2 and second in changed and np.shape(after[second]) == value.shape
        if match is None and pair:
            match = second  # a list of (parameter, gradient)
        if match is not None:
            found[path] = match
            seen.add(id(value))
    return {path: gradient for path, gradient in found.items() if path not in found.values()}


def key_of(gradients: Mapping[Any, Any], name: str) -> Any:
    """Return the key of the gradient of what has this name: that itself, or `dw`, `w_grad` and the like; or None."""
    path = (name,)
    found = _first(_by_spelling((key,) for key in gradients), (_plain(path), *_spellings(_plain(path))), path)
    return None if found is None else found[0]


def _by_spelling(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    spelled: dict[Path, list[Path]] = {}
    for path in paths:
        spelled.setdefault(_plain(path), []).append(path)
    return spelled


def _first(spelled: Mapping[Path, list[Path]], wanted: Iterable[Path], path: Path) -> Path | None:
    """Return the first path that is spelled in a wanted way; of `dW` and `dw` the one that has the case of `path`."""
    name = str(path[-1]).replace("_", "")
    for spelling in wanted:
        if matches := spelled.get(spelling):
            return next((m for m in matches if name in str(m[-1]).replace("_", "")), matches[0])
    return None


def _spellings(path: Path) -> Iterator[Path]:
    *front, last = path
    names = [last]
    if isinstance(last, str):
        names += [form.format(last) for form in BESIDE]
        yield from ((*front, name) for name in names[1:])
        if last in VALUES:
            yield from ((*front, name) for name in VALUE_GRADIENTS)
    for i, key in enumerate(front):
        if key in PARAMETERS:
            yield from ((*front[:i], other, *front[i + 1 :], name) for other in GRADIENTS for name in names)


def _plain(path: Path) -> Path:
    return tuple(key.replace("_", "").lower() if isinstance(key, str) else key for key in path)
