"""When steps are sought that small differences do not show: what else departs tells where."""

import dataclasses

import numpy as np

from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Ground, Known
from gradcheck.verdict.hiding import (
    departs_farther,
    forgotten,
    forgotten_afar,
    forgotten_all_along,
    forgotten_by_all,
    hides_steps,
)

MANY = 64  # entries, of which a mean moves by few steps where they move to both sides


def looked_for(ground: Ground, known: Known, c: Comparison, rng: np.random.Generator) -> tuple[Comparison, Known]:
    """Return a comparison that small differences confirm, or one over steps that they do not see.

    In a large array they are looked for where all entries grow as well, once.
    """
    leaf, at_entry = c.probe.leaf, c
    is_part = c.probe.start > 0 or c.probe.stop is not None or bool(c.probe.held)
    # where no complex numbers are tried, which would show the slope
    asked_afar = not (ground.exact or ground.problem.is_large or leaf in known.integrated) and ground.measures_noise
    if hides_steps(c):
        at_entry = forgotten(ground, c, rng)
        known = dataclasses.replace(known, smooth=at_entry is c)
        if at_entry.outside().any():
            return at_entry, known
    elif asked_afar and departs_farther(ground, c):
        found = forgotten_afar(ground, c, rng)
        if found is not c:
            return found, known
    if asked_afar and not is_part:
        known = dataclasses.replace(known, integrated=known.integrated | {leaf})
        found = forgotten_all_along(ground, c, rng)
        if found is not c:
            return found, known
    size = max(x.size for i, x in enumerate(ground.place.point) if c.probe.moves(i))
    if is_part or size < MANY or leaf in known.common or None in known.common:
        return at_entry, known
    found = forgotten_by_all(ground, c, rng)
    if found is not c:
        return found, known
    return at_entry, dataclasses.replace(known, common={**known.common, leaf: np.zeros(len(c.claimed))})
