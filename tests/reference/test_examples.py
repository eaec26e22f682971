"""What every example of every module must do: its gradient is proved, its dtype kept, nothing is written."""

import copy
import importlib
from pathlib import Path

import numpy as np
import pytest
import table

from reference.core import tree
from reference.job import catalogue

README = table.parse((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"))
EXAMPLES = list(catalogue.examples())

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])


def vjp(example, dtype=np.float64, prepare=lambda array: array):
    """Run an example with every floating array cast to `dtype`, then prepared; return y, the pullback and a dy."""
    cast = lambda array: prepare(array.astype(dtype))  # noqa: E731
    subject, inputs = tree.map(cast, example.subject), tree.map(cast, example.inputs)
    y, pullback = getattr(subject, "vjp", subject)(*inputs, **constants(example))
    rng = np.random.default_rng(0)
    dy = tree.map(lambda array: prepare(np.asarray(rng.normal(size=array.shape), array.dtype)), _arrays(y))
    return _arrays(y), pullback, dy


def constants(example):
    """A copy, so that a generator among them draws the same numbers in every pass."""
    return copy.deepcopy(example.constants)


def read_only(array):
    array.flags.writeable = False
    return array


def _arrays(y):
    """A loss may be a scalar of NumPy's."""
    return tuple(map(_arrays, y)) if isinstance(y, tuple) else np.asarray(y)


def leaves(node):
    return [leaf for entry in (node if type(node) is tuple else (node,)) for _, leaf in tree.leaves(entry)]


def test_every_room_has_examples():
    assert {example.module.partition(".")[0] for example in EXAMPLES} == set(catalogue.ROOMS)


def test_every_example_has_a_name_of_its_own():
    assert len({(example.module, example.name) for example in EXAMPLES}) == len(EXAMPLES)


@every_example
def test_gradients_are_proved_to_the_digits_of_the_readme(prove, example):
    report = prove(example.subject, *example.inputs, **example.constants)
    _, digits, real_digits, _ = README[example.module.replace(".", "/")]
    reached = [gradient for gradient in report.gradients if gradient.digits is not None]
    # Rounded down where the table was made; one digit is left to another processor's rounding.
    assert min(gradient.digits for gradient in reached) > digits - 1
    assert min(gradient.real_digits for gradient in reached) > real_digits - 1


@every_example
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(example, dtype):
    y, pullback, dy = vjp(example, dtype)
    assert {leaf.dtype for leaf in leaves(y)} == {np.dtype(dtype)}
    assert {leaf.dtype for leaf in leaves(pullback(dy))} == {np.dtype(dtype)}


@every_example
@pytest.mark.parametrize(("parameters", "inputs"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_mixed_dtypes_are_promoted_as_numpy_does(example, parameters, inputs):
    subject = tree.map(lambda array: array.astype(parameters), example.subject)
    arrays = tree.map(lambda array: array.astype(inputs), example.inputs)
    y, pullback = getattr(subject, "vjp", subject)(*arrays, **example.constants)
    wide = np.result_type(*leaves(subject), *leaves(arrays))
    assert {leaf.dtype for leaf in leaves(_arrays(y))} == {wide}
    assert {leaf.dtype for leaf in leaves(pullback(tree.map(np.ones_like, _arrays(y))))} == {wide}


@every_example
def test_complex_forward_extends_the_real_one(example):
    real, complex_ = vjp(example)[0], vjp(example, np.complex128)[0]
    for x, z in zip(leaves(real), leaves(complex_), strict=True):
        # A complex product rounds in another order: a few ulp in each of the steps of a model.
        np.testing.assert_allclose(z.real, x, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(z.imag, 0)


@every_example
def test_nothing_received_is_written(example):
    _, pullback, dy = vjp(example, prepare=read_only)
    assert leaves(pullback(dy))


@every_example
def test_a_pullback_may_be_called_twice(example):
    _, pullback, dy = vjp(example)
    first = leaves(pullback(dy))
    kept = [leaf.copy() for leaf in first]
    for a, b, c in zip(first, kept, leaves(pullback(dy)), strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()


@every_example
def test_the_forward_pass_alone_gives_the_same_output(example):
    forward = example.subject
    if not hasattr(forward, "vjp"):  # a function: softmax beside softmax_vjp
        module = importlib.import_module(f"reference.{example.module}")
        forward = getattr(module, forward.__name__.removesuffix("_vjp"))
    y, _, _ = vjp(example)
    for a, b in zip(leaves(y), leaves(_arrays(forward(*example.inputs, **constants(example)))), strict=True):
        np.testing.assert_array_equal(a, b)
