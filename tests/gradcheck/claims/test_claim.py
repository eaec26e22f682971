"""The gradient under check, and how much rounding it carries itself."""

import dataclasses

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.claims.claim import Claim, claim_at, without_jumps
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.declared import NOTHING, Declared
from gradcheck.subjects.problem import Problem

U = 2.0**-53
ROOT = U**0.5  # the part of a derivative above which no rounding changes it


def array(*numbers):
    """One cotangent's gradient of an array."""
    return np.array([numbers], float)


def near(value, *want):
    assert np.allclose(value, want, rtol=1e-12, atol=0), value


def test_a_claim_along_a_direction_is_the_product_with_it_summed_over_arrays():
    claim = Claim([np.array([[3.0, 5.0], [1.0, -1.0]]), np.array([[2.0], [7.0]])], [], U)
    value, *_, terms = claim.along({0: np.array([1.0, 2.0]), 1: np.array([4.0])})
    assert value.tolist() == [13 + 8, -1 + 28]
    near(terms, (3**2 + 10**2 + 8**2) ** 0.5, (1 + 2**2 + 28**2) ** 0.5)


def test_an_array_that_does_not_move_adds_nothing():
    claim = Claim([array(np.inf, 5), array(np.nan)], [[array(3, 6), array(9)]], U)
    value, bar, *_ = claim.along({0: np.array([0.0, 0.0])})
    assert value.tolist() == [0] and bar.tolist() == [0]
    assert claim.along({})[1].tolist() == [0]


def test_arrays_of_any_shape_are_taken_entry_by_entry():
    claim = Claim([np.arange(6.0).reshape(1, 2, 3)], [[np.arange(6.0).reshape(1, 2, 3)]], U)
    assert claim.along({0: np.ones((2, 3))})[0].tolist() == [15]


@pytest.mark.parametrize(
    ("start", "stop", "known"), [(0, 4, True), (4, 8, False), (8, 8, True), (5, 6, True), (7, 8, True)]
)
def test_a_claim_along_a_part_of_an_array_does_not_see_what_lies_elsewhere(start, stop, known):
    values = np.ones((1, 8))
    values[0, 6] = np.nan
    direction = Probe(0, start=start, stop=stop).direction([np.ones(8)])
    value, bar, *_ = Claim([values], [[values.copy()]], U).along(direction)
    assert np.isfinite(value).all() == known and np.isfinite(bar).all() == known


def test_its_bar_is_sixteen_roundings_of_the_root_of_the_sum_of_the_squares():
    claim = Claim([array(3, 0), array(2)], [], U)
    near(claim.along({0: np.array([1.0, 2.0]), 1: np.array([-2.0])})[1], 16 * U * 5)


def test_four_times_the_declared_noise_is_in_the_bar():
    near(Claim([array(3, 2)], [], U, 2.0**-20).along({0: np.array([1.0, 2.0])})[1], (16 * U + 4 * 2.0**-20) * 5)


def test_four_times_the_largest_change_among_the_repetitions_is_in_the_bar():
    nearby = [[array(3 + 2 * k * U, 2)] for k in (1024, -4096, 2048)]
    near(Claim([array(3, 2)], nearby, U).along({0: np.array([1.0, 2.0])})[1], 16 * U * 5 + 4 * 8192 * U)


def test_changes_of_several_arrays_are_summed_before_they_are_sized():
    same, apart = ([[array(1 + 2**12 * U), array(1 + sign * 2**12 * U)]] for sign in (1, -1))
    direction = {0: np.ones(1), 1: np.ones(1)}
    size = 16 * U * 2**0.5
    near(Claim([array(1), array(1)], same, U).along(direction)[1], size + 4 * 2**13 * U)
    near(Claim([array(1), array(1)], apart, U).along(direction)[1], size)


def test_each_cotangent_has_its_own_bar():
    values = np.array([[4.0], [1.0]])
    near(Claim([values], [[values + 2.0**-40 * np.array([[1], [2]])]], U).along({0: np.ones(1)})[1],
         64 * U + 4 * 2.0**-40, 16 * U + 8 * 2.0**-40)


def test_a_repetition_that_leaves_the_domain_adds_nothing():
    nearby = [[array(np.nan, 2 + 2.0**-40)]]
    near(Claim([array(3, 2)], nearby, U).along({0: np.array([1.0, 2.0])})[1], 16 * U * 5 + 8 * 2.0**-40)
    claim = Claim([array(3, 2)], nearby, U)
    near(claim.deviation(0), [0, 2.0**-40])


