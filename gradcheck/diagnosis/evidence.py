"""What a diagnosis looks at: the claimed and the numeric derivative of every output by every entry, if that is cheap.

Patterns that show only in the Jacobian (dy used in the wrong order, not summed, a pair of indices
forgotten) need one row for each output; where these are too many, the cotangents of the check are the rows.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradcheck.analytic import Analytic
from gradcheck.compare import Comparer
from gradcheck.comparison import Comparison
from gradcheck.measure import Place
from gradcheck.points import Probe
from gradcheck.problem import Arrays, Problem, output_names

if TYPE_CHECKING:
    from gradcheck.examination import Examination

OUTPUTS = 256  # up to which each is a row of its own
NUMBERS = 4_000_000  # in a claimed Jacobian, at most
PRICE = {True: 4, False: 16}  # of one entry in forward passes: by the complex step, by real differences
MOST = 4096  # forward passes for one array, above which a sample of its entries must do
SAMPLE = {True: 48, False: 16}
BUDGET = {False: 8192, True: 800}  # forward passes for all arrays of a check; of a large one


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """The likely bug: a name that stays, and one sentence with the evidence."""

    name: str
    sentence: str

    def __bool__(self) -> bool:
        return self.name != "unknown"


UNKNOWN = Diagnosis("unknown", "")


@dataclasses.dataclass
class Evidence:
    """One array at one place; rows are outputs (`unit`) or cotangents, columns the array's entries in `at`."""

    name: str
    shape: tuple[int, ...]
    at: np.ndarray  # (k,)  flat indices of the entries that are known
    claimed: np.ndarray  # (R, k)
    numeric: np.ndarray  # (R, k)
    slack: np.ndarray  # (R, k)  differences up to here are rounding
    all_claimed: np.ndarray  # (R, n)
    unit: bool
    outputs: tuple[int, ...]  # shape of the output; of several the number of their entries
    leaf: int
    point: list[np.ndarray]
    names: list[str]
    y: np.ndarray
    others: dict[int, np.ndarray]  # claimed (R, n) of the other arrays
    pull: Callable[[Arrays, np.ndarray], np.ndarray]  # the claim at another point, for some sums (S, R) of the rows
    elsewhere: Callable[[], "Evidence | None"]  # the same at the user's own point

    @property
    def x(self) -> np.ndarray:
        return self.point[self.leaf]

    @property
    def whole(self) -> bool:
        return self.at.size == self.x.size

    @property
    def error(self) -> np.ndarray:
        return self.claimed - self.numeric

    @property
    def bad(self) -> np.ndarray:
        return np.asarray(np.abs(self.error) > self.slack)

    @property
    def wrong(self) -> np.ndarray:
        """Return whether each entry (k,) is wrong in some row."""
        return np.asarray(self.bad.any(axis=0))

    def close(self, a: np.ndarray, b: np.ndarray) -> bool:
        """Whether two arrays (R, k) are equal but for rounding."""
        return bool((np.abs(a - b) <= 2 * self.slack + 1e-10 * np.abs(b)).all())

    def no(self, values: np.ndarray) -> np.ndarray:
        """Return where values (R, k) are zero but for rounding."""
        return np.asarray(np.abs(values) <= self.slack)

    def full(self, values: np.ndarray) -> np.ndarray:
        """Return rows in the array's own shape (R, *shape); only where all entries are known."""
        return values.reshape(len(values), *self.shape)


class Gathering:
    """Makes the evidence for one examination, each piece once."""

    def __init__(self, examination: "Examination"):
        self.of = examination
        self.problem: Problem = examination.problem
        self.claims: dict[bool, Analytic] = {}
        self.budget = BUDGET[examination.large]

    def evidence(self, leaf: int, own: bool = False) -> Evidence | None:
        """Return what there is to see of one array; None if that has grown too dear."""
        near = self.of.at_near
        place = self.of._fresh_own() if own else near.place
        unit = place.y.size <= OUTPUTS and place.y.size * sum(x.size for x in place.point) <= NUMBERS
        g = np.eye(place.y.size) if unit else place.g
        place = Place(place.point, place.y, g)
        analytic = self._claims(place, own)
        exact = bool(self.of.believed[leaf])
        comparer = Comparer(self.problem, place, analytic, self.of.mapper, exact, np.random.default_rng(0), near.level)
        size = place.point[leaf].size
        all_of_it = size * PRICE[exact] <= min(MOST, self.budget)
        at = np.arange(size) if all_of_it else _sample(size, min(size, SAMPLE[exact]))
        self.budget -= at.size * PRICE[exact]
        if not size or self.budget < 0:
            return None
        probes = [Probe(leaf, coordinate=int(i)) for i in at]
        found = comparer.compare(probes, [not exact] * len(probes), sharpen=False)
        numeric, slack = (np.array(rows).T for rows in zip(*(_column(c, exact) for c in found), strict=True))
        known = np.isfinite(numeric).all(axis=0) & np.isfinite(slack).all(axis=0)
        at, numeric, slack = at[known], numeric[:, known], slack[:, known]
        claims = [v.reshape(len(v), -1) for v in analytic.values]
        claimed = claims[leaf][:, at]
        sizes = np.maximum(np.abs(claimed), np.abs(numeric))
        rows, columns = sizes.max(axis=1, initial=0), sizes.max(axis=0, initial=0)
        slack = 4 * slack + 1e-10 * sizes + 1e-13 * np.sqrt(np.outer(rows, columns))
        shapes = [shape for _, shape in output_names(self.problem.output(place.point))]

        def pull(point: Arrays, sums: np.ndarray) -> np.ndarray:
            with np.errstate(all="ignore"):
                return self.problem.gradients(point, sums @ g)[leaf].reshape(len(sums), -1)[:, at]

        return Evidence(
            self.problem.leaves[leaf].name,
            place.point[leaf].shape,
            at,
            claimed,
            numeric,
            slack,
            claims[leaf],
            unit,
            shapes[0] if len(shapes) == 1 else (place.y.size,),
            leaf,
            place.point,
            [x.name for x in self.problem.leaves],
            place.y,
            {i: c for i, c in enumerate(claims) if i != leaf},
            pull,
            lambda: self.evidence(leaf, own=True),
        )

    def repeats(self, leaf: int) -> bool:
        """Whether the claim is the same, and not nothing, at two points."""
        places = self.of.own, self.of.at_near.place
        with np.errstate(all="ignore"):
            one, two = (self.problem.gradients(place.point, place.g[:1])[leaf] for place in places)
        return bool(one.any()) and np.array_equal(one, two)

    def _claims(self, place: Place, own: bool) -> Analytic:
        if own not in self.claims:
            with np.errstate(all="ignore"):
                values = self.problem.gradients(place.point, place.g)
            self.claims[own] = Analytic(values, [], self.of.u)
        return self.claims[own]


def _sample(size: int, count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(1).choice(size, count, replace=False))


def _column(c: Comparison, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the numeric derivative by one entry (R,) and its bar."""
    if exact and c.exact is not None and c.exact_bar is not None:
        return c.exact / c.unit, (c.exact_bar + c.claimed_bar) / c.unit
    assert c.real is not None
    return c.real.value / c.unit, c.real_tolerance / c.unit
