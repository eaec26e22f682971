"""How dy is used: summed, in part, once for entries that serve several outputs, with a wrong weight."""

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.axes import level
from gradcheck.diagnosis.branches import threshold
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.rules import diagonal
from gradcheck.verdict.numbers import apart


def rows_left_out(e: Evidence) -> Diagnosis | None:
    """Some outputs count in full, the others not at all: dy is used in part."""
    if not e.unit or e.y.size < 2 or diagonal(e) is not None:
        return None
    unused = ~(e.claimed != 0).any(axis=1) & e.bad.any(axis=1)
    right = ~e.bad.any(axis=1)
    if not unused.any() or not (unused | right).all() or not (right & ~e.no(e.numeric).all(axis=1)).any():
        return None
    if _selection(e) and not (~unused[:, None] & ~e.no(e.numeric)).any(axis=0)[e.wrong].all():
        return None  # whole entries get nothing: told by their place
    for axis, length in enumerate(e.outputs):
        along = np.moveaxis(unused.reshape(e.outputs), axis, 0).reshape(length, -1)
        used = np.flatnonzero(~along.any(axis=1))
        if used.size == 1 and length > 1 and along.all(axis=1).sum() == length - 1:
            text = f"only index {used[0]} of axis {axis} of dy is used: it must be summed over that axis"
            return Diagnosis("sum", f"{e.name}: {text}")
    if _selection(e) and (found := _repeated(e)):
        return found
    if (~unused).sum() == 1:
        one = words.row(int(np.flatnonzero(~unused)[0]), e)
        return Diagnosis(
            "sum", f"{e.name}: only one entry of dy is used, that of {one}: all must be summed"
        )
    if (side := _decided(unused, e)) is not None:
        return Diagnosis("branch", f"{e.name}: dy is not used where {side}; elsewhere the claim is right")
    where = words.rows(unused, e)
    if _several(e):
        text = f"dy is not used {where}, and just the entries of {e.name} that serve more outputs than others are wrong"
        return Diagnosis("repeated", f"{text}: the gradients of all uses must be added")
    if taken := [e.names[i] for i, claims in e.others.items() if claims[unused].any(axis=1).all()]:
        text = f"nothing flows to it from the outputs {where}, from where the claim for {taken[0]} takes something"
        return Diagnosis("path", f"{e.name}: {text}: a path is left out; the rest is right")
    return Diagnosis("dy", f"{e.name}: dy is not used {where}; for the rest of the outputs the claim is right")


def _decided(part: np.ndarray, e: Evidence) -> str | None:
    """Return on which side of a threshold of an array of the output's shape some outputs are."""
    arrays = [(e.names[i], x) for i, x in enumerate(e.point) if x.shape == e.outputs]
    return next((side for name, x in arrays if (side := threshold(part, x.ravel(), name))), None)


def _several(e: Evidence) -> bool:
    """Whether the wrong entries are those on which more outputs depend than on others, and each keeps some of them."""
    uses, kept = (~e.no(e.numeric)).sum(axis=0), (e.claimed != 0).sum(axis=0)
    return bool(e.whole and np.array_equal(uses > uses[uses > 0].min(), e.wrong) and kept[e.wrong].all())


def _selection(e: Evidence) -> bool:
    """Whether every output is taken from one entry and some entry serves several outputs."""
    there = ~e.no(e.numeric)
    return bool((there.sum(axis=1) <= 1).all() and (there.sum(axis=0) > 1).any() and e.x.size > 1)


def _repeated(e: Evidence) -> Diagnosis | None:
    """Of several outputs that come from one entry the claim counts one."""
    there = ~e.no(e.numeric)
    kept = (e.claimed != 0) & there
    several = there.sum(axis=0) > 1
    if not (
        e.whole and (kept.sum(axis=0)[several & e.wrong] == 1).all() and np.array_equal(several & e.wrong, e.wrong)
    ):
        return None
    rows = np.arange(len(there))[:, None]
    last = np.where(there, rows, -1).max(axis=0)
    which = "last" if all(kept[last[j], j] for j in np.flatnonzero(e.wrong)) else "only one"
    return Diagnosis(
        "repeated",
        f"entries of {e.name} that are used several times get the gradient of one use ({which} write wins): "
        "the gradients of all uses must be added",
    )


def repeated_mean(e: Evidence) -> Diagnosis | None:
    """Entries used k times get 1/k of their gradient, or k times as much."""
    if not (e.unit and e.whole) or not _selection(e):
        return None
    uses = (~e.no(e.numeric)).sum(axis=0)
    several = uses > 1
    if np.array_equal(e.wrong, several) and e.close(e.claimed * np.maximum(uses, 1), e.numeric):
        return Diagnosis(
            "repeated", f"entries of {e.name} that are used several times get the mean over the uses, not the sum"
        )
    return None


