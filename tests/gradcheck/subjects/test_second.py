"""The second order of NumPy's subjects: the convention of a second pullback, right and wrong ones, and none."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.second import refusal, second_order

X = np.random.default_rng(3).normal(size=(3, 4))
MASK = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], bool)


class Way:
    """A pullback with a second pullback, made of two functions."""

    def __init__(self, first, second):
        self.first, self.second = first, second

    def __call__(self, dy):
        return self.first(dy)

    def vjp(self, dy):
        return self.first(dy), lambda c: self.second(dy, c)


def cube(x, *, factor=1.0, of_dy=1.0):
    return x * x * x, Way(lambda dy: 3 * x * x * dy, lambda dy, c: (factor * 6 * x * dy * c, of_dy * 3 * x * x * c))


def product(a, b, *, mask, swapped=False):
    """Return masked a b^2; with `swapped` the second pullback gives each input the other's cotangent."""

    def second(dy, c):
        dy = mask * dy
        d_a, d_b = 2 * b * dy * c[1], 2 * b * dy * c[0] + 2 * a * dy * c[1]
        return *((d_b, d_a) if swapped else (d_a, d_b)), mask * (b * b * c[0] + 2 * a * b * c[1])

    return mask * a * b * b, Way(lambda dy: (mask * b * b * dy, 2 * mask * a * b * dy), second)


@dataclasses.dataclass(frozen=True)
class Dense:
    """tanh(x w); `detached` leaves out what the activation's own slope adds."""

    w: np.ndarray
    detached: bool = False

    def vjp(self, x):
        h = np.tanh(x @ self.w)
        slope = 1 - h * h

        def pullback(dy):
            return Dense(x.T @ (dy * slope)), (dy * slope) @ self.w.T

        def second(dy, c):
            d_layer, dx = c
            d_product = x @ d_layer.w + dx @ self.w
            back = 0 * h if self.detached else -2 * h * slope * dy * d_product
            through = dy * slope
            return Dense(x.T @ back + dx.T @ through), back @ self.w.T + through @ d_layer.w.T, slope * d_product

        return h, Way(pullback, second)


class Stateless:
    """sin x by an object that holds no arrays, whose pullback returns the input's cotangent alone."""

    def vjp(self, x):
        def second(dy, c):
            (c,) = c
            return -np.sin(x) * dy * c, np.cos(x) * c

        return np.sin(x), Way(lambda dy: (np.cos(x) * dy,), second)


def verdicts(report):
    return {g.name: g.verdict for g in report.gradients}


def failing(report):
    return [name for name, verdict in verdicts(report).items() if verdict == "fail"]


def messages(report, kind):
    return [f.message for f in report.findings if f.kind == kind]


@pytest.mark.parametrize(
    ("subject", "inputs", "constants", "names"),
    [
        (cube, (X,), {}, ["x", "dy"]),
        (product, (X, X[::-1].copy()), {"mask": MASK}, ["a", "b", "dy"]),
        (Dense(X.T.copy()), (X,), {}, ["w", "x", "dy"]),
        (Stateless(), (X,), {}, ["x", "dy"]),
    ],
)
def test_a_right_second_pullback_passes_for_every_array_and_dy(subject, inputs, constants, names):
    report = gradcheck.check(subject, *inputs, order=2, **constants)
    assert report.verdict == "pass", str(report)
    second = [g for g in report.gradients if g.order == 2]
    assert [g.name for g in second] == [f"second order, {name}" for name in names]
    assert all(g.digits > 8 for g in second)
    assert report.symmetry.digits > 8 and report.symmetry.smoothness == "smooth"
    assert not messages(report, "second")


@pytest.mark.parametrize(
    ("subject", "inputs", "constants", "names"),
    [
        (cube, (X,), {"factor": 0.5}, ["x"]),
        (cube, (X,), {"of_dy": 1 + 1e-6}, ["dy"]),
        (product, (X, X[::-1].copy()), {"mask": MASK, "swapped": True}, ["a", "b"]),
        (Dense(X.T.copy(), detached=True), (X,), {}, ["w", "x"]),
    ],
)
def test_a_wrong_second_pullback_fails_where_it_is_wrong_and_the_first_order_passes(subject, inputs, constants, names):
    assert gradcheck.check(subject, *inputs, **constants).verdict == "pass"
    report = gradcheck.check(subject, *inputs, order=2, **constants)
    assert failing(report) == [f"second order, {name}" for name in names]
    assert "the second pullback gives" in str(report)
    assert "Checker(seed=0, order=2)" in report.reproducer


def test_it_is_checked_in_float32_too():
    x = X.astype(np.float32)
    report = gradcheck.check(cube, x, order=2)
    assert report.verdict == "pass", str(report)
    assert {g.dtype for g in report.gradients} == {"float32"}

    def narrow(x):  # in float32 alone
        off = 1 + 1e-3 * (x.dtype == np.float32)
        slope, bend = 3 * x * x, np.asarray(6 * x * off, x.dtype)
        return x * x * x, Way(lambda dy: slope * dy, lambda dy, c: (bend * dy * c, slope * c))

    report = gradcheck.check(narrow, x, order=2)
    assert failing(report) == ["second order, x"]
    assert any(message.startswith("second order: x[") for message in messages(report, "precision"))


