"""Layers and functions are brought into one shape."""

import functools

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.kinds import FunctionSubject, LayerSubject, adapt

X = np.random.default_rng(1).normal(size=(2, 3))


class Cube:
    def vjp(self, x):
        return x * x * x, lambda dy: (3 * x * x * dy,)


def cube(x):
    return x * x * x, lambda dy: 3 * x * x * dy


class Layer:
    """`returned` are the values that its pullback returns; they are no arrays of the layer's own."""

    def __init__(self, returned, **fields):
        self.returned = lambda: returned
        self.__dict__.update(fields)

    def vjp(self, x, z=None):
        return x, lambda dy: self.returned()


def test_what_is_adapted_already_stays():
    adapted = pair(np.sin, np.cos)
    assert adapt(adapted) is adapted


def test_a_subject_is_named_after_itself():
    assert gradcheck.check(cube, X).subject == "cube"
    assert gradcheck.check(Cube(), X).subject == "Cube"
    assert gradcheck.check(functools.partial(cube), X).subject == "partial"


def test_a_layers_plain_forward_pass_is_what_is_differenced():
    class Wrong(Cube):
        def __call__(self, x):
            return x * x

    report = gradcheck.check(Wrong(), X)
    assert "forward" in {f.kind for f in report.findings}
    assert report.gradients[0].verdict == "fail"


def test_what_has_a_method_vjp_is_a_layer_and_any_other_function_one():
    assert isinstance(adapt(Cube()), LayerSubject)
    assert isinstance(adapt(cube), FunctionSubject)

    class Both(Cube):
        def __call__(self, x):
            return x

    assert isinstance(adapt(Both()), LayerSubject)
    assert adapt(Cube()).signature().__name__ == "vjp"
    assert adapt(cube).signature() is cube


@pytest.mark.parametrize("subject", [3, Cube, None, int])
def test_anything_else_is_refused(subject):
    with pytest.raises(TypeError, match=r"^gradcheck: the subject must have a method vjp or be a function"):
        adapt(subject)


@pytest.mark.parametrize(
    ("fields", "returned", "d_layer", "d_inputs"),
    [
        ({}, (X,), None, (X,)),
        ({}, (None, X), None, (X,)),
        ({"gain": X}, ("layer", X), "layer", (X,)),
    ],
)
def test_a_layers_cotangent_comes_first_and_one_without_arrays_may_leave_it_out(fields, returned, d_layer, d_inputs):
    _, pull = adapt(Layer(returned, **fields)).vjp(Layer(returned), (X,), {})
    assert repr(pull(X)) == repr((d_layer, d_inputs))


@pytest.mark.parametrize(
    ("fields", "returned", "message"),
    [
        ({}, X, "the pullback must return a tuple with the layer's cotangent first, got ndarray"),
        ({}, [X], "the pullback must return a tuple with the layer's cotangent first, got list"),
        ({}, (X, X, X), "the pullback must return 2 cotangents (the layer, x), got 3"),
        ({"gain": X}, (X,), "the pullback must return 2 cotangents (the layer, x), got 1"),
    ],
)
def test_a_layer_with_another_number_of_cotangents_is_broken(fields, returned, message):
    _, pull = adapt(Layer(returned, **fields)).vjp(Layer(returned), (X,), {})
    with pytest.raises(Broken) as broken:
        pull(X)
    assert (broken.value.kind, broken.value.message) == ("count", message)


def test_arrays_that_a_forward_pass_leaves_in_a_layer_make_it_no_layer_with_arrays():
    class Keeping(Layer):
        def vjp(self, x):
            self.kept = x
            return super().vjp(x)

    layer = Keeping((X,))
    subject = adapt(layer)
    _, pull = subject.vjp(layer, (X,), {})
    assert pull(X)[0] is None


def test_a_layer_without_a_plain_forward_pass_has_that_of_vjp():
    y = adapt(Cube()).forward(Cube(), (X,), {})
    np.testing.assert_array_equal(y, X * X * X)


def test_constants_are_handed_over_by_their_names():
    y, pull = adapt(lambda x, *, by: (by * x, lambda dy: by * dy)).vjp(None, (X,), {"by": 3.0})
    np.testing.assert_array_equal(y, 3 * X)
    np.testing.assert_array_equal(pull(X)[1][0], 3 * X)


@pytest.mark.parametrize("value", [X, (X,), (X, X), (X, cube, cube), [X, cube]])
def test_what_is_no_pair_of_output_and_pullback_is_refused(value):
    class Wrong:
        def vjp(self, x):
            return value

    for subject, name in ((lambda x: value, "<lambda>"), (Wrong(), "Wrong.vjp")):
        with pytest.raises(TypeError, match="gradcheck: ") as error:
            adapt(subject).vjp(subject, (X,), {})
        assert str(error.value).startswith(f"gradcheck: {name} must return (y, pullback), got ")
