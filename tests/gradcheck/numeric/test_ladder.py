"""Difference quotients on a ladder of steps, and how far their values can be trusted."""

import dataclasses

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric import ladder
from gradcheck.numeric.constants import EXACT, SECOND_RATIO, TINY
from gradcheck.numeric.ladder import SECOND_STEPS, STEPS, few_bits, joined, moved, part, rounded, smallest_exact, sweep
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.scales import quantise
from gradcheck.subjects.problem import Problem

rng = np.random.default_rng(1)
X = quantise(rng.normal(size=4))
G = rng.normal(size=(2, 4))


def swept(function, probe, x=X, steps=STEPS):
    problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
    return sweep(problem, [x], probe, G, steps, problem.forward([x]))


def test_steps_have_few_bits_and_fall():
    assert np.array_equal(few_bits(STEPS), STEPS) and (np.diff(STEPS) < 0).all()
    assert (np.frexp(STEPS)[0] * 2**10 % 1 == 0).all()
    second, ratios = SECOND_STEPS, SECOND_STEPS[:-1] / SECOND_STEPS[1:]
    np.testing.assert_allclose(ratios, SECOND_RATIO, rtol=4e-3, atol=0)  # but for ten bits
    assert second[0] == pytest.approx(0.31, rel=2e-3, abs=0) and np.array_equal(few_bits(second), second)


def test_of_a_quadratic_central_differences_are_the_derivative_and_one_sided_ones_are_not():
    s = swept(lambda x: x * x, Probe(0, coordinate=2))
    unit = s.steps[:, 0] / STEPS
    slope = 2 * X[2] * G[:, 2] * Probe(0, coordinate=2).direction([X])[0][2]
    assert np.allclose(s.central[:8], slope, rtol=1e-12, atol=0)
    assert np.allclose(s.right + s.left, 2 * s.central, rtol=1e-12, atol=1e-15)
    assert (np.abs(s.right[:2] - slope) > 0.01 * np.abs(slope)).all() and np.allclose(unit, 1, rtol=1e-6, atol=0)


def test_a_single_step_is_what_the_sum_was_rounded_to():
    x = np.array([1e9, 1.0, 1.0, 1.0])
    s = swept(lambda x: x * 3, Probe(0, coordinate=0, own_scale=True), x, np.array([1.0, 2.0**-55 * 1.5]))
    assert s.steps[0, 0] == 1.0
    s = swept(lambda x: x * 3, Probe(0, coordinate=1), x, STEPS)
    assert np.allclose(s.central, s.central[0], rtol=1e-6, atol=0), "the slope of a line at every step"


def test_outputs_that_no_step_changes_have_no_rounding_that_shows():
    s = swept(lambda x: x * 1.0, Probe(0, coordinate=2))
    assert (s.weight[0] > 0).all()
    still = swept(lambda x: 0 * x + 5.0, Probe(0, coordinate=2))
    assert (still.weight == 0).all() and (still.central == 0).all()


def test_steps_along_which_a_point_would_be_rounded_are_left_out_of_a_direction():
    x = 2.0**21 + X
    dense = swept(lambda x: x * 1.0, Probe(0, seed=1), x)
    assert 5 <= len(dense.steps) < len(STEPS)
    assert len(swept(lambda x: x * 1.0, Probe(0, coordinate=1), x).steps) == len(STEPS)


def test_the_entry_that_is_largest_beside_its_step_decides_which_steps_are_left_out():
    point = [np.array([1.0, 8.0, 0.0]), np.array([3.0])]
    direction = {0: np.array([2.0, 0.5, 1.0]), 1: np.array([1.0])}
    assert smallest_exact(point, direction) == 2.0**-37 * 16
    assert smallest_exact(point, {0: np.array([2.0, 0.0, 1.0]), 1: np.array([1.0])}) == 2.0**-37 * 3
    assert smallest_exact(point, {0: np.array([0.0, 0.5, 1.0]), 1: np.array([1.0])}) == 2.0**-37 * 16
    assert smallest_exact(point, {0: np.zeros(3), 1: np.array([0.0])}) == 0
    assert smallest_exact(point, {0: np.array([0.0, 1.0, 0.0])}) == 0, "the step of a single entry is read off"


