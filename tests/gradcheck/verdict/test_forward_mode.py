"""Where a subject has forward mode, <g, J d> is held against real differences and against the pullback."""

import numpy as np
import pytest

import gradcheck
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.adapted import Adapted
from gradcheck.verdict import forward_mode as module
from gradcheck.verdict.comparisons import Comparisons
from gradcheck.verdict.forward_mode import _judged, _serves, compare_forward_mode
from gradcheck.verdict.ground import Known


class Product(Adapted):
    """y = tanh(x w), with factors that make its pullback and its forward mode wrong."""

    name = "product"

    def __init__(self, x=1.0, w=1.0, dx=1.0, dw=1.0):
        self.reverse, self.ahead = (dx, dw), (x, w)

    def signature(self):
        return lambda x, w: None

    def forward(self, parameters, inputs, constants):
        return np.tanh(inputs[0] @ inputs[1])

    def vjp(self, parameters, inputs, constants):
        (x, w), (dx, dw) = inputs, self.reverse
        y = np.tanh(x @ w)
        return y, lambda dy: (None, (dx * ((dy * (1 - y * y)) @ w.T), dw * (x.T @ (dy * (1 - y * y)))))

    def jvp(self, parameters, inputs, directions, constants):
        (x, w), (dx, dw) = inputs, directions
        y = np.tanh(x @ w)
        return (1 - y * y) * (self.ahead[0] * (dx @ w) + self.ahead[1] * (x @ dw))


class Without(Product):
    jvp = Adapted.jvp


@pytest.fixture
def inputs(rng):
    return rng.normal(size=(5, 4)), 0.5 * rng.normal(size=(4, 3))


def told(report):
    return [(f.severity, f.message) for f in report.findings if f.kind == "jvp"]


def test_a_right_forward_mode_is_proved_with_the_pullback(prove, inputs):
    report = prove(Product(), *inputs)
    assert told(report) == [("note", "forward mode agrees with real differences and with the pullback")]
    assert report.calls["forward mode"] == 4  # a direction of both arrays, three times again with other roundings


def test_nothing_is_said_where_there_is_none(prove, inputs):
    assert told(prove(Without(), *inputs)) == []


@pytest.mark.parametrize("error", [1.0, 1e-2, 1e-4, 1e-6])
def test_a_wrong_forward_mode_fails_and_its_input_is_named(error, inputs):
    report = gradcheck.check(Product(w=1 + error), *inputs)
    assert report.verdict == "fail"
    assert [g.verdict for g in report.gradients] == ["pass", "pass"]
    assert [severity for severity, _ in told(report)] == ["fail"]
    assert told(report)[0][1].startswith("w: along a random direction forward mode gives ")


def test_what_real_differences_cannot_decide_is_inconclusive(inputs):
    report = gradcheck.check(Product(x=1 + 1e-12), *inputs)
    assert report.verdict == "inconclusive"
    assert [severity for severity, _ in told(report)] == ["inconclusive"]
    assert told(report)[0][1].startswith("x: along a random direction forward mode gives ")
    assert told(report)[0][1].endswith(": real differences are too coarse to tell which is wrong")


def test_a_right_forward_mode_stands_beside_a_wrong_pullback(inputs):
    report = gradcheck.check(Product(dw=1.01), *inputs)
    assert [g.verdict for g in report.gradients] == ["pass", "fail"]
    assert told(report) == [("note", "forward mode agrees with real differences, the pullback does not")]


def test_the_same_error_in_both_is_found_in_both(inputs):
    report = gradcheck.check(Product(w=1.01, dw=1.01), *inputs)
    assert [g.verdict for g in report.gradients] == ["pass", "fail"]
    assert [severity for severity, _ in told(report)] == ["fail"]


def test_a_tangent_that_is_no_number_fails(inputs):
    report = gradcheck.check(Product(x=np.nan), *inputs)
    assert told(report)[0][0] == "fail"
    assert "forward mode gives nan" in told(report)[0][1]


