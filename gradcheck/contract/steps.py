"""An object goes on from one step of a training to the next: what it kept in the first is no part of the second."""

import contextlib
from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding
from gradcheck.contract.repeats import differences
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat, like

BETWEEN = 0.75  # of what stands at the other end: other numbers, which lie where the given ones do


def steps_alike(call: Call, rounding: Rounding, _rng: np.random.Generator) -> Iterator[Finding]:
    """Yield what is another in the second step of one object, at the given point, after a first one elsewhere.

    All other evaluations have an object in the state in which it was handed over.  Where the output is another, as of
    what hands a state on by purpose, nothing is held against it.
    """
    subject, later = call.problem.subject.lasting(), None
    if subject is not None:
        problem = call.problem.changed(subject=subject)
        with contextlib.suppress(Exception):  # the other point may lie outside the domain, or one step be all
            pairs = zip(problem.leaves, call.point, strict=True)
            first = [x if leaf.is_parameter else (BETWEEN * np.flip(x)).astype(x.dtype) for leaf, x in pairs]
            out, pullback = problem.vjp(first)
            problem.pull(pullback, like(out, call.g[1], problem.protect))
            out, pullback = problem.vjp(call.point)
            if np.array_equal(flat(out), call.y):
                later = problem.pull(pullback, like(out, call.g[0], problem.protect))
    if later is not None:
        for f in differences(call, rounding, call.first, later, "kept", "{}"):
            if f.severity == "fail":
                message = f"in its second step an object gives another cotangent of {f.array} than in its first"
                yield Finding("kept", message, array=f.array)
