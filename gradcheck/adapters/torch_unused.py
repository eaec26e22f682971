"""Functions with several outputs of which the loss uses one, or all but one: cotangents of the others are undefined."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gradcheck.adapters.convert import nearby
from gradcheck.adapters.torch_graph import Graph
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.raised import in_one_line

MOST = 8  # outputs that are tried alone, and as many left out, spread over all of them
MARGIN = 64  # of what changes where the arguments change by roundings
ROUNDINGS = 1e3  # of the largest entry: sums in another order differ by a few


def unused_outputs(
    follow: Callable[[list[np.ndarray]], Graph], arrays: list[np.ndarray], names: Sequence[str]
) -> list[Finding]:
    """Return what goes wrong where one output is used, or one alone is not, beside zeros as cotangents in their place.

    Undefined cotangents are zeros to most, but None to a `torch.autograd.Function` that has called
    `set_materialize_grads(False)`, and nodes that only unused outputs need are not run at all.  `follow`
    makes the graph of arrays, whose names are `names`.
    """
    graph = follow(arrays)
    differentiable = [i for i, y in enumerate(graph.outputs) if y.requires_grad]
    if len(differentiable) < 2:
        return []
    near = follow(nearby(arrays))
    findings: list[Finding] = []
    for case, others, weights in cases(differentiable, len(graph.outputs)):
        used = [i for i, weight in enumerate(weights) if weight]
        whole, near_whole = (_gradients(g, weights, range(len(weights))) for g in (graph, near))
        try:
            alone, near_alone = (_gradients(g, weights, used) for g in (graph, near))
        except Exception as error:  # whatever a backward raises that does not expect None
            return [Finding("undefined", f"{case} the backward raises {in_one_line(error)}")]
        for name, a, b, *changed in zip(names, alone, whole, near_alone, near_whole, strict=True):
            if _differ(a, b, *changed) and not any(finding.array == name for finding in findings):
                message = f"{case} the gradient of {name} is another than with zeros for {others}"
                findings.append(Finding("undefined", message, "fail", name))
    return findings


def cases(differentiable: list[int], count: int) -> Iterator[tuple[str, str, list[float]]]:
    """Yield what is tried, in words, and the cotangent of each output: zero for those that are not used.

    Those that are used together have different ones, so that no mistake of one for another is hidden.
    """
    spread = np.linspace(0, len(differentiable) - 1, MOST).astype(int)
    tried = [differentiable[i] for i in np.unique(spread)]
    for k in tried:
        case = f"with output {k} alone in use, the cotangents of the others undefined,"
        yield case, "them", [float(i == k) for i in range(count)]
    for k in tried if len(differentiable) > 2 else ():  # of two, to leave one out is to use the other alone
        case = f"with all outputs in use but output {k}, its cotangent undefined,"
        yield case, "it", [0.0 if i == k else 1 + i / count for i in range(count)]


def _gradients(graph: Graph, weights: list[float], used: Sequence[int]) -> list[np.ndarray]:
    cotangents = [graph.outputs[i].new_full(graph.outputs[i].shape, weights[i]) for i in used]
    return graph.arrays(graph.gradients([graph.outputs[i] for i in used], cotangents))


def _differ(a: np.ndarray, b: np.ndarray, near_a: np.ndarray, near_b: np.ndarray) -> bool:
    """Whether two gradients differ by more than rounding: what is zero but for that shows it in its changes."""
    with np.errstate(invalid="ignore"):
        noise = max(np.nanmax(np.abs(d), initial=0) for d in (near_a - a, near_b - b))
        slack = MARGIN * noise + ROUNDINGS * np.finfo(b.dtype).eps * np.nanmax(np.abs(b), initial=0)
        return bool((np.abs(a - b) > slack).any())  # 0 times infinity is not a number, and the zero is ours