def test_where_every_step_is_lost_none_is_taken():
    s = swept(lambda x: x * 1.0, Probe(0, coordinate=0, own_scale=True), np.array([5e-324, 1.0, 1.0, 1.0]))
    assert s.steps.shape == s.central.shape == s.weight.shape == s.coarse.shape == (0, 2)


def test_a_direction_without_a_moving_entry_leaves_no_step_out():
    assert len(swept(lambda x: x * 1.0, Probe(0, seed=1, start=4)).steps) == len(STEPS)


@pytest.mark.parametrize("outside", ["raises", "nan", "changes shape"])
def test_a_step_out_of_the_domain_is_not_a_number(outside):
    def forward(x):
        if (x > X.max() + 0.1).any():
            if outside == "raises":
                raise ArithmeticError("out of the domain")
            return x[:2] if outside == "changes shape" else x * np.nan
        return x * 1.0

    s = swept(forward, Probe(0, coordinate=int(np.argmax(X))))
    assert np.isnan(s.right[0]).all() and np.isfinite(s.right[-1]).all()


def test_many_roundings_add_up_as_if_independent():
    assert rounded(np.ones((1, 4)), np.ones(4)) == 4
    assert rounded(np.ones((1, 10**4)), np.ones(10**4)) == 800


def test_sweeps_side_by_side_hold_every_column():
    a, b = swept(np.sin, Probe(0, coordinate=0)), swept(np.sin, Probe(0, coordinate=1))
    both = joined([a, b])
    assert both.central.shape == (len(STEPS), 4)
    assert np.array_equal(both.central[:, 2:], b.central)


def test_the_first_levels_are_taken_even_where_their_steps_are_rounded():
    s = swept(lambda x: x * 1.0, Probe(0, seed=1), 2.0**40 + 2.0**20 * X)
    assert len(s.steps) == EXACT + 1


def test_a_step_that_is_rounded_otherwise_to_each_side_is_as_long_as_both_in_the_mean():
    x = np.array([1.0, 0.5, 0.25, 2.0])
    s = swept(lambda x: x * 3, Probe(0, coordinate=0), x, np.array([3 * 2.0**-53]))  # 1 + h is 1 + 2^-51
    assert s.steps.tolist() == [[(4 + 3) * 2.0**-54] * 2]


def test_a_step_that_is_lost_to_one_side_ends_the_ladder():
    x, steps = np.array([1.0, 0.5, 0.25, 2.0]), np.array([0.25, 2.0**-40, 1.5 * 2.0**-54, 2.0**-55])
    s = swept(lambda x: x * 3, Probe(0, coordinate=0), x, steps)  # 1 + h is 1, and 1 - h is not
    assert len(s.steps) == 2 and np.isfinite(s.right).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_rounded_is_the_largest_of_the_values_on_both_sides_and_in_the_middle(sign):
    x = np.array([0.5, 1.0, 1.0, 1.0])
    probe = Probe(0, coordinate=0)
    values = {0.5: 2.0, 0.5 + 0.25: 5.0, 0.5 - 0.25: -7.0}
    d = probe.direction([x])[0][0]

    def forward(z):
        return np.append(sign * values[float(z[0])], np.zeros(3))

    s = swept(forward, probe, x, np.array([0.25]) / d)
    assert np.array_equal(s.weight, np.abs(G[:, :1]).T * 7)
    values[0.25] = 3.0
    assert np.array_equal(swept(forward, probe, x, np.array([0.25]) / d).weight, np.abs(G[:, :1]).T * 5)
    values[0.5] = -9.0
    assert np.array_equal(swept(forward, probe, x, np.array([0.25]) / d).weight, np.abs(G[:, :1]).T * 9)


