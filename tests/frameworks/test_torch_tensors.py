"""Each tensor keeps its device, strides and dtype; numbers come to the host only to be read."""

import contextlib

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from gradcheck.adapters import torch_function
from gradcheck.adapters.torch_tensors import Form, Tensors

CARD, OTHER = torch.device("cuda", 0), torch.device("cuda", 1)


class Moves(TorchFunctionMode):
    """Cards that are not there: tensors sent to them are marked as theirs, and stay."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def __torch_function__(self, function, types, arguments=(), options=None):
        if function is torch.Tensor.to and arguments[1:] and arguments[1] in (CARD, OTHER):
            self.sent.append((arguments[0].dtype, tuple(arguments[0].shape), arguments[1]))
            return arguments[0]
        return function(*arguments, **(options or {}))


class OnCard(torch.Tensor):
    device = CARD


class OnOther(torch.Tensor):
    device = OTHER

    def __deepcopy__(self, memo):
        return self


@pytest.fixture
def moves():
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(Moves())


def tensor(rng, *shape, kind=torch.Tensor, dtype=torch.float64):
    return torch.from_numpy(rng.normal(size=shape)).to(dtype).as_subclass(kind)


def places(moves, *shapes):
    """Where tensors of these shapes went; memory with gaps between the numbers is sent in one row."""
    return {(shape, device) for _, shape, device in moves.sent if shape in shapes}


def test_each_tensor_is_made_where_the_users_is(prove, rng, moves):
    x, w = tensor(rng, 2, 3, kind=OnCard), tensor(rng, 3, kind=OnOther)
    prove(torch_function(lambda x, w: torch.tanh(x * w)), x, w)
    assert places(moves, (2, 3), (3,)) == {((2, 3), CARD), ((3,), OTHER)}


def test_arrays_go_where_the_first_tensor_is(prove, rng, moves):
    def picked(x, w, ids, *, mask):
        return torch.tanh(x * w)[ids] * mask

    ids, mask = np.array([1, 0, 1]), np.array([1.0, 0.0, 2.0])
    prove(torch_function(picked), tensor(rng, 2, 3, kind=OnCard), rng.normal(size=3), ids, mask=mask)
    assert places(moves, (2, 3), (3,)) == {((2, 3), CARD), ((3,), CARD)}
    assert {dtype for dtype, shape, _ in moves.sent if shape == (3,)} >= {torch.float64, torch.int64}


def test_a_device_that_is_asked_for_takes_them_all(prove, rng, moves):
    x, w = tensor(rng, 2, 3, kind=OnCard), rng.normal(size=3)
    prove(torch_function(lambda x, w: torch.tanh(x * w), device=OTHER), x, w)
    assert places(moves, (2, 3), (3,)) == {((2, 3), OTHER), ((3,), OTHER)}


def test_inputs_of_a_module_go_where_its_parameters_are(prove, rng, moves):
    module = torch.nn.Linear(3, 2, bias=False).double()
    module.weight = torch.nn.Parameter(tensor(rng, 2, 3, kind=OnOther))
    prove(torch_function(module), rng.normal(size=(4, 3)))
    assert places(moves, (4, 3), (2, 3)) == {((4, 3), OTHER), ((2, 3), OTHER)}


def test_arrays_alone_stay_where_they_are(prove, rng, moves):
    prove(torch_function(torch.tanh), rng.normal(size=(2, 3)))
    assert moves.sent == []


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_tensor_is_laid_out_as_the_users_was(prove, rng, dtype):
    image = tensor(rng, 2, 3, 2, 2, dtype=dtype).to(memory_format=torch.channels_last)
    every_second = tensor(rng, 6, dtype=dtype)[::2]
    seen = set()

    def watched(image, gain):
        seen.add((image.stride(), gain.stride()))
        return torch.tanh(image * gain.sum())

    prove(torch_function(watched), image, every_second)
    assert (image.stride(), (2,)) in seen
    assert (3 * 2 * 2, 2 * 2, 2, 1) not in {strides for strides, _ in seen}


def test_strides_that_share_memory_are_not_kept(rng):
    tensors, x = Tensors(None, None), tensor(rng, 6)
    for shared in (x[:3].expand(2, 3), x.as_strided((3, 2), (1, 1)), x.unfold(0, 4, 1)):
        assert tensors.form(shared).strides is None
    assert tensors.form(x.reshape(2, 3).t()).strides == (1, 3)


def test_strides_of_an_array_are_those_of_the_tensor(rng):
    tensors, x = Tensors(None, None), rng.normal(size=(4, 6))
    packed = np.zeros(3, dtype=[("flag", np.int8), ("x", np.float64)])
    for array, strides in [
        (x, (6, 1)),
        (x.T, (1, 6)),
        (x[::-1, ::-2], (6, 2)),
        (np.broadcast_to(np.float32(2), (3, 2)), (0, 0)),
        (np.arange(6)[::2], (2,)),
        (packed["x"], (1,)),
    ]:
        made = tensors.make(array)
        assert made.stride() == strides
        assert np.array_equal(made.numpy(), array)
    assert tensors.make(x[:0, ::2]).shape == (0, 3)
    assert tensors.make(x.T, Form(strides=(12, 2))).stride() == (1, 6)
    assert tensors.make(x, Form(strides=(1, 4))).stride() == (1, 4)


def test_a_format_that_numpy_lacks_is_carried_in_float32(rng):
    tensors, x = Tensors(None, None), tensor(rng, 2, 3, dtype=torch.bfloat16)
    array = tensors.array(x)
    assert array.dtype == np.float32
    again = tensors.make(array, tensors.form(x))
    assert again.dtype == torch.bfloat16
    assert torch.equal(again, x)
    assert tensors.make(array.astype(np.float64), tensors.form(x)).dtype == torch.float64
