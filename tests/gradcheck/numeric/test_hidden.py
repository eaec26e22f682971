"""A noise of wide tables is told from a fine shape: roundings jump."""

from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric.constants import WIDE_SPACING
from gradcheck.numeric.hidden import has_jumps, staying
from gradcheck.numeric.noise import measured
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line, Table
from gradcheck.subjects.problem import Problem

X = np.array([0.7312, -1.2345, 0.4142, 0.9181])
FINE = 2.0**-36
G = np.array([[1.0, -0.75, 1.25, 0.5], [0.5, 1.5, -1.0, 1.0]])


def narrow(x):
    return np.asarray(x).astype(np.float32).astype(np.float64)


def rough(x):
    """x and a cosine in float32."""
    return x + narrow(np.cos(x))


def line(forward, g=None):
    problem = Problem(pair(forward, lambda x, dy: dy), (X,), {})
    return Line(problem, [X], Probe(0, seed=3).direction([X]), g, 4)


def told(forward, which=(True, True, True, True), g=None):
    along = line(forward, g)
    return has_jumps(along, along.table(WIDE_SPACING), along.table(FINE), np.array(which))


@pytest.mark.parametrize("forward", [rough, lambda x: 3 * x + np.round(x * 2.0**24) / 2.0**24, lambda x: narrow(x) * x])
def test_roundings_beside_a_smooth_slope_are_jumps(forward):
    assert told(forward) and told(forward, (True, True), G)


@pytest.mark.parametrize(
    "forward",
    [
        np.sin,
        lambda x: x + 1e-7 * np.sin(1e7 * x),  # a wave
        lambda x: x + 1e-6 * np.abs(np.mod(1e5 * x, 2) - 1),  # kinks
        lambda x: x + np.abs(x - X),
        lambda x: x + (x > X + 2.0**-21),  # one jump
        lambda x: 1e-9 / (x - X - 2.0**-21),  # a pole
        lambda x: np.where(np.abs(x - X) > 1e-6, np.nan, x),
    ],
)
def test_waves_kinks_and_what_leaves_the_domain_are_none(forward):
    assert not told(forward)


def test_only_the_columns_that_are_asked_for_count():
    def forward(x):
        return np.append(x[:3], rough(x[3:]))

    assert told(forward, (False, False, False, True)) and not told(forward, (True, True, True, False))


def test_roundings_of_float64_itself_are_no_jumps():
    """Of a sum that cancels ten more bits are lost, which is below what is told as one."""
    assert not told(lambda x: (x + 2.0**3) - 2.0**3)
    assert told(lambda x: (x + 2.0**20) - 2.0**20)


def test_such_a_noise_is_that_of_the_wide_table_and_a_fine_shape_has_none():
    """The direction moves entries by the size of each, so that a rounding of float32 is 2^-24 of it."""
    for forward, hidden in ((rough, True), (lambda x: x + 1e-7 * np.sin(1e7 * x), False)):
        problem = Problem(pair(forward, lambda x, dy: dy), (X,), {})
        found = measured(problem, [X], Probe(0, seed=3), G)
        assert ((found > 2.0**-30).all() and (found < 2.0**-22).all()) if hidden else (found < 2.0**-48).all()


def halved(f, changes=((1.0, 4.0, 1.0),), slope=1.0, size=1.0, g=None):
    """Whether f has jumps, whose wide table has a column of `changes` between its points beside a slope; where asked.

    The intervals are 2^-20 long, the middle point is 0, and in each f does what it does in the one before that.
    """
    asked = []

    def at(t):
        asked.append(t)
        later = np.floor(t * 2.0**20) + 1
        return np.atleast_1d(slope * t + f(t - later * 2.0**-20) + later * f(0.0))

    columns = [np.append(0, np.cumsum(column)) for column in changes]
    points = np.arange(len(columns[0])) * 2.0**-20
    wide = Table(2.0**-20, np.stack([2.0**-24 * c + slope * points for c in columns], 1), np.full(len(changes), size))
    jumping = np.array([0.0, 1, 2, 9, 10, 11, 12])[:, None] * slope * FINE  # the median is a slope, the mean is not
    fine = Table(FINE, np.repeat(jumping, len(changes), axis=1), wide.size)
    return has_jumps(SimpleNamespace(at=at, g=g), wide, fine, np.ones(len(changes), bool)), asked


@pytest.mark.parametrize("largest", [0, 2, 4])
@pytest.mark.parametrize("slope", [0.0, 1.0, -2.0])
def test_the_interval_of_the_largest_change_is_halved_to_a_part_of_2_to_the_minus_46_of_the_scale(largest, slope):
    changes = np.where(np.arange(5) == largest, -2.0, 1.0)
    start = (largest - 3) * 2.0**-20  # of six points the fourth is the middle
    for place in (0.3, 0.7):
        jump = (place - 1) * 2.0**-20
        told, asked = halved(lambda t, jump=jump: 2.0**-24 * (t > jump), (changes,), slope)
        assert told and asked[:3] == [start, start + 2.0**-20, start + 2.0**-21]
        assert len(asked) == 2 * (2 + 26), "two intervals, of each the ends, and halves down to 2^-46"
        assert abs(asked[27] - start - 2.0**-20 - jump) <= 2.0**-45


