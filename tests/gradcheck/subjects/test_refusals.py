"""What is no subject is refused in one line, with the adapter that takes it."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from gradcheck.subjects.refusals import no_pullback, no_subject

HOME = "gradcheck.adapters"
SUBJECT = "gradcheck: the subject must have a method vjp or be a function that returns (y, pullback), got "
FUNCTION = f"for a forward and a backward function use {HOME}.pair(forward, backward)"
OBJECT = f"for an object with forward and backward use {HOME}.module(obj)"
CLASS = f"for a class with forward and backward use {HOME}.module(obj) with an instance"
CACHE = f"for (out, cache) use {HOME}.cached(forward, backward), for (value, grads) {HOME}.value_and_grad(function)"
TORCH = f"for PyTorch use {HOME}.torch_function(function)"
JAX = f"for JAX use {HOME}.jax_function(function)"


class Course:
    def forward(self, x):
        return x

    backward = forward


class Half:
    def forward(self, x):
        return x

    backward = 3


class Module:
    pass


class Function:
    pass


class Net(Module):
    pass


class Kernel(Function):
    pass


Tensor = type("Tensor", (), {"__module__": "torch"})
Array = type("Array", (), {"__module__": "jaxlib._jax"})
Inner = type("Inner", (), {"__module__": "torch_geometric.nn"})


@pytest.fixture
def torch(monkeypatch):
    made = SimpleNamespace(nn=SimpleNamespace(Module=Module), autograd=SimpleNamespace(Function=Function))
    monkeypatch.setitem(sys.modules, "torch", made)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (3, "int"),
        (Half, "the class Half"),
        (Half(), "Half"),
        (Course(), f"Course; {OBJECT}"),
        (Course, f"the class Course; {CLASS}"),
    ],
)
def test_what_is_no_subject_is_told_its_adapter(subject, message):
    assert isinstance(no_subject(subject), TypeError)
    assert str(no_subject(subject)) == SUBJECT + message


@pytest.mark.parametrize(("subject", "got"), [(Net(), "Net"), (Net, "the class Net"), (Kernel, "the class Kernel")])
def test_what_is_of_pytorch_is_told_pytorchs(torch, subject, got):
    assert str(no_subject(subject)) == f"{SUBJECT}{got}; {TORCH}"


def test_without_pytorch_nothing_is_of_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert str(no_subject(Net)) == f"{SUBJECT}the class Net"


def test_another_class_or_object_is_not_of_pytorch(torch):
    assert str(no_subject(Kernel())) == f"{SUBJECT}Kernel"
    assert str(no_subject(Half)) == f"{SUBJECT}the class Half"


@pytest.mark.parametrize(
    ("subject", "value", "message"),
    [
        (abs, np.ones(2), f"ndarray; {FUNCTION}"),
        (abs, (1, 2, 3), f"a tuple of 3; {CACHE}"),
        (abs, (), f"a tuple of 0; {CACHE}"),
        (abs, Tensor(), f"Tensor; {TORCH}"),
        (abs, Array(), f"Array; {JAX}"),
        (abs, Inner(), f"Inner; {FUNCTION}"),
        (Course(), (1, 2), f"a tuple of 2; {OBJECT}"),
        (None, 3, f"int; {FUNCTION}"),
    ],
)
def test_what_is_no_pullback_is_told_the_adapter_of_what_came(subject, value, message):
    assert isinstance(no_pullback(subject, "f", value), TypeError)
    assert str(no_pullback(subject, "f", value)) == f"gradcheck: f must return (y, pullback), got {message}"