def test_inputs_may_be_trees_and_whole_numbers_stay_constants():
    def gathered(ids, tree):
        w = tree["w"][0]

        def first(dy):
            d = np.zeros_like(w)
            np.add.at(d, ids, 2 * w[ids] * dy)
            return {"w": [d]}

        def second(dy, c):
            back = np.zeros_like(w)
            np.add.at(back, ids, 2 * dy * c["w"][0][ids])
            return {"w": [back]}, 2 * w[ids] * c["w"][0][ids]

        return w[ids] ** 2, Way(first, second)

    report = gradcheck.check(gathered, np.array([2, 0, 2]), {"w": [X]}, order=2)
    assert report.verdict == "pass", str(report)
    assert list(verdicts(report)) == ["tree.w[0]", "second order, tree.w[0]", "second order, dy"]
    assert len(messages(report, "integer")) == 1


@pytest.mark.parametrize("told", [True, False])
def test_gradients_come_with_constants_or_without_and_their_cotangents_alike(told):
    def chosen(ids, x, y):
        def first(dy):
            dx, d_y = np.zeros_like(x), x[ids] * dy
            np.add.at(dx, ids, y * dy)
            return (None, dx, d_y) if told else (dx, d_y)

        def second(dy, c):
            assert len(c) == (3 if told else 2) and (not told or c[0] is None)
            c_x, c_y = c[-2:]
            dx = np.zeros_like(x)
            np.add.at(dx, ids, dy * c_y)
            d_y = dy * c_x[ids]
            d_dy = y * c_x[ids] + x[ids] * c_y
            return (None, dx, d_y, d_dy) if told else (dx, d_y, d_dy)

        return x[ids] * y, Way(first, second)

    report = gradcheck.check(chosen, np.array([2, 0, 2]), X, X[::-1].copy(), order=2)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients if g.order == 2] == [f"second order, {name}" for name in ("x", "y", "dy")]


def test_several_outputs_have_a_cotangent_each():
    def both(x):
        def second(dy, c):
            a, b = dy
            return (2 * a - np.sin(x) * b) * c, (2 * x * c, np.cos(x) * c)

        return (x * x, np.sin(x)), Way(lambda dy: 2 * x * dy[0] + np.cos(x) * dy[1], second)

    report = gradcheck.check(both, X, order=2)
    assert report.verdict == "pass", str(report)
    assert list(verdicts(report))[1:] == ["second order, x", "second order, dy[0]", "second order, dy[1]"]


def test_an_input_named_dy_is_no_cotangent():
    def scaled(dy):
        return dy * dy, Way(lambda g: 2 * dy * g, lambda g, c: (2 * g * c, 2 * dy * c))

    report = gradcheck.check(scaled, X, order=2)
    assert report.verdict == "pass", str(report)
    assert list(verdicts(report))[1:] == ["second order, dy", "second order, the cotangent"]


def both(x, dy):
    return x * dy, lambda c: (c * dy, c * x)


def test_the_cotangent_is_named_otherwise_where_one_of_the_inputs_is_named_dy():
    assert second_order(Problem(both, (X, X), {}), np.ones(12)).subject.input_names == ("x", "dy", "the cotangent")


@pytest.mark.parametrize(("writeable", "protect"), [((), True), ((0,), False), ((1,), False), ((0, 1), False)])
def test_the_pullbacks_own_arrays_are_protected_where_none_of_those_that_come_may_be_written_to(writeable, protect):
    problem = second_order(Problem(both, (X, X), {}), np.ones(12))
    arrays = [X.copy() for _ in range(3)]
    for k, x in enumerate(arrays):
        x.flags.writeable = k in writeable
    first, _, g = problem.subject._parts({}, tuple(arrays))
    assert first.protect is protect and np.array_equal(g, X.ravel())


def test_without_a_second_pullback_the_report_says_so_and_checks_symmetry_alone():
    report = gradcheck.check(pair(lambda x: np.sin(x), lambda x, dy: np.cos(x) * dy), X, order=2)
    assert report.verdict == "pass", str(report)
    assert list(verdicts(report)) == ["x"]
    (message,) = messages(report, "second")
    why = "no second derivative: the subject hands over no second pullback"
    assert message == f"second order: {why}; the pullback was checked for symmetry alone"
    assert report.symmetry.digits > 8


