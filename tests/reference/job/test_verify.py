import collections

import numpy as np
import pytest

import gradcheck
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


def test_inputs_are_in_double_precision():
    for example in catalogue.examples():
        assert all(array.dtype == np.float64 for array in example.inputs)
