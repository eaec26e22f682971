"""What promises are tried against: a pullback of vectors, and lists in step with the arrays' names."""

import dataclasses

import numpy as np
import pytest
from promises import called

from gradcheck.contract.call import Call

X, W = np.random.default_rng(1).normal(size=(2, 2, 3))


def product(x, w):
    return {"a": x * w, "b": (x.sum(), w.astype(np.float32))}, lambda dy: (
        w * dy["a"] + dy["b"][0],
        x * dy["a"] + dy["b"][1],
    )


def test_a_vector_is_pulled_back_to_a_cotangent_of_every_array():
    call, g = called(product, X, W), np.arange(13.0)
    da, db, dc = g[:6].reshape(2, 3), g[6], g[7:].reshape(2, 3)
    dx, dw = call.pull(g)
    assert np.array_equal(dx, W * da + db) and np.array_equal(dw, X * da + dc)


def test_a_pullback_gets_the_structure_and_the_dtypes_of_the_output():
    seen = []
    call = dataclasses.replace(called(product, X, W), pullback=lambda dy: seen.append(dy) or (None, (X, W)))
    call.pull(np.arange(13.0))
    ((da, db, dc),) = ((dy["a"], *dy["b"]) for dy in seen)
    assert (da.shape, db.shape, dc.shape) == ((2, 3), (), (2, 3))
    assert (da.dtype, db.dtype, dc.dtype) == (np.float64, np.float64, np.float32)


@pytest.mark.parametrize("protect", [True, False])
def test_a_cotangent_is_read_only_as_long_as_the_problem_is_protected(protect):
    seen, call = [], called(lambda x: (x * 1, lambda dy: dy), X)
    call = dataclasses.replace(
        call,
        problem=call.problem.changed(protect=protect),
        pullback=lambda dy: seen.append(dy.flags.writeable) or (None, (dy,)),
    )
    call.pull(call.g[0])
    assert seen == [not protect]


def test_pairs_are_named_as_the_arrays_are():
    call = called(product, X, W)
    assert list(call.pairs(["p", "q"], [1, 2])) == [("x", "p", 1), ("w", "q", 2)]
    assert list(call.pairs(["p", "q"], [1, 2], [3, 4])) == [("x", "p", 1, 3), ("w", "q", 2, 4)]


def test_lists_of_another_length_are_no_pairs():
    call = called(product, X, W)
    with pytest.raises(ValueError, match=r"^zip\(\) argument 3"):
        list(call.pairs([1, 2], [1]))


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Call).problem = None


def test_a_call_that_remembers_asks_once_for_each_cotangent_and_each_arrays_terms():
    plain = called(product, X, W)
    call, g = plain.remembering(), np.arange(13.0)

    def asked(what):
        before = plain.problem.count["pullback"]
        what()
        return plain.problem.count["pullback"] - before

    assert [asked(lambda: plain.pull(g)) for _ in range(2)] == [1, 1]
    assert [asked(lambda: call.pull(g)), asked(lambda: call.pull(g)), asked(lambda: call.pull(2 * g))] == [1, 0, 1]
    assert all(np.array_equal(a, b) for a, b in zip(call.pull(g), plain.pull(g), strict=True))
    terms = asked(lambda: plain.terms(0))
    assert terms > 0 and [asked(lambda i=i: call.terms(i)) for i in (0, 0, 1)] == [terms, 0, terms]
    assert np.array_equal(call.terms(1), plain.terms(1)) and call.terms(1).shape == (2, 3)
    assert plain.known is None and len(call.known) == 4


def test_what_is_remembered_stays_where_a_buffer_is_used_again():
    buffer = np.empty((2, 3))
    call = called(lambda x: (2 * x, lambda dy: np.multiply(dy, 2, out=buffer)), X).remembering()
    (first,) = call.pull(call.g[0])
    call.pull(call.g[1])
    assert np.array_equal(first.ravel(), 2 * call.g[0]) and call.pull(call.g[0])[0] is first


def test_of_another_forward_pass_nothing_is_known():
    call = called(product, X, W).remembering()
    call.pull(np.arange(13.0))
    other = call.beside("out", "pullback")
    assert (other.out, other.pullback, other.known) == ("out", "pullback", None)
    assert other.problem is call.problem and call.known
