"""All promises are tried in order as far as there is an answer, and what breaks one is told once."""

import dataclasses
import functools
import inspect
from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.contract import examine as room
from gradcheck.contract.examine import PROMISES, Contract, examine
from gradcheck.subjects.adapted import Adapted, Broken
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=(3, 4))
U = 2.0**-52


def square(x):
    return x * x * x


def honest(x, dy):
    return 3 * x * x * dy


CUBE = pair(square, honest)


def examined(subject, *inputs, seed=2):
    with np.errstate(all="ignore"):
        return examine(Problem(subject, inputs, {}), np.random.default_rng(seed))


def told(contract, severity="fail"):
    return [(f.kind, f.array, f.message) for f in contract.findings if f.severity == severity]


def promised(monkeypatch, *promises):
    monkeypatch.setattr(room, "PROMISES", promises)


def test_an_honest_subject_keeps_every_promise():
    contract = examined(CUBE, X)
    assert contract.findings == () and contract.comparable and contract.outputs == 12
    assert not contract.problem.once and contract.problem.protect
    assert 1 <= contract.roundings < 2.0**10


def test_an_error_of_the_forward_pass_comes_through():
    with pytest.raises(ValueError, match="must be finite where it is checked"):
        examined(pair(np.log, lambda x, dy: dy / x), np.array([0.0]))


def breaking(kind, where):
    class Breaks(Adapted):
        def forward(self, parameters, inputs, constants):
            if where == "forward":
                raise Broken(kind, "has no form", "x")
            return 0 * inputs[0] + 3

        def vjp(self, parameters, inputs, constants):
            raise Broken(kind, "has no form", "x")

    return Breaks()


def test_what_breaks_the_contract_so_that_there_is_no_output_is_the_one_finding():
    contract = examined(breaking("count", "forward"), X)
    assert told(contract) == [("count", "x", "has no form")]
    assert not contract.comparable and (contract.outputs, contract.roundings) == (0, 0.0)


def test_what_breaks_the_contract_so_that_there_are_no_cotangents_is_the_last_finding():
    contract = examined(breaking("count", "vjp"), X.astype(np.float32))
    assert [f.kind for f in contract.findings] == ["count"] and told(contract) == [("count", "x", "has no form")]
    assert not contract.comparable and (contract.outputs, contract.roundings) == (12, 3)  # U units of its own size, 3


def test_findings_of_the_forward_pass_stand_before_what_breaks_the_contract():
    def both(a, b):
        a *= 2
        return a + b, lambda dy: dy

    assert [f.kind for f in examined(both, X, X).findings] == ["mutation", "count"]
    assert not examined(both, X, X).problem.protect


def test_findings_of_the_forward_pass_stand_before_what_promises_find(monkeypatch):
    def vjp(x):
        y = square(x)
        x *= 1
        return y, lambda dy: honest(x, dy)

    promised(monkeypatch, ("later", lambda call, rounding, rng: iter([Finding("later", "found")])))
    contract = examined(vjp, X)
    assert [f.kind for f in contract.findings] == ["mutation", "later"] and contract.comparable


def test_a_forward_pass_that_cannot_be_compared_is_asked_no_further():
    rng, calls = np.random.default_rng(0), []

    def forward(x):
        return x * rng.uniform(size=x.shape)

    contract = examined(pair(forward, lambda x, dy: calls.append(1) or dy), X)
    assert [f.kind for f in contract.findings] == ["stochastic"] and not calls
    assert not contract.comparable and (contract.outputs, contract.roundings) == (0, 0.0)


@pytest.mark.parametrize("wrong", [lambda dx: dx[:1], lambda dx: dx.astype(complex), lambda dx: None])
def test_where_a_cotangent_cannot_be_compared_nothing_else_is_asked(wrong):
    calls = []

    def backward(x, dy):
        calls.append(1)
        return wrong(honest(x, dy))

    contract = examined(lambda x: (square(x), lambda dy: backward(x, dy)), X)
    assert len(calls) == 1 and len(contract.findings) == 1
    assert not contract.comparable and contract.outputs == 12 and contract.roundings >= 1


def test_one_cotangent_that_cannot_be_compared_is_enough():
    assert not examined(pair(lambda a, b: a + b, lambda a, b, dy: (dy, dy[:1])), X, X).comparable


