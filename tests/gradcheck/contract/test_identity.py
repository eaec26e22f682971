"""A dy is known by its numbers: an array that is used again, with others, gets the answer to these."""

import dataclasses

import numpy as np
import pytest
from promises import called, found

import gradcheck
from gradcheck.contract.likeness import Rounding
from gradcheck.contract.repeats import repeats

X = np.random.default_rng(1).normal(size=(3, 4))
TOLD = "an array dy that holds other numbers than before gets a cotangent of {} of the old ones"


def honest(x, dy):
    return 3 * x * x * dy


def failures(subject, *inputs, **options):
    return found(repeats, subject, *inputs, **options)


def by_object(x):
    """Keep the last answer, for the array that it was made of."""
    last = [None, None]

    def pullback(dy):
        if dy is not last[0]:
            last[:] = dy, honest(x, dy)
        return last[1]

    return x * x * x, pullback


def by_id(x):
    """Keep all answers, and the arrays that they were made of."""
    known = {}

    def pullback(dy):
        known.setdefault(id(dy), (dy, honest(x, dy)))
        return known[id(dy)][1]

    return x * x * x, pullback


def by_address(x):
    """Keep all answers, by a key that another array may have later."""
    known = {}
    return x * x * x, lambda dy: known.setdefault(id(dy), honest(x, dy))


KEPT = {"the last object": by_object, "id, with the array": by_id, "id alone": by_address}


def test_a_pullback_that_reads_its_dy_keeps_the_promise():
    assert failures(lambda x: (x * x * x, lambda dy: honest(x, dy)), X) == {}


@pytest.mark.parametrize("kept", KEPT)
def test_an_answer_that_is_kept_under_the_identity_of_dy_is_told(kept):
    assert failures(KEPT[kept], X) == {("identity", "x"): TOLD.format("x")}


@pytest.mark.parametrize("kept", ["the last object", "id, with the array"])
def test_it_fails_the_check_with_its_own_diagnosis(kept):
    report = gradcheck.check(KEPT[kept], X)
    assert {f.kind for f in report.findings if f.severity == "fail"} == {"identity"}
    (gradient,) = report.gradients
    assert (gradient.verdict, gradient.cause) == ("fail", "identity")
    assert gradient.diagnosis.startswith("what was made of dy is kept under its identity")


def test_the_array_whose_cotangent_is_made_of_old_numbers_is_named():
    def vjp(a, b):
        last = [None, None]

        def pullback(dy):
            if dy is not last[0]:
                last[:] = dy, a * dy
            return b * dy, last[1]

        return a * b, pullback

    assert failures(vjp, X, X + 1) == {("identity", "b"): TOLD.format("b")}


def test_a_part_that_is_kept_is_told():
    def vjp(x):
        last = [None, None]

        def pullback(dy):
            if dy is not last[0]:
                last[:] = dy, dy.sum(axis=0)
            return dy + last[1]

        return x + x.sum(axis=0), pullback

    assert failures(vjp, X) == {("identity", "x"): TOLD.format("x")}


def test_each_part_of_an_output_is_one_that_may_be_known_by_its_identity():
    def vjp(x):
        last = [None, None]

        def pullback(dy):
            if dy["b"] is not last[0]:
                last[:] = dy["b"], 2 * dy["b"]
            return dy["a"] + last[1]

        return {"a": x * 1, "b": 2 * x}, pullback

    assert failures(vjp, X) == {("identity", "x"): TOLD.format("x")}


def test_a_cotangent_of_a_number_is_an_array_as_well():
    def vjp(x):
        last = [None, None]

        def pullback(dy):
            if dy is not last[0]:
                last[:] = dy, dy * np.cos(x)
            return last[1]

        return float(np.sin(x).sum()), pullback

    assert failures(vjp, X) == {("identity", "x"): TOLD.format("x")}


@pytest.mark.parametrize("protect", [True, False])
def test_dy_is_one_array_that_may_be_written_to_only_where_all_may(protect):
    seen, call = [], called(lambda x: (x * 1, lambda dy: dy * 1), X)
    problem = call.problem.changed(protect=protect)
    numbers = lambda dy: seen.append((dy, dy.flags.writeable, dy.copy())) or (None, (dy,))  # noqa: E731
    call = dataclasses.replace(call, problem=problem, pullback=numbers)
    assert list(repeats(call, Rounding({}, {}, {"x": 0.0}, 0.0), np.random.default_rng(2))) == []
    (one, open_1, old), (two, open_2, new), _ = seen
    assert one is two and open_1 == open_2 == (not protect)
    assert np.array_equal(old.ravel(), call.g[1]) and np.array_equal(new.ravel(), call.g[0])


def test_a_pullback_that_writes_to_its_dy_or_hands_it_back_keeps_this_promise():
    def writes(x):
        def pullback(dy):
            dy *= 3 * x * x
            return dy

        return x * x * x, pullback

    assert failures(writes, X) == {} and failures(lambda x: (x * 1, lambda dy: dy), X) == {}


def test_what_is_another_for_any_array_is_no_matter_of_identity():
    def counts(x):
        calls = []
        return x * x * x, lambda dy: calls.append(dy) or honest(x, dy) * len(calls)

    def first(x):
        calls = []
        return x * x * x, lambda dy: calls.append(dy) or honest(x, calls[0])

    def once(x):
        calls = []
        return x * x * x, lambda dy: calls.append(dy) or honest(x, dy) * (len(calls) == 1)

    def grows(x):
        total = np.zeros_like(x)
        return x * x * x, lambda dy: np.add(total, honest(x, dy), out=total)

    for subject in (counts, first, once, grows):
        assert "identity" not in {kind for kind, _ in failures(subject, X)}
    rng = np.random.default_rng(3)
    assert set(failures(lambda x: (x * 1, lambda dy: dy * (1 + 1e-3 * rng.normal(size=dy.shape))), X)) == {
        ("repeat", "x")
    }


def off_by(error, size, natural=0.0):
    """What is told where the answer in a used array, and there alone, is off by `error`."""
    used = []

    def pullback(dy):
        again = any(dy is other for other in used)
        used.append(dy)
        return None, (size * dy + error * again,)

    call = called(lambda x: (size * x, lambda dy: size * dy), X)
    call = dataclasses.replace(call, pullback=pullback)
    known = Rounding({"x": 0.0}, {}, {"x": natural}, 0.0)
    return [f.kind for f in repeats(call, known, np.random.default_rng(2))]


@pytest.mark.parametrize("size", [2.0**-20, 1.0, 2.0**20])
@pytest.mark.parametrize(("part", "told"), [(0.9, ["scatter"]), (1.1, ["identity"])])
def test_two_calls_may_differ_by_eight_thousand_roundings_of_the_largest_entry(part, told, size):
    largest = np.abs(called(lambda x: (x * 1, lambda dy: dy * 1), X).first[0]).max()
    assert off_by(part * 2.0**-39 * size * largest, size) == told


@pytest.mark.parametrize(("part", "told"), [(0.9, ["scatter"]), (1.1, ["identity"])])
def test_two_calls_may_differ_by_what_roundings_make_of_terms_that_cancel(part, told):
    assert off_by(part * 64 * 2.0**-10, 2.0**-40, natural=2.0**-10) == told


def test_it_is_seen_whatever_was_made_and_freed_before(rng):
    """An array that comes to lie where an earlier one was would get that one's answer, of the right numbers."""
    for _ in range(100):
        made = [np.empty(size) for size in rng.integers(1, 40, rng.integers(60))]
        del made[:: rng.integers(1, 4)]
        assert failures(by_address, X)