@pytest.mark.parametrize(
    ("jvp", "message"),
    [
        (lambda *arguments: np.zeros(3), "tangents must have as many entries as the output, 15, got 3"),
        (lambda *arguments: [][0], "list index out of range"),
        (lambda *arguments: dict.fromkeys([()]).popitem()[1].none, "'NoneType' object has no attribute 'none'"),
    ],
)
def test_an_error_in_forward_mode_is_a_finding(jvp, message, inputs):
    subject = Product()
    subject.jvp = jvp
    report = gradcheck.check(subject, *inputs)
    assert report.verdict == "fail"
    assert told(report)[0][1].endswith(f": {message}")


def test_an_error_without_a_message_is_named(inputs):
    subject = Product()
    subject.jvp = lambda *arguments: next(iter(()))
    assert told(gradcheck.check(subject, *inputs)) == [("fail", "forward mode raises StopIteration: no message")]


def test_a_large_subject_is_compared_along_all_arrays_together(inputs):
    class Scaled(Adapted):
        factor = 1.0

        def forward(self, parameters, inputs, constants):
            return inputs[0] * inputs[1]

        def vjp(self, parameters, inputs, constants):
            return inputs[0] * inputs[1], lambda dy: (None, (dy * inputs[1], dy * inputs[0]))

        def jvp(self, parameters, inputs, directions, constants):
            return directions[0] * inputs[1] + self.factor * inputs[0] * directions[1]

    class Wrong(Scaled):
        factor = 1.01

    large = [np.random.default_rng(i).normal(size=60_000) for i in range(2)]
    assert told(gradcheck.check(Scaled(), *large))[0][0] == "note"
    severity, message = told(gradcheck.check(Wrong(), *large))[0]
    assert severity == "fail"
    assert message.startswith("inputs: along a random direction")


# One direction at a time


def judged(c, slope, bar=0.0):
    slope = np.broadcast_to(np.array(slope, float), c.claimed.shape)
    return _judged(c, slope, np.full(slope.shape, bar), "x")


def test_forward_mode_may_differ_from_differences_by_both_bars_and_fails_beyond(comparison):
    c = comparison([1.0, 1.0], 1.0, bar=0.25, claimed_bar=0.0)
    assert judged(c, [1.0, 1.5], 0.25).severity == "inconclusive" and judged(c, [1.0, 1.5], 0.5) is None
    for slope in (1.625, 0.375):
        found = judged(c, [1.0, slope], 0.25)
        assert (found.kind, found.severity) == ("jvp", "fail")
        assert found.message == (
            f"x: along a random direction forward mode gives {slope}, differences give 1 +- 5.0e-01"
        )


def test_at_a_spread_of_answers_it_may_be_any_of_them(comparison):
    c = comparison(1.0, 1.0, bar=0.25, claimed_bar=0.0, ends=(-1.0, 1.0))
    assert judged(c, -1.25).severity == "inconclusive" and judged(c, -1.5).severity == "fail"


def test_where_the_pullback_agrees_differences_are_wrong_by_chance(comparison):
    near = comparison(1.0625, 1.0, bar=0.0625, claimed_bar=0.0)
    assert judged(near, 1.125, 0.03125).severity == "fail" and judged(near, 1.09375, 0.03125) is None
    assert judged(comparison(1.125, 1.0, bar=0.0625, claimed_bar=0.0), 1.125).severity == "fail", "both are wrong"
    assert judged(comparison(1.0625, 1.0, bar=0.0625, claimed_bar=0.125), 1.1875) is None, "within the claim's own bar"


def test_what_is_not_resolved_contradicts_nothing_but_the_pullback_may(comparison):
    open_ = comparison(1.0, 2.0, bar=np.inf, claimed_bar=0.0)
    found = judged(open_, 1.5)
    assert found.severity == "inconclusive"
    both = "forward mode gives 1.5, the pullback 1: real differences are too coarse to tell which is wrong"
    assert found.message == f"x: along a random direction {both}"
    assert judged(open_, 1.0) is None
    assert judged(comparison([1.0, 1.0], 2.0, bar=np.inf, claimed_bar=0.0), [1.0, 1.5]).message == found.message


