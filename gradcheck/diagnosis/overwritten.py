"""What several slices of the output send to one entry is assigned, not added: one of them is kept."""

import numpy as np

from gradcheck.diagnosis.evidence import Diagnosis, Evidence


def overwritten(e: Evidence) -> Diagnosis | None:
    """Each entry gets what comes from the last, or the first, of the slices of the output that use it.

    That slice is not the same for all entries: if it were, the rest of dy would be left out.
    """
    if not (e.unit and e.whole) or len(e.parts) > 1 or not e.wrong.any():
        return None
    if ((~e.no(e.numeric)).sum(axis=1) <= 1).all():
        return None  # of what is gathered, each write has an entry of its own: told by that
    for axis, n in enumerate(e.outputs):
        there, claims, wrong = (_by_slice(v, axis, e) for v in (~e.no(e.numeric), e.claimed != 0, e.bad))
        several = there.sum(axis=0) > 1
        if not np.array_equal(several, e.wrong) or (wrong & claims).any() or (claims & ~there).any():
            continue
        for said, kept in (("last", n - 1 - np.argmax(there[::-1], axis=0)), ("first", np.argmax(there, axis=0))):
            if any(np.array_equal(kept[several], own[several]) for own in _indices(e)):
                continue  # each keeps what goes straight to its own output: a path is left out
            alone = there & (np.arange(n)[:, None] == kept)
            if np.array_equal(claims, alone) and np.unique(kept[several]).size > 1:
                text = f"each entry gets what comes from the {said} index of axis {axis} of the output that uses it"
                return Diagnosis("repeated", f"{e.name}: {text}: what comes from several must be added, not assigned")
    return None


def _indices(e: Evidence) -> list[np.ndarray]:
    """Return for each axis of the array the index of each entry (k,)."""
    return [index.ravel() for index in np.indices(e.shape)]


def _by_slice(values: np.ndarray, axis: int, e: Evidence) -> np.ndarray:
    """Return whether there is anything (R, k) for each index along an axis of the output (n, k)."""
    whole = np.moveaxis(values.reshape(*e.outputs, -1), axis, 0)
    return np.asarray(whole.reshape(len(whole), -1, values.shape[1]).any(axis=1))
