"""How an object is used: what its passes return or leave in attributes, and what is cleared before."""

import numpy as np
import pytest
from stateful import Linear, Tanh

import gradcheck
from gradcheck.adapters import module
from gradcheck.adapters.calls import Calls, Way


class Returning(Linear):
    """`form` makes what is returned of dx, dW and db."""

    def __init__(self, form, factor=1.0):
        super().__init__(4, 3)
        self.form, self.factor = form, factor

    def backward(self, dout):
        return self.form(dout @ self.W.T, self.factor * self.x.T @ dout, dout.sum(axis=0))


FORMS = {
    "(dx, grads)": lambda dx, dW, db: (dx, {"W": dW, "b": db}),
    "(dx, grads) as dW": lambda dx, dW, db: (dx, {"dW": dW, "d_b": db}),
    "(dx, grads) with more": lambda dx, dW, db: (dx, {"W": dW, "b": db, "norm": np.abs(dW).max()}),
    "((dx,), grads)": lambda dx, dW, db: ((dx,), {"W": dW, "b": db}),
    "(dx, (dW, db))": lambda dx, dW, db: (dx, (dW, db)),
    "(dx, [dW, db])": lambda dx, dW, db: (dx, [dW, db]),
    "(dx, dW, db)": lambda dx, dW, db: (dx, dW, db),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_returned_gradients_are_found_and_judged(form, prove, caught, x):
    assert [g.name for g in prove(module(Returning(form)), x).gradients] == ["W", "b", "x"]
    caught({"W"}, module(Returning(form, 1.001)), x)


def test_a_gradient_that_is_left_out_of_them_is_a_failure(x):
    report = gradcheck.check(module(Returning(lambda dx, dW, db: (dx, {"W": dW}))), x)
    assert [(f.array, f.severity) for f in report.findings if f.kind == "missing"] == [("b", "fail")]


def test_gradients_in_the_wrong_order_are_no_gradients(x):
    report = gradcheck.check(module(Returning(lambda dx, dW, db: (dx, (db, dW)))), x)
    assert {f.array for f in report.findings if f.kind == "missing"} == {"W", "b"}
    assert report.verdict != "pass"


class Network:
    def __init__(self):
        rng = np.random.default_rng(2)
        self.params = {"W1": rng.normal(size=(4, 3)), "W2": rng.normal(size=(3, 2))}

    def forward(self, x, ids):
        self.x, self.h, self.ids = x, x @ self.params["W1"], ids
        return (np.tanh(self.h) @ self.params["W2"])[ids]

    def backward(self, dy):
        dz = np.zeros((len(self.x), 2))
        np.add.at(dz, self.ids, dy)
        dh = dz @ self.params["W2"].T * (1 - np.tanh(self.h) ** 2)
        return dh @ self.params["W1"].T, {"W1": self.x.T @ dh, "W2": np.tanh(self.h).T @ dz}


def test_constants_among_the_inputs_may_be_left_out_and_names_may_be_nested(prove, x):
    report = prove(module(Network()), x, np.array([3, 0, 3]))
    assert [g.name for g in report.gradients] == ["params.W1", "params.W2", "x"]


def test_an_input_that_is_a_dictionary_keeps_its_cotangent(prove, x):
    class Sum(Tanh):
        def forward(self, x, more):
            self.more = more["a"]
            return super().forward(x) * more["a"]

        def backward(self, dy):
            return super().backward(dy * self.more), {"a": dy * self.y}

    prove(module(Sum()), x, {"a": x + 1})


class Summing(Linear):
    """Adds its gradients up, and says how to clear them."""

    def __init__(self, n, m):
        super().__init__(n, m)
        self.cleared = 0
        self.zero_grad()

    def zero_grad(self):
        self.dW, self.db, self.cleared = np.zeros(self.W.shape), np.zeros(self.b.shape), self.cleared + 1

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(axis=0)
        return dout @ self.W.T


class Chain:
    def __init__(self, *layers):
        self.layers = {"all": list(layers)}

    def forward(self, x):
        for layer in self.layers["all"]:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers["all"]):
            dy = layer.backward(dy)
        return dy


def test_parts_that_can_clear_their_gradients_are_asked_to(prove, x):
    report = prove(module(Chain(Summing(4, 3), Tanh(), Chain(Summing(3, 2)))), x)
    assert len(report.gradients) == 5 and not [f for f in report.findings if f.severity == "fail"]


