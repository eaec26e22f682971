"""One evaluation of a function, and what autograd has for its arguments."""

import numpy as np
import pytest
import torch

from gradcheck.adapters.torch_graph import Graph
from gradcheck.adapters.torch_tensors import Stage, Tensors
from gradcheck.subjects.adapted import Broken


@pytest.fixture
def graph(rng):
    x = torch.from_numpy(rng.normal(size=3)).requires_grad_()
    unused = torch.ones(2, dtype=torch.float64, requires_grad=True)
    return Graph(Tensors(None, None), [x, unused], [x.sin(), torch.ones(4), 2 * x], Stage())


def ones(graph):
    return [torch.ones_like(y) for y in graph.outputs]


def test_gradients_are_those_of_the_outputs_that_require_one(graph):
    x = graph.made[0].detach()
    d, none = graph.gradients(graph.outputs, ones(graph))
    torch.testing.assert_close(d, x.cos() + 2, rtol=1e-12, atol=1e-12)  # a few roundings
    assert none is None
    d, _ = graph.gradients(graph.outputs[2:], ones(graph)[2:])
    assert d.tolist() == [2, 2, 2]


def test_without_an_output_that_requires_one_there_is_none(graph):
    assert graph.gradients(graph.outputs[1:2], ones(graph)[1:2]) == [None, None]


def test_a_stack_of_cotangents_has_a_stack_of_gradients(graph):
    dys = [torch.stack([dy, 3 * dy]) for dy in ones(graph)]
    d, _ = graph.gradients(graph.outputs, dys, batched=True)
    single, _ = graph.gradients(graph.outputs, ones(graph))
    torch.testing.assert_close(d, torch.stack([single, 3 * single]), rtol=1e-12, atol=1e-12)  # a few roundings


def test_gradients_are_arrays_and_none_is_zeros(graph):
    arrays = graph.arrays(graph.gradients(graph.outputs[2:], ones(graph)[2:]))
    assert [x.tolist() for x in arrays] == [[2, 2, 2], [0, 0]]
    assert all(type(x) is np.ndarray for x in arrays)


def test_a_write_to_a_cotangent_is_a_broken_contract():
    class Writing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 1 * x

        @staticmethod
        def backward(ctx, dy):
            return dy.mul_(2)

    x = torch.ones(2, requires_grad=True)
    y = Writing.apply(x)
    with pytest.raises(Broken) as broken:
        Graph(Tensors(None, None), [x], [y], Stage()).gradients([y], [torch.ones(2)])
    told = broken.value.kind, broken.value.message
    assert told == ("mutation", "the pullback writes to the cotangent dy it was given")


def test_a_backward_pass_draws_on_from_its_stage_and_leaves_the_generator():
    class Drawing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 1 * x

        @staticmethod
        def backward(ctx, dy):
            return torch.rand(2)

    x = torch.ones(2, requires_grad=True)
    tensors, stage = Tensors(None, None), Stage()
    before = torch.get_rng_state()
    with tensors.replayed(stage):
        drawn = [torch.rand(2), y := Drawing.apply(x)]
    graph = Graph(tensors, [x], [y], stage)
    found = [drawn[0], *(graph.gradients([y], [torch.ones(2)])[0] for _ in range(2))]
    assert torch.equal(torch.get_rng_state(), before)
    assert tensors.random
    assert torch.equal(torch.stack([torch.rand(2) for _ in range(3)]), torch.stack(found))