def summed(e: Evidence) -> Diagnosis | None:
    """The claim is the same along an axis of dy where the numeric gradient is not."""
    axis = _leveled(e, range(len(e.outputs)))
    if axis is None:
        return None
    if e.x.size == 1 or np.array_equal(e.claimed != 0, ~e.no(e.numeric)):
        text = f"dy is summed over the right entries, but without numbers that change along axis {axis} of it"
        return Diagnosis("value", f"{e.name}: {text}")
    text = f"dy counts only by its sum along axis {axis}, the numeric gradient tells its entries apart"
    return Diagnosis("sum", f"{e.name}: {text}: dy is summed or averaged where it must not be, or a weight is left out")


def spread(e: Evidence) -> Diagnosis | None:
    """The claim is the same along an axis of the array where the numeric gradient is not."""
    axis = _leveled(e, range(len(e.outputs), len(e.outputs) + len(e.shape)))
    if axis is None:
        return None
    if e.y.size == 1 and (e.claimed == 1).all():
        text = f"each entry of {e.name} gets dy itself, the numeric derivatives differ"
        return Diagnosis("slope", f"{text}: the derivative of what is added up is left out")
    text = f"all entries along axis {axis - len(e.outputs)} get one number, the numeric ones differ"
    full = (*e.outputs, *e.shape)
    mean = e.numeric.reshape(full).mean(axis=axis, keepdims=True)
    even = np.ptp(e.claimed[e.claimed != 0]) == 0 or e.close(
        e.claimed, np.broadcast_to(mean, full).reshape(e.claimed.shape)
    )
    if np.array_equal(e.claimed != 0, ~e.no(e.numeric)) and not even:
        return Diagnosis("value", f"{e.name}: {text}: a weight, or another number that tells them apart, is left out")
    return Diagnosis("spread", f"{e.name}: {text}: a gradient is averaged or spread over them")


def shared_out(e: Evidence) -> Diagnosis | None:
    """What each output takes from one entry goes to several, in equal parts."""
    if not (e.unit and e.whole) or e.y.size < 2:
        return None
    there, claims = ~e.no(e.numeric), e.claimed != 0
    counts = claims.sum(axis=1)
    if not (there.sum(axis=1) == 1).all() or not (counts > 1).all() or not (there & claims).any(axis=1).all():
        return None
    share = e.numeric.sum(axis=1) / counts
    if (np.abs(e.claimed - share[:, None])[claims] > 1e-9 * np.abs(share).max() + e.slack[claims]).any():
        return None
    text = f"each output is taken from one entry, and its gradient is shared out among {int(counts.min())} or more"
    return Diagnosis("spread", f"{e.name}: {text}: a maximum or a selection is taken for a mean")


def _leveled(e: Evidence, axes: range) -> int | None:
    if not (e.unit and e.whole):
        return None
    shape = (*e.outputs, *e.shape)
    a, t = e.claimed.reshape(shape), e.numeric.reshape(shape)
    return next((axis for axis in axes if shape[axis] > 1 and level(a, axis) and not level(t, axis)), None)


def unused(e: Evidence) -> Diagnosis | None:
    """Parts of dy do not count at all; others count where they must not."""
    if not e.unit or e.y.size < 2 or diagonal(e) is not None:
        return None
    silent = ~(e.claimed != 0).any(axis=1) & e.bad.any(axis=1)
    if e.x.size == 1 or not silent.any() or not ((e.claimed != 0) & e.no(e.numeric)).any():
        return None
    if (side := _decided(silent, e)) is not None:
        return Diagnosis("branch", f"{e.name}: dy is used on the wrong side of a branch: not where {side}")
    where = words.rows(silent, e)
    if np.array_equal(e.claimed.any(axis=1), e.no(e.numeric).all(axis=1)):
        text = f"dy is used for just those outputs that do not depend on {e.name}, and not {where}"
        return Diagnosis("branch", f"{e.name}: {text}: the wrong side of a branch or of a mask")
    text = f"dy is not used {where}, where the output depends on {e.name}, and is used where it does not"
    return Diagnosis("selection", f"{e.name}: {text}: an index, an offset or a stride of dy is wrong")


def multiplier(e: Evidence) -> Diagnosis | None:
    """Each output depends on one entry, the right one, with the wrong number."""
    if not (e.unit and e.whole) or diagonal(e) is not None or e.y.size < 4:
        return None
    a, t = e.claimed != 0, ~e.no(e.numeric)
    if (
        not (t.sum(axis=1) <= 1).all()
        or not np.array_equal(a.any(axis=1) & t.any(axis=1), t.any(axis=1))
        or (a.sum(axis=1) > 1).any()
        or (a & ~t)[t.any(axis=1)].any()
    ):
        return None
    got, want = e.claimed.sum(axis=1), e.numeric.sum(axis=1)
    named = next(
        (f": it is multiplied with {e.names[i]}" for i, x in enumerate(e.point) if np.array_equal(x.ravel(), got)), ""
    )
    named = named or (": it is not multiplied at all" if (got == 1).all() else "")
    k = int(np.argmax(np.abs(got - want)))
    claimed, numeric = apart(float(got[k]), float(want[k]), 6)
    example = f"that of {words.row(k, e)} counts {claimed} times, numerically {numeric} times"
    return Diagnosis("slope", f"{e.name}: dy is added up in the right places with the wrong weight{named}; {example}")
