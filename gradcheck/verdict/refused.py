"""What the pullback refuses beside the given point, where the forward pass does not: compared without it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradcheck.numeric import complexstep
from gradcheck.numeric.reading import Place
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.raised import in_one_line, is_of_subject
from gradcheck.verdict.comparisons import Comparisons, compare_all
from gradcheck.verdict.places import Places, unrounded, with_output


def compared(
    problem: Problem, places: Places, rounding: float, mapper: Callable, rng: np.random.Generator
) -> tuple[Places, Comparisons | None]:
    """Return all comparisons, where the pullback refuses other points those at the given one; None: it refuses that."""
    try:
        return places, compare_all(problem, places, rounding, mapper, rng)
    except Exception as error:  # whatever the user's code raises
        if not is_of_subject(error):
            raise
        given = _at_given(problem, places, error)
    try:
        return given, compare_all(problem, given, rounding, mapper, rng)
    except Exception as error:  # likewise
        if not is_of_subject(error):
            raise
        message = f"the pullback refuses the given point for another dy: {in_one_line(error)}"
        refused = Finding("refused", message, "inconclusive")
        return dataclasses.replace(places, findings=(*places.findings, refused)), None


def _at_given(problem: Problem, places: Places, error: Exception) -> Places:
    """Return places of which the generic one is the given one, with all its bits."""
    own = with_output(problem, unrounded(problem, places.own.point, places.moved), places.own.g)
    message = f"the pullback refuses a point 5 % away ({in_one_line(error)}): it was checked at the given point only"
    findings = (*places.findings, Finding("domain", message, "note"))
    why, slopes = complexstep.tried(problem, own.point, own.y, places.along)
    taken = {} if why is not None or not places.exact else {places.along: slopes}
    near = Place(own.point, own.y, own.g, slopes=taken)
    return dataclasses.replace(places, own=own, near=near, findings=findings)