def test_an_infinite_claim_has_a_bar_without_a_warning():
    claim = Claim([array(np.inf, 2)], [[array(np.inf, 2)]], U)
    assert np.isinf(claim.along({0: np.ones(2)})[0]).all()
    assert claim.deviation(0).shape == (1, 2)


@pytest.mark.parametrize(("part", "counts"), [(0.9, True), (1.1, False)])
@pytest.mark.parametrize(("values", "size"), [((4.0, 0.0), 4), ((0.0, 1e4), 1), ((0.0, 2.0), 2e-4)])
def test_a_change_that_no_rounding_makes_is_none(part, counts, values, size):
    """It is a part of the derivative along the direction, or of a ten-thousandth of the largest of all arrays."""
    moving, other = values
    change = part * ROOT * size
    claim = Claim([array(moving), array(other)], [[array(moving + change), array(other)]], U)
    bar = claim.along({0: np.ones(1)})[1]
    near(bar - 16 * U * moving, 4 * (claim.nearby[0][0] - claim.values[0])[0, 0] * counts)
    near(claim.deviation(0), (claim.nearby[0][0] - claim.values[0])[0, 0] * counts)


def test_where_any_change_is_declared_none_is_too_large():
    claim = Claim([array(4.0)], [[array(5.0)]], U, jump=1.0)
    near(claim.along({0: np.ones(1)})[1], 64 * U + 4)
    near(claim.deviation(0), 1)


def test_the_noise_of_a_jump_is_nothing_and_exactly_at_the_bound_it_counts():
    noise = np.array([0.125, 0.25, 0.5])
    assert without_jumps(noise, 1.0, 0.0, 2.0**-4).tolist() == [0.125, 0.25, 0]
    assert without_jumps(noise, 0.0, 1e4, 2.0**-4).tolist() == [0.125, 0.25, 0], "of an array that may be zero"


def test_the_largest_is_that_of_all_arrays_and_of_an_empty_one_nothing():
    assert Claim([array(1, -3), array(2)], [], U).largest == 3
    assert Claim([np.zeros((1, 0)), array(0.25)], [], U).largest == 0.25


X = np.array([4.0, 1.0, 2.0])


FIRST_TWO = Probe(0, seed=1, stop=2)


def lost(values, steps, probe=FIRST_TWO):
    return Claim([np.array(v, float) for v in values], [], U).lost([X], probe, np.array(steps)[:, None])


def test_what_roundings_of_the_point_lose_is_counted_where_something_moves():
    found = lost([[[3, 5, np.nan]]], [1.0, 2.0**-40])
    assert found[0, 0] == 0 and found[1, 0] == pytest.approx(4 * U * 13, rel=1e-12, abs=0)  # 3 * 4 and 5 * 1


def test_of_what_is_not_a_number_there_is_no_bound():
    assert not lost([[[3, 5, np.nan]]], [1.0, 2.0**-40], Probe(0, seed=1)).any()


def test_steps_that_no_rounding_changes_lose_nothing_and_the_last_of_them_is_known():
    d = FIRST_TWO.direction([X])[0]
    last = 2.0**-37 * max(X[:2] / np.abs(d[:2]))
    assert lost([[[3, 5, 7]]], [1.0, last]).tolist() == [[0], [0]]
    assert (lost([[[3, 5, 7]]], [last, 0.99 * last]) > 0).tolist() == [[False], [True]]


def test_each_cotangent_loses_by_its_own_gradient():
    claim = Claim([np.array([[3.0, 5.0, 1.0], [0.0, 0.0, 1.0]])], [], U)
    found = claim.lost([X], FIRST_TWO, np.full((1, 2), 2.0**-40))
    near(found, [4 * U * 13, 0])


def test_a_coordinate_loses_nothing_as_its_step_is_read_off():
    assert lost([[[3, 5, 7]]], [2.0**-50], Probe(0, coordinate=1)).tolist() == [[0]]


def test_the_loss_of_several_arrays_is_the_root_of_the_sum_of_the_squares():
    claim, steps = Claim([array(3), array(4)], [], 2.0**-24), np.array([[2.0**-40]])
    near(claim.lost([np.ones(1), np.ones(1)], Probe(None, seed=1), steps), 4 * U * 5)


def test_the_derivative_at_one_entry_is_that_for_a_step_of_its_unit():
    claim = Claim([np.array([[[3.0, 5.0]], [[1.0, -2.0]]])], [], U)
    value, bar = claim.entry(0, 1, 0.5)
    assert value.tolist() == [2.5, -1]
    near(bar, 40 * U, 16 * U)


