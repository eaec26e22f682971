"""The front door: three verdicts, options of the checker's own, and nothing of the user's modified."""

import multiprocessing
import re

import numpy as np
import pytest

import gradcheck
from gradcheck import Checker, checker
from gradcheck.adapters import pair
from gradcheck.verdict import refused
from gradcheck.verdict.comparisons import compare_all


class Cubic:
    """The pullback of x^3, with one of its own."""

    def __init__(self, x):
        self.x = x

    def __call__(self, dy):
        return 3 * self.x**2 * dy

    def vjp(self, dy):
        return self(dy), lambda c: (6 * self.x * dy * c, 3 * self.x**2 * c)


def cube(x):
    return x * x * x, Cubic(x)


X = np.random.default_rng(1).normal(size=(3, 4))
sine = pair(np.sin, lambda x, dy: np.cos(x) * dy)
wrong = pair(np.sin, lambda x, dy: np.cos(x) * dy * (1 + 1e-8))
nothing = pair(lambda x: np.tanh(x + 400), lambda x, dy: 0 * dy)


def test_there_are_three_verdicts():
    assert [gradcheck.check(f, X).verdict for f in (sine, wrong, nothing)] == ["pass", "fail", "inconclusive"]


def test_a_verdict_is_raised_unless_it_is_a_pass():
    assert gradcheck.assert_gradients(sine, X) is None
    for subject, verdict in ((wrong, "fail"), (nothing, "inconclusive")):
        with pytest.raises(gradcheck.GradientError, match=verdict) as caught:
            gradcheck.assert_gradients(subject, X)
        assert isinstance(caught.value, AssertionError)
        assert caught.value.report.verdict == verdict
        assert str(caught.value).strip() == str(caught.value.report).strip()


