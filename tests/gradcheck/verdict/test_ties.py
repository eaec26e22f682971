"""Where more than two pieces meet, the claims of all of them are right; what lies far outside is not."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.estimate import Estimate
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.ground import Known
from gradcheck.verdict.ties import _as_pieces_leave, _piece, _several, allowing_for_ties

ORDERED = np.array([0.5, -1.2, 0.5, 2.0, 0.5, 0.1, 0.5, -0.4])  # four are equal
MIDDLE = np.array([0.1, 0.5, 0.5, 0.5, 0.9, -0.3, 0.2, 2.0, 3.0])
LARGEST = np.array([1.0, 3.0, 3.0, 3.0, 2.0])


def sort_backward(x, dy):
    dx = np.empty_like(dy)
    dx[np.argsort(x, kind="stable")] = dy
    return dx


def median_backward(x, dy):
    return dy * (np.arange(x.size) == np.argsort(x, kind="stable")[x.size // 2])


def shared(x, dy):
    top = x == x.max()
    return dy * top / np.count_nonzero(top)


RIGHT = {
    "sort": (np.sort, sort_backward, ORDERED),
    "sort, the last first": (np.sort, lambda x, dy: sort_backward(x[::-1], dy)[::-1], ORDERED),
    "median": (lambda x: np.median(x), median_backward, MIDDLE),
    "maximum": (lambda x: x.max(), lambda x, dy: dy * (np.arange(x.size) == x.argmax()), LARGEST),
    "maximum, shared": (lambda x: x.max(), shared, LARGEST),
}


@pytest.mark.parametrize("name", RIGHT)
def test_at_a_tie_of_several_the_claim_of_each_piece_is_right(name):
    forward, backward, x = RIGHT[name]
    report = gradcheck.check(pair(forward, backward), x)
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("factor", [-1.0, 8.0])
@pytest.mark.parametrize("name", ["sort", "median"])
def test_at_a_tie_of_several_what_is_far_from_every_piece_is_wrong(name, factor):
    forward, backward, x = RIGHT[name]

    def wrong(x, dy):
        tied = (x == 0.5) if np.count_nonzero(x == 0.5) > 1 else np.zeros(x.shape)
        return backward(x, dy) * np.where(tied, factor * 8, 1)

    assert gradcheck.check(pair(forward, wrong), x).verdict == "fail"


def hidden(slope, at_zero):
    """A rectifier of x w: at a row of zeros every unit has a kink of its own."""

    def mask(z):
        return np.where(z == 0, at_zero, np.where(z > 0, 1, slope))

    def forward(x, w):
        z = x @ w
        return np.where(np.real(z) > 0, z, slope * z)

    return pair(forward, lambda x, w, dy: ((dy * mask(x @ w)) @ w.T, x.T @ (dy * mask(x @ w))))


@pytest.mark.parametrize(("slope", "at_zero"), [(0.0, 0.0), (0.0, 1.0), (0.2, 0.2), (0.2, 1.0), (0.0, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_behind_a_row_of_zeros_every_subgradient_of_every_unit_is_right(seed, slope, at_zero):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 4))
    x[[0, 3]] = 0
    report = gradcheck.check(hidden(slope, at_zero), x, rng.normal(size=(4, 6)))
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("at_zero", [-9.0, 9.0])
def test_behind_a_row_of_zeros_what_no_unit_allows_is_wrong(rng, at_zero):
    x = rng.normal(size=(5, 4))
    x[[0, 3]] = 0
    assert gradcheck.check(hidden(0.0, at_zero), x, rng.normal(size=(4, 6))).verdict == "fail"


@pytest.mark.parametrize("at_zero", [-0.01, 1.01])
def test_where_two_pieces_meet_alone_they_decide(at_zero):
    f = pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * np.where(x == 0, at_zero, x > 0))
    assert gradcheck.check(f, np.array([0.0, 0.0, 0.0, 1.5, -2.0])).verdict == "fail"


@pytest.mark.parametrize(("at_zero", "verdict"), [(0.0, "pass"), (1.0, "pass"), (1.5, "fail"), (-2.5, "fail")])
@pytest.mark.parametrize("size", [1, 3])
def test_an_array_of_zeros_has_pieces_like_any_other(size, at_zero, verdict):
    """With its ties broken it is a millionth of the size: that is no measure of its steps."""
    f = pair(np.abs, lambda x, dy: dy * np.where(x == 0, at_zero, np.sign(x)))
    assert gradcheck.check(f, np.zeros(size)).verdict == verdict


# One comparison at a time


ENTRY = Probe(0, coordinate=1)


@pytest.fixture
def at(ground):
    return lambda forward, backward, x, **more: ground(forward, backward, x, measures_noise=False, **more)


def excused(at, c, seed=1):
    (found,) = allowing_for_ties(at, Known(), [c], np.random.default_rng(seed))
    return found


@pytest.fixture
def three(at):
    """The middle of three that are equal: its pieces have slope 0 and 1, both sides have slope 0."""
    return at(np.median, median_backward, np.array([0.2, 1.0, 1.0, 1.0, 1.8]))


def test_only_a_contradicted_entry_at_a_tie_a_zero_or_a_kink_is_looked_at(three, at, comparison):
    g = three.place.g
    wrong = comparison(g[:, 0], 0.0, probe=ENTRY)
    assert excused(three, wrong) is not wrong
    for c in (
        comparison(g[:, 0], g[:, 0], probe=ENTRY),
        comparison(g[:, 0], probe=ENTRY),
        comparison(g[:, 0], 0.0, probe=Probe(0, seed=1)),
        comparison(g[:, 0], 0.0, probe=Probe(None, seed=1)),
        comparison(g[:, 0], 0.0, probe=Probe(0, coordinate=4)),
    ):
        assert excused(three, c) is c
    kink = comparison(g[:, 0], 0.0, ends=(0.0, 0.0), probe=Probe(0, coordinate=0))
    assert excused(three, kink) is kink, "no piece has that slope"


def test_the_claim_of_a_piece_is_right_and_becomes_the_value(three, comparison):
    g = three.place.g[:, 0]
    found = excused(three, comparison(g, 0.0, probe=ENTRY))
    assert not found.outside().any() and found.real.kink.all() and np.array_equal(found.real.value, g)
    low, high = np.minimum(g, 0), np.maximum(g, 0)
    np.testing.assert_allclose((found.real.low, found.real.high), (low, high), rtol=1e-6, atol=1e-6)


def test_pieces_are_asked_for_until_the_claim_lies_between_them_and_all_of_them_if_it_does_not(three, comparison):
    costs = []
    for claimed in (1.0, 1.01):
        before = three.problem.count.total()
        excused(three, comparison(claimed * three.place.g[:, 0], 0.0, probe=ENTRY))
        costs.append(three.problem.count.total() - before)
    assert costs[1] == 40 * (costs[1] // 40) >= 8 * costs[0]


@pytest.mark.parametrize("size", [2.0**20, 2.0**-20])
def test_ties_are_broken_by_a_part_of_their_own_size(at, comparison, size):
    place = at(np.median, median_backward, size * np.array([0.2, 1.0, 1.0, 1.0, 1.8]))
    unit = ENTRY.direction(place.place.point)[0][1]
    g = unit * place.place.g[:, 0]
    found = excused(place, comparison(g, 0.0, probe=ENTRY, unit=unit, bar=1e-10 * unit, claimed_bar=1e-16 * unit))
    assert not found.outside().any() and np.array_equal(found.real.value, g)
    np.testing.assert_allclose(found.real.low / unit, np.minimum(g / unit, 0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("share", "right"), [(0.5, True), (-0.01, False), (1.01, False)])
def test_of_two_pieces_what_lies_between_them_is_right(three, comparison, share, right):
    g = three.place.g[:, 0]
    assert (not excused(three, comparison(share * g, 0.0, probe=ENTRY)).outside().any()) == right


@pytest.mark.parametrize(("claimed", "right"), [(0, True), (-20.9, True), (20.9, True), (-21.1, False), (21.1, False)])
def test_of_several_what_is_no_farther_from_them_than_they_are_from_each_other_is_right(at, comparison, claimed, right):
    """The pieces have slopes from -7 to 7: what is no more than 14 beyond these is right."""

    def forward(x):
        return np.array([np.abs(x[0]) + 2 * np.abs(x[0] - x[1]) + 4 * np.abs(x[0] - x[2])])

    here = at(forward, lambda x, dy: 0 * x * dy, np.zeros(3))
    g = here.place.g[:, 0]
    c = comparison(claimed * g, 100 * g, ends=(-7 * np.abs(g), 7 * np.abs(g)), bar=1e-6, probe=Probe(0, coordinate=0))
    c = c if c.outside().any() else comparison(claimed * g, -7 * g, bar=1e-6, probe=Probe(0, coordinate=0))
    assert (not excused(here, c).outside().any()) is right


def test_where_no_piece_can_be_measured_nothing_is_excused(at, comparison):
    here = at(lambda x: np.where(x == 0, x, np.nan), lambda x, dy: dy, np.zeros(2))
    c = comparison([1.0, 1.0], 0.0, probe=Probe(0, coordinate=0))
    assert excused(here, c) is c


def test_a_bar_is_the_widest_of_the_pieces_and_of_both_sides(three, comparison):
    g = three.place.g[:, 0]
    found = excused(three, comparison(g, 0.0, bar=1e-3, probe=ENTRY))
    assert (found.real.bar == 1e-3).all()
    assert (excused(three, comparison(g, 0.0, bar=1e-300, probe=ENTRY)).real.bar > 1e-14).all()


def test_pieces_that_both_sides_show_decide_alone(at, comparison):
    """|x| at 0: a claim beyond an end is not excused by pieces that are those ends."""
    here = at(np.abs, lambda x, dy: 2 * dy, np.zeros(2))
    g = here.place.g[:, 0]
    c = comparison(1.01 * g, g, ends=(-np.abs(g), np.abs(g)), probe=Probe(0, coordinate=0))
    assert excused(here, c) is c


def test_several_is_more_than_two_that_differ_by_more_than_their_bars():
    bar = np.full(1, 0.25)
    assert not _several(np.array([[0.0], [1.0], [0.0]]), bar)[0] and _several(np.array([[2.0], [0.0], [1.0]]), bar)[0]
    assert not _several(np.array([[0.0], [1.0], [1.5]]), bar)[0] and _several(np.array([[0.0], [1.0], [1.51]]), bar)[0]
    tiny = np.zeros(1)
    assert not _several(np.array([[0.0], [-1.0], [-0.99991]]), tiny)[0]
    assert _several(np.array([[0.0], [-1.0], [-0.9998]]), tiny)[0]
    assert _several(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 2.0]]), np.zeros(2)).tolist() == [False, True]


def test_a_piece_is_measured_by_eight_steps_of_which_the_largest_is_a_twentieth_of_what_breaks_a_tie(at, comparison):
    asked = []
    here = at(lambda x: asked.append(x) or 1.0 * x, lambda x, dy: 1.0 * dy, np.array([0.5, 1.0, 1.0]))
    asked.clear()
    _piece(here, Known(), comparison([1.0, 1.0], 0.0, probe=ENTRY), np.random.default_rng(1))
    moves = np.array(asked) - asked[0]
    assert np.abs(moves).max() == np.abs(moves[:, 1]).max() == pytest.approx(2.0**-20 / 20, rel=1e-2, abs=0)
    assert len({float(abs(move)) for move in moves[:, 1]} - {0.0}) == 8
    broken = np.abs(asked[0] - here.place.point[0])
    assert broken.min() > 0 and broken.max() <= 2.0**-20


@pytest.mark.parametrize("takes", [np.asarray, np.real])  # complex numbers, or none
def test_whoever_gives_all_of_it_to_each_of_two_that_are_equal_is_wrong(takes):
    x = np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 0.0]])

    def to_all(x, dy):
        return dy[:, None] * (x == x.max(-1, keepdims=True))

    def to_first(x, dy):
        return dy[:, None] * (np.arange(3) == x.argmax(-1)[:, None])

    def forward(x):
        return takes(x).max(-1)

    assert gradcheck.check(pair(forward, to_all), x).verdict == "fail"
    assert gradcheck.check(pair(forward, to_first), x).verdict == "pass"


def test_a_tie_is_broken_by_a_millionth_and_a_piece_differenced_over_eight_steps_of_an_eighth_of_that(
    ground, comparison, rng
):
    x, asked = np.ones(400), []
    place = ground(lambda x: asked.append(x) or np.sin(x), lambda x, dy: np.cos(x) * dy, x)
    asked.clear()
    _piece(place, Known(), comparison(1.0, 1.0, probe=ENTRY), rng)
    there, *stepped = asked
    assert 0.98 < np.abs(there - x).max() / 2.0**-20 <= 1
    steps = np.abs([(y - there)[ENTRY.coordinate] for y in stepped])
    np.testing.assert_allclose(steps, np.repeat(STEPS[:8], 2) * 2.0**-23, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("apart", "several"), [(0.99e-4, False), (1.01e-4, True)])
def test_pieces_within_a_ten_thousandth_of_the_largest_are_one(apart, several):
    assert _several(np.array([[0.0], [1.0 - apart], [1.0]]), np.zeros(1))[0] == several


@pytest.mark.parametrize(("beyond", "is_another"), [(0.99e-3, False), (1.01e-3, True)])
def test_a_piece_within_a_thousandth_of_what_the_nearer_side_shows_is_that_sides(comparison, beyond, is_another):
    c = comparison(0.5, 0.5, ends=(0.0, 1.0))
    found = _as_pieces_leave(c, [Estimate.smooth(np.full(1, 1 + beyond), np.zeros(1))], beyond=False)
    assert (found is not c) is is_another
    assert _as_pieces_leave(c, [], beyond=True) is c
    nothing = comparison(0.5)
    assert _as_pieces_leave(nothing, [Estimate.smooth(np.ones(1), np.zeros(1))], beyond=False) is nothing
