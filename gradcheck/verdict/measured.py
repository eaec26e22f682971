"""Comparisons as they count: with what narrow formats, ties and saturated terms excuse taken into account."""

import dataclasses

import numpy as np

from gradcheck.numeric.probe import Probe
from gradcheck.precision.formats import need
from gradcheck.verdict.absorbed import allowing_for_what_is_absorbed
from gradcheck.verdict.below import allowing_for_what_steps_miss
from gradcheck.verdict.compare import Compared, compare
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.fine_shape import allowing_for_fine_shape
from gradcheck.verdict.follow import followed
from gradcheck.verdict.ground import Ground, Known, coarseness
from gradcheck.verdict.handed import allowing_for_what_was_handed_over
from gradcheck.verdict.held import allowing_for_what_is_held
from gradcheck.verdict.inside import allowing_for_roundings_inside
from gradcheck.verdict.iterations import allowing_for_iterations
from gradcheck.verdict.lost_terms import allowing_for_lost_terms
from gradcheck.verdict.nothing import contradicting_nothing
from gradcheck.verdict.saturation import allowing_for_saturation
from gradcheck.verdict.steps import allowing_for_steps
from gradcheck.verdict.ties import allowing_for_ties


def measured(ground: Ground, known: Known, probes: list[Probe], real: list[bool], rng: np.random.Generator) -> Compared:
    """Compare along every probe; see `compare`."""
    comparisons, known = compare(ground, known, probes, real, rng)
    parts = [need(coarseness(ground, known, c.probe.leaf)) for c in comparisons]
    comparisons = contradicting_nothing(ground, followed(ground, known, comparisons, parts, rng))
    if not ground.measures_noise:
        comparisons = allowing_for_ties(ground, known, comparisons, rng)
        if ground.problem.declared.kinks == "any":
            comparisons = [_with_any_slope(c) for c in comparisons]
    comparisons = allowing_for_fine_shape(ground, comparisons)
    comparisons = allowing_for_saturation(ground, comparisons)
    comparisons = allowing_for_roundings_inside(ground, known, comparisons, rng)
    comparisons = allowing_for_what_was_handed_over(ground, comparisons, rng)
    comparisons = allowing_for_what_is_held(ground, comparisons, rng)
    comparisons = allowing_for_what_steps_miss(ground, comparisons)
    comparisons, known = allowing_for_lost_terms(ground, known, comparisons)
    comparisons = allowing_for_what_is_absorbed(ground, comparisons)
    comparisons, known = allowing_for_iterations(ground, known, comparisons)
    return allowing_for_steps(ground, known, comparisons, rng)


def _with_any_slope(c: Comparison) -> Comparison:
    """Return a comparison of a single entry at a kink as one that no claim contradicts."""
    if c.probe.coordinate is None or c.real is None or not c.kink.any():
        return c
    low, high = np.where(c.kink, -np.inf, c.real.low), np.where(c.kink, np.inf, c.real.high)
    return dataclasses.replace(c, real=dataclasses.replace(c.real, low=low, high=high))
