"""Functions of several arrays of which one alone requires a gradient, as where layers are frozen or inputs are data."""

import contextlib
import dataclasses
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.convert import nearby
from gradcheck.adapters.torch_batches import cotangent
from gradcheck.adapters.torch_graph import Graph
from gradcheck.adapters.torch_tensors import Stage, Tensors
from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.raised import in_one_line
from gradcheck.subjects.randomness import NOTHING, Draws, States, look

REPEATS = 3  # of what two calls in the same place may change
MARGIN = 64  # of that, and of what changes where the arrays change by roundings
SLACK = 2.0**-6  # of the largest entry: sums of bfloat16 inside, in another order, differ by a quarter of that
FINE_SLACK = 2.0**-13  # the same where all is float64, with float32 inside: what is required may choose a kernel

Arrays = list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class Subject:
    """A function: `make` makes tensors of arrays, `outputs` the judged outputs of tensors; it draws from `start` on."""

    tensors: Tensors
    make: Callable[[Arrays], list[Any]]
    outputs: Callable[..., Sequence[Any]]
    start: States = dataclasses.field(default_factory=look)

    def graph(self, arrays: Arrays, required: Sequence[int]) -> Graph:
        """Return the graph of arrays of which those that are required are no constants."""
        made, stage = self.make(arrays), Stage()
        wanted = [made[i].requires_grad_() for i in required]
        with Draws(self.start).replayed(), self.tensors.torch.enable_grad():
            return Graph(self.tensors, wanted, list(self.outputs(*made, stage=stage)), stage)

    def gradients(self, graph: Graph) -> list[Any]:
        """Return what autograd has for the same cotangents in every graph: tensors, or None."""
        with Draws(self.start).replayed():
            return list(graph.gradients(graph.outputs, [cotangent(y, k) for k, y in enumerate(graph.outputs)]))

    def gradient(self, arrays: Arrays, required: Sequence[int], i: int) -> np.ndarray:
        """Return the gradient of one array as an array."""
        graph = self.graph(arrays, required)
        return graph.arrays(self.gradients(graph))[required.index(i)]


def required_alone(subject: Subject, arrays: Arrays, names: Sequence[str]) -> list[Finding]:
    """Return what goes wrong where one array requires a gradient and all others are constants.

    A backward pass may ask `ctx.needs_input_grad` what to compute, and of the wrong one.  Nothing is said where the
    forward pass refuses, or returns something else: it may take a derivative by one of the others itself.  Nor where
    a backward pass runs another one within: a reentrant checkpoint has no gradient unless an input requires one.
    """
    if len(arrays) < 2 or subject.tensors.adds_up:
        return []
    with warnings.catch_warnings(action="ignore"), _nothing_compiled(subject.tensors.torch):  # its user does otherwise
        try:
            graph = subject.graph(arrays, range(len(arrays)))
            whole = graph.arrays(subject.gradients(graph))
        except Exception:  # it has been without: what changes from call to call is told elsewhere
            return []
        found = [(i, _trouble(subject, arrays, i, graph, whole[i])) for i in range(len(arrays))]
    case = "where {} alone requires a gradient,"
    return [Finding("alone", f"{case.format(names[i])} {text}", array=names[i]) for i, text in found if text]


def _nothing_compiled(torch: Any) -> contextlib.AbstractContextManager:
    """Let compiled functions run as they are written: they compile anew for what is required, but only so often."""
    stance = getattr(torch.compiler, "set_stance", None) if "torch._dynamo" in sys.modules else None
    return NOTHING if stance is None else stance("eager_on_recompile")


def _trouble(subject: Subject, arrays: Arrays, i: int, whole: Graph, expected: np.ndarray) -> str:
    """Return what is wrong with the gradient of one array alone, in words; none where nothing is."""
    try:
        graph = subject.graph(arrays, [i])
    except Exception:  # of a hook, or of a derivative that is taken on the way, for what requires none
        return ""
    if not _returns_the_same(graph, whole):
        return ""
    try:
        found = subject.gradients(graph)
    except Broken as broken:
        return broken.message
    except Exception as error:  # whatever a backward raises that expects others to be needed as well
        return f"the backward raises {in_one_line(error)}"
    (alone,) = graph.arrays(found)
    if not _apart(alone, expected, 0.0) or not _apart(alone, expected, _scatter(subject, arrays, i)):
        return ""
    return "it has none" if found[0] is None else "its gradient is another than where all do"


def _returns_the_same(graph: Graph, other: Graph) -> bool:
    array = graph.tensors.array
    pairs = [(array(a), array(b)) for a, b in zip(graph.outputs, other.outputs, strict=False)]
    return len(graph.outputs) == len(other.outputs) and not any(_apart(a, b, 0.0) for a, b in pairs)


def _scatter(subject: Subject, arrays: Arrays, i: int) -> float:
    """Return what the gradient of an array changes by where nothing changes, or where the arrays do by roundings."""
    changes = [0.0]
    for required in (range(len(arrays)), [i]):
        try:
            points = [*[arrays] * REPEATS, nearby(arrays)]
            here, *others = (subject.gradient(point, required, i) for point in points)
        except Exception:  # not at the point itself: a domain may end there
            continue
        changes += [float(np.nanmax(np.abs(other - here), initial=0)) for other in others]
    return max(changes)


def _apart(a: np.ndarray, b: np.ndarray, noise: float) -> bool:
    """Whether numbers differ from finite ones by more than rounding."""
    if a.shape != b.shape:
        return True
    finite = np.isfinite(b)
    slack = FINE_SLACK if b.dtype in (np.float64, np.complex128) else SLACK
    with np.errstate(invalid="ignore"):
        bound = slack * np.abs(b[finite]).max(initial=0) + MARGIN * noise
        return bool((finite & ~(np.abs(a - b) <= bound)).any())
