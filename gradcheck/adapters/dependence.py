"""Whether an output depends on an array that an object holds: the array is moved, and the output looked at."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.adapters.places import Path
from gradcheck.numeric.points import generic
from gradcheck.subjects.outputs import flat


def used(run: Callable[[Any], Any], obj: Any, paths: list[Path], arrays: Mapping[Path, np.ndarray]) -> list[Path]:
    """Return which of the `paths` stand for arrays that make another output of `run(obj)` when they are moved.

    They are moved from their own values, and from a point at which all `arrays` are generic, since
    weights of zero hide what they multiply.  A point at which `run` fails tells nothing.
    """
    rng = np.random.default_rng(0)
    elsewhere = {path: _moved(x, rng) for path, x in arrays.items()}
    found = set[Path]()
    for base in (dict(arrays), elsewhere):
        output = _output(run, obj, arrays, base) if paths else None
        for path in paths:
            if path not in found and output is not None:
                moved = _output(run, obj, arrays, {**base, path: _moved(base[path], rng)})
                if moved is not None and not np.array_equal(output, moved, equal_nan=True):
                    found.add(path)
    return [path for path in paths if path in found]


def _moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return generic(x, rng).astype(x.dtype) if x.size else x


def _output(run: Callable, obj: Any, arrays: Mapping[Path, np.ndarray], values: Mapping) -> np.ndarray | None:
    twin = copy.deepcopy(obj, {id(x): values[path].copy() for path, x in arrays.items()})
    try:
        with np.errstate(all="ignore"):
            return flat(run(twin)).copy()
    except Exception:  # whatever the object raises at a point that is not its own
        return None
