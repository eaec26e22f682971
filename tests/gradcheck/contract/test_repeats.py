"""A pullback is called again: it gives what it gave, and what it handed out stays what it was."""

import dataclasses

import numpy as np
import pytest
from promises import called, found

from gradcheck.contract.likeness import Rounding, measure_rounding
from gradcheck.contract.repeats import repeats
from gradcheck.subjects.declared import Declared

X = np.random.default_rng(1).normal(size=(3, 4))


def square(x):
    return x * x * x


def honest(x, dy):
    return 3 * x * x * dy


def failures(subject, *inputs, **options):
    return found(repeats, subject, *inputs, **options)


def test_a_pullback_that_repeats_itself_keeps_the_promise():
    assert failures(lambda x: (square(x), lambda dy: honest(x, dy)), X) == {}


def test_where_nothing_differs_a_pullback_is_called_three_times_and_no_more():
    call, rng = called(lambda x: (square(x), lambda dy: honest(x, dy)), X), np.random.default_rng(2)
    rounding = measure_rounding(call, rng)
    before = call.problem.count["pullback"]
    assert list(repeats(call, rounding, rng)) == [] and call.problem.count["pullback"] - before == 3


def test_a_pullback_called_twice_gives_one_answer():
    def vjp(x):
        calls = []

        def pullback(dy):
            calls.append(dy)
            return honest(x, dy) * len(calls)

        return square(x), pullback

    message = "called twice with one dy, the pullback gives two cotangents of x"
    assert failures(vjp, X) == {("repeat", "x"): message}


@pytest.mark.parametrize("odd", [1, 2])
def test_what_is_another_from_one_of_two_later_calls_on_is_told(odd):
    call, rng = called(lambda x: (square(x), lambda dy: honest(x, dy)), X), np.random.default_rng(2)
    rounding, calls = measure_rounding(call, rng), []

    def pullback(dy):
        calls.append(dy)
        return None, (honest(X, dy) * (2 if len(calls) > odd else 1),)

    found = list(repeats(dataclasses.replace(call, pullback=pullback), rounding, rng))
    assert [f.kind for f in found] == ["stale"], "of a fresh forward pass it is not"


def test_the_array_whose_cotangent_is_another_the_second_time_is_named():
    def vjp(a, b):
        calls = []

        def pullback(dy):
            calls.append(dy)
            return b * dy, a * dy * len(calls)

        return a * b, pullback

    assert set(failures(vjp, X, X + 1)) == {("repeat", "b")}


def test_a_later_call_leaves_earlier_results_alone():
    buffer = np.empty_like(X)

    def vjp(x):
        def pullback(dy):
            buffer[...] = honest(x, dy)
            return buffer

        return square(x), pullback

    message = "a later call of the pullback changes the cotangent of x it returned"
    assert failures(vjp, X)["alias", "x"] == message


def test_a_later_forward_pass_leaves_earlier_outputs_alone():
    buffer = np.empty_like(X)

    def vjp(x):
        np.multiply(x * x, x, out=buffer)
        return buffer, lambda dy: honest(x, dy)

    message = "a later forward pass changes the output that an earlier one returned"
    assert failures(vjp, X) == {("alias", None): message}


def test_what_is_not_a_number_stays_what_it_was():
    def vjp(x):
        return square(x), lambda dy: np.where(x > 0.5, np.nan, honest(x, dy))

    call = called(vjp, X)
    call.out[0, 0] = np.nan
    before = call.problem.count["pullback"]
    assert list(repeats(call, measure_rounding(call, np.random.default_rng(2)), np.random.default_rng(2))) == []
    assert call.problem.count["pullback"] - before == 3 + 3, "and is not looked into"


def test_of_two_cotangents_the_one_that_is_not_a_number_is_no_other():
    calls = iter(range(100))

    def vjp(a, b):
        return a + b, lambda dy: (np.where(a > 0.5, np.nan, dy), dy + 2.0**-44 * (next(calls) % 3))

    assert set(found(repeats, vjp, X, X, severity="note")) == {("scatter", "b")}


def test_residuals_belong_to_the_forward_pass_that_made_them():
    kept = {}

    def vjp(x):
        kept["x"] = x.copy()
        return square(x), lambda dy: honest(kept["x"], dy)

    message = "after another forward pass the pullback gives another cotangent of x (stale residuals)"
    assert failures(vjp, X) == {("stale", "x"): message}


def test_another_point_that_lies_outside_the_domain_is_no_finding():
    def vjp(x):
        if np.abs(x).max() > np.abs(X).max():
            raise ValueError("out of domain")
        return square(x), lambda dy: honest(x, dy)

    assert failures(vjp, X) == {}


def test_the_forward_pass_between_is_at_another_point_of_the_same_dtype():
    points = []

    def vjp(x):
        points.append(x)
        return square(x), lambda dy: honest(x, dy)

    call = called(vjp, X.astype(np.float32))
    points.clear()
    list(repeats(call, measure_rounding(call, np.random.default_rng(2)), np.random.default_rng(2)))
    (other,) = points
    assert other.dtype == np.float32 and np.array_equal(other, 1.25 * X.astype(np.float32))


