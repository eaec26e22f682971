"""A promise of a pullback, tried alone: the first call of a subject, and what one promise finds of it."""

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.cotangents import first_pullback
from gradcheck.contract.forward import first_forward, measure_noise
from gradcheck.contract.likeness import measure_rounding
from gradcheck.numeric.points import cotangents
from gradcheck.precision.formats import unit_roundoff
from gradcheck.subjects.declared import NOTHING
from gradcheck.subjects.problem import Problem


def called(subject, *inputs, declared=NOTHING, large=False, seed=2, **constants):
    """Return the first forward pass and call of the pullback of a subject, as every promise gets them."""
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        run = first_forward(Problem(subject, inputs, constants, declared))
        problem, out, pullback, returned, g, _ = first_pullback(run, cotangents(rng, run.y.size))
        u = max(2 * unit_roundoff([run.y]), *(float(np.finfo(x.dtype).eps) for x in run.point))
        noise = measure_noise(run, u, large, rng)
        first = [np.array(d, np.float64) for d in returned]
        wide = max(u, 2 * unit_roundoff(first))
    return Call(problem, run.point, run.y, g, out, pullback, returned, first, wide, noise, large)


def found(promise, subject, *inputs, severity="fail", seed=2, **options):
    """Return what a promise finds of one severity: its messages by kind and array."""
    call, rng = called(subject, *inputs, seed=seed, **options), np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        findings = list(promise(call, measure_rounding(call, rng), rng))
    return {(f.kind, f.array): f.message for f in findings if f.severity == severity}