def test_a_second_pullback_keeps_the_contract_of_a_pullback():
    def squares(x):
        return x * x, Way(lambda dy: 2 * x * dy, lambda dy, c: (2 * dy * np.abs(c), 2 * x * c))

    report = gradcheck.check(squares, X, order=2)
    assert report.verdict == "fail"
    (message,) = messages(report, "additive")
    assert message.startswith("second order: the cotangent of x is not linear")

    def writes(x):
        def second(dy, c):
            c *= 2 * x
            return dy / x * c, c

        return x * x, Way(lambda dy: 2 * x * dy, second)

    report = gradcheck.check(writes, X, order=2)
    assert messages(report, "mutation") == ["second order: the second pullback writes to the cotangent dy it was given"]

    def spoils(x):
        def second(dy, c):
            x[0] += 1
            return 2 * dy * c, 2 * x * c

        return x * x, Way(lambda dy: 2 * x * dy, second)

    report = gradcheck.check(spoils, X, order=2)
    (message,) = messages(report, "mutation")
    assert message == "second order: the second pullback writes to an array that the pullback was given"


@pytest.mark.parametrize(
    ("vjp", "message"),
    [
        (lambda dy: 2 * X * dy, "the vjp of a pullback must return (gradients, second_pullback), got ndarray"),
        (
            lambda dy: (2 * X * dy, lambda c: 2 * X * c),
            "a second pullback must return what a pullback does and the cotangent of dy, got ndarray",
        ),
        (
            lambda dy: (2 * X * dy, lambda c: (2 * dy * c, 2 * X * c, 0)),
            "a second pullback must beside that of dy return 1 cotangent (x), got 2",
        ),
    ],
)
def test_a_second_pullback_of_another_form_is_a_finding(vjp, message):
    def squares(x):
        def pullback(dy):
            return 2 * x * dy

        pullback.vjp = vjp
        return x * x, pullback

    report = gradcheck.check(squares, X, order=2)
    assert report.verdict == "fail"
    assert messages(report, "count") == [f"second order: {message}"]


def test_an_error_in_a_second_pullback_is_a_finding():
    report = gradcheck.check(lambda x: (x * x, Way(lambda dy: 2 * x * dy, lambda dy, c: 1 / 0)), X, order=2)
    (message,) = messages(report, "raises")
    assert message == "second order: the second pullback raises ZeroDivisionError: division by zero"
    assert failing(report) == []


def test_a_pullback_that_breaks_its_contract_has_no_second_order():
    report = gradcheck.check(lambda x: (x * x, lambda dy: (2 * x * dy).sum(0)), X, order=2)
    assert report.verdict == "fail" and report.symmetry is None
    assert messages(report, "second") == ["second order: not checked: the pullback breaks its contract"]
    report = gradcheck.check(lambda x: (x * x, lambda dy: 2 * x * np.abs(dy)), X, order=2)
    assert report.verdict == "fail" and report.symmetry is None
    assert messages(report, "second") == ["second order: not checked: the pullback breaks its contract"]


def test_arrays_without_entries_are_no_evidence():
    report = gradcheck.check(cube, np.zeros((0, 3)), order=2)
    assert report.verdict == "inconclusive" and report.symmetry is None
    assert verdicts(report) == dict.fromkeys(["x", "second order, x", "second order, dy"], "inconclusive")


def test_the_problem_of_second_order_is_the_pullback_of_the_arrays_and_dy():
    first = Problem(product, (X, X + 1), {"mask": MASK})
    g = np.random.default_rng(0).normal(size=12)
    problem = second_order(first, g)
    assert [leaf.name for leaf in problem.leaves] == ["a", "b", "dy"]
    assert np.array_equal(problem.leaves[2].value.ravel(), g)
    at = [leaf.value for leaf in problem.leaves]
    dy = MASK * at[2]
    want = [(X + 1) ** 2 * dy, 2 * X * (X + 1) * dy]
    # computed twice in the same order of operations but for the mask's place: a few roundings
    np.testing.assert_allclose(problem.forward(at), np.concatenate([w.ravel() for w in want]), rtol=1e-14, atol=0)
    assert refusal(problem) is None
    assert problem.count == {"forward": 2, "pullback": 1} and not first.count["pullback"]


def test_the_cost_of_both_orders_is_told():
    calls = {"forward": 0, "pullback": 0, "second pullback": 0}

    def counted(x):
        calls["forward"] += 1

        def first(dy):
            calls["pullback"] += 1
            return np.cos(x.real) * dy

        def second(dy, c):
            calls["second pullback"] += 1
            return -np.sin(x) * dy * c, np.cos(x) * c

        return np.sin(x.real), Way(first, second)

    report = gradcheck.check(counted, X, order=2)
    assert report.verdict == "pass", str(report)
    assert {kind: report.calls[kind] for kind in ("pullback", "second pullback")} == {
        kind: calls[kind] for kind in ("pullback", "second pullback")
    }
    assert report.calls["forward"] + report.calls["complex forward"] == calls["forward"]


@pytest.mark.parametrize("narrow", [False, True])
def test_a_subject_that_takes_no_wider_arrays_takes_none_in_the_second_order(narrow):
    first = Problem(both, (X, X), {}).changed(narrow_only=narrow)
    assert second_order(first, np.ones(12)).narrow_only is narrow
