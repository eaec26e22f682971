"""A pullback is called again: it gives what it gave, and what it handed out stays what it was."""

import contextlib
from collections.abc import Iterator

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.contract.identity import Lent, of_old_numbers
from gradcheck.contract.likeness import Rounding, same
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat


def repeats(call: Call, rounding: Rounding, _rng: np.random.Generator) -> Iterator[Finding]:
    """Yield what a later call changes of earlier results, and what another forward pass between changes.

    The first dy comes twice more, for a mask that is drawn anew may be the same by chance; first in arrays that held
    the second one before.
    """
    lent = Lent(call)
    for leaf, kept, now in call.pairs(call.first, call.returned):
        if not np.array_equal(kept, now, equal_nan=True):
            message = f"a later call of the pullback changes the cotangent of {leaf} it returned"
            yield Finding("alias", message, array=leaf)
    y = flat(call.out).copy()
    with contextlib.suppress(Exception):  # this other point may lie outside the domain
        call.problem.vjp([(1.25 * x).astype(x.dtype) for x in call.point])
    if not np.array_equal(flat(call.out), y, equal_nan=True):
        yield Finding("alias", "a later forward pass changes the output that an earlier one returned")
    again = lent.again()
    if _differs(call.first, again):
        found = list(of_old_numbers(call, rounding, lent.old, again))
        yield from found
        if found:
            return
    else:
        again = call.pull(call.g[0])
        if not _differs(call.first, again):
            return
    out, pullback = call.problem.vjp(call.point)
    other = call.beside(out, pullback)
    first = [np.array(d) for d in other.pull(call.g[0])]
    message = "called twice with one dy, the pullback gives two cotangents of {}"
    found = list(differences(call, rounding, first, other.pull(call.g[0]), "repeat", message))
    if not found:
        message = "after another forward pass the pullback gives another cotangent of {} (stale residuals)"
        found = list(differences(call, rounding, call.first, again, "stale", message))
    yield from found


def _differs(first: list, second: list) -> bool:
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


def differences(
    call: Call, rounding: Rounding, first: list, second: list, kind: str, message: str
) -> Iterator[Finding]:
    """Yield a failure where two calls differ; where by roundings alone, as of a sum in varying order, a note."""
    declared = call.problem.declared.nondeterministic
    for i, (leaf, a, b) in enumerate(call.pairs(first, second)):
        if np.array_equal(a, b, equal_nan=True):
            continue
        if declared or same(call, rounding, i, a, b):
            apart, word = float(np.abs(a - b).max(initial=0)), ", as declared" if declared else ""
            note = f"the backward pass is not deterministic{word}: two calls give cotangents of {leaf} that differ"
            yield Finding("scatter", f"{note} by {apart:.1e}; the bar holds that", "note", leaf)
        else:
            yield Finding(kind, message.format(leaf), array=leaf)