def scattered(part):
    """A cotangent of x of size 1 that scatters by `part` of 1 from call to call."""
    rng = np.random.default_rng(4)
    return lambda x: (x * 1, lambda dy: dy + (part * rng.uniform(-1, 1, x.shape)).astype(dy.dtype))


def stepping(first, step, natural=0.0, u=2.0**-52):
    """What is found where a cotangent is `first`, then `step` more each time, and no terms cancel in it."""
    calls = iter(range(100))
    call = called(lambda x: (0 * x, lambda dy: 0 * dy), np.ones(1))
    first = np.array([first])
    call = dataclasses.replace(call, first=[first], returned=[first], problem=call.problem.changed(), u=u)
    call.problem.vjp = lambda arrays: (call.out, lambda dy: (None, (first + step * next(calls),)))
    call.problem.gradients = lambda arrays, g: [0 * g]
    _, pullback = call.problem.vjp(call.point)
    call = dataclasses.replace(call, pullback=pullback)
    found = repeats(call, Rounding({"x": 0.0}, {}, {"x": natural}, 0.0), np.random.default_rng(2))
    return [f.kind for f in found]


@pytest.mark.parametrize("size", [2.0**-20, 1.0, 2.0**20])
@pytest.mark.parametrize("u", [2.0**-52, 2.0**-23])
@pytest.mark.parametrize(("part", "kind"), [(0.9, "scatter"), (1.1, "repeat")])
def test_two_calls_may_differ_by_eight_thousand_roundings_of_the_largest_entry(part, kind, u, size):
    assert stepping(size, part * 2.0**13 * u * size, u=u) == [kind]


@pytest.mark.parametrize("size", [1.0, 2.0**10])
@pytest.mark.parametrize(("part", "kind"), [(0.9, "scatter"), (1.3, "repeat")])
def test_two_calls_in_a_coarse_format_may_differ_by_a_few_hundredths_of_the_largest_entry(part, kind, size):
    assert stepping(size, part * 2.0**-5 * size, u=2.0**-10) == [kind]


@pytest.mark.parametrize(("part", "failed"), [(2.0**-10, set()), (0.5, {("repeat", "x")}), (4.0, {("repeat", "x")})])
def test_a_backward_pass_in_float16_repeats_itself_but_for_roundings(part, failed):
    assert set(failures(scattered(part), X.astype(np.float16))) == failed


@pytest.mark.parametrize(("part", "kind"), [(0.9, "scatter"), (1.1, "repeat")])
def test_two_calls_may_differ_by_what_roundings_make_of_terms_that_cancel(part, kind):
    assert stepping(0.0, part * 64 * 2.0**-10, natural=2.0**-10) == [kind]


@pytest.mark.parametrize(("roundings", "kind"), [(2, "scatter"), (100, "repeat")])
def test_two_calls_may_differ_by_roundings_of_the_terms_of_a_saturated_gradient(roundings, kind):
    """tanh at 30: 1 - y y is made of ones, and nothing is left of them."""
    calls = iter(range(100))

    def vjp(x):
        y = np.tanh(x)
        return y, lambda dy: dy * (1 - y * y) + roundings * 2.0**-52 * (next(calls) % 3) * (x > 20)

    call = called(vjp, np.array([30.0]))
    found = repeats(call, Rounding({"x": 0.0}, {}, {"x": 0.0}, 0.0), np.random.default_rng(2))
    assert [f.kind for f in found] == [kind]


NOTE = "the backward pass is not deterministic{}: two calls give cotangents of x that differ by "


@pytest.mark.parametrize("part", [2.0**-52, 2.0**-42, 2.0**-41])
def test_what_roundings_explain_is_a_note(part):
    assert failures(scattered(part), X) == {}
    (message,) = found(repeats, scattered(part), X, severity="note").values()
    assert message.startswith(NOTE.format("")) and message.endswith("; the bar holds that")


@pytest.mark.parametrize("part", [1e-3, 1e-6, 1e-8])
def test_a_larger_scatter_fails_unless_it_is_declared(part):
    assert set(failures(scattered(part), X)) == {("repeat", "x")}
    declared = Declared(nondeterministic=True)
    assert failures(scattered(part), X, declared=declared) == {}
    (message,) = found(repeats, scattered(part), X, severity="note", declared=declared).values()
    assert message.startswith(NOTE.format(", as declared"))


def test_a_note_tells_the_largest_difference():
    calls = iter(range(100))

    def vjp(x):
        return x * 1, lambda dy: dy + np.array([0.0, 2.0**-44, 2.0**-45]) * (next(calls) % 3)

    call, rng = called(vjp, np.ones(3)), np.random.default_rng(2)
    (finding,) = repeats(call, measure_rounding(call, rng), rng)
    assert (finding.kind, finding.severity, finding.array) == ("scatter", "note", "x")
    assert finding.message == NOTE.format("") + "5.7e-14; the bar holds that"  # 2^-44
