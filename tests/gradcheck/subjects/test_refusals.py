"""What is no subject is refused in one line, with the adapter that takes it."""

import numpy as np
import pytest

from gradcheck.subjects.refusals import library, no_pullback, no_subject, of_library, two_functions

HOME = "gradcheck.adapters"
SUBJECT = "gradcheck: the subject must have a method vjp or be a function that returns (y, pullback), got "
FUNCTION = f"for a forward and a backward function use {HOME}.pair(forward, backward)"
OBJECT = f"for an object with forward and backward use {HOME}.module(obj)"
CLASS = f"for a class with forward and backward use {HOME}.module(obj) with an instance"
CACHE = (
    f"for (out, cache) or (h, c, cache) use {HOME}.cached(forward, backward), "
    f"for (value, grads) or (value, dx, dw) {HOME}.value_and_grad(function)"
)
TWO = f"for a forward and a backward function write check({HOME}.pair(forward, backward), x)"
OUTPUTS = "several outputs go into a tuple of their own: ((h, c), pullback)"
METHODS = f"for methods of other names use {HOME}.module(obj, forward='...', backward='...')"
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


Module = type("Module", (), {"__module__": "torch.nn.modules.module"})
Function = type("Function", (), {"__module__": "torch.autograd.function", "apply": classmethod(lambda kind: None)})


class Layer:
    def vjp(self, x):
        raise NotImplementedError


class Net(Module):
    pass


class Kernel(Function):
    pass


Tensor = type("Tensor", (), {"__module__": "torch"})
Array = type("Array", (), {"__module__": "jaxlib._jax"})
Inner = type("Inner", (), {"__module__": "torch_geometric.nn"})


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (3, "int"),
        ("f", "str"),
        ((1, 2), "a tuple of 2"),
        ((abs, abs), f"a tuple of 2; {TWO}"),
        ([abs, abs, abs], "a list of 3"),
        (Half, f"the class Half; {METHODS}"),
        (Half(), f"Half; {METHODS}"),
        (Layer, "the class Layer; hand over an instance"),
        (Course(), f"Course; {OBJECT}"),
        (Course, f"the class Course; {CLASS}"),
    ],
)
def test_what_is_no_subject_is_told_its_adapter(subject, message):
    assert isinstance(no_subject(subject), TypeError)
    assert str(no_subject(subject)) == SUBJECT + message


@pytest.mark.parametrize(
    ("subject", "got"),
    [
        (Net(), "Net"),
        (Net, "the class Net"),
        (Kernel, "the class Kernel"),
        (Kernel.apply, "the function <lambda>"),
    ],
)
def test_what_is_of_pytorch_is_told_pytorchs(subject, got):
    assert library(subject) == "torch" and str(no_subject(subject)) == f"{SUBJECT}{got}; {TORCH}"


def test_what_no_library_has_made_is_of_none():
    for thing in (abs, np.ones(2), 3, Half, Half(), lambda: None, Inner(), None):
        assert library(thing) == ""


def test_a_function_that_is_handed_another_one_is_told_how_two_are_handed_over():
    message = "gradcheck: f must get arrays as its inputs, got the function abs"
    assert str(two_functions("f", abs)) == f"{message}; {TWO}"
    assert str(two_functions("f", Half())) == f"gradcheck: f must get arrays as its inputs, got Half; {TWO}"


def test_arrays_of_other_libraries_are_told_what_takes_them():
    beside = f"or {HOME}.dlpack(subject) where the backward pass stands beside the function"
    assert of_library(Tensor()) == f"{TORCH}, {beside}" and of_library(Array()) == f"{JAX}, {beside}"
    other = type("Tensor", (), {"__dlpack__": None})
    assert of_library(other()) == f"for arrays of other libraries use {HOME}.dlpack(subject)"
    assert of_library(Half()) == "hand over np.asarray of it"


@pytest.mark.parametrize(
    ("subject", "value", "message"),
    [
        (abs, np.ones(2), f"ndarray; {FUNCTION}"),
        (abs, (1, 2, 3), f"a tuple of 3; {CACHE}"),
        (abs, (), f"a tuple of 0; {CACHE}"),
        (abs, Tensor(), f"Tensor; {TORCH}"),
        (abs, Array(), f"Array; {JAX}"),
        (abs, (Array(), Array()), f"a tuple of 2; {JAX}"),
        (Array(), np.ones(2), f"ndarray; {JAX}"),
        (abs, (1, 2, abs), f"a tuple of 3; {OUTPUTS}"),
        (Half(), 3, f"int; {FUNCTION}"),
        (Half(), (1, 2), f"a tuple of 2; {CACHE}"),
        (abs, Inner(), f"Inner; {FUNCTION}"),
        (Course(), (1, 2), f"a tuple of 2; {OBJECT}"),
        (None, 3, f"int; {FUNCTION}"),
    ],
)
def test_what_is_no_pullback_is_told_the_adapter_of_what_came(subject, value, message):
    assert isinstance(no_pullback(subject, "f", value), TypeError)
    assert str(no_pullback(subject, "f", value)) == f"gradcheck: f must return (y, pullback), got {message}"
