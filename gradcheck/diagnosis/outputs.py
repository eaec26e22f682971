"""Of several outputs: whose cotangent is used, and for what."""

import itertools
import math

import numpy as np

from gradcheck.diagnosis import words
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.simple import ratio


def dropped(e: Evidence) -> Diagnosis | None:
    """The cotangent of a whole output is not used; the claim is right for the others."""
    silent = _silent(e)
    if not any(silent) or any(s != bool(bad.any()) for s, bad in zip(silent, _split(e.bad, e), strict=True)):
        return None
    text = f"the cotangent of {_names(e, silent)} is not used: what flows back from there must be added"
    return Diagnosis("output", f"{e.name}: {text}")


def instead(e: Evidence) -> Diagnosis | None:
    """The cotangent of one output is used for another one too."""
    silent = _silent(e)
    if not any(silent):
        return None
    claimed, numeric, depends = (_split(v, e) for v in (e.claimed, e.numeric, ~e.no(e.numeric)))
    for k, (name, _) in enumerate(e.parts):
        same = [i for i, s in enumerate(silent) if s and numeric[i].shape == numeric[k].shape]
        if silent[k] or not same:
            continue
        if not depends[k].any() and claimed[k].any():
            text = f"the cotangent of {_names(e, silent)} is not used, but that of {name}, which does not depend on it"
            return Diagnosis("output", f"{e.name}: {text}")
        both = numeric[k] + sum(numeric[i] for i in same)
        if np.allclose(claimed[k], both, rtol=1e-9, atol=1e-9 * float(np.abs(both).max(initial=0))):
            text = f"the cotangent of {_names(e, silent)} is not used, that of {name} is taken in its place"
            return Diagnosis("output", f"{e.name}: {text}")
    return None


def crossed(e: Evidence) -> Diagnosis | None:
    """What one output's cotangent lacks, that of another has too much: a term takes the wrong one."""
    if not e.unit or len(e.parts) < 2 or sum(math.prod(shape) for _, shape in e.parts) != len(e.claimed):
        return None
    errors, slacks = _split(e.error, e), _split(e.slack, e)
    wrong = [k for k, bad in enumerate(_split(e.bad, e)) if bad.any()]
    if len(wrong) != 2 or errors[wrong[0]].shape != errors[wrong[1]].shape:
        return None
    i, j = wrong
    size = np.abs(errors[i]).max()
    if (np.abs(errors[i] + errors[j]) > 2 * (slacks[i] + slacks[j]) + 1e-9 * size).any():
        return None
    text = f"what the claim lacks of the cotangent of {e.parts[i][0]} it has too much of that of {e.parts[j][0]}"
    return Diagnosis("output", f"{e.name}: {text}, or the other way round: a term takes the wrong one of the two")


def exchanged(e: Evidence) -> Diagnosis | None:
    """The cotangents of two outputs of one shape are exchanged."""
    if not e.unit or len(e.parts) < 2 or sum(math.prod(shape) for _, shape in e.parts) != len(e.claimed):
        return None
    blocks = _split(np.arange(len(e.claimed)), e)
    for i, j in itertools.combinations(range(len(blocks)), 2):
        if e.parts[i][1] == e.parts[j][1]:
            order = np.arange(len(e.claimed))
            order[blocks[i]], order[blocks[j]] = blocks[j], blocks[i]
            if e.close(e.claimed, e.numeric[order]):
                text = f"the cotangents of {e.parts[i][0]} and {e.parts[j][0]} are exchanged"
                return Diagnosis("output", f"{e.name}: {text}")
    return None


def weighted(e: Evidence) -> Diagnosis | None:
    """What comes from one of several outputs has a factor; what comes from the others is right."""
    if not e.unit or len(e.parts) < 2 or sum(math.prod(shape) for _, shape in e.parts) != len(e.claimed):
        return None
    wrong = [k for k, bad in enumerate(_split(e.bad, e)) if bad.any()]
    if len(wrong) != 1:
        return None
    claimed, numeric, slack = (_split(v, e)[wrong[0]] for v in (e.claimed, e.numeric, e.slack))
    c = ratio(claimed, numeric)
    if c is None or (np.abs(claimed - c * numeric) > 2 * slack + 1e-10 * np.abs(claimed)).any():
        return None
    if (np.abs(numeric) > slack).sum() < 2:
        return None
    text = f"what flows back from {e.parts[wrong[0]][0]} counts {words.factor(c, e)} times; the rest is right"
    return Diagnosis("factor", f"{e.name}: {text}")


def _silent(e: Evidence) -> list[bool]:
    """Return for each output whether it depends on the array but the claim takes nothing from it."""
    if not e.unit or len(e.parts) < 2 or sum(math.prod(shape) for _, shape in e.parts) != len(e.claimed):
        return [False]
    pairs = zip(_split(e.claimed, e), _split(~e.no(e.numeric), e), strict=True)
    return [bool(there.any() and not claims.any()) for claims, there in pairs]


def _split(rows: np.ndarray, e: Evidence) -> list[np.ndarray]:
    return np.split(rows, np.cumsum([math.prod(shape) for _, shape in e.parts])[:-1])


def _names(e: Evidence, which: list[bool]) -> str:
    return " and ".join(name for (name, _), there in zip(e.parts, which, strict=True) if there)
