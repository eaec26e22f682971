"""What a pushforward gets, and what it owes its caller."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import forward_mode
from gradcheck.adapters.pushforward import Pushforward, column
from gradcheck.subjects.adapted import Broken


def sine(tangent):
    def sine(x):
        return np.sin(x), tangent

    return sine


def failing(tangent):
    report = gradcheck.check(forward_mode(sine(tangent)), np.array([0.3, 0.7, -0.2]))
    assert report.verdict == "fail"
    return [(f.kind, f.message) for f in report.findings if f.severity == "fail"]


@pytest.mark.parametrize(
    ("tangent", "kind", "message"),
    [
        (lambda dx: None, "missing", "forward mode must return a tangent of y, got nothing"),
        (lambda dx: dx[:2], "shape", "the tangent of y must have shape (3,), got (2,)"),
        (lambda dx: dx.astype(int), "dtype", "the tangent of y must be an array of float64, got dtype int64"),
        (lambda dx: [*dx], "dtype", "the tangent of y must be an array of float64, got list"),
    ],
)
def test_a_tangent_of_another_kind_than_y_is_told(tangent, kind, message):
    assert failing(tangent) == [(kind, message)]


def test_a_write_to_a_tangent_is_told():
    def writes(dx):
        dx *= 2
        return dx

    assert failing(writes) == [("mutation", "the pushforward writes to a tangent that it was given")]


def test_a_write_to_what_the_forward_pass_was_given_is_told_as_that():
    def function(x):
        def push(dx):
            x.sort()
            return dx

        return np.sin(x), push

    report = gradcheck.check(forward_mode(function), np.array([0.3, 0.7, -0.2]))
    message = "the pullback writes to an array that the forward pass was given"
    assert message in [f.message for f in report.findings if f.kind == "mutation"]


def test_another_error_of_a_pushforward_is_its_own():
    def raises(dx):
        raise ValueError("not today")

    with pytest.raises(ValueError, match=r"^not today"):
        gradcheck.check(forward_mode(sine(raises)), np.ones(3))


@pytest.mark.parametrize(
    ("function", "got"),
    [(np.sin, "ndarray"), (lambda x: (x, x), "a tuple of 2"), (lambda x: (x, np.sin, 1), "a tuple of 3")],
)
def test_what_is_no_pushforward_is_refused(function, got):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(forward_mode(function), np.ones(3))
    assert str(error.value).endswith(f" must return (y, pushforward), got {got}")


def test_tangents_have_the_structure_of_the_inputs_and_none_for_a_constant(rng):
    seen = []

    def function(x, ids, tree):
        def push(*tangents):
            seen.append(tangents)
            return tangents[0] * tree["a"] + x * tangents[2]["a"]

        return x * tree["a"], push

    tree = {"a": rng.normal(size=3), "n": 2}
    gradcheck.check(forward_mode(function), rng.normal(size=3), np.arange(3), tree)
    assert all(ids is None and d["n"] == 2 and dx.shape == d["a"].shape == (3,) for dx, ids, d in seen)


def test_a_function_that_writes_to_its_containers_gets_its_own(prove):
    def function(tree):
        x = tree.pop("x")
        return np.sin(x), lambda d: np.cos(x) * d["x"]

    prove(forward_mode(function), {"x": np.array([0.3, 0.7])})


def test_constants_and_names_are_those_of_the_function(prove):
    def scaled(x, *, gain):
        gain["used"] = True
        return gain["by"] * x, lambda dx: gain["by"] * dx

    gain = {"by": 3.0}
    report = prove(forward_mode(scaled), np.ones(2), gain=gain)
    assert (report.subject, [g.name for g in report.gradients]) == ("scaled", ["x"])
    assert gain == {"by": 3.0}


def test_a_column_is_every_tangent_in_the_order_of_y():
    y = {"a": np.zeros((2, 1)), "n": 3, "b": [np.zeros(()), np.float32(0)]}
    tangent = {"a": np.array([[1.0], [2.0]]), "b": [3.0, np.float32(4)]}
    np.testing.assert_array_equal(column(y, tangent), [1, 2, 3, 4])
    np.testing.assert_array_equal(column(0.5, 2.0), [2])
    with pytest.raises(Broken, match=r"^forward mode must return a tangent of y\.b\[0\], got nothing$"):
        column(y, {"a": tangent["a"], "b": [3.0]})


def test_a_column_is_a_copy():
    tangent = np.ones(2)
    found = column(np.zeros(2), tangent)
    tangent[0] = 5
    np.testing.assert_array_equal(found, [1, 1])


def test_the_forward_pass_is_that_of_the_function():
    subject = Pushforward(sine(np.cos))
    np.testing.assert_array_equal(subject.forward(None, (np.ones(2),), {}), np.sin(np.ones(2)))
