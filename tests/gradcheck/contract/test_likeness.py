"""When two cotangents are the same: as much as roundings are measured to make, and no more."""

import dataclasses

import numpy as np
import pytest
from promises import called

from gradcheck.adapters import pair
from gradcheck.contract.likeness import Rounding, measure_rounding, near, of_sums, sensitivity

X = np.random.default_rng(1).normal(size=8)
SINE = pair(np.sin, lambda x, dy: np.cos(x) * dy)


def times(factor):
    return lambda x: (x * factor, lambda dy: dy * factor)


def rounding_of(call):
    return measure_rounding(call, np.random.default_rng(3))


def sensitivity_of(call):
    return sensitivity(call, rounding_of(call), np.random.default_rng(4))


def returning(call, rows):
    """The call with a pullback that returns one row after the other, whatever dy is."""
    rows = iter(rows)
    return dataclasses.replace(call, pullback=lambda dy: (None, next(rows)))


def test_arrays_are_near_within_the_slack_and_of_one_shape():
    a = np.array([1.0, 2.0])
    assert near(a, a + 0.5, 0.5) and not near(a, a + 0.51, 0.5)
    assert not near(a, a[:1], np.inf) and near(a, [1.0, 2.0], 0.0)
    assert near(a, a + np.array([0.25, 0.5]), np.array([0.25, 0.5])) and not near(a, a + 0.5, np.array([0.25, 0.5]))


def test_what_is_not_a_number_is_near_itself_and_a_slack_that_is_none_judges_nothing():
    a = np.array([np.nan, np.inf, 1.0])
    with np.errstate(invalid="ignore"):  # as while the contract is examined
        assert near(a, a.copy(), 0.0) and not near(a, np.array([0.0, np.inf, 1.0]), 1.0)
    assert near(np.ones(2), np.zeros(2), np.nan) and near(np.ones(2), np.zeros(2), np.array([np.nan, 0.5]))


@pytest.mark.parametrize(
    ("u", "part"), [(2.0**-52, 2.0**-39), (2.0**-23, 2.0**-10), (2.0**-18, 2.0**-5), (2.0**-10, 2.0**-5)]
)
def test_a_sum_in_another_order_makes_eight_thousand_roundings_and_at_most_a_few_hundredths(u, part):
    assert of_sums(u) == part


def test_of_terms_that_cancel_the_larger_kind_is_allowed_for():
    rounding = Rounding({"x": 0.0, "w": 0.0}, {}, {"x": 3.0, "w": 0.25}, 1.0)
    assert rounding.of_cancelled("x") == 64 * 3 and rounding.of_cancelled("w") == 64


def test_a_cotangent_may_change_by_many_of_the_changes_that_roundings_of_dy_make():
    rounding = Rounding({"x": 2.0}, {}, {"x": 3.0}, 1.0)
    assert rounding.of("x") == 2 * 1024 + 3 * 64


@pytest.mark.parametrize("factor", [2.0**-10, 1.0, 2.0**10])
def test_a_linear_cotangent_changes_as_dy_does_by_up_to_four_roundings(factor):
    call = called(times(factor), X)
    assert 0 < rounding_of(call).jitter["x"] <= 6 * call.u * factor  # dy is at most 1.5


def test_the_largest_of_all_changes_of_any_entry_counts():
    call = called(times(1.0), np.zeros(2))
    for changes in (([0, 1], [3, 0], [9, 9]), ([0, 3], [1, 0], [9, 9])):  # the last is of a format
        rows = [(call.first[0] + np.array(change),) for change in changes]
        assert rounding_of(returning(call, rows)).jitter["x"] == pytest.approx(3, rel=1e-15, abs=0)


@pytest.mark.parametrize(("large", "calls"), [(False, 3), (True, 2)])
def test_it_costs_two_pullbacks_and_of_a_large_subject_one_and_one_for_float32(large, calls):
    call = called(SINE, X, large=large)
    before = call.problem.count["pullback"]
    rounding_of(call)
    assert call.problem.count["pullback"] - before == calls


@pytest.mark.parametrize("size", [0.125, 8.0])
@pytest.mark.parametrize("scale", [2.0**-10, 1.0, 2.0**10])
def test_noise_of_the_output_is_noise_of_a_cotangent_by_the_largest_dy_and_the_scale_of_its_array(size, scale):
    call = called(times(1.0), np.full(2, scale))
    call = dataclasses.replace(call, noise=2.0**-30, g=size * np.array([[0.5, -0.5], [-1.0, 0.25]]))
    assert rounding_of(call).natural == {"x": 2.0**-30 * size / scale}


