"""Makes the evidence: claims and numeric derivatives of one array, as far as they are not too dear."""

import dataclasses
import functools

import numpy as np

from gradcheck.claims.claim import Claim
from gradcheck.diagnosis import retraced
from gradcheck.diagnosis.calls import Calls, claimed
from gradcheck.diagnosis.evidence import Evidence, half
from gradcheck.diagnosis.remembered import Remembered
from gradcheck.numeric.points import cotangents, generic
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.numeric.scales import entry_scales
from gradcheck.subjects.outputs import output_names
from gradcheck.subjects.problem import Arrays, Problem
from gradcheck.verdict.compare import glance
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.comparisons import Comparisons
from gradcheck.verdict.ground import Ground, Known

BESIDE = 2.0**-16  # of an entry's scale: out of a tie, and within what a condition is about
OUTPUTS = 512  # up to which each is a row of its own
NUMBERS = 4_000_000  # in a claimed Jacobian, at most
PRICE = {True: 4, False: 16}  # of one entry in forward passes: by the complex step, by real differences
MOST = 4096  # forward passes for one array, above which a sample of its entries must do
SAMPLE = {True: 48, False: 16}
OF_LARGE = {True: 16, False: 4}  # the same in a large check
BUDGET = {False: 8192, True: 800}  # forward passes for all arrays of a check; of a large one