def test_a_change_to_one_side_shows_roundings_and_tiny_outputs_are_rounded_as_if_larger():
    x = np.array([0.5, 1.0, 1.0, 1.0])
    for side in (np.maximum, np.minimum):
        s = swept(lambda z, side=side: side(z, x), Probe(0, coordinate=0), x)
        assert (s.weight > 0).all()
    s = swept(lambda z: z * 1e-310, Probe(0, coordinate=0), x)
    np.testing.assert_allclose(s.weight[0], np.abs(G[:, 0]) * TINY, rtol=1e-12, atol=0)


def test_outputs_that_are_coarser_than_their_size_count_where_they_change():
    x, grain = np.array([0.5, 1.0, 1.0, 1.0]), np.array([4.0, 100.0, 100, 100])
    problem = Problem(pair(np.sin, lambda x, dy: dy), (x,), {})
    s = sweep(problem, [x], Probe(0, coordinate=0), G, STEPS, np.sin(x), grain)
    np.testing.assert_allclose(s.coarse, np.repeat(4 * np.abs(G[:, :1]).T, len(STEPS), axis=0), rtol=1e-12, atol=0)
    assert not swept(np.sin, Probe(0, coordinate=0), x).coarse.any()


def test_an_output_that_a_step_of_the_arrays_size_changes_may_be_rounded_at_steps_of_an_entrys_own():
    x = np.array([1e-30, 1.0, 1.0, 1.0])
    own = swept(lambda z: np.append(1 + z[0], z[1:]), Probe(0, coordinate=0, own_scale=True), x)
    np.testing.assert_allclose(own.weight, np.repeat(np.abs(G[:, :1]).T, len(STEPS), axis=0), rtol=1e-12, atol=0)
    assert not own.central.any()
    still = swept(lambda z: 0 * z + 3, Probe(0, coordinate=0, own_scale=True), x)
    assert not still.weight.any()
    asked = []
    swept(lambda z: asked.append(z[0]) or z, Probe(0, coordinate=0, own_scale=True), x)
    assert max(asked) == STEPS[0], "the widest of the array's own"


def test_a_part_of_a_sweep_has_every_level_unless_a_first_one_is_named():
    s = swept(np.sin, Probe(0, coordinate=0))
    assert np.array_equal(part(s, np.array([1])).right, s.right[:, 1:])
    assert np.array_equal(part(s, np.array([0]), 3).weight, s.weight[3:, :1])


def test_the_smallest_step_that_is_exact_is_taken():
    x = np.array([2.0**37, 1.0]) * STEPS[6]
    problem = Problem(pair(np.sin, lambda x, dy: dy), (x,), {})
    probe = Along(None, vectors=(np.ones(2),))
    assert smallest_exact([x], probe.direction([x])) == STEPS[6]
    s = sweep(problem, [x], probe, None, np.append(STEPS[:4], STEPS[EXACT:]), np.sin(x))
    assert len(s.steps) == 5, "and those of the first levels even if they are rounded"
    near = np.array([2.0**37, 1.0]) * STEPS[EXACT + 2]
    s = sweep(problem, [near], probe, None, STEPS, np.sin(near))
    assert len(s.steps) == EXACT + 3


@pytest.mark.parametrize("probe", [Probe(0, seed=1), Probe(0, coordinate=1), Probe(0, coordinate=2, own_scale=True)])
@pytest.mark.parametrize("g", [G, G[:1], None], ids=["two", "one", "each"])
def test_levels_that_are_projected_together_have_the_bits_of_each_by_itself(monkeypatch, probe, g):
    """Where some outputs leave the domain at wide steps, and one changes at few steps only."""
    x = np.array([0.3, -1.2, 0.9, 2.0])
    problem = Problem(pair(lambda x: np.append(np.sqrt(x + 1.3)[:3], x[1] > -1.19), lambda x, dy: dy), (x,), {})
    for grain in (None, np.array([1e-9, 0.0, 1e-3, 1.0])):
        found = []
        for together in (ladder.LEVELS_TOGETHER, 12, 1):
            monkeypatch.setattr(ladder, "LEVELS_TOGETHER", together)
            found.append(sweep(problem, [x], probe, g, STEPS, problem.forward([x]), grain))
        assert len(found[0].steps) > 5
        for field in dataclasses.fields(found[0]):
            for other in found[1:]:
                np.testing.assert_array_equal(*(getattr(s, field.name) for s in (found[0], other)))


