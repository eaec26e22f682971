"""The error along lines of an array: a multiple of ones, of x, of y, of a softmax, of another array there."""

import numpy as np

from gradcheck.diagnosis import terms
from gradcheck.diagnosis.evidence import Diagnosis, Evidence
from gradcheck.diagnosis.laws import Lines, cut, lines, said
from gradcheck.diagnosis.rules import diagonal

FIT = 1e-8  # of the error: what a pattern may leave over
SHORTEST = 3  # entries of a line
LOUD = 1e3  # times what rounding makes of a line: less proves nothing


def along_lines(e: Evidence) -> Diagnosis | None:
    """The error is, along some axes or within groups of entries, a combination of natural vectors."""
    if not e.whole or not e.shape or diagonal(e) is not None:
        return None
    for where in lines(e):
        error, slack, numeric = (cut(e.full(v), where, e.shape) for v in (e.error, e.slack, e.numeric))
        if error.shape[1] < SHORTEST:
            continue
        for names, vectors in _vectors(e, where):
            if len(vectors) + 1 >= error.shape[1] or not _spanned(error, vectors, slack):
                continue
            there = np.abs(error).max(axis=1, keepdims=True) > LOUD * slack.max(axis=1, keepdims=True)
            if len(vectors) == 1 and _spanned(np.where(there, numeric, 0), vectors, slack):
                break  # any factor makes such an error
            return _named(e, names, said(where, e))
    return None


def _named(e: Evidence, names: tuple[str, ...], where: str) -> Diagnosis:
    text = f"claim minus gradient is, {where},"
    if names == ("1",):
        own = e.unit and e.outputs == e.shape  # each output's error lies in its own line: no target does that
        return (None if own else terms.constant(e)) or terms.weighted(e) or Diagnosis(
            "mean term", f"{e.name}: {text} the same number: the term of a mean or of a sum is missing or wrong"
        )
    if len(names) > 1 and names != ("1", e.name):
        text = f"{text} a sum of {', '.join(names[:-1])} and {names[-1]}"
        return Diagnosis("product term", f"{e.name}: {text}: the term of a product of them is wrong")
    if len(names) > 1:
        claims = e.claimed[:, : e.x.size] != 0
        apart = e.outputs == e.shape and not claims[~np.eye(len(claims), dtype=bool)].any()
        why = "taken for constants" if apart else "taken with a wrong factor, a wrong count or along another axis"
        return Diagnosis("statistic", f"{e.name}: {text} a sum of {' and '.join(names)}: mean and deviation are {why}")
    return Diagnosis(
        "product term",
        f"{e.name}: {text} proportional to {names[0]}: the term of a product with {names[0]} is missing or wrong",
    )


def _vectors(e: Evidence, where: Lines) -> list[tuple[tuple[str, ...], list[np.ndarray]]]:
    """Return named sets of vectors, each (n, L) along L lines of n entries."""

    def lined(x: np.ndarray) -> np.ndarray:
        return cut(x[None], where, e.shape)[0]

    x = lined(e.x)
    one, centred = np.ones(x.shape), x - x.mean(axis=0)
    p = np.exp(x - x.max(axis=0))
    found: list[tuple[tuple[str, ...], list[np.ndarray]]] = [
        (("1",), [one]),
        ((e.name,), [x]),
        ((f"{e.name} less its mean",), [centred]),
        ((f"softmax({e.name})",), [p / p.sum(axis=0)]),
    ]
    if e.outputs == e.shape:
        found.append((("y",), [lined(e.y.reshape(e.shape))]))
    others = [(e.names[i], lined(z)) for i, z in enumerate(e.point) if i != e.leaf and z.shape == e.shape]
    found += [((name,), [z]) for name, z in others]
    found.append((("1", e.name), [one, x]))
    return found + [((e.name, name, "1"), [x, z, one]) for name, z in others]


def _spanned(error: np.ndarray, vectors: list[np.ndarray], slack: np.ndarray) -> bool:
    """Whether the error (R, n, L) is a combination of the vectors, in every row and line."""
    basis = np.stack([v.T for v in vectors], axis=-1)  # (L, n, V)
    weights = np.einsum("lvn,rnl->rlv", np.linalg.pinv(basis), error)
    rest = np.abs(error - np.einsum("lnv,rlv->rnl", basis, weights))
    blur = 2 * slack.max(axis=1, keepdims=True)  # a fit carries the widest bar of a line to all of its entries
    size = np.abs(error).max(axis=1, keepdims=True)
    return bool((rest <= blur + FIT * size).all() and (size > LOUD * blur).any())
