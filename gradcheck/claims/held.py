"""Claims of a subject whose own arrays, those that nobody differentiates, are a few roundings away.

A constant matrix is known to a rounding of each entry, and a solver that is backward stable gives what another such
matrix gives (Higham 2002, "Accuracy and Stability of Numerical Algorithms", sec. 7.6 and 9.3).  A factorisation makes
the same error at every point: f is as smooth as if there were none, and no difference of f shows it.
"""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from gradcheck.claims.claim import attempted
from gradcheck.numeric.constants import UNIT
from gradcheck.subjects.holdings import holdings, is_array, put
from gradcheck.subjects.kept import MOST
from gradcheck.subjects.problem import Arrays, Problem


def with_held_rounded(problem: Problem, point: Arrays, g: np.ndarray, u: float, seed: int) -> list[np.ndarray] | None:
    """Return the gradients for every cotangent where each entry that is held is up to two units `u` away.

    The same seed gives the same multiples of `u`.  None: the subject holds no floating array that can be changed.
    """
    constants = dict(problem.constants)
    with _rounded((problem.subject, constants), u, np.random.default_rng(seed)) as count:
        return attempted(problem.changed(constants=constants), point, g) if count else None


@contextlib.contextmanager
def _rounded(subject: Any, u: float, rng: np.random.Generator) -> Iterator[int]:
    """Change the arrays that a subject holds, and put them back; what is yielded is how many were changed."""
    undo: list[Callable[[], None]] = []
    seen = set[int]()
    try:
        for holder, key, value in list(holdings(subject)):
            if is_array(value) and id(value) not in seen:
                seen.add(id(value))
                undo += _changed(holder, key, value, u, rng)
        yield len(undo)
    finally:
        for put_back in reversed(undo):  # of views of one array the first was changed first
            put_back()


def _changed(holder: Any, key: Any, value: Any, u: float, rng: np.random.Generator) -> list[Callable[[], None]]:
    """Change one array, and return what puts it back; nothing where it has no steps as small as `u`, or is fixed."""
    try:
        x = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except Exception:  # what lies on a device, or is traced
        return []
    if UNIT.get(x.dtype, np.inf) > u or not x.size or x.nbytes > MOST:
        return []
    factors = (1 + u * rng.choice([-2, -1, 1, 2], x.shape)).astype(x.dtype)
    if x.flags.writeable:
        before = x.copy()
        x *= factors
        return [partial(np.copyto, x, before)]
    if holder is None or hasattr(value, "detach"):
        return []
    put(holder, key, x * factors)  # NumPy's in the place of JAX's, whose products would be of JAX's present precision
    return [partial(put, holder, key, value)]