def test_a_slope_that_is_no_number_fails_whatever_was_resolved(comparison):
    assert judged(comparison(np.inf, 1.0), np.inf, np.inf).severity == "fail", "without a warning"
    for none in (np.nan, np.inf):
        assert judged(comparison([1.0, 1.0], 1.0, bar=np.inf), [1.0, none]).severity == "fail"


def test_a_wrong_pullback_is_no_reason_to_doubt_forward_mode(comparison):
    assert judged(comparison(2.0, 1.0, bar=0.25, claimed_bar=0.0), 1.0) is None


@pytest.mark.parametrize(("claimed", "of"), [(1.0, " and with the pullback"), (1.5, ", the pullback does not")])
def test_one_cotangent_tells_that_a_pullback_is_wrong(ground, comparison, monkeypatch, rng, claimed, of):
    c = comparison([1.0, claimed], 1.0, probe=Probe(0, seed=1))
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    monkeypatch.setattr(module, "slope_along", lambda *_: (np.ones(2), np.full(2, 1e-12)))
    compared = Comparisons(near, Known(), near.place, [[c]], [[c]], (False,), (), ())
    (finding,) = compare_forward_mode(compared, rng)
    assert (finding.severity, finding.message) == ("note", f"forward mode agrees with real differences{of}")


def test_a_direction_serves_where_whole_arrays_move_away_from_kinks(comparison):
    assert _serves(comparison(1.0, 1.0, probe=Probe(0, seed=3))) and _serves(comparison(1.0, 1.0, probe=Probe(None)))
    assert not _serves(comparison(1.0, probe=Probe(0, seed=3)))
    assert not _serves(comparison([1.0, 1.0], 1.0, kink=[True, False], probe=Probe(0, seed=3)))
    for probe in (Probe(0, coordinate=0), Probe(0, by_value=True), Probe(0, stop=3), Probe(0, held=(1,))):
        assert not _serves(comparison(1.0, 1.0, probe=probe))


@pytest.mark.parametrize(
    ("steps", "level", "u"),
    [(0.0, 0.0, 2.0**-53), (0.0, 2.0**-40, 2.0**-53), (0.0, 2.0**-39, 2.0**-24), (2.0**-8, 2.0**-39, 2.0**-8)],
)
def test_forward_mode_carries_the_roundings_of_the_coarsest_format_inside(
    ground, comparison, monkeypatch, rng, steps, level, u
):
    """That of float32 where any noise was found, and that of the steps in which f moves."""
    asked = []
    monkeypatch.setattr(module, "slope_along", lambda *rest: asked.append(rest[3]) or (np.ones(2), np.ones(2)))
    near = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    c = comparison([1.0, 1.0], 1.0, probe=Probe(0, seed=1), steps=steps)
    compare_forward_mode(Comparisons(near, Known({0: level}), near.place, [[c]], [[c]], (False,), (), ()), rng)
    assert asked == [u]


@pytest.mark.parametrize(("kink", "named"), [(False, ["x"]), (True, ["all arrays"])])
def test_which_array_it_is_is_asked_of_directions_away_from_kinks_alone(
    ground, comparison, monkeypatch, rng, kink, named
):
    monkeypatch.setattr(module, "slope_along", lambda *_: (np.full(2, 3.0), np.full(2, 1e-12)))
    near = ground(lambda x: np.sin(x), lambda x, dy: np.cos(x) * dy, np.ones(3))
    apart = comparison([1.0, 1.0], 1.0, kink=kink, probe=Probe(0, seed=1))
    monkeypatch.setattr(module, "measured", lambda ground, known, *_: ([apart], known))
    c = comparison([1.0, 1.0], 1.0, probe=Probe(None, seed=1))
    found = compare_forward_mode(Comparisons(near, Known(), near.place, [[c]], [[c]], (False,), (), ()), rng)
    assert [f.message.partition(":")[0] for f in found] == named
