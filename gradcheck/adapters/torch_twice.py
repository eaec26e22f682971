"""PyTorch's derivative of its own gradients: a graph of the backward pass."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradcheck.adapters.torch_graph import Graph
from gradcheck.adapters.torch_outputs import Outputs
from gradcheck.adapters.torch_tensors import Form
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import NoSecond

REFUSALS = (  # parts of errors that say of a backward pass that it has no derivative
    "once_differentiable",
    "is not implemented",
    "not differentiable twice",
    "does not support double backward",
    "doesn't support double backward",
    "does not support higher order gradients",
)

ERROR = "torch::autograd::Error"  # a node that lies on no path to the arguments, so that none runs into it


def gradients_and_pullback(graph: Graph, outputs: Outputs, tree: Any, dy: Any) -> tuple[Any, Callable]:
    """Return the gradients of the graph's tensors for a cotangent, and what autograd makes of cotangents of these.

    Gradients are arrays in a tree like `tree`, which is (parameters, inputs); `dy` is one like the output.

    Raises:
        NoSecond: the backward pass has no derivative.
    """
    if graph.tensors.adds_up:
        raise NoSecond("a backward pass runs another one within, as a reentrant checkpoint's does")
    tensors, parts = graph.tensors, [part.requires_grad_() for part in outputs.parts(dy, graph.outputs)]
    with refused():
        found = graph.gradients(graph.outputs, outputs.joined(parts, graph.outputs), twice=True)
    if any(node.name() == ERROR for node in nodes(found)):
        raise NoSecond("a backward is marked as once_differentiable")
    strided = tensors.torch.strided  # the gradient of an embedding may be sparse
    dense = [d if d is None or d.layout == strided else d.to_dense() for d in found]
    wanted = [*graph.made, *parts]

    def pull(d_gradients: Any) -> tuple[Any, Any, Any]:
        pairs = [(d, c) for d, (_, c) in zip(dense, trees.leaves(d_gradients), strict=True) if _has_graph(d)]
        seconds: Sequence[Any] = [None] * len(wanted)
        if pairs:
            cs = [tensors.make(c, Form(d.device, d.dtype)) for d, c in pairs]
            with refused(), tensors.replayed(graph.stage):
                grad = tensors.torch.autograd.grad
                seconds = grad([d for d, _ in pairs], wanted, cs, retain_graph=True, allow_unused=True)
        zeros = tensors.torch.zeros_like
        rest = (tensors.array(zeros(x) if d is None else d) for x, d in zip(wanted, seconds, strict=True))
        return *trees.rebuild(tree, rest), trees.rebuild(dy, rest)

    return trees.rebuild(tree, iter(graph.arrays(found))), pull


def _has_graph(d: Any) -> bool:
    return d is not None and d.requires_grad


def nodes(tensors: Sequence[Any]) -> Iterator[Any]:
    """Yield every node of the graph that some tensors (None: no tensor) come from, each once."""
    waiting, seen = [d.grad_fn for d in tensors if d is not None], set[Any]()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            waiting += [before for before, _ in node.next_functions]


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Tell an error that says that there is no second derivative from all others."""
    try:
        yield
    except RuntimeError as error:  # NotImplementedError among them
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        if any(part in text for part in REFUSALS):
            raise NoSecond(text) from error
        raise