def test_terms_are_roundings_of_the_largest_entry_of_any_cotangent():
    call = called(lambda a, b: (a + b, lambda dy: (dy, dy)), np.zeros(2), np.zeros(2))
    for first, largest in (([0.5, -0.25], [0.125, 0.0]), 0.5), (([0.0, 1.0], [-6.0, 4.0]), 6):
        found = rounding_of(dataclasses.replace(call, first=[np.array(d) for d in first]))
        assert found.terms == largest * call.u


FORMATS = {np.float16: 2.0**-10, np.float32: 2.0**-23, np.float64: None}


def through(*dtypes):
    """dy on its way through one format for every entry."""

    def pullback(dy):
        return np.array([float(d.astype(dtype)) for d, dtype in zip(dy, dtypes, strict=True)])

    return lambda x: (np.sin(x), lambda dy: np.cos(x) * pullback(dy))


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_narrow_format_through_which_dy_goes_is_recognised(dtype):
    want = {} if FORMATS[dtype] is None else {"x": FORMATS[dtype]}
    assert rounding_of(called(through(*[dtype] * 8), X)).narrow == want


@pytest.mark.parametrize(("narrow", "told"), [(1, False), (4, False), (5, True)])
def test_more_than_half_of_the_entries_go_through_a_narrow_format_or_it_is_none(narrow, told):
    subject = through(*[np.float32] * narrow, *[np.float64] * (8 - narrow))
    assert rounding_of(called(subject, X)).narrow == ({"x": 2.0**-23} if told else {})


def test_a_format_is_asked_by_changes_of_dy_of_up_to_one_in_256_of_its_roundings():
    seen, x = [], np.random.default_rng(5).normal(size=200)
    call = called(lambda x: (x * 1, lambda dy: seen.append(dy) or dy.astype(np.float16).astype(float)), x)
    seen.clear()
    rounding_of(call)
    for dy, u in zip(seen[2:], (2.0**-24, 2.0**-11), strict=True):
        changes = (dy / call.g[0] - 1) / (u / 256)
        assert -1 <= changes.min() < -0.9 and 0.9 < changes.max() <= 1


def test_the_array_whose_cotangent_is_narrow_is_named():
    def vjp(a, b):
        return a * b, lambda dy: (dy * b, dy.astype(np.float16).astype(float) * a)

    assert set(rounding_of(called(vjp, X, X + 1)).narrow) == {"b"}


@pytest.mark.parametrize(("dtype", "want"), [(np.float64, {}), (np.float32, {"x": 2.0**-23})])
def test_entries_without_a_gradient_say_nothing_of_the_format(dtype, want):
    keep = np.arange(8) < 3

    def vjp(x):
        return np.where(keep, x, 0), lambda dy: np.where(keep, dy.astype(dtype).astype(float), 0)

    assert rounding_of(called(vjp, X)).narrow == want


def test_a_cotangent_of_zeros_and_an_empty_output_say_nothing():
    assert rounding_of(called(times(0.0), X)).narrow == {}
    assert rounding_of(called(lambda x: (x[:0], lambda dy: np.zeros(8)), X)).narrow == {}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_cotangent_that_has_no_room_for_such_changes_is_asked_nothing(dtype):
    call = called(times(dtype(1)), X.astype(dtype))
    before = call.problem.count["pullback"]
    assert rounding_of(call).narrow == {} and call.problem.count["pullback"] - before == 2


def test_half_of_a_cotangent_has_room_enough():
    def vjp(a, b):
        return (a.astype(np.float32), b * 1), lambda dy: (dy[0].astype(float), dy[1])

    assert "a" in rounding_of(called(vjp, X, X)).narrow


def test_sensitivity_is_of_the_output_and_of_each_cotangent():
    smooth = sensitivity_of(called(SINE, X))
    assert len(smooth) == 2 and all(0 < s < 16 * 8 * 2.0**-52 for s in smooth)




def test_sensitivity_is_sixteen_times_the_largest_change_among_four_points():
    call = called(lambda x: (x * 1, lambda dy: dy * 1), np.ones(4))
    rounding, visits = rounding_of(call), iter((0.0, 2.0**-12, 2.0**-14, 0.0, 2.0**-11))

    def vjp(arrays):
        change = next(visits)
        return call.y - change * np.array([0, 1, 0, 0]), lambda dy: (None, (call.first[0] + change / 2,))

    twin = call.problem.changed()
    twin.vjp = vjp
    found = sensitivity(dataclasses.replace(call, problem=twin), rounding, np.random.default_rng(4))
    assert np.allclose(found, [16 * 2.0**-12, 16 * 2.0**-13], rtol=1e-10, atol=0)
    assert list(visits) == [2.0**-11]