def test_a_method_of_the_whole_that_forgets_a_part_is_not_helped(x):
    class Forgetful(Chain):
        def zero_grad(self):
            self.layers["all"][0].zero_grad()

    report = gradcheck.check(module(Forgetful(Summing(4, 3), Summing(3, 2))), x)
    assert {f.array for f in report.findings if f.kind == "accumulation"} == {"layers.all[1].W", "layers.all[1].b"}


def test_a_part_that_is_named_in_two_places_is_asked_once():
    shared = Summing(4, 3)
    adapted = module(Chain(shared, shared))
    before = shared.cleared
    adapted._calls.reset(chain := Chain(shared, [shared]))
    assert chain.layers["all"][0] is shared and shared.cleared == before + 1


class Recorded:
    """`forward` leaves y in `output`, `backward` dx in `dinputs`; what is called when stands in `calls`."""

    def __init__(self, value=None, forward=None):
        self.value, self.y, self.calls = value, forward, []

    def forward(self, x, *, gain=1.0):
        self.output = gain * x
        return self.y

    def backward(self, dy):
        self.calls.append("backward")
        self.dinputs = 2 * dy
        return self.value

    def zero_grads(self):
        self.calls.append("zero_grads")

    def clear(self):
        self.calls.append("clear")


USUAL = Calls("forward", "backward", None)
X, Z, N = np.ones(2), np.zeros(2), np.arange(2)


def test_the_output_is_what_is_returned_or_else_an_attribute():
    np.testing.assert_array_equal(USUAL.run_forward(Recorded(), (X,), {"gain": 3.0}), 3 * X)
    np.testing.assert_array_equal(USUAL.run_forward(Recorded(forward=Z), (X,), {}), Z)


def test_cotangents_are_what_is_returned_or_else_an_attribute():
    way = USUAL.run_backward(Recorded(), X, (X,))
    np.testing.assert_array_equal(way.d_inputs, 2 * X)
    assert (way.gradients, way.factor) == (None, None)
    assert USUAL.run_backward(Recorded(value=Z), X, (X,)).d_inputs is Z


@pytest.mark.parametrize(("name", "calls"), [(None, ["zero_grads", "backward"]), ("clear", ["clear", "backward"])])
def test_gradients_are_cleared_before_by_the_method_of_this_name_or_of_a_usual_one(name, calls):
    obj = Recorded()
    Calls("forward", "backward", name).run_backward(obj, X, (X,))
    assert obj.calls == calls


D, G = np.ones(2), np.zeros(3)


@pytest.mark.parametrize(
    ("value", "inputs", "d_inputs", "gradients"),
    [
        (D, (X,), D, None),
        ((D,), (X,), (D,), None),
        ((D, D), (X, Z), (D, D), None),
        ((D, {"W": G}), (X,), (D,), {"W": G}),
        ((D, [G]), (X,), (D,), [G]),
        ((D, (G, G)), (X,), (D,), (G, G)),
        ((D, {"W": G}), (X, N), (D,), {"W": G}),
        ((D, None, {"W": G}), (X, N), (D, None), {"W": G}),
        (((D, D), {"W": G}), (X, Z), (D, D), {"W": G}),
        (((D,), {"W": G}), (X, N), (D,), {"W": G}),
        ((D, G, G), (X,), (D,), (G, G)),
        ((D, D, G), (X, Z), (D, D), (G,)),
        ((D, {"a": D}), (X, {"a": X}), (D, {"a": D}), None),
        ((D, D, D), ([X, X, X],), (D, D, D), None),
        ((D, D, {"W": G}), (X,), (D,), (D, {"W": G})),
        (({"W": G},), (), (), {"W": G}),
    ],
)
def test_what_is_returned_is_parted_into_cotangents_and_gradients(value, inputs, d_inputs, gradients):
    way = USUAL.run_backward(Recorded(value=value), D, inputs)
    assert repr((way.d_inputs, way.gradients)) == repr((d_inputs, gradients))


class Loss:
    def backward(self):
        return {"a": X, "n": 3, "f": np.float64(2)}


def test_a_backward_without_an_argument_is_multiplied_by_dy_afterwards():
    way = USUAL.run_backward(Loss(), np.array([4.0]), (X,))
    assert way.factor == 4.0
    found = way.complete(way.d_inputs)
    np.testing.assert_array_equal(found["a"], 4 * X)
    assert (found["n"], found["f"]) == (3, 8)
    whole = Way(X, None, None)
    assert whole.complete(whole.d_inputs) is X


def test_a_backward_without_an_argument_has_one_number_as_its_output():
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        USUAL.run_backward(Loss(), np.ones(2), (X,))
    want = "Loss.backward takes no cotangent, so the output must be one number, got shape (2,)"
    assert str(error.value) == f"gradcheck: {want}"
