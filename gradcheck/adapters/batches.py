"""Batches: cotangents, or points, that are handled at once give what they give one after the other."""

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.convert import nearby
from gradcheck.numeric.constants import BRAIN, UNIT
from gradcheck.numeric.points import generic, jittered
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.randomness import Draws, States, look

MOST = 100_000  # entries, above which the trial costs more than it tells
COUNT = 2
SLACK = 2.0**-6  # of the largest entry: sums of bfloat16 inside, in another order, differ by a quarter of that
MARGIN = 64  # of what changes where the arrays change by roundings
FINER = 1 / 4  # of a format's roundoff: arrays are moved by up to four times that
REPEATS = 4  # of what changes where they change by up to a rounding of a format of few bits inside
BELOW = 2.0**-8  # of such roundings: a change by that much crosses few of their boundaries
MOSTLY = 0.5  # of an array's entries

Arrays = list[np.ndarray]
Results = tuple[Arrays, Arrays]  # outputs, and gradients
Batch = Callable[[Sequence[Arrays], Sequence[int]], Results]


@dataclasses.dataclass(frozen=True)
class Trial:
    """A subject as it is, and as a framework batches it; arrays are lists in the order of `trees.leaves`.

    `single` returns the results at a point, for the cotangents that a seed draws.  A batch returns them stacked, for
    several points, each with its seed; `cotangents` holds, by their names, the batches that take one point alone.
    """

    names: Sequence[str]
    single: Callable[[Arrays, int], Results]
    cotangents: Mapping[str, Batch]
    points: Mapping[str, Batch]


def batched(trial: Trial, arrays: Arrays, constants: dict) -> list[Finding]:
    """Return what a batch changes.

    Nothing is said where a framework refuses to batch, or where the subject draws random numbers.
    """
    if sum(x.size for x in arrays) > MOST or any(isinstance(end, trees.GENERATORS) for _, end in trees.ends(constants)):
        return []
    rng, seeds, findings = np.random.default_rng(0), range(COUNT), list[Finding]()
    at_others = [[generic(x, rng).astype(x.dtype) for x in arrays] for _ in seeds]
    cases = (("cotangents", trial.cotangents, [arrays] * COUNT), ("points", trial.points, at_others))
    start = look()
    for thing, batches, points in cases:
        single = _attempt(start, _one_by_one, trial, points, seeds)
        for way, batch in batches.items() if single else ():
            together = _attempt(start, batch, points, seeds)
            # What roundings change widens what is forgiven: it is asked for only where a batch is not forgiven already.
            if together is None or not _changed(trial.names, together, single, []):
                continue
            near = _attempt(start, _one_by_one, trial, [nearby(point) for point in points], seeds)
            changed = _changed(trial.names, together, single, [near]) if near else []
            if near and changed:
                stepped = _over_steps(trial, points, seeds, single, start)
                changed = _changed(trial.names, together, single, [near, *stepped])
            message = f"{COUNT} {thing} at once ({way}) give another {{}} than one after the other"
            findings += [Finding("batch", message.format(what)) for what in changed]
    return findings


def _attempt(start: States, run: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `run` returns; None where it raises, or draws what it would draw otherwise in another order."""
    draws = Draws(start)
    try:
        with draws.replayed(), warnings.catch_warnings(action="ignore"):  # of how slow a batch is
            found = run(*arguments)
    except Exception:  # whatever a framework, or the subject, raises where there is no batching
        return None
    return None if draws.drawn else found


def _one_by_one(trial: Trial, points: Sequence[Arrays], seeds: Sequence[int]) -> list[Results]:
    return [trial.single(point, seed) for point, seed in zip(points, seeds, strict=True)]


def _over_steps(
    trial: Trial, points: Sequence[Arrays], seeds: Sequence[int], single: list[Results], start: States
) -> list[list[Results]]:
    """Return results at points that are a rounding of a format of few bits away, if the subject has it inside.

    Some array of a subject that has stays as it is, in most of its entries, where the points move by far less than
    these, and not where they move by as much.  Then a unit of a layer may be on in a batch, and off without.
    """
    rng = np.random.default_rng(0)

    def moved(u: float) -> list[Results] | None:
        return _attempt(start, _one_by_one, trial, [_moved(point, rng, u) for point in points], seeds)

    for u in (BRAIN, UNIT[np.dtype(np.float16)]):
        still, far = moved(BELOW * u), [found for _ in range(REPEATS) if (found := moved(FINER * u)) is not None]
        if still is None or not far:
            continue
        if any(_in_steps(*rows) for rows in zip(*map(_arrays, (single, still, far[0])), strict=True)):
            return far
    return []


def _moved(point: Arrays, rng: np.random.Generator, u: float) -> Arrays:
    return [near.astype(x.dtype) for near, x in zip(jittered(point, rng, u), point, strict=True)]


def _arrays(results: list[Results]) -> Arrays:
    return [x for result in results for arrays in result for x in arrays]


def _in_steps(here: np.ndarray, still: np.ndarray, far: np.ndarray) -> bool:
    """Whether most entries are another far away, and of these most the same at a point that moved by less."""
    moving = far != here
    return bool(moving.any() and moving.mean() > MOSTLY and (still == here)[moving].mean() > MOSTLY)


def _changed(names: Sequence[str], together: Results, single: list[Results], near: list[list[Results]]) -> list[str]:
    """Return what a batch changes: the output, or where that is the same gradients."""
    outputs, gradients = (
        [
            _apart(a, [x[k][i] for x in single], [[x[k][i] for x in results] for results in near])
            for i, a in enumerate(together[k])
        ]
        for k in range(2)
    )
    if any(outputs):
        return ["output"]
    return [f"gradient of {name}" for name, is_apart in zip(names, gradients, strict=True) if is_apart]


def _apart(together: np.ndarray, single: Arrays, near: list[Arrays]) -> bool:
    """Whether a batch, stacked, differs from single ones by more than rounding.

    What is `near` is so by roundings of the arrays, and then by those of a format inside.
    """
    a, b = together, np.stack(single)
    if a.shape != b.shape:
        return True
    with np.errstate(invalid="ignore"):
        changes = [float(np.nanmax(np.abs(np.stack(c) - b), initial=0)) for c in near]
        slack = SLACK * np.nanmax(np.abs(b), initial=0)
        slack += MARGIN * max(changes[:1], default=0) + max(changes[1:], default=0)
        return bool((np.isfinite(b) & ~(np.abs(a - b) <= slack)).any())