def moved_by(call, change, **known):
    """Sensitivity where each point nearby changes y, the cotangent of x, and that of w, by these."""
    call = dataclasses.replace(call, **known)
    natural = dict.fromkeys("xw", 0.0)
    twin = call.problem.changed()
    first = [d.copy() for d in call.first]
    twin.vjp = lambda arrays: (call.y + change[0], lambda dy: (None, (first[0] + change[1], first[1] + change[2])))
    rounding = Rounding(natural, {}, {**natural, "x": known.get("noise", 0.0)}, 0.0)
    return sensitivity(dataclasses.replace(call, problem=twin), rounding, np.random.default_rng(4))


@pytest.mark.parametrize("size", [2.0**-10, 1.0, 2.0**10])
def test_a_change_above_a_thousandth_of_the_largest_entry_is_a_kink_that_was_crossed(size):
    call = called(lambda x, w: (x + w, lambda dy: (dy, dy)), np.zeros(4), np.zeros(4))
    ones = size * np.array([1.0, 0.25, -0.5, 0.0])
    call = dataclasses.replace(call, y=ones, first=[ones, ones], noise=0.0)
    below, above = 0.0009 * size, 0.0011 * size
    assert np.allclose(moved_by(call, (below, above, below)), [16 * below, 0, 16 * below], rtol=1e-9, atol=0)
    assert moved_by(call, (above, below, above))[::2] == [0, 0]


def test_a_thousandth_itself_is_no_kink():
    call = called(lambda x, w: (x + w, lambda dy: (dy, dy)), np.zeros(2), np.zeros(2))
    numbers = np.array([1.0, 0.0])
    call = dataclasses.replace(call, y=numbers, first=[numbers, numbers], noise=0.0)
    assert moved_by(call, 3 * (np.array([0, 1e-3]),)) == [16e-3] * 3


def test_numbers_that_cancel_count_as_large_as_their_noise_says():
    """Noise is made of roundings: y that has 2^10 of them comes from numbers of that size."""
    call = called(lambda x, w: (x + w, lambda dy: (dy, dy)), np.zeros(4), np.zeros(4))
    ones = np.ones(4)
    call = dataclasses.replace(call, y=ones, first=[ones, ones])
    found = moved_by(call, (0.5, 0.5, 0.5), noise=2.0**10 * call.u)
    assert found == [8, 8, 0], "of w nothing cancels"


def test_no_kink_is_in_a_sensitivity():
    kink = np.array([1.0, -0.5, 0.3, 2.0])
    subject = pair(lambda x: np.abs(x - 1), lambda x, dy: np.sign(x - 1) * dy)
    assert sensitivity_of(called(subject, kink))[1] < 1e-9


def test_points_nearby_keep_the_dtype_of_their_arrays():
    kinds = []
    call = called(lambda x: (kinds.append(x.dtype) or x * 1, lambda dy: dy * 1), X.astype(np.float32))
    kinds.clear()
    sensitivity_of(call)
    assert kinds == [np.float32] * 4


def test_points_outside_the_domain_are_left_out():
    call = called(SINE, X)
    inside = sensitivity_of(call)

    def outside(arrays):
        raise ValueError("outside")

    assert inside[0] > 0
    try:
        call.problem.vjp = outside
        assert sensitivity_of(call) == [0.0, 0.0]
    finally:
        del call.problem.vjp


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Rounding).jitter = None


def test_each_repetition_asks_its_own_pullback_where_answers_are_remembered():
    call, counts = called(SINE, X), []
    for asked in (call, call.remembering()):
        before = call.problem.count["pullback"]
        sensitivity(asked, rounding_of(call), np.random.default_rng(4))
        counts.append(call.problem.count["pullback"] - before)
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("u", "most"), [(2.0**-53, 1024), (2.0**-24, 1024), (2.0**-11, 64), (2.0**-8, 16)])
def test_terms_that_cancel_are_off_by_1024_changes_at_most_a_32nd_of_the_format_but_no_less_than_16(u, most):
    call = dataclasses.replace(called(lambda x: (np.sin(x), lambda dy: np.cos(x) * dy), np.ones(3)), u=u)
    assert measure_rounding(call, np.random.default_rng(0)).most == most


def test_terms_that_cancel_are_left_64_roundings_and_in_few_bits_no_more_than_a_jitter_is():
    plenty, few = (Rounding({"x": 0.0}, {}, {"x": 2.0**-10}, 2.0**-11, most) for most in (1024, 16))
    assert (plenty.of_cancelled("x"), few.of_cancelled("x")) == (2.0**-4, 2.0**-6)
