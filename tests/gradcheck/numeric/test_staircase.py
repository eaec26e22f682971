"""Steps of a format of few bits are told from what is smooth, bends, waves, jumps once, or is quantised."""

import dataclasses

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.numeric import staircase
from gradcheck.numeric.hidden import Jump
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.tabulate import Line


class Function:
    def __init__(self, f):
        self.f = f

    def attempt(self, arrays, size):
        return self.f(arrays[0])


def line(f, x):
    return Line(Function(f), [x], {0: np.where(np.arange(x.size) % 2, 1.25, -0.75)}, np.ones((1, x.size)), x.size)


X = np.random.default_rng(3).normal(size=6)
COARSE = {
    "alone": half,
    "beside its input": lambda x: x + np.sin(half(x)),
    "of one entry": lambda x: np.where(np.arange(6) == 2, half(x), np.sin(x)),
}
OTHERS = {
    "smooth": np.sin,
    "in single precision": lambda x: np.sin(x.astype(np.float32)).astype(np.float64),
    "bent": lambda x: np.abs(x - X[1] - 0.01),
    "wavy": lambda x: np.sin(x) + 1e-3 * np.sin(1e12 * x),
    "jumping once": lambda x: np.sin(x) + 1e-3 * (x > X[1] + 0.01),
    "quantised": lambda x: np.round(8 * x) / 8,
    "not finite": lambda x: np.full(x.shape, np.nan),
}


@pytest.mark.parametrize("name", COARSE)
def test_steps_are_found_with_their_noise(name):
    found = staircase.steps(line(COARSE[name], X))
    assert found is not None and 2.0**-16 < found.noise[0] < 2.0**-8, "some roundings of 2^-11, at least of one entry"


def test_the_largest_of_them_is_told_and_finer_ones_where_they_are_asked_for():
    found = staircase.steps(line(COARSE["of one entry"], X))
    assert 2.0**-14 < found.jump[0] < 2.0**-10, "a quarter of what the entry moves has steps of several sizes"
    fine = line(lambda x: x + 1e-5 * half(x), X)
    assert staircase.steps(fine) is None and staircase.steps(fine, finest=0.0) is not None


