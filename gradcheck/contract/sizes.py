"""A dy of very unequal sizes: what is small beside the rest of it counts as it does alone."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.likeness import Rounding, of_sums, smallest
from gradcheck.contract.parts import along_axes
from gradcheck.precision.terms import MARGIN
from gradcheck.subjects.outputs import output_names

SHOWN = (0.5, 0.7)  # of a format's bits: what is smaller than the rest by as many still shows in a sum
JITTERS = 2  # times what a rounding of dy makes of a cotangent whose terms cancel
FURTHER = 3  # powers of two, by which what is small is made smaller, to tell what is lost from roundings
TIMES = (1, 2, 3)  # once for what lies about the threshold of a loss to fall below it, twice to see what is lost shrink
LOST = 0.25  # of a difference: as near to proportional, twice, is what is lost; what roundings make is so by chance
MANY = 0.25  # of the entries that are off


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Pieces of dy, of each the power of two by which it is smaller; the words say where they lie."""

    pieces: list[np.ndarray]
    smaller: list[int]
    where: str

    def further(self, times: int) -> "Mixture":
        """Return the same with what is small smaller still."""
        return dataclasses.replace(self, smaller=[k + FURTHER * times * (k > 0) for k in self.smaller])


def lost_beside_larger(call: Call, rounding: Rounding) -> Iterator[tuple[str, str]]:
    """Yield arrays whose cotangent leaves out what is small in dy, and where the rest of dy is larger.

    Each entry is held against its own terms, and no closer than a few roundings of the largest entry, for larger terms
    may meet in any, though they cancel there.  Roundings stay what they are where the small part is made smaller; what
    is lost shrinks with it.
    """
    u = max([call.u, *rounding.narrow.values()])
    for mixture in _mixtures(call, [int(-part * np.log2(u)) for part in SHOWN]):
        near_by = _differences(call, mixture)
        beyond = []
        for leaf, (apart, size), first in call.pairs(near_by, call.first):
            larger = max(JITTERS * rounding.jitter[leaf], MARGIN * u * float(np.abs(first).max(initial=0)))
            beyond.append(np.abs(apart) > np.maximum(of_sums(u) * size + smallest(call, leaf), larger))
        if not any(far.any() for far in beyond):
            continue
        further = [_differences(call, mixture.further(times)) for times in TIMES]
        for leaf, far, (apart, _), (less, _), (least, _) in call.pairs(beyond, *further):
            shrinks = _shrinks(apart[far], less[far]) & _shrinks(less[far], least[far])
            if far.any() and shrinks.mean() >= MANY:
                yield leaf, mixture.where


def _mixtures(call: Call, smaller: list[int]) -> Iterator[Mixture]:
    """Yield for each axis its first entries with all others of dy smaller, and the last ones smallest."""
    small, least = smaller
    g, shapes = call.g[0], output_names(call.out)
    if not g.size:
        return
    for where, place in along_axes(shapes):
        first = place <= 1  # and the other outputs
        if call.large:  # one axis tells of what is small beside all of dy, and beside the rest of its row
            yield Mixture([np.where(first, g, 0), np.where(first, 0, g)], [0, least], where)
            return
        places = [k for k in (0, 1, 2, 3) if (place == k).any()]
        pieces = [np.where(place == k, g, 0) for k in places]
        yield Mixture(pieces, [(0, 0, small, least)[k] for k in places], where)


def _differences(call: Call, mixture: Mixture) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each array how far its cotangent is from that of the pieces, and the size of these."""
    parts, alone = [2.0**-k for k in mixture.smaller], _alone(call, mixture.pieces)
    got = call.pull(np.sum([part * piece for part, piece in zip(parts, mixture.pieces, strict=True)], axis=0))
    found = []
    for mixed, *given in zip(got, *alone, strict=True):
        terms = [part * np.asarray(d, np.float64) for part, d in zip(parts, given, strict=True)]
        found.append((np.asarray(mixed, np.float64) - np.sum(terms, axis=0), np.abs(terms).sum(axis=0)))
    return found


def _alone(call: Call, pieces: list[np.ndarray]) -> list[list]:
    """Return the cotangents of the pieces; of a large subject that of the second is what dy as a whole gives beside."""
    if not call.large:
        return [call.pull(piece) for piece in pieces]
    first = call.pull(pieces[0])
    return [first, [whole - d for whole, d in zip(call.first, first, strict=True)]]


def _shrinks(apart: np.ndarray, less: np.ndarray) -> np.ndarray:
    return np.abs(2.0**FURTHER * less - apart) <= LOST * np.abs(apart)