def test_at_one_entry_declared_noise_counts_four_times():
    near(Claim([array(3, 4)], [], U, 2.0**-20).entry(0, 1, 1.0)[1], (16 * U + 4 * 2.0**-20) * 4)


@pytest.mark.parametrize(("coordinate", "change"), [(0, 3), (1, 4), (2, 8)])
def test_at_one_entry_its_own_change_counts_or_the_median_of_the_arrays(coordinate, change):
    """Three repetitions may agree at one entry by chance."""
    nearby = [[1 + 2.0**-40 * np.array([[0, 4, 2.0]])], [1 - 2.0**-40 * np.array([[3, 0, 8.0]])]]
    claim = Claim([array(1, 1, 1)], nearby, U)
    change = max(change, 4)
    near(claim.entry(0, coordinate, 2.0)[1], 2 * (16 * U + 4 * change * 2.0**-40))


def test_the_changes_of_an_array_are_the_largest_of_each_entry():
    nearby = [[array(1), 2 + 2.0**-40 * np.array([[0, -4]])], [array(9), 2 + 2.0**-40 * np.array([[3, 1]])]]
    claim = Claim([array(1), array(2, 2)], nearby, U)
    assert claim.deviation(1).tolist() == [[3 * 2.0**-40, 4 * 2.0**-40]]
    assert claim.deviation(1) is claim.deviation(1)


def test_without_repetitions_nothing_changes():
    claim = Claim([np.ones((2, 3))], [], U)
    assert claim.deviation(0).tolist() == [[0, 0, 0]] * 2
    near(claim.along({0: np.ones(3)})[1], 16 * U * 3**0.5, 16 * U * 3**0.5)


def claimed(declared=NOTHING, u=U, jitters=3, backward=lambda x, dy: np.cos(x) * dy):
    problem = Problem(pair(np.sin, backward), (X,), {}, declared)
    g = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 0.0]])
    return problem, g, claim_at(problem, [X], g, u, jitters, np.random.default_rng(3))


def test_a_claim_is_the_pullback_of_every_cotangent_and_repetitions_a_few_roundings_away():
    problem, g, claim = claimed()
    assert np.array_equal(claim.values[0], np.cos(X) * g) and claim.u == U and len(claim.nearby) == 3
    apart = np.abs(np.array([near[0] for near in claim.nearby]) - claim.values[0])
    assert 0 < apart.max() < 64 * U and problem.count["pullback"] == 2 * 4


@pytest.mark.parametrize("what", ["point", "cotangents"])
def test_repetitions_are_at_another_point_and_for_other_cotangents(what):
    backward = (lambda x, dy: x + 0 * dy) if what == "point" else (lambda x, dy: dy * 1)
    for u in (U, 2.0**-24):
        _, _, claim = claimed(u=u, backward=backward)
        apart = max(np.abs(near[0] - claim.values[0]).max() for near in claim.nearby)
        assert 2 * u <= apart <= 4 * 4 * u  # of numbers up to 4


def test_as_many_repetitions_are_made_as_were_asked_for():
    assert [len(claimed(jitters=n)[2].nearby) for n in (0, 1, 3)] == [0, 1, 3]


def test_what_is_declared_is_in_the_claim():
    assert claimed(Declared(noise=0.25))[2].noise == 0.25
    assert claimed(Declared(nondeterministic=True))[2].jump == 1 and claimed(u=2.0**-24)[2].jump == 2.0**-24


def test_a_repetition_outside_the_domain_is_not_a_number_and_changes_nothing():
    def backward(x, dy):
        if (x > X).any():
            raise ValueError("x must not be larger")
        return dy * x

    problem, g, claim = claimed(backward=backward, jitters=8)
    outside = [bool(np.isnan(near[0]).all()) for near in claim.nearby]
    assert any(outside) and all(near[0].shape == (2, 3) for near in claim.nearby)
    assert np.isfinite(claim.deviation(0)).all()
    with pytest.raises(ValueError, match="must not be larger"):
        claim_at(problem, [X + 1], g, U, 0, np.random.default_rng(3))


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Claim).values = None


def test_a_claim_that_is_lost_without_a_bound_is_no_warning():
    assert lost([[[np.inf, 5, 7]]], [2.0**-40]).tolist() == [[0]]
    assert lost([[[1e308, 5, 7]]], [2.0**-40]).tolist() == [[0]], "4 times it is no number"


def test_a_pullback_that_overflows_inside_claims_what_it_returns_without_a_warning():
    *_, claim = claimed(backward=lambda x, dy: dy / np.exp(1e6 + x * x))
    assert not claim.values[0].any() and not any(near[0].any() for near in claim.nearby)
