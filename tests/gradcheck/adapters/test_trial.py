"""A parameter that the forward pass uses and the backward pass forgets."""

import numpy as np
import pytest
from stateful import Linear, Tanh

import gradcheck
from gradcheck.adapters import module

START = "no gradient for {}, on which the output depends; "
CONSTANT = "if it is no parameter, name those that are: module(obj, parameters={'W': 'dW', 'b': 'db'})"
B = np.array([0.3, -0.2, 0.5])


class Holder:
    def __init__(self, **fields):
        self.__dict__.update(fields)


class Shifted(Linear):
    """A second bias, wherever `get` finds it; its gradient is what `put` does with it."""

    def __init__(self, get, put=None, **fields):
        super().__init__(4, 3)
        self.get, self.put = get, put
        self.__dict__.update(fields)

    def forward(self, x):
        return super().forward(x) + self.get(self)

    def backward(self, dout):
        if self.put is not None:
            self.put(self, dout.sum(axis=0))
        return super().backward(dout)


PLACES = {
    "b2": (lambda self: self.b2, {"b2": B}),
    "inner.b": (lambda self: self.inner.b, {"inner": Holder(b=B)}),
    "params.b2": (lambda self: self.params["b2"], {"params": {"b2": B}}),
    "extra[1]": (lambda self: self.extra[1], {"extra": [3, B]}),
    "blocks[0].heads.one[0].b": (
        lambda self: self.blocks[0].heads["one"][0].b, {"blocks": [Holder(heads={"one": (Holder(b=B),)})]}
    ),
    "shared[0]": (lambda self: self.shared[0] + self.again, {"shared": [B], "again": B}),
    "zero": (lambda self: self.zero, {"zero": np.zeros(3)}),
    "narrow": (lambda self: self.narrow, {"narrow": B.astype(np.float32)}),
    "scale": (lambda self: self.scale, {"scale": np.array(0.7)}),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_forgotten_parameter_fails_by_its_name_and_the_others_are_compared(name, x):
    get, fields = PLACES[name]
    report = gradcheck.check(module(Shifted(get, **fields)), x)
    assert report.verdict == "fail"
    failing = [f for f in report.findings if f.severity == "fail"]
    assert [(f.kind, f.array, f.message) for f in failing] == [("missing", name, START.format(name) + CONSTANT)]
    assert {g.name: g.verdict for g in report.gradients} == dict.fromkeys(("W", "b", "x"), "pass")
    assert f"fail: no gradient for {name}, on which the output depends" in str(report)


def test_weights_of_zero_hide_nothing(x):
    class Two(Tanh):
        def __init__(self):
            self.inner, self.w2 = np.ones((4, 3)), np.zeros((3, 2))

        def forward(self, x):
            self.x, self.h = x, super().forward(x @ self.inner)
            return self.h @ self.w2

        def backward(self, dout):
            self.dw2 = self.h.T @ dout
            return super().backward(dout @ self.w2.T) @ self.inner.T

    findings = gradcheck.check(module(Two()), x).findings
    assert [f.array for f in findings if f.severity == "fail"] == ["inner"]


def test_a_gradient_under_another_name_is_asked_for(x):
    def put(self, g):
        self.found = {"shift": g}

    layer = Shifted(lambda self: self.b2, put, b2=B)
    report = gradcheck.check(module(layer), x)
    assert report.verdict == "inconclusive"
    say = "if it is found.shift, say so: module(obj, parameters={'b2': 'found.shift'})"
    assert [f.message for f in report.findings if f.kind == "missing"] == [START.format("b2") + say]


def test_the_gradient_of_an_input_is_none_of_a_parameter_of_its_shape(rng):
    class Square(Tanh):
        gain = None

        def forward(self, x):
            return super().forward(self.gain * x)

        def backward(self, dout):
            self.dx = self.gain * super().backward(dout)
            return self.dx

    layer, x = Square(), rng.normal(size=(3, 3))
    layer.gain = rng.normal(size=(3, 3))
    assert [(f.array, f.severity) for f in gradcheck.check(module(layer), x).findings if f.kind == "missing"] == [
        ("gain", "fail")
    ]


def test_what_the_output_does_not_depend_on_is_a_note(prove, x):
    layer = Shifted(lambda self: 0.0, history=[np.ones(5)], velocity={"W": np.zeros((4, 3))})
    report = prove(module(layer), x)
    (note,) = [f.message for f in report.findings if f.kind == "constant"]
    names = "history[0], velocity.W"
    assert note == f"no gradient was found of {names}, on which the output does not depend, so taken as constant"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("running_mean", B),
        ("movingVar", B),
        ("attention_mask", B),
        ("visible", np.tri(5, 3)),
        ("hidden", np.where(np.tri(5, 3) > 0, 0, -np.inf)),
    ],
)
def test_masks_and_running_statistics_are_a_note(name, value, prove, x):
    class Masked(Linear):
        def factor(self):
            kept = getattr(self, name)
            return kept if np.isfinite(kept).all() else np.exp(kept)

        def forward(self, x):
            return super().forward(x) * self.factor()

        def backward(self, dout):
            return super().backward(dout * self.factor())

    layer = Masked(4, 3)
    setattr(layer, name, value)
    report = prove(module(layer), x)
    assert any(f.message.startswith(f"no gradient was found of {name}, by name") for f in report.findings)


def test_named_parameters_are_all_there_are(prove, x):
    table = Shifted(lambda self: self.table, table=B)
    report = prove(module(table, parameters={"W": "dW", "b": "db"}), x)
    assert not [f for f in report.findings if f.kind in ("constant", "missing")]


def test_an_array_at_which_the_forward_pass_raises_is_no_finding(prove, x):
    def get(self):
        assert np.array_equal(self.version, [1.0, 2.0])
        return 0.0

    report = prove(module(Shifted(get, version=np.array([1.0, 2.0]))), x)
    assert [f.kind for f in report.findings if "version" in f.message] == ["constant"]


class Turned:
    """A rotary embedding with its table, and no parameter."""

    def __init__(self):
        self.cos, self.sin = np.cos(np.arange(3.0)), np.sin(np.arange(3.0))

    def forward(self, x):
        a, b = x[:, :3], x[:, 3:]
        return np.concatenate([a * self.cos - b * self.sin, a * self.sin + b * self.cos], axis=1)

    def backward(self, dy):
        a, b = dy[:, :3], dy[:, 3:]
        return np.concatenate([a * self.cos + b * self.sin, b * self.cos - a * self.sin], axis=1)


def test_what_is_said_of_a_table_can_be_followed(rng):
    x = rng.normal(size=(4, 6))
    (said,) = {f.message.partition("module(obj, ")[2] for f in gradcheck.check(module(Turned()), x).findings} - {""}
    assert said == "parameters={})"
    assert gradcheck.check(module(Turned(), parameters={}), x).verdict == "pass"
