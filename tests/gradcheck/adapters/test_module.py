"""Classes with a state: forward, backward, and gradients where the class keeps them."""

import copy
import threading

import numpy as np
import pytest
from stateful import Linear, Tanh

import gradcheck
from gradcheck.adapters import module


class Network:
    def __init__(self, *layers):
        self.layers = list(layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class CrossEntropy:
    """A loss, whose backward pass takes no argument."""

    def forward(self, x, labels):
        e = np.exp(x - x.real.max(axis=1, keepdims=True))
        self.p, self.labels, self.rows = e / e.sum(axis=1, keepdims=True), labels, np.arange(len(x))
        return -np.log(self.p[self.rows, labels]).mean()

    def backward(self):
        dx = self.p.copy()
        dx[self.rows, self.labels] -= 1
        return dx / len(dx)


def state(obj):
    return copy.deepcopy(vars(obj))


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[key], b[key]) for key in a)


def test_a_layer_is_proved_and_stays_as_it_was(prove, x):
    layer = Linear(4, 3)
    layer.backward(layer.forward(x)[:, ::-1])  # used before, so that it has residuals and gradients
    before = state(layer)
    report = prove(module(layer), x)
    assert report.subject == "Linear"
    assert [g.name for g in report.gradients] == ["W", "b", "x"]
    assert same(vars(layer), before)


def test_a_network_is_proved_under_the_paths_of_its_parameters(prove, x):
    report = prove(module(Network(Linear(4, 3), Tanh(), Linear(3, 2))), x)
    assert [g.name for g in report.gradients] == ["layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b", "x"]


def test_a_wrong_layer_within_a_network_is_caught_where_it_is_and_before(caught, x):
    class Wrong(Tanh):
        def backward(self, dout):
            return dout * (1 - self.y)

    caught({"layers[0].W", "layers[0].b", "x"}, module(Network(Linear(4, 3), Wrong(), Linear(3, 2))), x)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("W", lambda self, dout: setattr(self, "dW", 2 * self.x.T @ dout)),
        ("b", lambda self, dout: setattr(self, "db", dout.mean(axis=0))),
        ("b", lambda self, dout: setattr(self, "db", dout.sum(axis=0, keepdims=True))),
        ("b", lambda self, dout: setattr(self, "db", None)),
    ],
    ids=["factor", "mean", "shape", "none"],
)
def test_a_wrong_parameter_gradient_is_caught_by_name(name, wrong, x):
    class Wrong(Linear):
        def backward(self, dout):
            dx = super().backward(dout)
            wrong(self, dout)
            return dx

    report = gradcheck.check(module(Wrong(4, 3)), x)
    assert report.verdict == "fail"
    assert [g.name for g in report.gradients if g.verdict == "fail"] == [name]


def test_a_loss_without_an_argument_is_proved(prove, x, rng):
    labels = rng.integers(0, 4, 5)
    prove(module(CrossEntropy()), x, labels)
    report = gradcheck.check(module(CrossEntropy()), x.astype(np.float32), labels)
    assert report.verdict == "pass", str(report)


def test_a_loss_that_forgets_to_divide_is_caught(caught, x, rng):
    class Wrong(CrossEntropy):
        def backward(self):
            return super().backward() * len(self.rows)

    caught({"x"}, module(Wrong()), x, rng.integers(0, 4, 5))


def test_several_outputs_without_a_cotangent_are_refused(x):
    class Wrong(Tanh):
        def backward(self):
            return 1 - self.y * self.y

    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(module(Wrong()), x)
    want = "Wrong.backward takes no cotangent, so the output must be one number, got shape (5, 4)"
    assert str(error.value) == f"gradcheck: {want}"


def test_results_may_stand_in_attributes(prove, x):
    class Dense(Linear):
        def forward(self, inputs):
            self.output = super().forward(inputs)

        def backward(self, dvalues):
            self.dinputs = super().backward(dvalues)

    prove(module(Dense(4, 3)), x)


def test_methods_may_have_other_names(prove, x):
    class Cube:
        def __call__(self, x):
            self.x = x
            return x * x * x

        def grad(self, dy):
            return 3 * self.x * self.x * dy

    prove(module(Cube(), forward="__call__", backward="grad"), x)


