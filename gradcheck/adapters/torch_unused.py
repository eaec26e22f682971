"""Functions with several outputs of which the loss uses one: the cotangents of the others are undefined."""

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcheck.findings import Finding

if TYPE_CHECKING:
    from gradcheck.adapters.torch_autograd import TorchFunction

MOST = 8  # outputs that are tried, spread over all of them
ROUNDINGS = 1e3  # of the largest entry: sums in another order differ by a few


def unused_outputs(subject: "TorchFunction", parameters: Any, inputs: tuple, constants: dict) -> list[Finding]:
    """Return what goes wrong where one output alone is used, beside zeros as the cotangents of all others.

    Undefined cotangents are zeros to most, but None to a `torch.autograd.Function` that has called
    `set_materialize_grads(False)`, and nodes that only unused outputs need are not run at all.
    """
    made, _, outputs = subject.graph(parameters, inputs, constants)
    ys = [y for y in outputs if y.requires_grad]
    if len(ys) < 2:
        return []
    findings: list[Finding] = []
    for k in map(int, np.unique(np.linspace(0, len(ys) - 1, MOST).astype(int))):
        dys = [y.new_full(y.shape, float(i == k)) for i, y in enumerate(ys)]
        want = subject.arrays(made, subject.differentiated(made, ys, dys))
        case = f"with output {k} alone in use, the cotangents of the others undefined,"
        try:
            got = subject.arrays(made, subject.differentiated(made, [ys[k]], [dys[k]]))
        except Exception as error:  # whatever a backward raises that does not expect None
            text = str(error).splitlines()[0] if str(error) else "no message"
            return [Finding("undefined", f"{case} the backward raises {type(error).__name__}: {text}")]
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            name = subject.array_name(i)
            if _differ(a, b) and not any(finding.array == name for finding in findings):
                message = f"{case} the gradient of {name} is another than with zeros for them"
                findings.append(Finding("undefined", message, "fail", name))
    return findings


def _differ(a: np.ndarray, b: np.ndarray) -> bool:
    known = np.isfinite(b)  # 0 times infinity is not a number, and the zero is ours
    slack = ROUNDINGS * np.finfo(b.dtype).eps * np.abs(b[known]).max(initial=0)
    return not bool((np.abs(a - b)[known] <= slack).all())
