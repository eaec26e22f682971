"""PyTorch's two ways to batch: the cotangents of one graph, and the points of a function."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.batches import Arrays, Results, Trial
from gradcheck.adapters.torch_graph import Graph
from gradcheck.adapters.torch_tensors import Stage, Tensors


def torch_trial(
    tensors: Tensors, names: Sequence[str], make: Callable[[Arrays], list[Any]], outputs: Callable[..., Sequence[Any]]
) -> Trial:
    """Return the trial of a function: `make` makes tensors of arrays, `outputs` the judged outputs of tensors."""
    torch = tensors.torch

    def follow(made: list[Any], run: Callable[..., Sequence[Any]], stage: Stage) -> Graph:
        with torch.enable_grad():
            made = [tensor.detach().requires_grad_() for tensor in made]
            return Graph(tensors, made, list(run(*made)), stage)

    def followed(arrays: Arrays) -> Graph:
        stage = Stage()
        return follow(make(arrays), functools.partial(outputs, stage=stage), stage)

    def single(arrays: Arrays, seed: int) -> Results:
        graph = followed(arrays)
        found = graph.gradients(graph.outputs, [cotangent(y, seed) for y in graph.outputs])
        return [tensors.array(y) for y in graph.outputs], graph.arrays(found)

    def of_one_graph(arrays: Sequence[Arrays], seeds: Sequence[int]) -> Results:
        graph = followed(arrays[0])
        dys = [_stacked([y] * len(seeds), seeds) for y in graph.outputs]
        found = graph.gradients(graph.outputs, dys, batched=True)
        zeros = [torch.zeros_like(x).expand(len(seeds), *x.shape) for x in graph.made]
        pairs = zip(zeros, found, strict=True)
        return _repeated(graph.outputs, seeds), [tensors.array(zero if d is None else d) for zero, d in pairs]

    def of_a_pullback(arrays: Sequence[Arrays], seeds: Sequence[int]) -> Results:
        ys, pullback = torch.func.vjp(lambda *made: tuple(outputs(*made)), *make(arrays[0]))
        found = torch.vmap(pullback)(tuple(_stacked([y] * len(seeds), seeds) for y in ys))
        return _repeated(ys, seeds), [tensors.array(d) for d in found]

    def of_points(arrays: Sequence[Arrays], seeds: Sequence[int]) -> Results:
        columns = zip(*map(make, arrays), strict=True)
        graph = follow([torch.stack(column) for column in columns], torch.vmap(outputs), Stage())
        found = graph.gradients(graph.outputs, [_stacked(y, seeds) for y in graph.outputs])
        return [tensors.array(y) for y in graph.outputs], graph.arrays(found)

    def _repeated(ys: Sequence[Any], seeds: Sequence[int]) -> Arrays:
        return [np.stack([tensors.array(y)] * len(seeds)) for y in ys]

    def _stacked(ys: Sequence[Any], seeds: Sequence[int]) -> Any:
        return torch.stack([cotangent(y, seed) for y, seed in zip(ys, seeds, strict=True)])

    ways = {"is_grads_batched": of_one_graph, "torch.vmap of torch.func.vjp": of_a_pullback}
    return Trial(names, single, ways, {"torch.vmap": of_points})


def cotangent(y: Any, seed: int) -> Any:
    """Return random numbers in the shape of an output, where that is."""
    return y.new_tensor(np.random.default_rng(seed).normal(size=y.shape))