@pytest.mark.parametrize(("jumping", "told"), [(range(7), True), ((1, 2, 3, 4), True), ((2, 3), False), ((3,), False)])
def test_where_the_median_interval_has_no_jump_f_changes_its_branch_and_back(jumping, told):
    """Between the branches f changes by another slope, and nearly as much."""

    def at(t):
        parts = [np.clip(t * 2.0**20 + 4 - k, 0, 1) for k in range(7)]
        return np.array([2.0**-24 * sum((p > 0.5) if k in jumping else 0.9 * p for k, p in enumerate(parts))])

    wide = Table(2.0**-20, np.array([at((i - 4) * 2.0**-20) for i in range(8)]), np.ones(1))
    fine = Table(FINE, np.zeros((8, 1)), np.ones(1))
    assert has_jumps(SimpleNamespace(at=at, g=None), wide, fine, np.ones(1, bool)) is told


def test_of_two_equal_halves_the_first_is_halved():
    _, asked = halved(lambda t: 0.0 * t)
    assert asked[2:5] == [-(2.0**-21), -(2.0**-20) + 2.0**-22, -(2.0**-20) + 2.0**-23]


def fading(changes, last):
    """A function that from its start to 2^-k farther changes by `changes[k]`, and by `last` for every larger k."""
    return lambda t: changes.get(round(-np.log2(t + 2.0**-20)), last) if t > -(2.0**-20) else 0.0


@pytest.mark.parametrize(
    ("at_37", "at_38", "last", "told"),
    [
        (2.0**-24, 2.0**-24, 2.0**-25, True),  # the half of it stays
        (2.0**-24, 0.75 * 2.0**-24, 0.49 * 2.0**-24, False),  # of the length 2^-37 on
        (2.0**-24, 2.0**-24, 2.0**-23, True),  # it may be twice as large
        (2.0**-24, 2.0**-24, 2.01 * 2.0**-24, False),
        (2.0**-24, 2.0**-25, 1.01 * 2.0**-25, True),
    ],
)
def test_a_change_that_stays_between_its_half_and_its_double_is_a_jump(at_37, at_38, last, told):
    changes = dict.fromkeys(range(38), at_37) | {38: at_38}
    assert halved(fading(changes, last), slope=0.0)[0] is told


@pytest.mark.parametrize(("roundings", "told"), [(32, False), (33, True)])
@pytest.mark.parametrize("size", [1.0, 4.0])
def test_a_jump_is_more_than_32_roundings_of_f(roundings, told, size):
    jump = roundings * 2.0**-53 * size
    assert halved(fading({}, jump), slope=0.0, size=size)[0] is told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (((1.0, 1.0, 8.0),), True),
        (((0.99, 0.99, 8.0),), False),
        (((0.0, 0.0, 8.0), (1.0, 1.0, 1.0)), True),
        (((0.0, 0.0, 8.0), (0.0, 8.0, 0.0)), False),
    ],
)
def test_in_half_of_its_intervals_a_column_changes_by_an_eighth_of_the_most(changes, told):
    found, asked = halved(lambda t: np.full(len(changes), 2.0**-24 * (t > 2.0**-22 - 2.0**-20)), changes)
    assert found is told and bool(asked) is told


def test_changes_are_taken_in_units_of_the_size_of_each_sum_of_outputs():
    """The largest change is in the second sum, but where that is a thousand times as large as the first."""
    g = np.array([[1.0, 0.0], [0.0, 1.0]])

    def jumps(*sizes):
        _, asked = halved(lambda t: np.zeros(2), ((1.0, 3.0, 1.0), (4.0, 1.0, 1.0)), size=np.array(sizes), g=g)
        return asked[0]

    assert jumps(1.0, 1.0) == -2 * 2.0**-20 and jumps(1.0, 1000.0) == -(2.0**-20)


@pytest.mark.parametrize(("least", "told", "halvings"), [(0.0, True, 46), (0.25, True, 46), (0.26, False, 1)])
def test_what_is_less_than_the_least_is_no_jump_and_is_followed_no_farther(least, told, halvings):
    asked = []
    at = SimpleNamespace(at=lambda t: asked.append(t) or np.array(0.25 * (t > 0.3)))
    jump = staying(at, lambda a, b, t, h: float(abs(b - a)), 0.0, 1.0, least)
    assert len(asked) == 2 + halvings and (jump is not None) is told
    if jump is not None:
        assert jump.size == 0.25 and jump.before <= 0.3 < jump.after == jump.before + 2.0**-46


def test_what_does_not_change_has_no_jump():
    at = SimpleNamespace(at=lambda t: np.zeros(()))
    assert staying(at, lambda a, b, t, h: float(abs(b - a)), 0.0, 1.0) is None