@pytest.mark.parametrize(
    ("outputs", "cotangents", "together"),
    [(2**14, 1, [4, 2]), (2**13, 2, [4, 2]), (2**14 + 1, 1, [3, 3]), (2**17, 1, [1] * 6), (0, 1, [6])],
)
def test_so_many_levels_are_projected_together_as_have_65_536_products(monkeypatch, outputs, cotangents, together):
    blocks, quotients = [], ladder._quotients
    monkeypatch.setattr(ladder, "_quotients", lambda block, *rest: blocks.append(len(block)) or quotients(block, *rest))
    problem = Problem(pair(lambda x: np.full(outputs, x.sum()), lambda x, dy: dy), (X,), {})
    g = np.ones((cotangents, outputs))
    sweep(problem, [X], Probe(0, seed=1), g, STEPS[:6], np.full(outputs, X.sum()))
    assert blocks == together


def test_an_output_that_has_changed_once_has_roundings_at_all_smaller_steps_in_blocks_of_any_size(monkeypatch):
    """Among three levels, of which the second changes it alone."""
    x = np.array([1.0])
    visits = []

    def forward(z):
        visits.append(z)
        return np.array([3.0 + (len(visits) in (3, 4))])

    problem = Problem(pair(forward, lambda x, dy: dy), (x,), {})
    monkeypatch.setattr(ladder, "LEVELS_TOGETHER", 3)
    found = sweep(problem, [x], Probe(0, seed=1), np.ones((1, 1)), STEPS[:6], np.array([3.0]))
    assert (found.weight[:, 0] > 0).tolist() == [False] + [True] * 5


def test_arrays_without_a_direction_stay_the_very_arrays():
    a, b = np.ones(2), np.ones(3)
    here, there = moved([a, b], {1: np.array([1.0, 0.0, -2.0])}, 0.5)
    assert here is a and there.tolist() == [1.5, 1, 0]


def test_what_overflows_inside_and_is_a_number_in_the_end_is_no_step_out_of_the_domain():
    problem = Problem(pair(lambda x: x + 1 / np.exp(1e6 + x * x), lambda x, dy: dy), (X,), {})
    found = sweep(problem, [X], Probe(0, seed=1), G, STEPS, X)
    assert np.isfinite(found.central).all() and len(found.central) == len(STEPS)


def test_an_output_of_some_grain_has_it_at_all_steps_if_any_changes_it():
    """What is grain alone may by chance be the same number at both ends of the widest step."""
    visits, x = [], np.ones(1)

    def forward(z):
        visits.append(z)
        return np.array([2.0**-60 * (len(visits) in (3, 4))])

    for function, coarse in ((forward, 1.0), (np.zeros_like, 0.0)):
        problem = Problem(pair(function, lambda x, dy: dy), (x,), {})
        found = sweep(problem, [x], Probe(0, seed=1), np.ones((1, 1)), STEPS[:6], np.zeros(1), np.ones(1))
        assert found.coarse.tolist() == [[coarse]] * 6
    visits.clear()
    problem = Problem(pair(lambda z: np.append(forward(z), z), lambda x, dy: dy), (x,), {})
    found = sweep(problem, [x], Probe(0, seed=1), np.ones((1, 2)), STEPS[:6], np.append(0.0, x), np.ones(2))
    assert found.coarse.tolist() == [[2.0]] * 6, "also beside one that all steps change"
