"""Arguments of PyTorch functions: which are differentiated, and what each evaluation gets."""

import numpy as np
import pytest
import torch

from gradcheck.adapters.convert import Constant, Pair
from gradcheck.adapters.torch_arguments import Arguments
from gradcheck.adapters.torch_tensors import Tensors

ONES = torch.ones(2)


def arguments(*inputs, parameters=None, **options):
    return Arguments(Tensors(options.get("dtype"), None), parameters, inputs)


def test_tensors_and_arrays_are_differentiated_and_a_number_of_pythons_is_not():
    found = arguments(ONES, np.ones(3), 2.0, "text", torch.arange(2))
    x, array, number, text, ids = found.inputs
    assert type(x) is np.ndarray and x.dtype == np.float32
    assert array.shape == (3,) and isinstance(number, Constant) and number.value == 2.0
    assert text == "text" and ids.tolist() == [0, 1]
    assert found.dtypes == [np.float32, np.float64]
    assert found.is_real


def test_beside_a_tensor_with_a_gradient_one_without_is_a_constant():
    chosen, other = torch.ones(2, requires_grad=True), torch.ones(2)
    x, constant = arguments(chosen, other).inputs
    assert type(x) is np.ndarray and constant.value is other


def test_a_complex_tensor_or_array_is_a_pair():
    for z in (torch.tensor([1 + 2j]), np.array([1 + 2j])):
        found = arguments(z)
        assert not found.is_real
        assert isinstance(found.inputs[0], Pair)
        assert [x.tolist() for x in found.inputs[0]] == [[1], [2]]
        made = found.made(None, found.inputs)
        _, (whole,), holders = found.handed(made)
        assert whole.tolist() == [1 + 2j]
        assert len(holders) == 2 and holders[0] is whole and holders[1] is whole


def test_each_evaluation_gets_new_tensors_and_copies_of_constants():
    chosen, other = torch.ones(2, requires_grad=True), torch.ones(2)
    found = arguments(chosen, other, parameters={"w": torch.ones(3, requires_grad=True)})
    made = found.made(found.parameters, found.inputs)
    parameters, (x, constant), holders = found.handed(made)
    assert parameters["w"] is made[0] and x is made[1]
    assert all(holder is tensor for holder, tensor in zip(holders, made, strict=True))
    assert constant is not other and torch.equal(constant, other)
    assert x.data_ptr() != chosen.data_ptr()


def test_an_evaluation_in_a_wider_dtype_is_said_so_and_constants_follow():
    chosen, other = torch.ones(2, requires_grad=True), torch.ones(2)
    found = arguments(chosen, other)
    narrow = found.made(None, found.inputs)
    assert found.wide(narrow) is None
    wide = [tensor.double() for tensor in narrow]
    assert found.wide(wide) == torch.float64
    assert found.handed(wide)[1][1].dtype == torch.float64
    assert found.wide([wide[0] + 1j]) == torch.complex128
    double = arguments(torch.ones(2, dtype=torch.float64))
    assert double.wide(double.made(None, double.inputs)) is None


def test_units_are_those_of_formats_that_numpy_lacks():
    assert arguments(ONES, ONES.bfloat16()).units == [None, 2.0**-8]


def test_tensors_are_cast_before_use():
    found = arguments(np.ones(2), dtype=torch.float32)
    assert found.handed(found.made(None, found.inputs))[1][0].dtype == torch.float32


def test_a_sparse_tensor_is_a_constant_unless_it_requires_a_gradient():
    sparse = torch.ones(2).to_sparse()
    assert isinstance(arguments(np.ones(2), sparse).inputs[1], Constant)
    with pytest.raises(TypeError, match=r"^gradcheck: a tensor with a gradient must be strided, got torch.sparse_coo$"):
        arguments(torch.ones(2).to_sparse().requires_grad_())


def test_numbers_of_pythons_alone_are_refused():
    with pytest.raises(TypeError, match=r"^gradcheck: a number of Python.s is a constant to PyTorch"):
        arguments(2.0)
