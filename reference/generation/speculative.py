"""Tokens of a large model that a small one proposes.  Specification: specs/generation/speculative.md.

N tokens ahead, V vocabulary.
"""

from typing import Any

import numpy as np

from reference.core.arrays import handed_over, on_host
from reference.core.cache import expect_model, rewind, walk
from reference.core.shapes import expect_positive, expect_size, got
from reference.core.vocabulary import Ends, end_tokens, until
from reference.functions.softmax import softmax
from reference.generation.sampling import Sampling, draw
from reference.generation.stream import begin, said_in, side_by_side


def leftover(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Map the probabilities (V,) of the large and the small model to those with which a refused token is replaced."""
    r = np.maximum(p - q, 0)                                                    # (V,)    # (speculative.1)
    return r / r.sum()                                                          # (V,)    # (speculative.2)


def accepted(p: np.ndarray, q: np.ndarray, ids: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return (N,), True where the large model takes the proposed ids (N,), by uniform numbers u (N,).

    p and q (N, V) are the probabilities of the large and the small model.
    """
    n = np.arange(len(ids))
    return u * q[n, ids] < p[n, ids]                                            # (N,)    # (speculative.3)


def speculate(
    model: Any,
    small: Any,
    prompt: Any,
    *,
    length: int,
    ahead: int,
    rng: np.random.Generator,
    sampling: Sampling | None = None,
    end: Ends = None,
    source: np.ndarray | None = None,
    source_mask: np.ndarray | None = None,
) -> list[int]:
    """Return `length` tokens after one prompt, up to `end` or one of several, distributed as `model` says them.

    `small` proposes `ahead` tokens, which `model` reads in one step and takes as far as it agrees.

    Raises:
        TypeError: rng is no generator, or as for `stream`.
        ValueError: the vocabularies differ, a model has a window smaller than what is said, or as for `stream`.

    Source: Leviathan, Kalman & Matias 2022 (arXiv:2211.17192), algorithm 1; Chen et al. 2023 (arXiv:2302.01318).
    """
    for name, given in (("model", model), ("small", small)):
        expect_model("speculate", name, given, "cache", "step")
    expect_size("speculate", "length", length)
    expect_positive("speculate", "ahead", ahead)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"speculate: rng must be a numpy.random.Generator, got {got(rng)}")
    if small.width_out != model.width_out:
        raise ValueError(f"speculate: small must have the vocabulary {model.width_out} of model, got {small.width_out}")
    ends = end_tokens("speculate", end, model.width_out)
    sampling = Sampling() if sampling is None else sampling
    if not isinstance(sampling, Sampling):
        raise TypeError(f"speculate: sampling must be a Sampling, got {got(sampling)}")
    sampling.expect("speculate", model.width_out)
    tokens, _ = side_by_side("speculate", [prompt], model.width_out)
    settings = int(length), sampling, source, source_mask
    readers = _Reader(model, tokens, *settings), _Reader(small, tokens, *settings)
    ids: list[int] = tokens[0].tolist()
    first = len(ids)
    while len(ids) < first + length and not any(token in ends for token in ids[first:]):
        ids += _round(*readers, ids, min(int(ahead), first + length - len(ids) - 1), rng)
    return until(ids[first : first + length], ends)


def _round(large: "_Reader", small: "_Reader", ids: list[int], ahead: int, rng: np.random.Generator) -> list[int]:
    """Return what the large model takes of a proposal, and one token of its own."""
    proposed, q = list(ids), []
    for _ in range(ahead):
        q.append(small.probabilities(proposed, 1)[0])
        proposed.append(_drawn(q[-1], rng))
    p = large.probabilities(proposed, ahead + 1)
    taken = accepted(
        p[:ahead], np.reshape(q, p[:ahead].shape), np.array(proposed[len(ids) :], int), rng.random(ahead)
    )
    n = int(np.argmin(taken)) if not taken.all() else ahead
    last = _drawn(p[n] if n == ahead else leftover(p[n], q[n]), rng)
    new = [*proposed[len(ids) : len(ids) + n], last]
    for reader in (large, small):
        rewind(reader.cache, len(ids) + n)  # what was refused is forgotten
    return new


def _drawn(p: np.ndarray, rng: np.random.Generator) -> int:
    with np.errstate(divide="ignore"):
        return int(draw(np.log(p)[None], rng)[0])


class _Reader:
    """A model, what it has read, and how its logits are changed."""

    def __init__(
        self, model: Any, tokens: np.ndarray, more: int, sampling: Sampling, source: Any, source_mask: Any
    ) -> None:
        given = (source, source_mask) if hasattr(model, "encode") else (None, None)
        self.model, self.sampling, self.vocabulary = model, sampling, model.width_out
        self.cache, self.like = begin("speculate", model, tokens, None, more, *given)
        for ring in (getattr(part, "ring", part.room) for part in walk(self.cache)):
            if ring < self.cache.room:
                must = f"a window must be at least the {self.cache.room} positions, since a ring forgets"
                raise ValueError(f"speculate: {must}, got {ring}")

    def probabilities(self, ids: list[int], count: int) -> np.ndarray:
        """Read what is new of `ids`; return the probabilities (count, V) of what follows each of the last ones."""
        unread = handed_over(np.array([ids[self.cache.length :]]), self.like)
        logits = self.model.step(unread, self.cache)[0, -count:]
        logits = logits if on_host(logits) else np.array(logits.tolist())
        said = np.concatenate([said_in([ids[: len(ids) - count + 1 + i]], self.vocabulary, None) for i in range(count)])
        return softmax(self.sampling(logits, said))
