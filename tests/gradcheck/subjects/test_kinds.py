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


def test_constants_are_handed_over_to_a_layers_plain_forward_pass_too():
    class Scaled(Cube):
        def __call__(self, x, by):
            return by * x

    np.testing.assert_array_equal(adapt(Scaled()).forward(Scaled(), (X,), {"by": 3.0}), 3 * X)


@pytest.mark.parametrize("value", [X, (X,), (X, X), (X, cube, cube), [X, cube]])
def test_what_is_no_pair_of_output_and_pullback_is_refused(value):
    class Wrong:
        def vjp(self, x):
            return value

    for subject, name in ((lambda x: value, "<lambda>"), (Wrong(), "Wrong.vjp")):
        with pytest.raises(TypeError, match="gradcheck: ") as error:
            adapt(subject).vjp(subject, (X,), {})
        assert str(error.value).startswith(f"gradcheck: {name} must return (y, pullback), got ")


class Twice:
    """A pullback whose own vjp returns what it was made with, and keeps the cotangents that come to the second one."""

    def __init__(self, gradients, second=None, value=None):
        self.gradients, self.second, self.value, self.seen = gradients, second, value, []

    def __call__(self, dy):
        return self.gradients

    def vjp(self, dy):
        def second(c):
            self.seen.append(c)
            return self.second

        return (self.gradients, second) if self.value is None else self.value


def second_of(subject, inputs, c):
    """What a subject makes of its second pullback: gradients, and cotangents of the layer, the inputs and dy."""
    adapted = adapt(subject)
    y, second = adapted.twice(subject, inputs, {})
    gradients, pull = second(X)
    return y, gradients, pull(c)


def function_with(pullback):
    return lambda *inputs: (X, pullback)


def layer_with(pullback, **fields):
    layer = Layer(None, **fields)
    layer.vjp = lambda *inputs: (X, pullback)
    return layer


A, B, C, D = (np.full(2, x) for x in (1.0, 2.0, 3.0, 4.0))
IDS = np.arange(3)


@pytest.mark.parametrize(
    ("inputs", "gradients", "second", "c_inputs", "handed", "d_inputs"),
    [
        ((A,), B, (C, D), (A,), A, (C,)),
        ((A,), (B,), (C, D), (A,), (A,), (C,)),
        ((A, B), (B, C), (A, C, D), (A, B), (A, B), (A, C)),
        ((IDS, B), (None, C), (None, C, D), (None, B), (None, B), (None, C)),
        ((IDS, B), C, (C, D), (None, B), B, (None, C)),
        ((IDS, A, B), (A, B), (B, C, D), (None, A, B), (A, B), (None, B, C)),
        (([A, B],), [B, C], ([A, C], D), ([A, B],), [A, B], ([A, C],)),
        ((A, [B, IDS]), (B, [C, None]), (A, [C, None], D), (A, [B, None]), (A, [B, None]), (A, [C, None])),
    ],
)
def test_a_functions_second_pullback_gets_and_gives_cotangents_as_the_pullback_does(
    inputs, gradients, second, c_inputs, handed, d_inputs
):
    pullback = Twice(gradients, second)
    y, (none, _), (d_function, found, d_dy) = second_of(function_with(pullback), inputs, (None, c_inputs))
    assert y is X and none is None and d_function is None and d_dy is D
    assert repr(pullback.seen) == repr([handed]) and repr(found) == repr(d_inputs)


@pytest.mark.parametrize(
    ("fields", "gradients", "second", "handed", "split"),
    [
        ({}, (B,), (C, D), (A,), (None, (C,))),
        ({}, (None, B), (None, C, D), ("layer", A), (None, (C,))),
        ({"gain": X}, ("g", B), ("h", C, D), ("layer", A), ("h", (C,))),
    ],
)
def test_a_layers_second_pullback_may_leave_out_the_layer_where_its_pullback_does(
    fields, gradients, second, handed, split
):
    pullback = Twice(gradients, second)
    y, (d_layer, d_x), found = second_of(layer_with(pullback, **fields), (A,), ("layer", (A,)))
    assert y is X and repr(found) == repr((*split, D)) and repr(pullback.seen) == repr([handed])
    assert repr((d_layer, d_x)) == repr((gradients[0] if len(gradients) == 2 else None, (B,)))


