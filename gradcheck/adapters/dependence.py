"""Whether an output depends on an array that an object holds: the array is moved, and the output looked at."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from gradcheck.adapters import spellings
from gradcheck.adapters.places import Path, get, title
from gradcheck.numeric.points import generic
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat
from gradcheck.subjects.randomness import Draws


def forgotten(
    run: Callable[[Any], Any], obj: Any, arrays: Mapping[Path, np.ndarray], found: Iterable[Path], output: str
) -> list[Finding]:
    """Return a failure for each array on which the output depends, but of which no gradient is returned.

    `found` are the paths of those of which one is.  `output` is the word for what `run(obj)` returns.
    """
    known = {id(get(obj, path)): path for path in found}
    others = [path for path, x in arrays.items() if not spellings.is_no_parameter(path, x)]
    once = {id(get(obj, path)): path for path in reversed(others)}  # an array that stands at two paths is one
    paths = [path for key, path in reversed(once.items()) if key not in known]
    depends = used(run, obj, paths, {path: get(obj, path) for path in (*paths, *known.values())})
    message = f"no gradient for {{}}, on which the {output} depends: it is not among those that are returned"
    return [Finding("missing", message.format(title(path)), "fail", title(path)) for path in depends]


def used(run: Callable[[Any], Any], obj: Any, paths: list[Path], arrays: Mapping[Path, np.ndarray]) -> list[Path]:
    """Return which of the `paths` stand for arrays that make another output of `run(obj)` when they are moved.

    They are moved from their own values, and from a point at which all `arrays` are generic, since
    weights of zero hide what they multiply.  A point at which `run` fails tells nothing.  Each time it
    draws the same numbers from the global generators.
    """
    if not paths:
        return []
    rng, draws = np.random.default_rng(0), Draws()
    elsewhere = {path: _moved(x, rng) for path, x in arrays.items()}
    found = set[Path]()
    for base in (dict(arrays), elsewhere):
        output = _output(run, obj, arrays, base, draws)
        for path in paths:
            if path not in found and output is not None:
                moved = _output(run, obj, arrays, {**base, path: _moved(base[path], rng)}, draws)
                if moved is not None and not np.array_equal(output, moved, equal_nan=True):
                    found.add(path)
    return [path for path in paths if path in found]


def _moved(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return generic(x, rng).astype(x.dtype) if x.size else x


def _output(
    run: Callable, obj: Any, arrays: Mapping[Path, np.ndarray], values: Mapping, draws: Draws
) -> np.ndarray | None:
    twin = copy.deepcopy(obj, {id(x): values[path].copy() for path, x in arrays.items()})
    try:
        with np.errstate(all="ignore"), draws.replayed():
            return flat(run(twin)).copy()
    except Exception:  # whatever the object raises at a point that is not its own
        return None
