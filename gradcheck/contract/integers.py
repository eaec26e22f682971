"""Whole numbers among the inputs, not differentiated: always told, and undecided where a gradient is claimed."""

import numpy as np

from gradcheck.subjects import alignment, trees
from gradcheck.subjects.adapted import Adapted, names
from gradcheck.subjects.findings import Finding


def whole_numbers(subject: Adapted, inputs: tuple, d_inputs: tuple) -> list[Finding]:
    """Return a finding for each integer array among the inputs, given what the pullback returned for them."""
    findings = []
    for name, x, dx in zip(names(subject, inputs), inputs, d_inputs, strict=True):
        claims = dict(alignment.align(x, dx, name, kinds="iu"))
        for path, value in trees.leaves(x, name, kinds="iu"):
            message = f"{path} is {value.dtype} and was not differentiated: if it should be, hand over floating numbers"
            claim = claims.get(path)
            if isinstance(claim, np.ndarray) and claim.dtype.kind == "f":
                message = f"{path} is {value.dtype}: the gradient that is returned for it was not checked"
                findings.append(Finding("integer", message, "inconclusive", path))
            else:
                findings.append(Finding("integer", message, "note", path))
    return findings