@pytest.mark.parametrize(
    ("x", "y", "units"),
    [
        (np.float64, np.float64, U),
        (np.float32, np.float32, 2.0**-23),
        (np.float32, np.float64, 2.0**-23),
        (np.float64, np.float32, 2.0**-23),
        (np.float16, np.float32, 2.0**-10),
        (np.float64, np.float16, 2.0**-10),
    ],
)
def test_roundings_are_counted_in_units_of_the_narrowest_format_in_sight(monkeypatch, x, y, units):
    calls = []
    promised(monkeypatch, ("now", lambda call, rounding, rng: calls.append(call) or iter(())))
    numbers = np.random.default_rng(3).normal(size=30).astype(x)
    contract = examined(pair(lambda x: (x * 1.0).astype(y), lambda x, dy: (dy * 1.0).astype(x.dtype)), numbers)
    (call,) = calls
    assert call.noise == pytest.approx(contract.roundings * units, rel=1e-12, abs=0)
    assert call.u == units


def test_a_cotangent_of_few_bits_makes_the_promises_of_its_format(monkeypatch):
    calls = []
    promised(monkeypatch, ("now", lambda call, rounding, rng: calls.append(call) or iter(())))
    x = np.random.default_rng(3).normal(size=30)
    narrow = pair(np.sin, lambda x, dy: (np.cos(x) * dy).astype(np.float32).astype(float))
    contract = examined(narrow, x)
    (call,) = calls
    assert call.u == 2.0**-23 and contract.roundings == call.noise / U, "but y is rounded as it was"


def test_a_promise_is_given_the_first_call_and_what_roundings_make_of_it(monkeypatch):
    given = []
    promised(monkeypatch, ("now", lambda *arguments: given.append(arguments) or iter(())))
    examined(CUBE, X)
    ((call, rounding, rng),) = given
    assert np.array_equal(call.point[0], X) and np.array_equal(call.y, square(X).ravel())
    assert call.g.shape == (2, 12) and np.array_equal(call.first[0], honest(X, call.g[0].reshape(3, 4)))
    assert call.first[0] is not call.returned[0] and not np.shares_memory(call.first[0], call.returned[0])
    assert not call.large and rounding.jitter["x"] > 0 and isinstance(rng, np.random.Generator)


def test_a_large_subject_is_called_large(monkeypatch):
    calls = []
    promised(monkeypatch, ("now", lambda call, rounding, rng: calls.append(call) or iter(())))
    examined(pair(lambda x: x[:3] * 1, lambda x, dy: np.append(dy, np.zeros(x.size - 3))), np.ones(100_001))
    assert calls[0].large


def test_cotangents_are_drawn_from_the_generator_that_is_handed_over(monkeypatch):
    drawn = []
    promised(monkeypatch, ("now", lambda call, rounding, rng: drawn.append(call.g) or iter(())))
    for seed in (2, 2, 3):
        examined(CUBE, X, seed=seed)
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])


def finding(kind, array=None, severity="fail"):
    return Finding(kind, f"{kind} of {array}", severity, array)


def test_promises_are_tried_in_order_and_told_in_order(monkeypatch):
    promised(
        monkeypatch,
        ("first", lambda *arguments: iter([finding("b"), finding("a")])),
        ("second", lambda *arguments: iter([finding("c", "x")])),
    )
    assert [f.kind for f in examined(CUBE, X).findings] == ["b", "a", "c"]


def test_failures_of_one_kind_for_one_array_are_told_once_and_notes_each_time(monkeypatch):
    several = [
        finding("a", "x"),
        finding("a", "x"),
        finding("a", "w"),
        finding("b", "x"),
        finding("n", "x", "note"),
        finding("n", "x", "note"),
        finding("a", "x", "inconclusive"),
    ]
    promised(monkeypatch, ("now", lambda *arguments: iter(several)))
    assert list(examined(CUBE, X).findings) == [several[i] for i in (0, 2, 3, 4, 5, 6)]


def raising(error, after=()):
    def promise(call, rounding, rng):
        yield from after
        raise error

    return promise


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("graph was freed\nby the first call"), "RuntimeError: graph was freed"),
        (RuntimeError(), "RuntimeError: no message"),
        (KeyError("w"), "KeyError: 'w'"),
    ],
)
def test_an_error_while_a_promise_is_tried_is_a_finding_and_ends_the_promises(monkeypatch, error, text):
    promised(
        monkeypatch,
        ("in the morning", lambda *arguments: iter(())),
        ("in the evening", raising(error, [finding("a")])),
        ("at night", lambda *arguments: iter([finding("b")])),
    )
    contract = examined(CUBE, X)
    message = f"in the evening, the subject raises {text}"
    assert told(contract) == [("a", None, "a of None"), ("raises", None, message)]
    assert contract.comparable and contract.problem.once, "and numbers are still compared, of one call each"


def test_an_error_while_roundings_are_measured_is_one_of_the_first_promise():
    def once(x):
        used = []

        def pullback(dy):
            if used:
                raise RuntimeError("graph was freed")
            used.append(dy)
            return honest(x, dy)

        return square(x), pullback

    contract = examined(once, X)
    assert told(contract) == [("raises", None, "called again, the subject raises RuntimeError: graph was freed")]
    assert contract.comparable and contract.problem.once


