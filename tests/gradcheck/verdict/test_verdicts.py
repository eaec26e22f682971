"""The verdicts on all arrays, and what is said of each: of gradients that are nothing, and of nothing compared."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.problem import Problem
from gradcheck.verdict import verdicts
from gradcheck.verdict.comparisons import Comparisons, compare_all
from gradcheck.verdict.conclude import conclude
from gradcheck.verdict.error_map import error_map
from gradcheck.verdict.facts import Gradient, Ladder
from gradcheck.verdict.ground import Known
from gradcheck.verdict.places import choose
from gradcheck.verdict.verdicts import (
    Verdicts,
    _contradiction,
    _said,
    _vacuous,
    conclude_all,
    uncompared,
    with_broken,
    with_held,
)

X = np.random.default_rng(1).normal(size=(4, 5))


def said(report, kind):
    return [f.message for f in report.findings if f.kind == kind]


def test_a_check_of_nothing_is_inconclusive():
    report = gradcheck.check(pair(lambda x: np.tanh(x + 400), lambda x, dy: 0 * dy), X)
    assert report.verdict == "inconclusive"
    message = "every gradient is below the noise: nothing was checked"
    assert said(report, "vacuous") == [message]


def test_a_right_gradient_too_small_to_see_is_not_rejected():
    def forward(x):
        return np.tanh(50 * np.real(x))  # 1 to the last bit

    report = gradcheck.check(pair(forward, lambda x, dy: 50 * dy / np.cosh(50 * x) ** 2), np.array([-0.7, 0.8, 0.9]))
    assert report.verdict == "inconclusive", str(report)
    wrong = gradcheck.check(pair(forward, lambda x, dy: 1e-6 * dy), np.array([-0.7, 0.8, 0.9]))
    assert wrong.verdict == "fail"


def test_a_gradient_that_is_structurally_zero_passes_without_digits(rng):
    def softmax(x):
        e = np.exp(x)
        return e / e.sum(axis=-1, keepdims=True)

    def vjp(x, shift):
        p = softmax(x + shift)

        def pullback(dy):
            dx = p * (dy - (p * dy).sum(axis=-1, keepdims=True))
            return dx, dx.sum(axis=-1, keepdims=True)

        return p, pullback

    report = gradcheck.check(vjp, X, rng.normal(size=(4, 1)))
    assert report.verdict == "pass", str(report)
    dx, shift = report.gradients
    assert dx.digits > 11 and shift.digits is None and shift.real_digits is None
    assert 0 < shift.bar < 1e-12


def test_a_zero_that_is_claimed_to_be_something_fails():
    f = pair(lambda x, u: x * x + 0 * u, lambda x, u, dy: (2 * x * dy, 1e-6 * dy))
    report = gradcheck.check(f, X, X.copy())
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["u"]


def test_something_that_is_claimed_to_be_zero_fails():
    f = pair(lambda x, u: x * x + 1e-6 * u, lambda x, u, dy: (2 * x * dy, 0 * dy))
    report = gradcheck.check(f, X, X.copy())
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["u"]


def test_an_error_far_below_the_other_gradients_is_seen():
    f = pair(lambda x, u: 1e6 * np.sin(x) + 1e-3 * u * u, lambda x, u, dy: (1e6 * np.cos(x) * dy, 2.1e-3 * u * dy))
    report = gradcheck.check(f, X, X.copy())
    assert [g.name for g in report.gradients if g.verdict == "fail"] == ["u"]


def test_empty_arrays_have_nothing_to_compare():
    report = gradcheck.check(lambda x: (x * x, lambda dy: 2 * x * dy), np.zeros((0, 3)))
    assert report.verdict == "inconclusive", str(report)
    assert said(report, "vacuous") == ["nothing was compared: no array has an entry"]
    (gradient,) = report.gradients
    assert (gradient.verdict, gradient.compared, gradient.dtype) == ("inconclusive", 0, "float64")
    assert gradient.reason == "nothing was compared: no array has an entry"


NONE = "nothing was compared: the output has no entry"


@pytest.mark.parametrize("factor", [1, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_of_an_output_without_entries_nothing_is_compared_and_nothing_passes(rng, dtype, factor):
    """A batch of none: whatever is made of dy is zero, right or wrong."""

    def backward(x, w, b, dy):
        return factor * dy @ w.T.conj(), factor * x.T.conj() @ dy, factor * dy.sum(0)

    linear = pair(lambda x, w, b: x @ w + b, backward)
    report = gradcheck.check(linear, *(np.asarray(rng.normal(size=n), dtype) for n in ((0, 3), (3, 4), 4)))
    assert report.verdict == "inconclusive", str(report)
    assert said(report, "vacuous") == [NONE]
    for gradient in report.gradients:
        assert (gradient.verdict, gradient.reason, gradient.compared) == ("inconclusive", NONE, 0)
        assert gradient.digits is gradient.bar is gradient.ladder is None


def test_what_is_claimed_for_an_output_without_entries_fails(rng):
    w, subject = rng.normal(size=(3, 4)), pair(lambda x, w: x @ w, lambda x, w, dy: (dy @ w.T, x.T @ dy + 0.1 * w))
    for given in (w, np.zeros((3, 4))):  # at zero nothing is claimed, beside it something is
        report = gradcheck.check(subject, np.zeros((0, 3)), given)
        assert [g.verdict for g in report.gradients] == ["inconclusive", "fail"], str(report)
        assert report.gradients[1].cause == "nonlinear" and "without dy" in report.gradients[1].diagnosis
        assert not said(report, "vacuous") and report.gradients[0].reason == NONE


def test_an_array_without_entries_passes_beside_one_that_was_compared(rng):
    def backward(x, w, dy):
        return dy[0] @ w.T, x.T @ dy[0] + 2 * w * dy[1]

    report = gradcheck.check(pair(lambda x, w: (x @ w, w * w), backward), np.zeros((0, 3)), rng.normal(size=(3, 4)))
    assert [g.verdict for g in report.gradients] == ["pass", "pass"], str(report)
    assert not said(report, "vacuous") and "x (0, 3)  pass  no entries\n" in str(report)


def test_an_array_without_entries_does_not_pass_beside_one_that_is_not_compared(rng):
    subject = pair(lambda x, w: x.sum() + w, lambda x, w, dy: (0 * x + dy.sum(), dy))
    report = gradcheck.Checker(straight_through=["w"])(subject, np.zeros((0, 3)), rng.normal(size=4))
    assert [g.verdict for g in report.gradients] == ["inconclusive", "pass"], str(report)
    assert report.verdict == "inconclusive"


def test_a_scalar_is_an_input_and_an_output():
    report = gradcheck.check(lambda x: (x * x * x, lambda dy: 3 * x * x * dy), 1.75)
    assert report.verdict == "pass", str(report)
    report = gradcheck.check(lambda x: (float(np.vdot(x, x)), lambda dy: 2 * x * dy), X)
    assert report.verdict == "pass", str(report)
    assert gradcheck.check(lambda x: (x * x, lambda dy: 2.1 * x * dy), 1.75).verdict == "fail"


# What is said of each array


@pytest.fixture
def told(ground):
    """What is said of one array with a verdict that is given."""

    def told(believed=False, coarse=2.0**-53, u=2.0**-53, exact=False, **gradient):
        at = ground(np.sin, lambda x, dy: np.cos(x) * dy, X, u=u, exact=exact)
        compared = Comparisons(at, Known(), at.place, [[]], [[]], (believed,), (), ())
        found = _said(compared, 0, Gradient("x", (4, 5), **gradient), believed, coarse)
        return [(f.kind, f.severity, f.message, f.array) for f in found]

    return told


def test_of_a_right_array_nothing_is_said(told):
    assert told(verdict="pass", digits=12.0) == told(verdict="pass", digits=12.0, believed=True, exact=True) == []


def test_how_far_a_coarse_subject_was_checked_is_noted(told):
    message = "x: checked to 3.2 digits, all that float32 leaves here"
    assert told(verdict="pass", digits=3.21, coarse=2.0**-24, u=2.0**-24) == [("precision", "note", message, "x")]
    (found,) = told(verdict="pass", digits=0.0, coarse=2.0**-24)
    assert found[2] == "x: checked to 0.0 digits, all that the subject's precision leaves here"
    for more in ({"coarse": 2.0**-40}, {"believed": True, "coarse": 0.5}, {"digits": None, "coarse": 0.5}):
        assert told(**{"verdict": "pass", "digits": 3.0, **more}) == []
    assert [kind for kind, *_ in told(verdict="fail", digits=3.0, coarse=0.5)] == ["gradient"]


def test_the_format_is_that_in_whose_steps_f_moves_along_the_array_itself(ground, comparison):
    at = ground(lambda x, w: x * w, lambda x, w, dy: (dy * w, dy * x), X, X, u=2.0**-24)
    of = [[comparison(1.0, 1.0, probe=Probe(leaf), steps=u)] for leaf, u in ((0, 2.0**-8), (1, 2.0**-11))]
    compared = Comparisons(at, Known(), at.place, of, of, (False, False), (), ())
    for leaf, form in ((0, "bfloat16"), (1, "float16")):
        (found,) = _said(compared, leaf, Gradient("x", (4, 5), "pass", digits=2.0), False, 2.0**-8)
        assert found.message.endswith(f"all that {form} leaves here")


def test_jumps_and_a_complex_step_that_is_not_believed_are_noted(told):
    jump, step = told(verdict="pass", digits=9.0, jumps=2, exact=True)
    message = "x: the forward pass jumps or moves in steps there: the claim was judged beside that"
    assert jump == ("jump", "note", message, "x")
    assert step == ("complex", "note", "complex step not believed for x: real differences contradict it", "x")


def test_an_open_verdict_gives_its_reason(told):
    (found,) = told(verdict="inconclusive", reason="for a reason")
    assert found == ("resolution", "inconclusive", "x: for a reason", "x")


def contradiction(**gradient):
    return _contradiction(Gradient("x", (4, 5), "fail", **gradient))


def test_a_failure_gives_both_numbers_their_place_and_their_bar():
    text = contradiction(worst_index=(1, 2), claimed=0.25, numeric=0.5, bar=1e-9, wrong=[(0, 0), (1, 2)])
    assert text == "x[1, 2]: the pullback gives 0.25, differences give 0.5 +- 1.0e-09"
    for bar in (None, np.inf):
        text = contradiction(worst_index=(1, 2), claimed=0.25, numeric=0.5, bar=bar, wrong=[(1, 2)])
        assert text == "x[1, 2]: the pullback gives 0.25, differences give 0.5"


def test_a_failure_that_no_single_entry_shows_is_told_without_numbers():
    assert contradiction() == contradiction(claimed=1.0) == "x: the pullback contradicts real differences"
    told = contradiction(numeric=1.0, worst_index=(0, 1), wrong=[(0, 1)])
    assert told == "x[0, 1]: the pullback contradicts real differences"


def test_a_failure_that_its_worst_entry_does_not_show_is_told_along_the_direction_that_does():
    """And not by two numbers that agree within their bar."""
    seen = Ladder(None, "x", (), (), (), (), claimed=3.0, numeric=2.0, bar=1e-3)
    entry = {"worst_index": (1, 2), "claimed": 0.25, "numeric": 0.26, "bar": 0.1}
    text = "x, along a random direction of x: the pullback gives 3, differences give 2 +- 1.0e-03"
    for wrong in ([], [(0, 0)]):
        assert contradiction(**entry, wrong=wrong, ladder=seen) == text
    for other in (None, dataclasses.replace(seen, bar=2.0), dataclasses.replace(seen, index=(1, 2))):
        assert contradiction(**entry, ladder=other) == "x: the pullback contradicts real differences"


# Verdicts without numbers, and against them


def test_without_numbers_what_failed_fails_and_the_rest_is_open():
    problem = Problem(pair(lambda a, b: a * b, lambda a, b, dy: (dy * b, dy * a)), (X.astype(np.float32), X), {})
    one, two = uncompared(problem, (Finding("shape", "", "fail", "a"), Finding("odd", "", "note", "b")))
    assert (one.name, one.verdict, one.reason, one.shape, one.dtype) == ("a", "fail", "not compared", (4, 5), "float32")
    assert (two.name, two.verdict, two.reason, two.dtype) == ("b", "inconclusive", "not compared", "float64")


def test_an_array_whose_numbers_are_right_fails_by_what_was_found_of_it():
    right, wrong = Gradient("a", (2,), "pass", digits=9.0), Gradient("b", (2,), "fail", reason="of its own")
    found = [Finding(kind, "", "fail", array) for kind, array in (("mutation", "a"), ("layout", "a"), ("layout", "b"))]
    found += [Finding("mutation", "", "fail", "a"), Finding("order", "", "note", "a"), Finding("all", "", "fail")]
    a, b = with_broken((right, wrong), tuple(found))
    assert (a.verdict, a.reason, a.digits) == ("fail", "broken: mutation, layout", 9.0) and b is wrong
    assert with_broken((right,), (Finding("order", "", "note", "a"), Finding("all", "", "fail"))) == (right,)


def test_an_array_that_is_declared_straight_through_passes_without_a_number_in_its_own_place():
    whole = Problem(pair(lambda a, b: a * b, lambda a, b, dy: (dy * b, dy * a)), (X.astype(np.float32), X), {})
    compared = Gradient("b", (4, 5), "fail")
    a, b = with_held(whole, (compared,), ())
    assert b is compared and (a.name, a.verdict, a.shape, a.dtype) == ("a", "pass", (4, 5), "float32")
    assert a.reason == "straight through, as declared: not compared" and a.compared == 0


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Verdicts).gradients = None


def test_a_map_surveys_an_array_of_whose_wrong_entries_a_sample_was_located_and_shows_the_known_ones_of_others(rng):
    def backward(x, y, dy):
        return 1.01 * np.cos(x) * dy, np.cos(y) * dy * np.where(np.arange(600) == 3, 1.01, 1)

    report = gradcheck.check(pair(lambda x, y: np.sin(x) + np.sin(y), backward), *rng.normal(size=(2, 600)))
    x, y = report.gradients
    assert [f.array for f in report.findings if f.kind == "dense"] == ["x"]
    assert x.map.wrong.all() and x.map.wrong.size > 16
    assert y.map.wrong.sum() == 1 and not y.map.whole


def test_whether_known_entries_are_all_is_asked_of_each_array_by_itself(monkeypatch, rng):
    """x is wrong everywhere, w at one entry; of both more is found than that."""
    asked = {}

    def spied(ground, known, gradient, leaf, found, believed, complete, *rest):
        asked[gradient.name] = complete
        return error_map(ground, known, gradient, leaf, found, believed, complete, *rest)

    def backward(x, w, dy):
        return 1.01 * np.cos(x) * dy, np.cos(w) * dy * np.where(np.arange(600) == 3, 1.01, 1)

    monkeypatch.setattr(verdicts, "error_map", spied)
    problem = Problem(pair(lambda x, w: np.sin(x) + np.sin(w), backward), tuple(rng.normal(size=(2, 600))), {})
    at = choose(problem, 600, rng)
    compared = compare_all(problem, at, 2.0**-52, map, rng)
    notes = tuple(Finding("note", "something else", "note", name) for name in "xw")
    conclude_all(dataclasses.replace(compared, findings=(*notes, *compared.findings)), 0, rng)
    assert asked == {"x": False, "w": True}


def test_the_largest_derivative_is_that_of_any_array_along_any_cotangent(monkeypatch, rng):
    seen = []

    def spied(leaf, found, believed, largest, u, is_own):
        seen.append(largest)
        return conclude(leaf, found, believed, largest, u, is_own)

    def backward(x, w, dy):
        return dy[0], 1e3 * dy[1]

    monkeypatch.setattr(verdicts, "conclude", spied)
    problem = Problem(pair(lambda x, w: np.stack([x, 1e3 * w]), backward), (X[0], X[1]), {})
    compared = compare_all(problem, choose(problem, 10, rng), 1e-13, map, rng)
    conclude_all(compared, 0, rng)
    most = max(float(np.abs(c.real.value).max()) for found in compared.of for c in found if c.real is not None)
    assert seen == [most, most] and most > 100


@pytest.mark.parametrize(
    ("reasons", "what"),
    [
        (["below the noise: of something", ""], "every gradient is below the noise"),
        (["below the noise: of something", "no step gives a stable difference"], "no gradient was resolved"),
    ],
)
def test_nothing_was_checked_where_no_gradient_has_digits(ground, reasons, what):
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, X)
    compared = Comparisons(at, Known(), at.place, [[]], [[]], (False,), (), ())
    gradients = [Gradient("x", (4, 5), "inconclusive", reason=reason) for reason in reasons]
    (finding,) = _vacuous(compared, gradients)
    assert (finding.severity, finding.message) == ("inconclusive", f"{what}: nothing was checked")
    assert not list(_vacuous(compared, [*gradients, Gradient("w", (4, 5), "fail")]))


def test_a_map_is_drawn_of_what_fails_and_is_explained(monkeypatch, rng):
    """Of x, which is wrong, and not of w, which is right; nor of x, where it is none of the first that fail."""
    drawn = []
    monkeypatch.setattr(verdicts, "error_map", lambda ground, known, gradient, *rest: drawn.append(gradient.name))
    subject = pair(lambda x, w: x * w, lambda x, w, dy: (1.01 * dy * w, dy * x))
    problem = Problem(subject, (X[0], X[1]), {})
    compared = compare_all(problem, choose(problem, 5, rng), 2.0**-52, map, rng)
    assert compared.explained == (0,)
    for explained, names in (((0, 1), ["x"]), ((1,), []), ((), [])):
        drawn.clear()
        conclude_all(dataclasses.replace(compared, explained=explained), 0, rng)
        assert drawn == names


def test_what_is_said_of_each_array_is_found(rng):
    subject = pair(lambda x, w: x * w, lambda x, w, dy: (1.01 * dy * w, 1.01 * dy * x))
    problem = Problem(subject, (X[0], X[1]), {})
    found = conclude_all(compare_all(problem, choose(problem, 5, rng), 2.0**-52, map, rng), 0, rng)
    assert [(f.kind, f.array) for f in found.findings] == [("gradient", "x"), ("gradient", "w")]


def test_the_largest_derivative_may_be_small(monkeypatch, rng):
    seen = []
    monkeypatch.setattr(verdicts, "conclude", lambda *args: seen.append(args[3]) or conclude(*args))
    problem = Problem(pair(lambda x: 1e-9 * x, lambda x, dy: 1e-9 * dy), (X[0],), {})
    conclude_all(compare_all(problem, choose(problem, 5, rng), 2.0**-52, map, rng), 0, rng)
    assert 0 < seen[0] < 1e-8


def test_something_was_compared_where_one_array_of_several_has_entries(ground):
    at = ground(lambda x, w: np.sin(x) + w.sum(), lambda x, w, dy: (np.cos(x) * dy, 0 * w), X, np.ones(0))
    compared = Comparisons(at, Known(), at.place, [[], []], [[], []], (False, False), (), ())
    assert list(_vacuous(compared, [Gradient("x", (4, 5), "pass", digits=9.0), Gradient("w", (0,), "pass")])) == []
