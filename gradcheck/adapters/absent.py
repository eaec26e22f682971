"""A backward that returns None for an input: nothing depends on it, as PyTorch takes it, and its gradient is zero."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.numeric.points import generic
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat


def absent(cotangents: Sequence[Any], inputs: tuple) -> list[int]:
    """Return which inputs have None in the place of their cotangent."""
    pairs = zip(cotangents, inputs, strict=True)
    return [i for i, (d, x) in enumerate(pairs) if d is None and any(True for _ in trees.leaves(x, kinds="fc"))]


def with_zeros(cotangents: tuple, inputs: tuple, where: list[int]) -> tuple:
    """Return the cotangents with zeros for some inputs."""
    pairs = enumerate(zip(cotangents, inputs, strict=True))
    return tuple(_changed(x, np.zeros_like) if i in where else d for i, (d, x) in pairs)


def said_of(run: Callable[[tuple], Any], inputs: tuple, i: int, name: str) -> Finding:
    """Return what is said of an input without a gradient: a failure where the output is another when it is moved."""
    rng = np.random.default_rng(0)
    moved = _changed(inputs[i], lambda x: _moved(x, rng))
    try:
        with np.errstate(all="ignore"):
            here, there = (flat(run(xs)).copy() for xs in (inputs, (*inputs[:i], moved, *inputs[i + 1 :])))
        depends = not np.array_equal(here, there, equal_nan=True)
    except Exception:  # whatever the user's code raises at a point that is not its own: numbers will tell
        depends = False
    if depends:
        message = f"no gradient for {name}, on which the output depends: the backward returns none"
        return Finding("missing", message, "fail", name)
    message = f"the backward returns no gradient for {name}, taken as zero: right if nothing depends on it"
    return Finding("none", message, "note", name)


def _moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if not x.size:
        return x
    return (generic(x.real, rng) + (1j * generic(x.imag, rng) if x.dtype.kind == "c" else 0)).astype(x.dtype)


def _changed(tree: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    return trees.rebuild(tree, iter([change(x) for _, x in trees.leaves(tree, kinds="fc")]), kinds="fc")
