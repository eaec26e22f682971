"""Forward mode alone: right tangents are proved, wrong ones are caught, small and large."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import forward_mode, pair
from gradcheck.adapters.forward_mode import ENTRIES
from gradcheck.subjects.adapted import Adapted

SMALL, LARGE = ((4, 3), (3, 5)), ((40, 7), (7, 11))


def tangent(dx, dw, x, w, y):
    return (1 - y * y) * (dx @ w + x @ dw)


def layer(change=tangent):
    """y = tanh(x w), with `change` for its tangent."""

    def layer(x, w):
        y = np.tanh(x @ w)
        return y, lambda dx, dw: change(dx, dw, x, w, y)

    return layer


def inputs(rng, shapes):
    return [0.4 * rng.normal(size=shape) for shape in shapes]


def failing(report):
    return [(f.kind, f.message) for f in report.findings if f.severity == "fail" and f.kind not in ("jvp", "gradient")]


@pytest.mark.parametrize("shapes", [SMALL, LARGE])
def test_right_tangents_are_proved(prove, rng, shapes):
    report = prove(forward_mode(layer()), *inputs(rng, shapes))
    assert [g.name for g in report.gradients] == ["x", "w"]
    assert [g.shape for g in report.gradients] == (list(shapes) if shapes == SMALL else [(8,), (8,)])
    agrees = [f.message for f in report.findings if f.kind == "jvp"]
    assert agrees == ["forward mode agrees with real differences and with the pullback"]


@pytest.mark.parametrize("shapes", [SMALL, LARGE])
def test_a_wrong_tangent_is_caught_under_the_name_of_its_array(caught, rng, shapes):
    caught({"w"}, forward_mode(layer(lambda dx, dw, *rest: tangent(dx, 1.001 * dw, *rest))), *inputs(rng, shapes))


def test_a_wrong_entry_is_named_by_its_place(caught, rng):
    def wrong(dx, dw, *rest):
        dw = dw.copy()
        dw[1, 2] *= 1.001
        return tangent(dx, dw, *rest)

    report = caught({"w"}, forward_mode(layer(wrong)), *inputs(rng, SMALL))
    assert report.gradients[1].worst_index == (1, 2)


def test_one_wrong_entry_among_many_is_caught(caught, rng):
    def wrong(dx, dw, *rest):
        dx = dx.copy()
        dx[17, 3] *= 1.001
        return tangent(dx, dw, *rest)

    caught({"x"}, forward_mode(layer(wrong)), *inputs(rng, LARGE))


def test_the_report_says_how_gradients_were_put_together(prove, rng):
    for n, how in (
        (ENTRIES, "a tangent for each entry"),
        (ENTRIES + 1, "tangents along 8 random directions of each array, for which its entries stand"),
    ):
        report = prove(forward_mode(lambda x: (np.sin(x), lambda dx: np.cos(x) * dx)), rng.normal(size=n))
        told = [(f.severity, f.message) for f in report.findings if f.kind == "forward"]
        assert told == [("note", f"forward mode alone: gradients are put together from {how}")]


def test_a_small_array_beside_a_large_one_keeps_its_entries(prove, rng):
    def scaled(x, gain):
        return np.sin(x) * gain, lambda dx, dgain: np.cos(x) * dx * gain + np.sin(x) * dgain

    report = prove(forward_mode(scaled), rng.normal(size=(60, 5)), rng.normal(size=5))
    assert [g.shape for g in report.gradients] == [(8,), (5,)]


@pytest.mark.parametrize(
    "change",
    [
        lambda dx, dw, *rest: tangent(np.abs(dx), dw, *rest),
        lambda dx, dw, *rest: tangent(np.clip(dx, -50, 50), dw, *rest),
        lambda dx, dw, *rest: tangent(dx, dw, *rest) + 1.0,
    ],
)
@pytest.mark.parametrize("shapes", [SMALL, LARGE])
def test_tangents_that_are_not_linear_are_told(rng, change, shapes):
    report = gradcheck.check(forward_mode(layer(change)), *inputs(rng, shapes))
    message = "forward mode is not linear: -1024 times the tangents give another tangent of y"
    assert ("linear", message) in failing(report)


def test_a_tangent_that_a_later_one_changes_is_told(rng):
    buffer = np.empty((4, 5))

    def kept(*arguments):
        buffer[...] = tangent(*arguments)
        return buffer

    report = gradcheck.check(forward_mode(layer(kept)), *inputs(rng, SMALL))
    assert failing(report) == [("alias", "a later tangent changes one that the pushforward returned before")]


def test_residuals_of_a_later_call_are_told(rng):
    class Holder:
        def __call__(self, x):
            self.x = x
            return np.sin(x), lambda dx: np.cos(self.x) * dx

    report = gradcheck.check(forward_mode(Holder()), rng.normal(size=3))
    assert "stale" in [kind for kind, _ in failing(report)]


def test_arrays_of_float32_and_outputs_in_a_tree_are_proved(rng):
    def both(x, w):
        return {"s": np.sin(x), "m": float((x * w).mean())}, lambda dx, dw: {
            "s": np.cos(x) * dx,
            "m": float((dx * w + x * dw).mean()),
        }

    x, w = rng.normal(size=(3, 4)).astype(np.float32), rng.normal(size=4)
    report = gradcheck.check(forward_mode(both), x, w)
    assert report.verdict == "pass", str(report)


def test_what_another_subject_gives_as_forward_mode_is_checked(prove, caught, rng):
    x = rng.normal(size=(3, 4))

    class Both(Adapted):
        def __init__(self, factor):
            self.factor = factor

        def vjp(self, parameters, inputs, constants):
            raise AssertionError("has no backward pass")

        def forward(self, parameters, inputs, constants):
            return np.sin(inputs[0])

        def jvp(self, parameters, inputs, directions, constants):
            return [self.factor * np.cos(inputs[0]) * directions[0]]

        def signature(self):
            return lambda x: x

    prove(forward_mode(Both(1.0)), x)
    caught({"x"}, forward_mode(Both(1.001)), x)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (3, "forward_mode must get a function that returns (y, pushforward), got int"),
        (dict, "forward_mode must get a function that returns (y, pushforward), got the class dict"),
        (pair(np.sin, np.cos), "sin must have forward mode, got none in Pair"),
    ],
)
def test_what_has_no_forward_mode_is_refused(subject, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        forward_mode(subject)
    assert str(error.value) == f"gradcheck: {message}"


def test_complex_arrays_are_refused_by_their_name(rng):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(forward_mode(lambda x, z: (x, lambda dx, dz: dx)), np.ones(2), {"a": np.ones(2) * 1j})
    assert str(error.value) == "gradcheck: z.a must be real in forward mode, got complex128"
