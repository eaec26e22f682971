"""One probe's numbers: the tasks that may run in other processes, in any order, to the same bits."""

import dataclasses
from collections import Counter
from functools import partial
from typing import Any

import numpy as np

from gradcheck.numeric import complexstep, noise
from gradcheck.numeric.constants import KEPT, LADDERS, OF_LADDERS, OTHER_SPACING
from gradcheck.numeric.ladder import Outputs, Sweep, sweep
from gradcheck.numeric.probe import Along, Probe
from gradcheck.subjects.problem import Problem


@dataclasses.dataclass(frozen=True)
class Place:
    """A point at which gradients are compared, with all that is the same for every probe there."""

    point: list[np.ndarray]
    y: np.ndarray  # (m,)
    g: np.ndarray  # (G, m)  the cotangents
    grain: np.ndarray | None = None  # (m,)  of outputs that are coarser than their own size: as noise.grain says
    slopes: dict[Probe, np.ndarray] = dataclasses.field(default_factory=dict)  # (m,)  as they were taken
    outputs: dict[Probe, Outputs] = dataclasses.field(default_factory=dict)  # of ladders, for longer ones


@dataclasses.dataclass(frozen=True)
class Task:
    """What to measure along one probe: a ladder of real differences, the complex step, their noise."""

    probe: Probe
    steps: np.ndarray | None = None
    exact: bool = False
    jitter: int | None = None  # a seed: also measure the complex step's noise
    noise: bool = False  # also measure the noise of f
    coarser: bool = False  # and look for that of formats coarser than float32
    slopes: np.ndarray | None = None  # (m,)  the complex step's, if it has been taken
    repeats: int = 1  # of the complex step, to measure its noise
    outputs: Outputs | None = None  # those of the ladder that have been computed


@dataclasses.dataclass
class Exact:
    """The complex step's derivative (G,), what one rounding of each product would make, and its measured noise."""

    value: np.ndarray
    size: np.ndarray
    noise: np.ndarray | None = None
    slopes: np.ndarray | None = None  # (m,)  of every output


@dataclasses.dataclass
class Reading:
    probe: Probe
    sweep: Sweep | None = None
    noise: np.ndarray | None = None  # (G,)  standard deviation of one value of <g, f>, in units of its rounding
    exact: Exact | None = None
    outputs: Outputs = dataclasses.field(default_factory=dict)  # of the ladder
    count: Counter = dataclasses.field(default_factory=Counter)


def read(problem: Problem, place: Place, task: Task) -> Reading:
    problem = problem.fresh()
    reading = Reading(task.probe)
    if task.steps is not None:
        outputs = dict(task.outputs or {})
        reading.sweep = sweep(problem, place.point, task.probe, place.g, task.steps, place.y, place.grain, outputs)
        if _is_climbed_again(place, task.probe):
            reading.outputs = outputs
    if task.noise:
        reading.noise = _noise(problem, place, task.probe, task.coarser)
    if task.exact:
        slopes = task.slopes
        if slopes is None:
            slopes = complexstep.slopes(problem, place.point, task.probe)
        value, size = complexstep.projected(slopes, place.g)
        reading.exact = Exact(value, size, slopes=slopes)
        if task.jitter is not None:
            rng = np.random.default_rng(task.jitter)
            found = complexstep.noise(problem, place.point, task.probe, place.g, rng, value, task.repeats)
            reading.exact.noise = found
    reading.count = problem.count
    return reading


def _is_kept(place: Place, probe: Probe) -> bool:
    """Whether slopes along a probe are kept, or have been; those along a direction that was given are not."""
    if probe.coordinate is not None:
        return place.y.size <= KEPT
    return type(probe) is Probe and probe in place.slopes


def _is_climbed_again(place: Place, probe: Probe) -> bool:
    """Whether the outputs along a ladder are kept: a longer one along the same probe has most of its steps."""
    return place.y.size <= OF_LADDERS and type(probe) is Probe


def _noise(problem: Problem, place: Place, probe: Probe, coarser: bool) -> np.ndarray:
    """Return the noise of f along a probe; of one entry, whose roundings may be all alike in a table, from two."""
    if probe.coordinate is None:
        return noise.measured(problem, place.point, probe, place.g, coarser=coarser)
    direction = probe.direction(place.point)
    vectors = tuple(direction.get(i) for i in range(len(place.point)))
    tables = [Along(probe.leaf, vectors=vectors, unit=unit) for unit in (1.0, OTHER_SPACING)]
    return np.max([noise.measured(problem, place.point, table, place.g, coarser=coarser) for table in tables], axis=0)


def read_all(mapper: Any, problem: Problem, place: Place, tasks: list[Task]) -> list[Reading]:
    """Read every task through a map-like callable and add up what it cost.

    What was computed at a place is not computed there again: complex steps, and steps of a ladder.
    """
    if not tasks:
        return []
    kept = [task.exact and _is_kept(place, task.probe) for task in tasks]
    tasks = [
        dataclasses.replace(task, slopes=place.slopes.get(task.probe)) if is_kept else task
        for task, is_kept in zip(tasks, kept, strict=True)
    ]
    tasks = [
        dataclasses.replace(task, outputs=place.outputs[task.probe])
        if task.steps is not None and _is_climbed_again(place, task.probe) and task.probe in place.outputs
        else task
        for task in tasks
    ]
    readings = list(mapper(partial(read, problem, dataclasses.replace(place, slopes={}, outputs={})), tasks))
    for task, is_kept, reading in zip(tasks, kept, readings, strict=True):
        problem.count.update(reading.count)
        if reading.outputs and (task.probe in place.outputs or len(place.outputs) < LADDERS):
            place.outputs[task.probe] = reading.outputs
        if is_kept and reading.exact is not None and reading.exact.slopes is not None:
            place.slopes[task.probe] = reading.exact.slopes
    return readings