def test_constants_are_handed_over_by_keyword(prove, caught, x):
    class Masked:
        def forward(self, x, *, mask):
            self.x, self.mask = x, mask
            return np.where(mask, x * x, 0), x.sum(axis=0)

        def backward(self, dy):
            return np.where(self.mask, 2 * self.x * dy[0], 0) + dy[1]

    class Unmasked(Masked):
        def backward(self, dy):
            return 2 * self.x * dy[0] + dy[1]

    prove(module(Masked()), x, mask=x > 0)
    caught({"x"}, module(Unmasked()), x, mask=x > 0)


class Part(Tanh):
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Holding(Tanh):
    def __deepcopy__(self, memo):
        raise OSError("a file is open")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Linear,), {}, "module must get an instance, got the class Linear"),
        ((3,), {}, "int must have a method forward, got none; say which one it is by forward='...'"),
        (
            (Tanh(),),
            {"backward": "bwd"},
            "Tanh must have a method bwd, got none; say which one it is by backward='...'",
        ),
        ((Tanh(),), {"zero_grad": "z"}, "Tanh must have a method z, got none; say which one it is by zero_grad='...'"),
        (
            (Part(weights=[np.eye(2).view(np.matrix)]),),
            {},
            "weights[0] must be a plain NumPy array, got a numpy.matrix: hand over np.asarray of it",
        ),
        (
            (Part(w=np.ma.masked_array(np.eye(2), np.eye(2) > 0)),),
            {},
            "w must be a plain NumPy array, got a masked array: hand over its data, and its mask by keyword",
        ),
        ((Holding(),), {}, "Holding must allow copy.deepcopy, got OSError: a file is open"),
    ],
)
def test_an_object_that_cannot_be_used_is_refused(arguments, options, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        module(*arguments, **options)
    assert str(error.value) == f"gradcheck: {message}"


def test_a_constant_that_cannot_be_copied_is_refused_in_one_line():
    class Masked(Tanh):
        def forward(self, x, mask):
            return super().forward(x)

    message = r"^gradcheck: Masked with its inputs must allow copy\.deepcopy, got TypeError: cannot pickle [^\n]*$"
    for mask in (threading.Lock(), (k for k in "ab")):
        with pytest.raises(TypeError, match=message):
            gradcheck.check(module(Masked()), np.ones(3), mask=mask)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"w": "dW"}, "Linear must hold a floating array w, got W, b"),
        ({"W": "dw"}, "Linear must hold after its backward pass dw, got W, b, x, dW, db"),
    ],
)
def test_a_wrong_name_is_refused_with_the_right_ones(named, message, x):
    with pytest.raises(ValueError, match="must hold") as error:
        gradcheck.check(module(Linear(4, 3), parameters=named), x)
    assert str(error.value) == f"gradcheck: {message}"


def test_a_name_is_refused_where_there_is_none_to_choose_from(x):
    with pytest.raises(ValueError, match=r"must hold a floating array w, got nothing$"):
        gradcheck.check(module(Tanh(), parameters={"w": "dw"}), x)


@pytest.mark.parametrize(("method", "call"), [("forward", "the forward pass"), ("backward", "the backward pass")])
def test_an_error_of_the_class_comes_through_with_a_note(method, call, x):
    def raises(self, x):
        raise KeyError("inside")

    layer = type("Wrong", (Linear,), {method: raises})(4, 3)
    with pytest.raises(KeyError, match="inside") as error:
        gradcheck.check(module(layer), x)
    assert error.value.__notes__ == [f"gradcheck: raised by {call} of the subject under check"]


def test_arrays_of_objects_are_left_alone(prove, x):
    class Named(Linear):
        def forward(self, x):
            self.names[0] = [x]
            return super().forward(x)

    layer = Named(4, 3)
    layer.names = np.array([None, np.zeros(3)], object)
    prove(module(layer), x)


@pytest.mark.parametrize("backward", [lambda self, dy, cache: dy, lambda self, x, w, dy: dy])
def test_a_backward_that_takes_more_than_dy_is_told_the_adapter_that_hands_it_over(backward):
    layer = type("Wrong", (), {"fwd": lambda self, x: (x, x), "bwd": backward})()
    taken = "dy, cache" if "cache" in backward.__code__.co_varnames else "x, w, dy"
    use = "use gradcheck.adapters.cached(obj.fwd, obj.bwd) for (dout, cache), pair for (*inputs, dy)"
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        module(layer, forward="fwd", backward="bwd")
    assert str(error.value) == f"gradcheck: Wrong.bwd must take dy, got <lambda>({taken}); {use}"
