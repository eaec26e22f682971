"""A closer look: where a part of dy, or of y, goes through a narrow format inside."""

import dataclasses

import numpy as np
import pytest
from narrow import half, to_bits
from promises import called

from gradcheck.contract.inside import looked_at_closely, unless_rounded
from gradcheck.contract.likeness import measure_rounding
from gradcheck.contract.linear import is_linear
from gradcheck.subjects.findings import Finding

X = np.random.default_rng(1).normal(size=8)


def narrow(vjp, *inputs):
    rng, call = np.random.default_rng(3), called(vjp, *inputs)
    return looked_at_closely(call, measure_rounding(call, rng), rng).narrow


def test_what_goes_through_no_narrow_format_has_none():
    assert narrow(lambda x: (np.sin(x), lambda dy: np.cos(x) * dy), X) == {}


@pytest.mark.parametrize("mix", [np.negative, lambda dy: dy - dy.sum() / 100], ids=["alone", "with the rest"])
@pytest.mark.parametrize("part", [1e-1, 1e-2, 1e-3])
def test_nor_has_what_is_dropped_where_it_is_small(part, mix):
    x = np.random.default_rng(1).normal(size=600)

    def drop(dy):
        return np.where(np.abs(dy) < part * np.abs(dy).max(), 0, dy)

    assert narrow(lambda x: (np.sin(x), lambda dy: np.cos(x) * mix(drop(dy))), x) == {}


@pytest.mark.parametrize("part", ["one entry", "beside the whole"])
def test_a_part_of_dy_that_goes_through_a_narrow_format_is_found(part):
    mix = (lambda dy: dy + half(dy)) if part == "beside the whole" else (lambda dy: np.append(half(dy[:1]), dy[1:]))
    assert narrow(lambda x: (np.sin(x), lambda dy: np.cos(x) * mix(dy)), X) == {"x": 2.0**-10}


def test_an_output_that_moves_in_steps_tells_of_all_arrays():
    assert narrow(lambda a, b: (half(a) + b, lambda dy: (dy, dy)), X, X + 1) == {"a": 2.0**-10, "b": 2.0**-10}


@pytest.mark.parametrize(("error", "fails"), [(0.0, False), (1.0, True)])
def test_what_a_narrow_format_inside_explains_is_no_failure_and_what_none_explains_is(error, fails):
    def vjp(x):
        return x + to_bits(np.sin(x), 11), lambda dy: dy + to_bits(np.cos(x) * dy, 11) + error * np.abs(dy)

    rng, call = np.random.default_rng(3), called(vjp, X)
    strict = measure_rounding(call, rng)
    assert bool(list(unless_rounded(is_linear, call, strict, rng))) is fails


def test_what_no_format_explains_is_asked_once():
    call = called(lambda x: (np.sin(x), lambda dy: np.cos(x) * np.abs(dy)), X)
    rounding, counts = measure_rounding(call, np.random.default_rng(3)), []
    for promise in (is_linear, lambda *given: unless_rounded(is_linear, *given)):
        before = sum(call.problem.count.values())
        assert list(promise(call.remembering(), rounding, np.random.default_rng(3)))
        counts.append(sum(call.problem.count.values()) - before)
    assert counts[1] <= counts[0] + 4, "the ends of the range are others in a narrow format"


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_is_asked_for_no_sums(value):
    call = called(lambda x: (x, lambda dy: dy * np.where(x > 0, 1, value)), X)
    before = dict(call.problem.count)
    assert not list(unless_rounded(is_linear, call, None, np.random.default_rng(3)))
    assert dict(call.problem.count) == before


def test_what_was_found_before_the_subject_raised_is_told():
    asked = []

    def promise(call, rounding, rng):
        asked.append(call)
        yield Finding("additive", "found")
        raise ValueError("later")

    call, rng, found = called(lambda x: (x, lambda dy: dy), X), np.random.default_rng(3), []
    with pytest.raises(ValueError, match="later"):
        found.extend(unless_rounded(promise, call, measure_rounding(call, rng), rng))
    assert [f.message for f in found] == ["found"] and len(asked) == 1