def test_a_layer_with_several_inputs_is_not_taken_for_one_without_its_own_cotangent():
    pullback = Twice((None, A, B), (None, C, A, D))
    *_, found = second_of(layer_with(pullback), (A, B), (None, (A, B)))
    assert repr(pullback.seen) == repr([(None, A, B)]) and repr(found) == repr((None, (C, A), D))


def test_without_a_vjp_of_the_pullback_there_is_no_second_one():
    for make in (function_with, layer_with):
        for pullback in (lambda dy: dy, Twice(A)):
            subject = make(pullback)
            assert (adapt(subject).twice(subject, (A,), {}) is None) == (not isinstance(pullback, Twice))
    pullback = Twice(A)
    pullback.vjp = "not callable"
    assert adapt(function_with(pullback)).twice(None, (A,), {}) is None


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (A, "ndarray"),
        ([A, len], "list"),
        ((A,), "a tuple of 1"),
        ((A, len, len), "a tuple of 3"),
        ((len, A), "a tuple of 2"),
    ],
)
def test_the_vjp_of_a_pullback_must_return_two_things(value, got):
    for make in (function_with, layer_with):
        with pytest.raises(Broken) as broken:
            second_of(make(Twice(None, None, value)), (A,), (None, (A,)))
        message = f"the vjp of a pullback must return (gradients, second_pullback), got {got}"
        assert (broken.value.kind, broken.value.message) == ("count", message)


@pytest.mark.parametrize(
    ("second", "got"), [(A, "ndarray"), ([A, B], "list"), ((A,), "a tuple of 1"), ((), "a tuple of 0")]
)
def test_a_second_pullback_must_return_the_cotangent_of_dy_too(second, got):
    for make, gradients in ((function_with, A), (layer_with, (A,))):
        with pytest.raises(Broken) as broken:
            second_of(make(Twice(gradients, second)), (A,), (None, (A,)))
        message = f"a second pullback must return what a pullback does and the cotangent of dy, got {got}"
        assert (broken.value.kind, broken.value.message) == ("count", message)


def test_constants_are_handed_over_for_a_second_pullback_too():
    def scaled(x, *, by):
        return by * x, Linear(by)

    class Linear:
        def __init__(self, by):
            self.by = by

        def __call__(self, dy):
            return (self.by * dy,)

        def vjp(self, dy):
            return self(dy), lambda d_gradients: (*d_gradients, self.by * d_gradients[0])

    class Scaled:
        def vjp(self, x, *, by):
            return scaled(x, by=by)

    for subject in (Scaled(), scaled):
        y, _ = adapt(subject).twice(subject, (X,), {"by": 3.0})
        assert np.array_equal(y, 3 * X)


HOME = "gradcheck.adapters"


@pytest.mark.parametrize("forward", [np.sin, lambda x: x, lambda x, /, *, rate=1: x])
def test_a_forward_and_a_backward_function_side_by_side_are_refused_with_what_to_write(forward):
    want = r"must get arrays as its inputs, got the function <lambda>; for a forward and a backward function write "
    with pytest.raises(TypeError, match=rf"^gradcheck: .* {want}check\({HOME}\.pair\(forward, backward\), x\)$"):
        gradcheck.check(forward, lambda x, dy: dy, np.ones(3))


def test_a_function_that_takes_another_one_is_handed_it():
    def applied(function, x):
        return function(x), lambda dy: dy * np.cos(x)

    assert gradcheck.check(applied, np.sin, np.ones(3)).verdict == "pass"


def test_a_function_of_pytorch_is_refused_before_any_work():
    class Net(type("Module", (), {"__module__": "torch.nn.modules.module"})):
        def __call__(self, x):
            raise NotImplementedError

    with pytest.raises(TypeError, match=rf"got Net; for PyTorch use {HOME}\.torch_function\(function\)$"):
        gradcheck.check(Net(), np.ones(3))
