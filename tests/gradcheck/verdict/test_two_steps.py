"""Two wide steps of a function of few digits."""

import numpy as np
import pytest
from narrow import half

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.two_steps import at_two_steps

U = 2.0**-11
X = np.random.default_rng(5).normal(size=40)
FIVE = Probe(0, seed=1, start=3, stop=8)


def halved(f):
    return lambda x: half(f(x))


def test_a_right_claim_is_held_to_a_few_parts_in_a_hundred_and_costs_four_evaluations(ground):
    place = ground(halved(np.tanh), lambda x, dy: half(dy * (1 - np.tanh(x) ** 2)), X, u=U)
    before = place.problem.count["forward"]
    c = at_two_steps(place, FIVE)
    assert place.problem.count["forward"] == before + 4
    assert not c.outside().any() and (c.real_tolerance < 0.15 * np.linalg.norm(place.claim.values[0][:, 3:8])).all()


@pytest.mark.parametrize("factor", [0.7, 1.3, -1.0])
def test_a_wrong_one_is_contradicted(ground, factor):
    place = ground(halved(np.tanh), lambda x, dy: half(factor * dy * (1 - np.tanh(x) ** 2)), X, u=U)
    assert at_two_steps(place, FIVE).outside().all()


def test_the_bar_holds_what_is_true_for_nearly_all_blocks_and_functions(ground):
    kept = []
    for f, slope in ((np.tanh, lambda x: 1 - np.tanh(x) ** 2), (np.sin, np.cos), (np.square, lambda x: 2 * x)):
        place = ground(halved(f), lambda x, dy, slope=slope: dy * slope(x), X, u=U)
        for start in range(0, 40, 4):
            c = at_two_steps(place, Probe(0, seed=start, start=start, stop=start + 4))
            kept.append(np.abs(c.claimed - c.real.value) <= c.real.bar)
    assert np.mean(kept) == 1


def test_all_that_f_bends_is_in_the_bar(ground):
    place = ground(lambda x: half(np.exp(3 * x)), lambda x, dy: half(3 * dy * np.exp(3 * x)), X, u=U)
    wide, short = (at_two_steps(place, Probe(0, coordinate=3), stretch) for stretch in (1.0, 1 / 4))
    assert (short.real.bar < wide.real.bar).all() and not (wide.outside() | short.outside()).any()


def test_outputs_that_no_step_changes_add_no_noise_and_others_as_the_root_of_their_squares(ground):
    alone = ground(half, lambda x, dy: dy, X[:5], u=U)
    among = ground(half, lambda x, dy: dy, X, u=U)
    few, many = (at_two_steps(place, Probe(0, coordinate=4)).real.bar for place in (alone, among))
    assert many.max() < 2 * few.max()
    spread = ground(lambda x: half(np.repeat(x, 16)), lambda x, dy: dy.reshape(-1, 16).sum(1), X[:5], u=U)
    one, sixteen = (at_two_steps(place, Probe(0, coordinate=4)).real.bar for place in (alone, spread))
    assert sixteen.max() < 8 * one.max()


@pytest.mark.parametrize(("claim", "is_wrong"), [(1.0, False), (0.2, False), (-0.8, False), (1.4, True), (-1.4, True)])
def test_at_a_kink_nearer_than_the_steps_any_slope_between_is_right_where_f_may_bend(ground, claim, is_wrong):
    x = np.array([0.01, 1.0])
    place = ground(lambda x: half(np.abs(x)), lambda x, dy: dy * np.array([claim, 1.0]), x, u=U)
    c = at_two_steps(place, Probe(0, coordinate=0), may_bend=True)
    assert c.kink.all() and c.outside().any() == is_wrong


def test_what_does_not_bend_is_as_it_was(ground):
    place = ground(half, lambda x, dy: dy, X, u=U)
    one, other = (at_two_steps(place, FIVE, may_bend=may_bend) for may_bend in (False, True))
    assert not other.kink.any()
    np.testing.assert_array_equal([one.real.value, one.real.bar], [other.real.value, other.real.bar])


def test_a_step_out_of_the_domain_tells_nothing(ground):
    def refusing(x):
        if (x < 0.5).any():
            raise ValueError("outside")
        return half(x)

    c = at_two_steps(ground(refusing, lambda x, dy: dy, np.array([0.6, 2.0]), u=U), Probe(0, coordinate=0))
    assert not c.resolved and not c.outside().any()


@pytest.mark.parametrize("stretch", [1.0, 0.25])
def test_of_a_cube_value_and_bar_are_those_of_two_differences_by_hand(ground, stretch):
    """Of t^3 at 1 a central difference of step h is 3 + h^2, and the largest of the numbers (1 + h)^3."""
    place = ground(lambda x: x**3, lambda x, dy: 3 * x * x * dy, np.array([1.0]), u=U)
    c = at_two_steps(place, Probe(0, coordinate=0), stretch)
    h, k = (stretch * float(step) for step in STEPS[:2])
    size = np.abs(place.place.g[:, 0])
    noise, r = 3 * U * size * (1 + h) ** 3, (h / k) ** 2
    bar = size * (h * h - k * k) / (r - 1) + noise * (r / k + 1 / h) / (r - 1)
    np.testing.assert_allclose(c.real.value, 3 * place.place.g[:, 0], rtol=1e-12, atol=0)
    np.testing.assert_allclose(c.real.bar, bar, rtol=1e-12, atol=0)


def test_the_bar_at_a_kink_is_that_of_one_difference_to_a_side(ground):
    place = ground(np.abs, lambda x, dy: dy * np.sign(x), np.array([2.0**-20, 1.0]), u=2.0**-30)
    c, k = at_two_steps(place, Probe(0, coordinate=0), may_bend=True), float(STEPS[1])
    largest = float(STEPS[0]) * c.unit + 2.0**-20
    noise = 3 * 2.0**-30 * np.abs(place.place.g[:, 0]) * largest
    np.testing.assert_allclose(c.real.bar, 2 * noise / k, rtol=1e-12, atol=0)
    slopes = np.abs(place.place.g[:, 0]) * c.unit
    spread = c.real.high - c.real.low
    np.testing.assert_allclose(spread, 2 * slopes, rtol=1e-4, atol=0)  # the kink lies a 10^5th of the step away


def test_of_the_claim_three_roundings_of_sixteen_are_allowed_for_beside_those_that_were_measured(ground):
    place = ground(lambda x: x**3, lambda x, dy: 3 * x * x * dy, X, u=U)
    for probe, size in ((Probe(0, coordinate=3), None), (FIVE, "terms")):
        full, c = claimed(place, probe), at_two_steps(place, probe)
        counted = np.abs(full.claimed) if size is None else full.terms
        np.testing.assert_allclose(full.claimed_bar - c.claimed_bar, (16 - 3) * U * counted, rtol=1e-9, atol=0)


def test_what_overflows_over_a_step_tells_nothing(ground):
    place = ground(np.exp, lambda x, dy: 0 * dy, np.array([700.0, 709.0]), u=U)
    with np.errstate(all="ignore"):  # as in a check
        c = at_two_steps(place, Probe(0, coordinate=1), may_bend=True)
    assert not c.resolved and not c.outside().any()


def test_slopes_that_are_as_far_apart_as_the_noise_bend_nothing(ground):
    """Of what stands still neither differ, and there is no noise."""
    place = ground(lambda x: np.ones(2), lambda x, dy: 0 * x, np.ones(1), u=U)
    assert not at_two_steps(place, Probe(0, coordinate=0), may_bend=True).kink.any()
