import collections

import numpy as np
import pytest

import gradcheck
from gradcheck.exact.accuracy import Accuracy
from gradcheck.exact.answers import Exact
from gradcheck.verdict.facts import Symmetry
from reference.job import catalogue, verify
from reference.layers.linear import Linear

GRADIENTS = [("w", 12.5, 9.5, 4), ("b", 11.5, 10.5, 2), ("zero", None, None, 1)]


class Doubled(Linear):
    """A linear layer whose cotangent of the input is twice as large."""

    def vjp(self, x):
        y, linear_pullback = super().vjp(x)

        def pullback(dy):
            d_self, dx = linear_pullback(dy)
            return d_self, 2 * dx

        return y, pullback


@pytest.fixture
def two(monkeypatch, rng):
    """A catalogue of a right layer and a wrong one."""
    w, b, x = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=(2, 3))
    right, wrong = (
        catalogue.Example(f"layers.{kind.__name__.lower()}", "(2, 3) to 2", kind(w=w, b=b), (x,), {})
        for kind in (Linear, Doubled)
    )
    monkeypatch.setattr(catalogue, "examples", lambda *_: iter([right, wrong]))


def test_every_example_gets_its_verdict(two):
    right, wrong = verify.verdicts()
    assert (right.example.module, right.report.verdict, right.passed) == ("layers.linear", "pass", True)
    assert (wrong.example.module, wrong.report.verdict, wrong.passed) == ("layers.doubled", "fail", False)
    assert [g.name for g in wrong.report.gradients if g.verdict == "fail"] == ["x"]
    assert right.seconds > 0


def test_constants_reach_the_layer(monkeypatch, rng):
    seen = []

    def function(x, *, scale):
        seen.append(scale)
        return scale * x, lambda dy: scale * dy

    example = catalogue.Example("functions.scale", "by 3", function, (rng.normal(size=4),), {"scale": 3.0})
    monkeypatch.setattr(catalogue, "examples", lambda *_: iter([example]))
    (verdict,) = verify.verdicts()
    assert verdict.passed
    assert set(seen) == {3.0}


def test_one_seed_gives_one_report(two):
    one, again, other = (str(next(verify.verdicts(seed)).report) for seed in (1, 1, 2))
    assert one == again != other


def test_the_work_goes_through_the_mapper(two):
    calls = []

    def backwards(work, examples):
        calls.extend(examples)
        return map(work, reversed(calls))

    assert [verdict.passed for verdict in verify.verdicts(mapper=backwards)] == [False, True]
    assert len(calls) == 2


def test_digits_are_the_least_of_the_arrays_that_have_any():
    gradients = [gradcheck.Gradient(n, (2,), "pass", d, r, compared=c) for n, d, r, c in GRADIENTS]
    report = gradcheck.Report("subject", "pass", gradients, [], collections.Counter(), 0)
    verdict = verify.Verdict(None, report, 0.1)
    assert (verdict.digits, verdict.real_digits, verdict.compared) == (11.5, 9.5, 7)
    nothing = gradcheck.Report("subject", "pass", gradients[2:], [], collections.Counter(), 0)
    assert verify.Verdict(None, nothing, 0.1).digits is verify.Verdict(None, nothing, 0.1).real_digits is None


def examples_of(monkeypatch, function, *inputs):
    example = catalogue.Example("functions.one", "one", function, inputs, {})
    monkeypatch.setattr(catalogue, "examples", lambda *_: iter([example]))


@pytest.mark.parametrize(
    ("forward", "slope", "word"),
    [
        (np.tanh, lambda x: 1 - np.tanh(x) ** 2, "pass"),
        (lambda x: np.maximum(x.real, 0), lambda x: x > 0, "jump"),
        (lambda x: x.real * np.abs(x.real), lambda x: 2 * np.abs(x), "kink"),
    ],
    ids=["smooth", "jump", "kink"],
)
def test_of_the_second_order_a_pullback_must_have_a_derivative(monkeypatch, forward, slope, word):
    examples_of(monkeypatch, lambda x: (forward(x), lambda dy: slope(x) * dy), np.array([1.0, 0.0, -2.0]))
    (first,) = verify.verdicts()
    assert first.passed and first.symmetric_digits is None
    (second,) = verify.verdicts(order=2)
    assert (second.word, second.passed) == (word, word == "pass")
    assert word != "pass" or second.symmetric_digits > 8


@pytest.mark.parametrize(("bar", "smoothness"), [(np.inf, "smooth"), (0.1, "smooth"), (1e-9, "not resolved")])
def test_of_the_second_order_what_is_not_resolved_is_not_proved(bar, smoothness):
    symmetry = Symmetry(1.0, 1.0, bar, 2.0, smoothness)
    report = gradcheck.Report("subject", "pass", [], [], collections.Counter(), 0, symmetry=symmetry)
    assert verify.Verdict(None, report, 0.1).word == "inconclusive"
    assert not verify.Verdict(None, report, 0.1).passed


def test_of_the_second_order_a_pullback_must_be_symmetric(monkeypatch):
    def turned(x):
        return x**3, lambda dy: 3 * x**2 * dy + 1e-3 * np.roll(x, 1) ** 2 * dy

    examples_of(monkeypatch, turned, np.array([1.0, 0.5, -2.0]))
    (verdict,) = verify.verdicts(order=2)
    assert verdict.word == "fail" and verdict.report.symmetry.is_apart


def test_inputs_are_in_double_precision():
    for example in catalogue.examples():
        assert all(array.dtype == np.float64 for array in example.inputs)


def test_every_example_gets_its_proof(two):
    right, wrong = verify.proofs()
    assert (right.word, right.passed, right.names) == ("proved", True, ("w", "b", "x")) and right.digits > 80
    assert (wrong.word, wrong.passed) == ("differs", False) and wrong.constants == ""
    assert [answer.answer for answer in wrong.answers] == ["proved", "proved", "differs"]


def test_the_worst_answer_is_the_word_of_a_proof():
    words = ("differs", "not followed", "constants", "proved")
    for i, word in enumerate(words):
        answers = tuple(Exact(answer, reason=f"f{answer}") for answer in words[i:])
        found = verify.Proof(None, (), answers, 0.0)
        assert found.word == word and found.passed == (i >= 2) and found.digits is None
        assert found.constants == ("fconstants" if i <= 2 else "")


def test_what_floats_lose_is_told_array_by_array(two):
    right, wrong = verify.losses()
    assert [name for name, _ in right.arrays()] == ["w", "b", "x"]
    assert all(len(cells) == 6 and float(cells[1]) < 10 for _, cells in right.arrays())
    assert float(wrong.largest()[1]) < 10  # a wrong formula may be rounded well


def test_errors_are_short_in_print():
    lost = Accuracy("zero"), Accuracy("x", 0.25, 123.4, 1.0)
    found = verify.Loss(lost, lost)
    assert list(found.arrays()) == [("zero", ("zero",) * 6), ("x", ("0.2", "123", "1.0") * 2)]
    assert found.largest() == ("0.2", "123", "1.0") * 2 and verify.Loss(lost[:1], lost[:1]).largest() == ("zero",) * 6
