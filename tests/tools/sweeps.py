"""Differences of one function of one number, as a sweep gives them, and what is estimated from them."""

import dataclasses

import numpy as np

from gradcheck.numeric.extrapolate import estimate
from gradcheck.numeric.ladder import STEPS, Sweep

U = 2.0**-53


def swept(function, x=0.0, steps=STEPS, noise=U):
    """Differences of one function of one number, and a bound for the error of its values."""
    y = function(x)
    ahead, behind = (np.array([function(x + sign * h) for h in steps]) for sign in (1, -1))
    columns = [steps, (ahead - behind) / (2 * steps), (ahead - y) / steps, (y - behind) / steps]
    weight = np.full((len(steps), 1), max(abs(y), np.nanmax(np.abs(ahead)), 1e-300))
    return Sweep(*(c[:, None] for c in columns), weight, np.zeros_like(weight)), 4 * noise * weight


def one(function, **options):
    e = estimate(*swept(function, **options), options.get("noise", U))
    return {field.name: getattr(e, field.name)[0] for field in dataclasses.fields(e)} | {"resolved": e.resolved[0]}