def test_where_dy_has_no_room_for_changes_that_are_small_enough_its_pullback_is_not_asked():
    call = called(lambda x: (x * np.float16(2), lambda dy: half(dy) * 2), X.astype(np.float16))
    rounding, before = measure_rounding(call, np.random.default_rng(3)), call.problem.count["pullback"]
    looked_at_closely(call, rounding, np.random.default_rng(3))
    assert call.out.dtype == np.float16 and call.problem.count["pullback"] - before <= 0


def test_a_coarser_format_that_is_known_already_stays():
    call = called(lambda x: (np.sin(x), lambda dy: np.cos(x) * to_bits(dy, 24)), X)
    rounding = measure_rounding(call, np.random.default_rng(3))
    for known, wants in (({}, 2.0**-23), ({"x": 2.0**-10}, 2.0**-10)):
        closer = looked_at_closely(call, dataclasses.replace(rounding, narrow=known), np.random.default_rng(3))
        assert closer.narrow == {"x": wants}


def test_where_a_pullback_shows_the_coarsest_format_the_forward_pass_is_not_asked_for_steps():
    call = called(lambda x: (np.sin(x), lambda dy: np.cos(x) * half(dy)), X)
    rounding, before = measure_rounding(call, np.random.default_rng(3)), call.problem.count["forward"]
    assert looked_at_closely(call, rounding, np.random.default_rng(3)).narrow == {"x": 2.0**-10}
    assert call.problem.count["forward"] == before


def test_what_is_no_failure_stays_where_a_failure_is_explained():
    def promise(call, rounding, rng):
        yield Finding("scatter", "noted", "note")
        if rounding.narrow.get("x", 0) < 2.0**-10:
            yield Finding("additive", "of a narrow format")

    call, rng = called(lambda x: (np.sin(x), lambda dy: np.cos(x) * half(dy)), X), np.random.default_rng(3)
    strict = dataclasses.replace(measure_rounding(call, rng), narrow={})
    assert [f.message for f in unless_rounded(promise, call, strict, rng)] == ["noted"]


def test_nor_where_few_of_its_entries_have():
    def pullback(dy):
        return np.append(dy[0], np.zeros(6)).astype(np.float32) + dy[1]

    call = called(lambda x: ((x[:2].astype(float), x), pullback), X.astype(np.float32))
    rounding, before = measure_rounding(call, np.random.default_rng(3)), call.problem.count["pullback"]
    looked_at_closely(call, rounding, np.random.default_rng(3))
    assert call.problem.count["pullback"] - before == 3, "those of float16 alone"


def test_dy_is_changed_by_up_to_a_32nd_of_a_rounding_of_float32_and_of_float16_and_twice_as_much():
    x, seen = np.random.default_rng(1).normal(size=400), []
    call = called(lambda x: (np.sin(x), lambda dy: seen.append(dy) or np.cos(x) * dy), x)
    rounding = measure_rounding(call, np.random.default_rng(3))
    seen.clear()
    looked_at_closely(call, rounding, np.random.default_rng(3))
    once, twice = ([np.abs(dy / call.g[0] - 1).max() for dy in seen[k::3]] for k in (0, 1))
    np.testing.assert_allclose(once, [2.0**-29, 2.0**-16], rtol=0.02, atol=0)  # the largest of 400 random parts
    np.testing.assert_allclose(twice, [2.0**-28, 2.0**-15], rtol=0.02, atol=0)  # the largest of 400 random parts


def test_roundings_of_a_matrix_product_in_float32_are_no_narrower_format():
    """Entries of it that are small because terms cancel follow a small change of dy badly."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(12, 10)).astype(np.float32), rng.normal(size=(10, 6)).astype(np.float32)
    for seed in range(10):
        rng, call = np.random.default_rng(seed), called(lambda x, w: (x @ w, lambda dy: (dy @ w.T, x.T @ dy)), x, w)
        assert looked_at_closely(call, measure_rounding(call, rng), rng).narrow == {}
