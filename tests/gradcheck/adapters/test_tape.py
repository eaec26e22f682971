"""Values with `.data`, `.grad` and `.backward()`: right engines are proved, wrong ones are caught."""

import numpy as np
import pytest
from engines import OfValues, Seeded, Tensor, Value

import gradcheck
from gradcheck.adapters import tape


def neuron(x, w, b):
    """tanh(w x + b) of values of one number each; x is used twice."""
    total = b
    for a, c in zip(x, w, strict=True):
        total = total + a * c * a
    return total.tanh()


def layer(x, w, b):
    return (x * x @ w + b).tanh()


@pytest.fixture
def scalars(rng):
    return 0.5 * rng.normal(size=4), rng.normal(size=4), 0.3


@pytest.fixture
def arrays(rng):
    return rng.normal(size=(5, 4)), 0.4 * rng.normal(size=(4, 3)), rng.normal(size=3)


class Steep(Value):
    @staticmethod
    def slope(y):
        return 1 - y


class Setting(Value):
    adds = False


class Averaging(Tensor):
    sums = False


class Half(Seeded):
    def backward(self, grad=None):
        super().backward(None if grad is None else 0.5 * grad)


def passes(report):
    assert report.verdict == "pass", str(report)
    return report


def test_an_engine_of_numbers_is_proved(scalars):
    report = passes(gradcheck.check(tape(neuron, value=Value), *scalars))
    assert [(g.name, g.shape) for g in report.gradients] == [("x", (4,)), ("w", (4,)), ("b", ())]


@pytest.mark.parametrize("value", [Tensor, Seeded, OfValues])
def test_an_engine_of_arrays_is_proved(prove, arrays, value):
    report = prove(tape(layer, value=value), *arrays)
    assert [g.name for g in report.gradients] == ["x", "w", "b"]


@pytest.mark.parametrize(("value", "wrong"), [(Steep, {"x", "w", "b"}), (Setting, {"x"})])
def test_a_wrong_engine_of_numbers_is_caught(caught, scalars, value, wrong):
    caught(wrong, tape(neuron, value=value), *scalars)


@pytest.mark.parametrize(("value", "wrong"), [(Averaging, {"b"}), (Half, {"x", "w", "b"})])
def test_a_wrong_engine_of_arrays_is_caught(caught, arrays, value, wrong):
    caught(wrong, tape(layer, value=value), *arrays)


@pytest.mark.parametrize(
    "outputs",
    [
        lambda x: [v.tanh() for v in x],
        lambda x: {"a": x[0] * x[1], "b": (x[2], x[3] * 2)},
        lambda x: x * x[0],
        lambda x: np.array([x[0] * x[1], 2.0, x[3]], object),
    ],
)
def test_values_of_numbers_come_back_in_any_nesting(scalars, outputs):
    passes(gradcheck.check(tape(outputs, value=Value), scalars[0]))


@pytest.mark.parametrize("value", [Tensor])
def test_several_arrays_come_back_in_any_nesting(prove, arrays, value):
    prove(tape(lambda x, w, b: {"s": layer(x, w, b), "t": (x * x).sum()}, value=value), *arrays)


def test_an_array_that_nothing_uses_has_no_gradient(prove, arrays):
    prove(tape(lambda x, unused: x.tanh(), value=Tensor), *arrays[:2])


def test_constants_and_whole_numbers_are_handed_over_as_they_are(prove, rng):
    def scaled(x, n, *, by):
        assert isinstance(n, np.ndarray) and by == 2.0
        return x.tanh() * by

    prove(tape(scaled, value=Tensor), rng.normal(size=(3, 4)), np.arange(3), by=2.0)


class Neuron:
    """An object with parameters, whose gradients are those of a training step before."""

    def __init__(self, value, rng):
        self.w = [value(number) for number in 0.1 * rng.normal(size=4)]
        for w in self.w:
            w.grad = 5.0

    def parameters(self):
        return self.w

    def __call__(self, x):
        return neuron(x, self.w, x[0])


def test_parameters_of_numbers_are_checked_on_copies(caught, rng, scalars):
    model = Neuron(Value, rng)
    before = [(w.data, w.grad) for w in model.w]
    report = passes(gradcheck.check(tape(model, value=Value), scalars[0]))
    assert [(g.name, g.shape) for g in report.gradients] == [("parameters", (4,)), ("x", (4,))]
    assert [(w.data, w.grad) for w in model.w] == before
    caught({"parameters", "x"}, tape(Neuron(Steep, rng), value=Steep), scalars[0])


def test_parameters_of_arrays_are_checked_by_their_places(prove, caught, arrays):
    class Layer:
        def __init__(self, value):
            self.held = [value(x) for x in arrays[1:]]

        def parameters(self):
            return self.held

        def __call__(self, x):
            return layer(x, *self.held)

    report = prove(tape(Layer(Tensor), value=Tensor), arrays[0])
    assert [g.name for g in report.gradients] == ["parameters[0]", "parameters[1]", "x"]
    caught({"parameters[1]"}, tape(Layer(Averaging), value=Averaging), arrays[0])


class Bare:
    def __init__(self, data):
        self.data, self.grad = data, None


@pytest.mark.parametrize(
    ("function", "value", "message"),
    [
        (3, Value, "function must be callable, got int"),
        (neuron, 3, "value must be callable, got int"),
        (neuron, float, "value must make objects with data, grad, backward, got float without data"),
        (neuron, Bare, "value must make objects with data, grad, backward, got Bare without backward"),
    ],
)
def test_what_is_no_function_of_values_is_refused(function, value, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        tape(function, value=value)
    assert str(error.value) == f"gradcheck: {message}"


def test_an_output_without_values_is_refused(scalars):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(tape(lambda x: x[0].data, value=Value), scalars[0])
    assert str(error.value) == "gradcheck: <lambda> must return values of type Value, got float"


def test_an_array_that_can_neither_be_summed_nor_seeded_is_refused(arrays):
    class Sumless(Tensor):
        sum = None

    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(tape(lambda x: x.tanh(), value=Sumless), arrays[0])
    want = "Sumless must have sum(), or a backward that takes a cotangent, to check an output of shape (5, 4)"
    assert str(error.value) == f"gradcheck: {want}, got neither"
