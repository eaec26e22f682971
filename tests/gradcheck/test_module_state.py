"""What a class carries from call to call: sums of gradients, buffers, random numbers, arrays at two places."""

import numpy as np
import pytest
from stateful import Linear

import gradcheck
from gradcheck.adapters import module


@pytest.fixture
def x(rng):
    return rng.normal(size=(5, 4))


class Accumulating(Linear):
    """Sums over calls, as frameworks do."""

    def __init__(self, n, m):
        super().__init__(n, m)
        self.dW, self.db = np.zeros((n, m)), None

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db = dout.sum(axis=0) if self.db is None else self.db + dout.sum(axis=0)
        return dout @ self.W.T


class Resetting(Accumulating):
    def zero_grad(self):
        self.dW[...] = 0
        self.db = None


def test_accumulation_across_calls_is_found_and_the_gradient_checked_all_the_same(x):
    report = gradcheck.check(module(Accumulating(4, 3)), x)
    found = {f.array: f.message for f in report.findings if f.severity == "fail"}
    assert found.keys() == {"W", "b"}
    assert found["W"].startswith(
        "a second backward call adds to dW instead of setting it (accumulation across calls): "
    )
    assert {g.name for g in report.gradients if g.digits is None or g.digits < 11} == set()


def test_a_wrong_gradient_that_accumulates_is_wrong_besides(x):
    class Wrong(Accumulating):
        def backward(self, dout):
            return super().backward(1.01 * dout)

    kinds = {(f.kind, f.array) for f in gradcheck.check(module(Wrong(4, 3)), x).findings if f.severity == "fail"}
    assert kinds >= {("accumulation", "W"), ("gradient", "W"), ("gradient", "x")}


@pytest.mark.parametrize("options", [{}, {"zero_grad": "zero_grad"}], ids=["found", "named"])
def test_a_class_that_resets_its_gradients_is_proved(options, prove, x):
    prove(module(Resetting(4, 3), **options), x)


def test_a_method_that_resets_may_have_another_name(prove, x):
    class Other(Accumulating):
        clear = Resetting.zero_grad

    prove(module(Other(4, 3), zero_grad="clear"), x)


def test_a_backward_pass_that_takes_a_step_is_caught(x):
    class Stepping(Linear):
        def backward(self, dout):
            dx = super().backward(dout)
            self.W -= 0.1 * self.dW
            return dx

    report = gradcheck.check(module(Stepping(4, 3)), x)
    assert ("mutation", "W") in {(f.kind, f.array) for f in report.findings if f.severity == "fail"}


def test_random_numbers_of_the_object_are_replayed(prove, x):
    class Dropout:
        def __init__(self):
            self.rng = np.random.default_rng(3)

        def forward(self, x):
            self.keep = self.rng.random(x.shape) < 0.7
            return x * self.keep / 0.7

        def backward(self, dout):
            return dout * self.keep / 0.7

    layer = Dropout()
    prove(module(layer), x)
    assert layer.rng.random() == np.random.default_rng(3).random()


def test_float32_buffers_follow_the_dtype_of_the_check(x):
    class Buffered:
        def __init__(self):
            self.params = [np.float32([[0.3, -1.2], [0.7, 0.1], [1.1, 0.9], [-0.4, 0.6]]), np.float32([0.2, -0.5])]
            self.grads = [np.zeros_like(p) for p in self.params]

        def forward(self, x):
            self.x = x
            return x @ self.params[0] + self.params[1]

        def backward(self, dout):
            self.grads[0][...] = self.x.T @ dout
            self.grads[1][...] = dout.sum(axis=0)
            return dout @ self.params[0].T

    report = gradcheck.check(module(Buffered()), x.astype(np.float32))
    assert report.verdict == "pass", str(report)
    assert min(g.digits for g in report.gradients) > 11


def test_an_array_that_stands_at_two_places_is_one_parameter(prove, x):
    class Shared(Linear):
        def __init__(self, n, m):
            super().__init__(n, m)
            self.params = {"W": self.W, "b": self.b}

        def backward(self, dout):
            dx = super().backward(dout)
            self.grads = {"W": self.dW, "b": self.db}
            return dx

    report = prove(module(Shared(4, 3)), x)
    assert [g.name for g in report.gradients] == ["W", "b", "x"]


def test_workers_come_to_the_same_report(x):
    reports = [gradcheck.Checker(workers=workers)(module(Linear(4, 3)), x) for workers in (1, 2)]
    assert str(reports[0]) == str(reports[1])


class Logistic:
    """As in a first course: the bias is a number, and so is its gradient."""

    def __init__(self, factor=1.0, adding=False):
        self.w, self.b, self.c, self.rate, self.db = np.array([0.3, -1.2, 0.7, 0.1]), 0.0, 0.0, 0.1, 0.0
        self.factor, self.adding = factor, adding

    def forward(self, x):
        self.x, self.s = x, 1 / (1 + np.exp(-(x @ self.w + self.b + 3 * self.c)))
        return self.s

    def backward(self, dy):
        dz = dy * self.s * (1 - self.s)
        self.dw, self.db, self.dc = self.x.T @ dz, self.db * self.adding + self.factor * np.sum(dz), 3 * float(dz.sum())
        return np.outer(dz, self.w)


def test_a_parameter_of_one_number_is_checked(prove, caught, x):
    assert [g.name for g in prove(module(Logistic()), x).gradients] == ["w", "b", "c", "x"]
    caught({"b"}, module(Logistic(1.001)), x)
    findings = gradcheck.check(module(Logistic(adding=True)), x).findings
    assert [(f.kind, f.array) for f in findings if f.severity == "fail"] == [("accumulation", "b")]


def test_a_number_in_a_tuple_is_one_too(prove, caught, x):
    class Scale:
        factor = 1.0

        def __init__(self):
            self.params = (0.7, np.array([0.1, 0.2, 0.3, 0.4]))

        def forward(self, x):
            self.x = x
            return self.params[0] * x + self.params[1]

        def backward(self, dy):
            self.grads = (self.factor * (dy * self.x).sum(), dy.sum(0))
            return self.params[0] * dy

    class Wrong(Scale):
        factor = 2.0

    prove(module(Scale()), x)
    caught({"params[0]"}, module(Wrong()), x)


def test_a_backward_pass_that_works_once_is_compared_once(x):
    class Once(Linear):
        def forward(self, x):
            self.kept = [x]
            return super().forward(x)

        def backward(self, dout):
            self.x = self.kept.pop()
            return super().backward(dout)

    report = gradcheck.check(module(Once(4, 3)), x)
    assert {g.name for g in report.gradients if g.digits is not None} == {"W", "b", "x"}
