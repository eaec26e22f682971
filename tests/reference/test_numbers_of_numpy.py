"""A constant is a number, of whatever class: one of NumPy's widens no array of float32."""

import copy
import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.core.layer import Layer
from reference.job import catalogue

EXAMPLES = list(catalogue.examples())
KINDS = np.float64, np.longdouble, np.float32


def narrow(value):
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value


def of_numpy(node, kind):
    """What is given, each number of Python in it exchanged for one of NumPy's, and each layer made anew."""
    if isinstance(node, Layer):
        fields = {field.name: of_numpy(getattr(node, field.name), kind) for field in dataclasses.fields(node)}
        return type(node)(**fields)
    if type(node) is tuple:
        return tuple(of_numpy(each, kind) for each in node)
    return kind(node) if type(node) is float else node


def dtypes(node):
    if isinstance(node, tuple):
        return [dtype for each in node for dtype in dtypes(each)]
    return [(path, leaf.dtype) for path, leaf in tree.leaves(node)]


def run(example, kind=None):
    subject, constants = example.subject, copy.deepcopy(example.constants)
    if isinstance(subject, Layer):
        subject = subject.astype(np.float32)
    if kind is not None:
        subject, constants = of_numpy(subject, kind), {name: of_numpy(old, kind) for name, old in constants.items()}
    inputs, constants = [narrow(x) for x in example.inputs], {name: narrow(old) for name, old in constants.items()}
    y, pullback = getattr(subject, "vjp", subject)(*inputs, **constants)
    ones = tuple(map(np.ones_like, y)) if isinstance(y, tuple) else np.ones_like(y)
    return dtypes(y), dtypes(pullback(ones))


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])
def test_dtypes_are_those_that_numbers_of_python_leave(example):
    wanted = run(example)
    assert wanted
    for kind in KINDS:
        assert run(example, kind) == wanted
