"""Outputs of PyTorch functions: which are judged, and how the checker sees them."""

import numpy as np
import pytest
import torch

from gradcheck.adapters.torch_outputs import Outputs
from gradcheck.adapters.torch_tensors import Tensors


@pytest.fixture
def outputs():
    return Outputs(Tensors(None, None))


def output(*flags):
    found = [torch.full((2,), float(i), requires_grad=flag) for i, flag in enumerate(flags)]
    return {"a": found, "n": torch.arange(3), "s": "text"}


def test_what_requires_a_gradient_is_judged_beside_what_does_not(outputs):
    y = output(True, False, True)
    outputs.learn(y)
    assert outputs.known
    assert [tensor.detach()[0].item() for tensor in outputs.judged(y)] == [0, 2]
    shown = outputs.shown(y, analytic=False)
    assert shown["a"][1] is None and shown["s"] == "text"
    np.testing.assert_array_equal(shown["n"], [0, 1, 2])
    np.testing.assert_array_equal(shown["a"][2], [2, 2])


def test_where_nothing_requires_a_gradient_all_are_judged(outputs):
    y = output(False, False)
    outputs.learn(y)
    assert len(outputs.judged(y)) == 2
    assert outputs.notes(y) == []


def test_before_it_is_known_and_for_another_number_of_outputs_all_are_judged(outputs):
    assert len(outputs.judged(output(True, False))) == 2
    outputs.learn(output(True, False))
    assert len(outputs.judged(output(True, False, False))) == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [((True, False), "y.a[1] requires no gradient"), ((True, False, False), "y.a[1], y.a[2] require no gradient")],
)
def test_what_is_not_judged_is_noted_once(outputs, flags, message):
    y = output(*flags)
    outputs.learn(y)
    (note,) = outputs.notes(y)
    assert (note.kind, note.severity, note.message) == ("constant", "note", f"{message}, so was not judged")
    assert outputs.notes(y) == []


def test_a_complex_output_is_a_pair_but_for_the_checkers_own_complex_numbers(outputs):
    z = torch.tensor([1 + 2j, 3 - 4j])
    assert outputs.is_real
    np.testing.assert_array_equal(outputs.shown(z, analytic=True), z.numpy())
    assert outputs.is_real
    real, imag = outputs.shown(z, analytic=False)
    np.testing.assert_array_equal(np.stack([real, imag]), [[1, 3], [2, -4]])
    assert not outputs.is_real


def test_cotangents_have_the_dtypes_of_their_outputs_and_parts_are_joined(outputs):
    ys = [torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.complex128)]
    dy = [np.full(2, 3.0, np.float32), (np.full(2, 1.0), np.full(2, 2.0))]
    first, second = outputs.cotangents(dy, ys)
    assert (first.dtype, first.tolist()) == (torch.bfloat16, [3, 3])
    assert (second.dtype, second.tolist()) == (torch.complex128, [1 + 2j, 1 + 2j])


def test_tangents_are_arrays_and_none_is_zeros(outputs):
    z = torch.tensor([1 + 2j])
    found = outputs.tangents([(torch.ones(2), None), (torch.ones(1), torch.tensor([5.0])), (z, z)])
    assert [x.tolist() for x in found] == [[0, 0], [5], [1], [2]]