class Gathering:
    """Makes the evidence for one check, each piece once."""

    def __init__(self, compared: Comparisons):
        self.compared, self.near, self.own = compared, compared.near.place, compared.own
        self.problem: Problem = compared.near.problem
        self.claims, self.experiments = dict[tuple[bool, int | None], Claim](), Remembered(self._fresh_claims)
        self.calls = Calls(self.problem, self.near, self.own, compared.near.claim.values)
        self.found: dict[tuple[int, bool, int | None], Evidence | None] = {}
        self.budget = BUDGET[self.problem.is_large]

    @property
    def is_sampled(self) -> bool:
        """Whether outputs or entries are too many to look at each."""
        entries = sum(x.size for x in self.near.point)
        return self.near.y.size > OUTPUTS or entries * PRICE[True] > MOST

    def evidence(self, leaf: int, own: bool = False, moved: int | None = None) -> Evidence | None:
        """Return what there is to see of one array at one place; None if it is too dear."""
        which = leaf, own, moved
        if which not in self.found:
            place = self.own if own else self.near if moved is None else self._moved(moved)
            self.found[which] = self._at(place, leaf, (own, moved))
        return self.found[which]

    def beside(self, leaf: int) -> Evidence | None:
        """Return the same a little beside the user's own point, where there are no zeros and no ties."""
        rng = np.random.default_rng(6)
        steps = [BESIDE * entry_scales(x.ravel()) * cotangents(rng, x.size, 1)[0] for x in self.own.point]
        point = [x + step.reshape(x.shape) for x, step in zip(self.own.point, steps, strict=True)]
        return self._at(Place(point, self.problem.attempt(point, self.own.y.size), self.own.g), leaf, None)

    def changed(self, leaf: int, changes: dict[int, np.ndarray], only: np.ndarray) -> Evidence | None:
        """Return the same for some entries, where arrays are replaced."""
        point = [changes.get(i, x) for i, x in enumerate(self.near.point)]
        return self._at(Place(point, self.problem.attempt(point, self.near.y.size), self.near.g), leaf, None, only)

    def _at(
        self, place: Place, leaf: int, which: tuple[bool, int | None] | None, only: np.ndarray | None = None
    ) -> Evidence | None:
        if not np.isfinite(place.y).all():
            return None
        unit = place.y.size <= OUTPUTS and place.y.size * sum(x.size for x in place.point) <= NUMBERS
        g = np.eye(place.y.size) if unit else place.g
        place = dataclasses.replace(place, g=g)
        claim = self.experiments.at(place) if which is None else self._claims(place, which)
        exact = self.compared.believed[leaf]
        ground = Ground(self.problem, place, claim, exact, self.compared.near.mapper, measures_noise=False)
        size = place.point[leaf].size
        all_of_it = size * PRICE[exact] <= min(MOST, self.budget)
        at = np.arange(size) if all_of_it else self._sample(leaf, size, exact)
        at = at if only is None else only
        self.budget -= at.size * PRICE[exact]
        if not size or (self.budget < 0 and which != (False, None)):  # each array is looked at once, whatever is left
            return None
        probes = [Probe(leaf, coordinate=int(i)) for i in at]
        known, rng = Known(self.compared.known.levels, self.compared.known.loosely), np.random.default_rng(0)
        found, _ = glance(ground, known, probes, [not exact] * len(probes), rng)
        numeric, slack = (np.array(rows).T for rows in zip(*(_column(c, exact) for c in found), strict=True))
        known = np.isfinite(numeric).all(axis=0) & np.isfinite(slack).all(axis=0)
        at, numeric, slack = at[known], numeric[:, known], slack[:, known]
        claims = [v.reshape(len(v), -1) for v in claim.values]
        rows_claimed = claims[leaf][:, at]
        sizes = np.maximum(np.abs(rows_claimed), np.abs(numeric))
        rows, columns = sizes.max(axis=1, initial=0), sizes.max(axis=0, initial=0)
        slack = 4 * slack + 1e-10 * sizes + 1e-13 * np.outer(np.sqrt(rows), np.sqrt(columns))
        parts = output_names(self.problem.output(place.point))

        def pull(point: Arrays, sums: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return self.problem.gradients(point, sums @ g)[leaf].reshape(len(sums), -1)[:, at]

        return Evidence(
            self.problem.leaves[leaf].name,
            place.point[leaf].shape,
            at,
            rows_claimed,
            numeric,
            slack,
            claims[leaf],
            unit,
            parts,
            leaf,
            place.point,
            [x.name for x in self.problem.leaves],
            place.y,
            {i: c for i, c in enumerate(claims) if i != leaf and c.size},
            pull,
            lambda: self.evidence(leaf, own=True),
            lambda k: self.evidence(leaf, moved=k),
            lambda: self.evidence(leaf, moved=-1 - leaf),
            lambda changes, only: self.changed(leaf, changes, only),
            self.evidence,
        )

    @functools.cached_property
    def steps(self) -> retraced.Told:
        """Return what one step of the forward pass that goes back wrongly explains."""
        return retraced.found(self.problem, self.near.point)

    def _sample(self, leaf: int, size: int, exact: bool) -> np.ndarray:
        """Return entries at random, but for a half of them at most, which are known to be wrong."""
        count = min(size, (OF_LARGE if self.problem.is_large else SAMPLE)[exact])
        entries = [c for c in self.compared.of[leaf] if c.probe.coordinate is not None]
        wrong = [c.probe.coordinate for c in entries if (c.outside() | c.exact_outside()).any()]
        known = np.unique(np.array(wrong, int))
        known = known[np.linspace(0, known.size - 1, min(count // 2, known.size)).astype(int)]
        rest = np.random.default_rng(1).choice(size, count, replace=False)
        return np.union1d(known, np.setdiff1d(rest, known, assume_unique=True)[: count - known.size])

    def _moved(self, k: int) -> Place:
        """Move one array; for -1 - k half of the entries of array k."""
        place, rng = self.near, np.random.default_rng(abs(k))
        point = list(place.point)
        which = k if k >= 0 else -1 - k
        moved = generic(point[which], rng)
        if k < 0:
            moved = np.where(half(moved.size).reshape(moved.shape), moved, point[which])
        point[which] = moved
        return Place(point, self.problem.attempt(point, place.y.size), place.g)

    def _claims(self, place: Place, which: tuple[bool, int | None]) -> Claim:
        if which not in self.claims:
            self.claims[which] = self._fresh_claims(place)
        return self.claims[which]

    def _fresh_claims(self, place: Place) -> Claim:
        return Claim(claimed(self.problem, place, place.g), [], self.compared.near.claim.u)


def _column(c: Comparison, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the numeric derivative by one entry (R,) and its bar."""
    if exact and c.exact is not None and c.exact_bar is not None:
        return c.exact / c.unit, (c.exact_bar + c.claimed_bar) / c.unit
    assert c.real is not None
    return c.real.value / c.unit, c.real_tolerance / c.unit
