"""Where numbers decide: by midpoints, with the names of the calls, of ties and of balls that overlap."""

import numpy as np
import pytest
from flint import arb
from onballs import expect_slope, floats, run

from gradcheck.exact.branches import ASKED, CHOSEN, ROUNDED
from gradcheck.exact.values import Dual, as_objects

A, B = np.array([0.25, -1.5, 2.5]), np.array([0.75, -2.25, -0.5])
D, E = np.array([1.0, 2.0, -1.0]), np.array([0.5, -0.25, 3.0])
WIDE = as_objects(np.array([arb(0, 1e-30)], dtype=object))


@pytest.mark.parametrize("name", ASKED)
def test_comparisons_are_those_of_numpy(name):
    ask = getattr(np, name)
    x, y = np.array([1.0, 2.0, 2.0]), np.array([2.0, 1.0, 2.0])
    found, watch = run(ask, (x, D), (y, D))
    assert found.value.dtype == bool and (found.value == ask(x, y)).all()
    assert watch.decided == {name: 3} and not watch.ties and not watch.straddled


@pytest.mark.parametrize("name", [*CHOSEN, "absolute", "sign", "heaviside", "copysign"])
def test_choices_have_the_values_and_the_slopes_of_numpy(name):
    choose = getattr(np, name)
    pairs = ((A, D),) if choose.nin == 1 else ((A, D), (B, E))
    found, watch = run(choose, *pairs)
    np.testing.assert_array_equal(floats(found.value), choose(*(x for x, _ in pairs)))
    expect_slope(choose, *pairs)
    assert sum(watch.decided.values()) >= 3


@pytest.mark.parametrize("name", [*ROUNDED, "floor_divide"])
def test_parts_are_whole_and_do_not_change(name):
    part = getattr(np, name)
    values = np.array([-2.5, -0.5, 0.5, 1.5, 2.25])
    given = ((values, np.ones(5)),) if part.nin == 1 else ((values, np.ones(5)), (np.full(5, 0.75), np.zeros(5)))
    found, _ = run(part, *given)
    np.testing.assert_array_equal(floats(found.value), part(*(x for x, _ in given)))
    assert not floats(found.change).any()


def test_a_remainder_has_the_slope_of_its_numerator():
    found, _ = run(lambda x: x % 0.75, (A, D))
    np.testing.assert_array_equal(floats(found.value), A % 0.75)
    np.testing.assert_array_equal(floats(found.change), D)


@pytest.mark.parametrize("name", ["maximum", "greater", "equal"])
def test_equal_numbers_that_move_apart_are_a_tie_and_others_are_none(name):
    choose = getattr(np, name)
    _, watch = run(choose, (A, D), (A, D))
    assert not watch.ties
    _, watch = run(choose, (A, D), (A, E))
    assert watch.ties == {name: 3}


def test_rounding_at_its_jump_is_a_tie():
    _, watch = run(np.floor, (np.array([1.0, 1.5]), np.ones(2)))
    assert watch.ties == {"floor": 1}
    _, watch = run(np.rint, (np.array([1.0, 1.5]), np.ones(2)))
    assert watch.ties == {"rint": 1}
    _, watch = run(np.floor, (np.array([1.0, 1.5]), np.zeros(2)))
    assert not watch.ties


@pytest.mark.parametrize("name", ["maximum", "greater", "equal"])
def test_balls_that_overlap_straddle_the_branch(name):
    choose = {"maximum": CHOSEN, "greater": ASKED, "equal": ASKED}[name][name]
    _, watch = run(lambda: choose(Dual(WIDE), Dual(WIDE / 3)))
    assert watch.straddled == {name: 1}


def test_a_ball_that_holds_a_whole_number_straddles_its_floor():
    found, watch = run(lambda: ROUNDED["floor"](Dual(as_objects(WIDE + 2))))
    assert watch.straddled == {"floor": 1} and floats(found.value) == 2


def test_order_is_stable_and_sees_what_floats_do_not():
    def sorted_close(x):
        tiny = x * 1e-40
        return np.argsort(np.stack([1 + tiny[0], 1 + tiny[1], 1 + tiny[2]]))

    found, watch = run(sorted_close, (np.array([3.0, 1.0, 2.0]), np.ones(3)))
    assert found.value.tolist() == [1, 2, 0] and not watch.straddled
    found, watch = run(np.argsort, (np.array([1.0, 0.0, 1.0]), np.ones(3)))
    assert found.value.tolist() == [1, 0, 2] and not watch.ties
    _, watch = run(np.argsort, (np.array([1.0, 0.0, 1.0]), D))
    assert watch.ties == {"argsort": 1}


def test_infinities_are_in_order():
    x = np.array([-np.inf, 0.0, np.inf])
    found, watch = run(lambda x: x == -np.inf, (x, np.zeros(3)))
    assert found.value.tolist() == [True, False, False]
    found, _ = run(np.maximum, (x, np.zeros(3)), (np.zeros(3), np.zeros(3)))
    assert floats(found.value).tolist() == [0, 0, np.inf]
    assert not watch.straddled
