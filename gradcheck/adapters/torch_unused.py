"""Functions with several outputs of which the loss uses one: the cotangents of the others are undefined."""

from collections.abc import Callable, Sequence

import numpy as np

from gradcheck.adapters.convert import nearby
from gradcheck.adapters.torch_graph import Graph
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.raised import in_one_line

MOST = 8  # outputs that are tried, spread over all of them
MARGIN = 64  # of what changes where the arguments change by roundings
ROUNDINGS = 1e3  # of the largest entry: sums in another order differ by a few


def unused_outputs(
    follow: Callable[[list[np.ndarray]], Graph], arrays: list[np.ndarray], names: Sequence[str]
) -> list[Finding]:
    """Return what goes wrong where one output alone is used, beside zeros as the cotangents of all others.

    Undefined cotangents are zeros to most, but None to a `torch.autograd.Function` that has called
    `set_materialize_grads(False)`, and nodes that only unused outputs need are not run at all.  `follow`
    makes the graph of arrays, whose names are `names`.
    """
    graph = follow(arrays)
    if sum(y.requires_grad for y in graph.outputs) < 2:
        return []
    near = follow(nearby(arrays))
    findings: list[Finding] = []
    for k in map(int, np.unique(np.linspace(0, len(graph.outputs) - 1, MOST).astype(int))):
        case = f"with output {k} alone in use, the cotangents of the others undefined,"
        whole, near_whole = (_gradients(evaluation, k, alone=False) for evaluation in (graph, near))
        try:
            alone, near_alone = (_gradients(evaluation, k, alone=True) for evaluation in (graph, near))
        except Exception as error:  # whatever a backward raises that does not expect None
            return [Finding("undefined", f"{case} the backward raises {in_one_line(error)}")]
        for name, a, b, *others in zip(names, alone, whole, near_alone, near_whole, strict=True):
            if _differ(a, b, *others) and not any(finding.array == name for finding in findings):
                message = f"{case} the gradient of {name} is another than with zeros for them"
                findings.append(Finding("undefined", message, "fail", name))
    return findings


def _gradients(graph: Graph, k: int, alone: bool) -> list[np.ndarray]:
    used = [k] if alone else range(len(graph.outputs))
    cotangents = [graph.outputs[i].new_full(graph.outputs[i].shape, float(i == k)) for i in used]
    return graph.arrays(graph.gradients([graph.outputs[i] for i in used], cotangents))


def _differ(a: np.ndarray, b: np.ndarray, near_a: np.ndarray, near_b: np.ndarray) -> bool:
    """Whether two gradients differ by more than rounding: what is zero but for that shows it in its changes."""
    with np.errstate(invalid="ignore"):
        noise = max(np.nanmax(np.abs(d), initial=0) for d in (near_a - a, near_b - b))
        slack = MARGIN * noise + ROUNDINGS * np.finfo(b.dtype).eps * np.nanmax(np.abs(b), initial=0)
        return bool((np.abs(a - b) > slack).any())  # 0 times infinity is not a number, and the zero is ours
