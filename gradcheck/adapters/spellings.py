"""Which of the arrays that an object holds is the gradient of which: the spellings that people use."""

from collections.abc import Iterator, Mapping
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
    by_spelling = {_plain(path): path for path in gradients}
    found = {}
    for path in map(_plain, parameters):
        ends = [path[i:] for i in range(len(path))]  # `params.W1` may be W1 there, but the longer name comes first
        spelled = (by_spelling.get(s) for end in ends for s in (end, *_spellings(end)))
        found[path] = next((match for match in spelled if match is not None), None)
    matches = list(found.values())
    pairs = zip(parameters, matches, strict=True)
    return {path: match for path, match in pairs if match is not None and matches.count(match) == 1}


def gradients(held: Mapping[Path, Any], after: Mapping[Path, Any], changed: set[Path]) -> dict[Path, Path]:
    """Return for the path of each parameter that of its gradient.

    `held` is what a forward pass leaves alone (so `self.x`, kept for the backward pass, is none, even
    beside a `self.dx`), `after` what there is after the backward pass, of which that `changed` some.
    An array that stands at two paths is taken once.
    """
    by_spelling = {_plain(path): path for path in reversed(list(after))}
    found: dict[Path, Path] = {}
    seen: set[int] = set()
    for path, value in held.items():
        if not is_parameter(value) or id(value) in seen:
            continue
        matches = [by_spelling.get(spelling) for spelling in _spellings(_plain(path))]
        second = (*path[:-1], 1)
        if path[-1] == 0 and len(path) > 2 and second in changed and np.shape(after[second]) == value.shape:
            matches.append(second)  # a list of (parameter, gradient)
        match = next((m for m in matches if m is not None), None)
        if match is not None:
            found[path] = match
            seen.add(id(value))
    return {path: gradient for path, gradient in found.items() if path not in found.values()}


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