def test_an_error_for_another_layout_says_so():
    def backward(x, dy):
        if not dy.flags.c_contiguous:
            raise RuntimeError
        return honest(x, dy)

    message = "for arrays in another memory layout, the subject raises RuntimeError: no message"
    assert told(examined(pair(square, backward), X)) == [("raises", None, message)]


def test_an_error_for_another_dy_says_so():
    def backward(x, dy):
        if not dy.any():
            raise RuntimeError("nothing to do")
        return honest(x, dy)

    message = "for another dy, the subject raises RuntimeError: nothing to do"
    assert told(examined(pair(square, backward), X)) == [("raises", None, message)]


BROKEN = {
    "repeat": lambda x, dy, k: honest(x, dy) * k,
    "homogeneous": lambda x, dy, k: honest(x, np.abs(dy)),
    "layout": lambda x, dy, k: honest(x, dy) * (1 if dy.flags.c_contiguous else 2),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_promise_is_tried(kind):
    def vjp(x):
        calls = []
        return square(x), lambda dy: calls.append(1) or BROKEN[kind](x, dy, len(calls))

    assert kind in {f.kind for f in examined(vjp, X).findings}


def test_every_promise_has_the_shape_of_its_neighbour_and_a_file_with_its_tests_of_its_own():
    alone = [promise.args[0] if isinstance(promise, functools.partial) else promise for _, promise in PROMISES]
    homes = [Path(inspect.getfile(promise)) for promise in alone]
    for promise, home in zip(alone, homes, strict=True):
        assert [name.lstrip("_") for name in inspect.signature(promise).parameters] == ["call", "rounding", "rng"]
        assert inspect.isgeneratorfunction(promise) and promise.__doc__.startswith("Yield ")
        assert Path(__file__).with_name(f"test_{home.stem}.py").is_file()
    assert len(set(homes)) == len(PROMISES)


def test_a_new_promise_is_one_function_and_one_line(monkeypatch):
    """What a promise gets is enough to try another: here, that a cotangent is no array the subject keeps."""
    kept = []

    def keeps_nothing(call, rounding, rng):
        for leaf, dx, _ in call.pairs(call.returned, call.first):
            if any(np.shares_memory(dx, own) for own in kept):
                yield Finding("lent", f"the cotangent of {leaf} is an array of the subject's own", array=leaf)

    def vjp(x):
        def pullback(dy):
            dx = honest(x, dy)
            kept.append(dx)
            return dx

        return square(x), pullback

    promised(monkeypatch, *PROMISES, ("kept", keeps_nothing))
    assert told(examined(vjp, X)) == [("lent", "x", "the cotangent of x is an array of the subject's own")]
    kept.clear()
    assert told(examined(CUBE, X)) == []


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_promise_fails_the_check_and_its_array_even_if_its_numbers_are_right(kind):
    def vjp(x):
        calls = []
        return square(x), lambda dy: calls.append(1) or BROKEN[kind](x, dy, len(calls))

    report = gradcheck.check(vjp, X)
    assert report.verdict == "fail" and report.gradients[0].verdict == "fail"


def test_where_nothing_can_be_compared_no_gradient_has_a_verdict():
    report = gradcheck.check(pair(lambda a, b: a + b, lambda a, b, dy: dy), X, X)
    assert report.verdict == "fail" and {f.kind for f in report.findings} == {"count"}
    assert {(g.verdict, g.reason) for g in report.gradients} == {("inconclusive", "not compared")}


def test_behind_an_error_in_a_later_call_a_wrong_gradient_is_told_and_a_right_one_measured():
    def once(factor):
        def vjp(x):
            used = []

            def pullback(dy):
                if used:
                    raise RuntimeError
                used.append(dy)
                return factor * honest(x, dy)

            return square(x), pullback

        return vjp

    assert {"raises", "gradient"} <= {f.kind for f in gradcheck.check(once(1.01), X).findings}
    right = gradcheck.check(once(1), X)
    assert {f.kind for f in right.findings if f.severity == "fail"} == {"raises"} and right.gradients[0].digits > 11


def test_a_workspace_of_an_object_is_one_when_its_method_is_handed_over():
    class Work:
        def __init__(self):
            self.out = np.empty_like(X)

        def forward(self, x):
            return np.multiply(x * x, x, out=self.out) if x.dtype == X.dtype else square(x)

    contract = examined(pair(Work().forward, honest), X)
    message = "a later forward pass changes the output that an earlier one returned"
    assert told(contract) == [("alias", None, message)]


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Contract).problem = None
