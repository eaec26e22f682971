"""One subject at one point, run on balls: its pullback, and its slopes along directions."""

import dataclasses
import linecache
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flint import arb

from gradcheck.exact import functions  # noqa: F401  (the functions of NumPy that balls take)
from gradcheck.exact.balls import Balls
from gradcheck.exact.made import handed_over
from gradcheck.exact.operands import dual
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import balls, zeros
from gradcheck.exact.watch import OURS, Watch
from gradcheck.subjects import trees
from gradcheck.subjects.nodes import is_leaf
from gradcheck.subjects.outputs import flat, like, pieces
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.raised import in_one_line

Rows = list[np.ndarray]  # balls, one array for each of the subject's
Moved = Mapping[float, arb]
NOTHING: Moved = {}
SHOWN = 80  # characters of a line of the user's


@dataclasses.dataclass(frozen=True)
class Run:
    """`point` holds an array for each leaf, and `g` (m,) a cotangent of the output `out`, as floats."""

    problem: Problem
    point: Sequence[np.ndarray]
    out: Any
    g: np.ndarray
    watch: Watch = dataclasses.field(default_factory=Watch)  # what all runs together met

    def gradient(self, moved: Moved = NOTHING, bounded: bool = False) -> Rows:
        """Return what the pullback makes of g."""
        with Watch(moved=moved, bounded=bounded).on() as watch:
            with self.problem.draws.replayed():
                y, pullback = self.problem.subject.vjp(*self._around([Balls(balls(x)) for x in self.point]))
                pullback = self.problem.draws.continuing(pullback)
            self._parts(y)
            cotangents = [Balls(balls(piece)) for piece in pieces(self.out, like(self.out, self.g))]
            dy = trees.rebuild(as_tree(self.out), iter(cotangents))  # type: ignore[arg-type]
            found = self.problem.per_leaf(*pullback(dy))
        self._note(watch)
        return [_numbers(d, x.shape, "a cotangent") for d, x in zip(found, self.point, strict=True)]

    def slope(self, directions: Sequence[np.ndarray | None], moved: Moved = NOTHING, bounded: bool = False) -> arb:
        """Return <g, J v> along directions, of which None moves nothing."""
        with Watch(dual=True, moved=moved, bounded=bounded).on() as watch:
            pairs = zip(self.point, directions, strict=True)
            leaves = [Balls(balls(x), zeros(x.shape) if d is None else balls(d)) for x, d in pairs]
            with self.problem.draws.replayed():
                parts = self._parts(self.problem.subject.forward(*self._around(leaves)))
        self._note(watch)
        duals = [dual(y) for y in parts]
        changes = [zeros(y.value.shape) if y.change is None else y.change for y in duals]
        rows = np.concatenate([np.zeros(0, object), *(change.ravel() for change in changes)])
        return inner(balls(self.g), rows)

    def _around(self, leaves: list[Balls]) -> tuple[Any, tuple, dict]:
        held = {i: handed_over(x) for i, x in self.problem.held.items()}
        arrays = [end for _, end in trees.ends(self.problem.constants) if is_leaf(end, kinds="fiub")]
        moved: Any = [x if isinstance(x, np.generic) or not x.ndim else handed_over(x) for x in arrays]
        return *self.problem.around(leaves, held), trees.rebuild(self.problem.constants, iter(moved), kinds="fiub")

    def _parts(self, y: Any) -> list[Any]:
        """Return the outputs, which are balls of the shapes that floats have."""
        parts, wanted = pieces(self.out, y), pieces(self.out, self.out)
        for part, x in zip(parts, wanted, strict=True):
            _numbers(part, np.shape(x), "an output")
        return parts

    def _note(self, watch: Watch) -> None:
        for name in ("ties", "straddled", "constants"):
            getattr(self.watch, name).update(getattr(watch, name))
        self.watch.decided.update(watch.decided if watch.dual and not self.watch.decided else {})


def start(problem: Problem, point: Sequence[np.ndarray], rng: np.random.Generator) -> Run:
    """Return a subject at a point, with a random cotangent."""
    out, _ = problem.vjp(point)
    return Run(problem, point, out, generic(rng, (flat(out).size,)))


def generic(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw numbers of both signs, none near zero: a wrong entry is orthogonal to them once in 2^52."""
    return rng.uniform(0.5, 1, shape) * rng.choice([-1.0, 1.0], shape)


def inner(a: np.ndarray, b: np.ndarray) -> arb:
    return sum((x * y for x, y in zip(a.flat, b.flat, strict=True)), arb(0))


def as_tree(out: Any) -> Any:
    return np.asarray(out) if isinstance(out, float) else out


def _numbers(x: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    if not isinstance(x, Balls | np.ndarray | np.generic | float | int):
        raise NotFollowed(f"{what} of type {type(x).__name__}")
    found = dual(x).value
    if found.shape != shape:
        raise NotFollowed(f"{what} of shape {found.shape} where floats have {shape}")
    return found


def why(error: Exception) -> str:
    """Return the call at which balls were left, and the user's function that made it."""
    refusal = error if isinstance(error, NotFollowed) else error.__cause__  # to NumPy it is an array that has no float
    told = str(refusal) if isinstance(refusal, NotFollowed) else in_one_line(error)
    frames = [(f.f_globals.get("__name__", ""), f.f_code, line) for f, line in traceback.walk_tb(error.__traceback__)]
    theirs = [(code, line) for module, code, line in frames if module.partition(".")[0] not in OURS]
    if not theirs:
        return told
    code, number = theirs[-1]
    text = linecache.getline(code.co_filename, number).strip()
    at = f"{code.co_name}: {text}" if text else code.co_name
    return f"{told}, in {at if len(at) <= SHOWN else at[:SHOWN] + '...'}"