def test_a_failure_gives_both_numbers_the_bar_and_the_index():
    def backward(x, dy):
        dx = np.cos(x) * dy
        dx[2, 1] *= 1.001
        return dx

    report = gradcheck.check(pair(lambda x: np.sin(x), backward), X)
    (gradient,) = report.gradients
    assert gradient.worst_index == (2, 1) and gradient.wrong == [(2, 1)]
    assert abs(gradient.claimed - gradient.numeric) > 100 * gradient.bar
    (message,) = [f.message for f in report.findings if f.kind == "gradient"]
    pattern = r"x\[2, 1\]: the pullback gives \S+, differences give \S+ \+- \S+"
    assert re.fullmatch(pattern, message)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"seed": 1.5}, TypeError, "gradcheck: seed must be a whole number, got float"),
        ({"seed": True}, TypeError, "gradcheck: seed must be a whole number, got bool"),
        ({"seed": -1}, ValueError, "gradcheck: seed must not be negative, got -1"),
        ({"order": "2"}, TypeError, "gradcheck: order must be 1 or 2, got str"),
        ({"order": True}, TypeError, "gradcheck: order must be 1 or 2, got bool"),
        ({"order": 0}, ValueError, "gradcheck: order must be 1 or 2, got 0"),
        ({"order": 3}, ValueError, "gradcheck: order must be 1 or 2, got 3"),
        ({"exact": 1}, TypeError, "gradcheck: exact must be True or False, got int"),
        ({"exact": None}, TypeError, "gradcheck: exact must be True or False, got NoneType"),
        ({"workers": "two"}, TypeError, "gradcheck: workers must be a whole number or map-like callable, got str"),
        ({"workers": True}, TypeError, "gradcheck: workers must be a whole number or map-like callable, got bool"),
        ({"workers": 0}, ValueError, "gradcheck: workers must be at least 1, or -1 for all cores, got 0"),
        ({"workers": -2}, ValueError, "gradcheck: workers must be at least 1, or -1 for all cores, got -2"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Checker(**options)(sine, X)


def test_options_do_not_collide_with_a_layers_own_arguments():
    def vjp(x, *, seed, workers):
        return seed * x * workers, lambda dy: seed * dy * workers

    assert Checker(seed=3)(vjp, X, seed=2.0, workers=5.0).verdict == "pass"


def test_the_order_is_reserved_in_check_alone():
    def scaled(x, *, order):
        return order * x, lambda dy: order * dy

    assert Checker()(scaled, X, order=3.0).verdict == "pass"
    for function in (gradcheck.check, gradcheck.assert_gradients):
        with pytest.raises(ValueError, match=r"^gradcheck: order must be 1 or 2, got 3$"):
            function(scaled, X, order=3)


def test_the_second_order_adds_to_the_first_and_changes_nothing_of_it():
    one, two = (gradcheck.check(sine, X, order=order) for order in (1, 2))
    assert one.symmetry is None and two.symmetry.digits > 8
    assert two.gradients == one.gradients and two.findings[: len(one.findings)] == one.findings
    assert {f.message.partition(":")[0] for f in two.findings[len(one.findings) :]} == {"second order"}
    assert gradcheck.check(sine, X).to_dict() == one.to_dict()
    assert two.evaluations > one.evaluations


def test_an_assertion_may_ask_for_the_second_order():
    def turned(x):
        return np.sin(x), lambda dy: np.cos(x) * dy + 1e-3 * x[::-1] * np.arange(4) * dy

    assert gradcheck.assert_gradients(sine, X, order=2) is None
    with pytest.raises(gradcheck.GradientError, match="is not symmetric") as caught:
        gradcheck.assert_gradients(turned, X, order=2)
    assert caught.value.report.symmetry.is_apart


def test_the_second_order_is_the_same_wherever_the_work_is_done():
    with multiprocessing.Pool(2) as pool:
        far = Checker(order=2, workers=pool.map)(cube, X)
    assert far.to_dict() == Checker(order=2)(cube, X).to_dict()
    assert [g.name for g in far.gradients] == ["x", "second order, x", "second order, dy"]


def test_the_same_seed_gives_the_same_report():
    one, two, other = (Checker(seed=seed)(wrong, X) for seed in (7, 7, 8))
    assert one.to_dict() == two.to_dict() and str(one) == str(two)
    assert other.to_dict() != one.to_dict() and other.verdict == "fail"


def test_balls_are_asked_only_where_that_is_wanted():
    tiny = pair(np.sin, lambda x, dy: np.cos(x) * dy + np.cos(x) * dy * 1e-18)
    for check in (gradcheck.check, Checker()):
        report = check(tiny, X)
        assert report.verdict == "pass" and report.gradients[0].exact is None
    assert gradcheck.assert_gradients(tiny, X) is None
    for report in (gradcheck.check(tiny, X, exact=True), Checker(exact=True)(tiny, X)):
        assert report.verdict == "fail" and report.gradients[0].exact.relative == pytest.approx(1e-18, rel=1e-9)
    with pytest.raises(gradcheck.GradientError):
        gradcheck.assert_gradients(tiny, X, exact=True)


def test_which_branches_balls_took_is_told():
    relu = pair(lambda x: np.maximum(x, 0 * x), lambda x, dy: np.where(x > 0, dy, 0 * dy))
    found = [f.message for f in Checker(exact=True)(relu, X).findings if f.kind == "exact"]
    assert any(message.startswith("branches were decided") for message in found)
    assert "exact" not in {f.kind for f in Checker()(relu, X).findings}


def test_of_the_second_order_balls_are_not_asked():
    for exact in (False, True):
        first, *second = Checker(order=2, exact=exact)(cube, X[0]).gradients
        assert (first.exact is not None) is exact and len(second) == 2 and all(g.exact is None for g in second)


def test_what_balls_need_is_asked_for_before_any_work(monkeypatch):
    def missing():
        raise ImportError("not there")

    monkeypatch.setattr(checker, "expect_flint", missing)
    assert Checker().exact is False
    with pytest.raises(ImportError, match=r"^not there$"):
        Checker(exact=True)


def test_nothing_of_the_users_is_modified():
    mask, rng, state = np.ones(4, bool), np.random.default_rng(5), np.random.default_rng(6)
    inside = np.random.RandomState(7)
    x, weight = X.copy(), {"w": X[0].copy(), "noise": state}
    before = [str(g.bit_generator.state) for g in (rng, state)], str(inside.get_state())

    def vjp(x, weight, *, mask, rng, more):
        factor = rng.uniform(1, 2, x.shape) * weight["noise"].uniform(1, 2, 4) * more["rng"].uniform(1, 2) * mask
        w = weight["w"]
        return x * w * factor, lambda dy: (dy * w * factor, {"w": (dy * x * factor).sum(axis=0)})

    report = gradcheck.check(vjp, x, weight, mask=mask, rng=rng, more={"rng": inside})
    assert report.verdict == "pass", str(report)
    assert np.array_equal(x, X) and np.array_equal(weight["w"], X[0]) and mask.all()
    assert x.flags.writeable and weight["w"].flags.writeable and mask.flags.writeable
    after = [str(g.bit_generator.state) for g in (rng, state)], str(inside.get_state())
    assert after == before


def test_warnings_and_error_states_are_left_as_they_were():
    before = np.geterr()
    log = pair(np.log, lambda x, dy: dy / x)
    assert gradcheck.check(log, np.abs(X) + 1e-3).verdict == "pass"  # steps leave the domain, silently
    steep = pair(lambda x: 1 / (1 + np.exp(1e3 * x)), lambda x, dy: 0 * dy)
    assert gradcheck.check(steep, np.abs(X) + 1).verdict != "fail"  # and at the very point the exponential overflows
    assert np.geterr() == before


def test_public_names_are_loaded_when_used():
    assert set(gradcheck.__all__) <= set(dir(gradcheck))
    for name in gradcheck.__all__:
        assert getattr(gradcheck, name) is not None
    with pytest.raises(AttributeError, match="module 'gradcheck' has no attribute 'tolerance'"):
        gradcheck.tolerance


def test_a_finding_is_a_failure_of_everything_unless_it_says_otherwise():
    finding = gradcheck.Finding("kind", "message")
    assert (finding.severity, finding.array) == ("fail", None)


def test_a_longer_check_costs_what_it_says():
    calls = {"forward": 0, "complex forward": 0, "pullback": 0}

    def forward(x):
        calls["complex forward" if np.iscomplexobj(x) else "forward"] += 1
        return np.sin(x)

    def backward(x, dy):
        calls["pullback"] += 1
        return np.cos(x) * dy

    report = gradcheck.check(pair(forward, backward), X)
    assert {kind: report.calls[kind] for kind in calls} == calls
    assert report.evaluations == calls["forward"] + 4 * calls["complex forward"] + 2 * calls["pullback"]


def test_without_options_nothing_is_declared_and_one_order_is_checked_with_seed_nought():
    plain = Checker()(wrong, X)
    assert plain.to_dict() == Checker(seed=0, order=1, noise=0.0, layouts=True)(wrong, X).to_dict()
    assert not [f for f in plain.findings if f.kind == "declared"] and plain.symmetry is None

    def turned(x):
        return np.sin(x), lambda dy: np.cos(x) * dy + 1e-3 * x[::-1] * np.arange(4) * dy

    assert gradcheck.check(cube, X).symmetry is None and gradcheck.assert_gradients(cube, X) is None
    with pytest.raises(gradcheck.GradientError) as caught:
        gradcheck.assert_gradients(turned, X)
    assert caught.value.report.symmetry is None


def test_a_backward_pass_that_varies_fails_unless_that_is_declared():
    rng = np.random.default_rng(3)

    def varying(x, dy):
        return np.cos(x) * dy * (1 + 1e-6 * rng.normal(size=x.shape))

    assert gradcheck.check(pair(np.sin, varying), X).verdict == "fail"
    declared = Checker(nondeterministic=True)(pair(np.sin, varying), X)
    assert "repeat" not in {f.kind for f in declared.findings}


def test_the_last_line_that_a_failed_assertion_shows_is_the_users_own():
    with pytest.raises(gradcheck.GradientError) as caught:
        gradcheck.assert_gradients(wrong, X)
    shown = [entry.name for entry in caught.traceback.filter(caught)]
    assert "assert_gradients" not in shown and len(shown) == 1


def test_a_pullback_that_breaks_its_contract_has_no_second_order_but_one_with_notes_has():
    def absolute(x):
        return x * x, lambda dy: 2 * x * np.abs(dy)

    def summed(x):
        return x * x, lambda dy: (2 * x * dy).sum(0)

    for broken in (absolute, summed):
        report = gradcheck.check(broken, X, order=2)
        assert report.symmetry is None
        assert "second order: not checked: the pullback breaks its contract" in [f.message for f in report.findings]
    noted = pair(lambda ids, x: np.sin(x[ids]), lambda ids, x, dy: np.cos(x) * dy)
    report = gradcheck.check(noted, np.arange(3), X, order=2)
    assert any(f.severity == "note" and f.kind == "integer" for f in report.findings)
    assert report.symmetry.digits > 8


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_comparison_knows_what_one_rounding_makes_of_the_outputs(monkeypatch, dtype):
    noises = []

    def spied(problem, places, noise, *rest):
        noises.append(noise)
        return compare_all(problem, places, noise, *rest)

    monkeypatch.setattr(refused, "compare_all", spied)
    x = X.astype(dtype)
    assert gradcheck.check(pair(lambda x: 8 + x / 16, lambda x, dy: dy / 16), x).verdict == "pass"
    # compared is in float64, whatever the format in which the contract was examined
    assert noises == [pytest.approx(np.finfo(np.float64).eps * (8 + x / 16).max(), rel=1e-6, abs=0)]


def test_forward_mode_and_the_narrow_format_are_compared_too():
    pushed = gradcheck.adapters.forward_mode(lambda x: (np.sin(x), lambda d: np.cos(x) * d))
    assert "jvp" in {f.kind for f in gradcheck.check(pushed, X[0]).findings}

    def rounded(x, dy):
        factor = 1.001 if x.dtype == np.float32 else 1.0
        return (np.cos(x) * dy * factor).astype(x.dtype)

    report = gradcheck.check(pair(np.sin, rounded), X.astype(np.float32))
    assert {f.kind for f in report.findings if f.severity == "fail"} == {"precision"}