@pytest.mark.parametrize("seed", [43, 45, 83, 91])
def test_where_half_of_all_intervals_have_a_step_those_without_one_stand_out_as_well(seed):
    """Steps of a mean are all alike, and a smooth line through them leaves as much where there is none."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=200)
    x += 0.0655 - x.mean()
    direction = Probe(0, seed=seed + 1000).direction([x])
    forward = Function(lambda x: x + brain(x.mean()))
    assert staircase.steps(Line(forward, [x], direction, rng.normal(size=(2, 200)), 200)) is not None


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_is_taken_for_them(name):
    assert staircase.steps(line(OTHERS[name], X)) is None


def test_outputs_that_do_not_move_in_steps_are_told():
    f = COARSE["of one entry"]
    outputs = Line(Function(f), [X], {0: np.ones(6)}, None, 6)
    assert staircase.smooth(outputs).tolist() == [True, True, False, True, True, True]


def test_where_the_widest_reach_leaves_the_domain_a_nearer_one_is_taken():
    """The sine ends beside the point."""
    near = line(lambda x: np.where(np.abs(x - X) < 0.1, np.sin(x), np.nan), X)
    assert staircase.smooth(near).tolist() == [True]
    assert not staircase.smooth(line(lambda x: np.where(np.abs(x - X) < 0.1, half(x), np.nan), X)).any()


@pytest.mark.parametrize(
    ("jumping", "asked"), [([True] * 6, 3), ([False] * 6, 4), ([False, True] * 3, 6), ([True, False, True] * 2, 4)]
)
def test_intervals_are_looked_at_until_it_is_known_whether_three_jump(monkeypatch, jumping, asked):
    found = iter([Jump(0.25, 0.5, 0.5) if jumps else None for jumps in jumping])
    monkeypatch.setattr(staircase, "jump_between", lambda *_: next(found))
    jumps = staircase._jumps(line(np.sin, X), 0, [(0.0, 1.0)] * 6, 0.0)
    assert len(list(found)) == 6 - asked and jumps == [Jump(0.25, 0.5, 0.5)] * sum(jumping[:asked])


def test_jumps_against_a_steep_slope_are_found():
    """Of which an interval changes more than by any jump."""
    along = Line(Function(lambda x: half(x) - 50 * x), [X], {0: np.ones(6)}, np.ones((1, 6)), 6)
    assert staircase.steps(along).noise > 2.0**-16


@pytest.mark.parametrize("bend", [0.0, 50.0, 500.0, -500.0])
def test_a_step_is_found_beside_what_bends_far_more(bend):
    """Between the two ends the slope is taken for a line."""
    along = line(lambda x: half(x[:1]) + bend * (x[:1] - X[0]) ** 2, X[:1])
    found = staircase.jump_between(along, 0, 0.03, 0.034, 0.0)
    assert found is not None and 2.0**-10 < found.size < 2.0**-8 and found.after - found.before <= 2.0**-46
    assert staircase.jump_between(line(lambda x: bend * x**2, X[:1]), 0, 0.03, 0.034, 1e-9) is None


@pytest.mark.parametrize(("g", "count"), [(None, 6), (np.ones((2, 6)), 2)])
def test_where_every_reach_leaves_the_domain_nothing_is_known_to_be_smooth(g, count):
    nowhere = Line(Function(OTHERS["not finite"]), [X], {0: np.ones(6)}, g, 6)
    assert staircase.smooth(nowhere).tolist() == [False] * count


def test_what_was_seen_of_steps_stays_what_it_is():
    with pytest.raises(dataclasses.FrozenInstanceError):
        staircase.Steps(np.ones(1), np.ones(1)).jump = np.zeros(1)


def test_the_three_intervals_that_change_most_to_either_side_are_likeliest_in_turn():
    changes = np.array([0.0, 5.0, -1.0, 3.0, -7.0, 4.0, -2.0, 1.0])
    assert staircase._likeliest(changes) == [1, 4, 5, 6, 3, 2]


def test_noise_up_to_an_eleventh_bit_may_be_of_either_format_and_more_is_of_bfloat16():
    assert staircase.roundoffs(2.0**-11) == (2.0**-11, 2.0**-8) and staircase.roundoffs(2.0**-10.9) == (2.0**-8,)


@pytest.mark.parametrize(
    ("jumps", "asked", "found"), [([[1.0], [2.0] * 3], 2, True), ([[], [2.0] * 3], 1, False), ([[1.0]] * 3, 3, False)]
)
def test_where_too_few_intervals_jump_over_a_wide_reach_a_nearer_one_is_taken_and_without_any_none(
    monkeypatch, jumps, asked, found
):
    given = iter([[Jump(size, 0.0, 0.0) for size in sizes] for sizes in jumps])
    monkeypatch.setattr(staircase, "_jumps", lambda *_: next(given))
    steps = staircase.steps(line(half, X))
    assert (steps is not None) is found and len(list(given)) == len(jumps) - asked


def test_the_cotangent_with_most_noise_for_its_size_is_asked_for_jumps(monkeypatch):
    columns, jumps = [], [Jump(size, 0.0, 0.0) for size in (1.0, 2.0, 4.0)]
    monkeypatch.setattr(staircase, "_jumps", lambda line, column, *_: columns.append(column) or jumps)
    g = np.array([[1e3, 0.0], [0.0, 1.0]])
    along = Line(Function(lambda x: np.append(x[:1] + 1e-3 * half(x[:1]), half(x[1:]))), [X[:2]], {0: np.ones(2)}, g, 2)
    met = staircase.steps(along)
    assert columns == [1] and met.jump[1] == 4.0 and met.jump[0] == 4 * met.noise[0] / met.noise[1]
    assert met.column == 1 and met.places == tuple(jumps)


def test_what_does_not_move_at_all_is_smooth_without_a_warning():
    still = Line(Function(lambda x: np.ones(6)), [X], {0: np.ones(6)}, None, 6)
    assert staircase.smooth(still).all() and staircase.steps(still) is None


def test_what_a_polynomial_leaves_has_the_deviation_of_as_many_numbers_as_are_free():
    t = np.linspace(-1, 1, 24)
    left, deviation = staircase.residual(t, np.random.default_rng(0).normal(size=(24, 1)), 6)
    np.testing.assert_allclose(deviation, np.sqrt(np.square(left).sum() / 17), rtol=1e-12, atol=0)
