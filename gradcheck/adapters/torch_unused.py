"""Functions with several outputs of which the loss uses one: the cotangents of the others are undefined."""

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.numeric.points import jittered
from gradcheck.subjects import trees
from gradcheck.subjects.findings import Finding

if TYPE_CHECKING:
    from gradcheck.adapters.torch_autograd import TorchFunction

MOST = 8  # outputs that are tried, spread over all of them
MARGIN = 64  # of what changes where the arguments change by roundings
ROUNDINGS = 1e3  # of the largest entry: sums in another order differ by a few


def unused_outputs(subject: "TorchFunction", parameters: Any, inputs: tuple, constants: dict) -> list[Finding]:
    """Return what goes wrong where one output alone is used, beside zeros as the cotangents of all others.

    Undefined cotangents are zeros to most, but None to a `torch.autograd.Function` that has called
    `set_materialize_grads(False)`, and nodes that only unused outputs need are not run at all.
    """
    made, outputs = subject.graph(parameters, inputs, constants)
    if sum(y.requires_grad for y in outputs) < 2:
        return []
    rng = np.random.default_rng(0)
    arrays = [x for _, x in trees.leaves((parameters, inputs))]
    moved = iter([x.astype(y.dtype) for x, y in zip(jittered(arrays, rng, _unit(arrays)), arrays, strict=True)])
    nearby = subject.graph(trees.rebuild(parameters, moved), trees.rebuild(inputs, moved), constants)
    findings: list[Finding] = []
    for k in map(int, np.unique(np.linspace(0, len(outputs) - 1, MOST).astype(int))):
        case = f"with output {k} alone in use, the cotangents of the others undefined,"
        whole, near_whole = (_gradients(subject, *graph, k, alone=False) for graph in ((made, outputs), nearby))
        try:
            alone, near_alone = (_gradients(subject, *graph, k, alone=True) for graph in ((made, outputs), nearby))
        except Exception as error:  # whatever a backward raises that does not expect None
            text = str(error).splitlines()[0] if str(error) else "no message"
            return [Finding("undefined", f"{case} the backward raises {type(error).__name__}: {text}")]
        for i, (a, b, *near) in enumerate(zip(alone, whole, near_alone, near_whole, strict=True)):
            name = subject.array_name(i)
            if _differ(a, b, *near) and not any(finding.array == name for finding in findings):
                message = f"{case} the gradient of {name} is another than with zeros for them"
                findings.append(Finding("undefined", message, "fail", name))
    return findings


def _gradients(subject: "TorchFunction", made: list[Any], outputs: list[Any], k: int, alone: bool) -> list[np.ndarray]:
    used = [k] if alone else range(len(outputs))
    cotangents = [outputs[i].new_full(outputs[i].shape, float(i == k)) for i in used]
    return subject.arrays(made, subject.differentiated(made, [outputs[i] for i in used], cotangents))


def _differ(a: np.ndarray, b: np.ndarray, near_a: np.ndarray, near_b: np.ndarray) -> bool:
    """Whether two gradients differ by more than rounding: what is zero but for that shows it in its changes."""
    with np.errstate(invalid="ignore"):
        noise = max(np.nanmax(np.abs(d), initial=0) for d in (near_a - a, near_b - b))
        slack = MARGIN * noise + ROUNDINGS * np.finfo(b.dtype).eps * np.nanmax(np.abs(b), initial=0)
        return bool((np.abs(a - b) > slack).any())  # 0 times infinity is not a number, and the zero is ours


def _unit(arrays: list[np.ndarray]) -> float:
    return max((float(np.finfo(x.dtype).eps) for x in arrays), default=0.0)
