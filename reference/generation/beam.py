"""The likeliest sequences among those that W beams find.  Specification: specs/generation/beam.md.

B prompts, W beams of each, V vocabulary.
"""

import dataclasses
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.core.arrays import handed_over, on_host
from reference.core.cache import expect_model, reorder
from reference.core.shapes import expect_nonnegative, expect_size
from reference.core.vocabulary import Ends, are_among, end_tokens
from reference.functions.log_softmax import log_softmax
from reference.generation.stream import begin, side_by_side

OFFSET = 5.0  # of lengths, in the score of Wu et al.
LARGEST = math.log(sys.float_info.max)


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """A sequence after a prompt, without its end token, and the score by which it is compared."""

    ids: tuple[int, ...]
    score: float
    end: int | None = None  # the token at which it ended, if it did


def normalized(total: Any, length: int, penalty: float, offset: float = OFFSET) -> Any:
    """Return the score of a sequence of `length` tokens, its end among them, whose log-probabilities add up to `total`.

    Source: Wu et al. 2016 (arXiv:1609.08144), eq. 14; with an offset of 0 a power of the length itself.
    """
    return total / ((offset + length) / (offset + 1)) ** float(penalty)         # ()        # (beam.3)


def beam_search(
    model: Any,
    prompts: Sequence[Any],
    *,
    length: int,
    beams: int,
    end: Ends = None,
    penalty: float = 0.0,
    offset: float = OFFSET,
    source: np.ndarray | None = None,
    source_mask: np.ndarray | None = None,
) -> list[list[Hypothesis]]:
    """Return the best of at most `length` tokens after each prompt, at most `beams` of them, the best first.

    A sequence is over where it says its `end`, or one of several; one that is not after `length` tokens counts as
    it is.  `penalty` is the power of the
    length by which scores are divided: 0 compares probabilities, more prefers longer sequences.  `offset` is
    added to the length first, 0 where weights were published with a penalty of the length itself.
    Prompts, source and errors as for `stream`.

    Raises:
        TypeError: length, beams or an end is not a whole number, or penalty or offset no number.
        ValueError: length or beams is below 1, penalty or offset below 0, the penalty so large that no score is finite,
            or an end outside the vocabulary.
    """
    expect_model("beam_search", "model", model, "cache", "step")
    expect_size("beam_search", "length", length)
    expect_size("beam_search", "beams", beams)
    expect_nonnegative("beam_search", "penalty", penalty)
    expect_nonnegative("beam_search", "offset", offset)
    penalty, offset = float(penalty), float(offset)
    if penalty * math.log((offset + length) / (offset + 1)) > LARGEST:
        must = f"penalty must be one for which {length:,} tokens have a score"
        raise ValueError(f"beam_search: {must}, got {penalty:g}")
    ends = end_tokens("beam_search", end, model.width_out)
    tokens, starts = side_by_side("beam_search", prompts, model.width_out)
    batch = len(tokens)
    forked = np.repeat(np.arange(batch), beams)
    tokens, starts = tokens[forked], None if starts is None else starts[forked]
    if source is not None:
        source = source.take(handed_over(forked, source), axis=0)
    if source_mask is not None and len(source_mask) > 1:
        source_mask = source_mask.take(handed_over(forked, source_mask), axis=0)
    cache, tokens = begin("beam_search", model, tokens, starts, int(length), source, source_mask)
    first = [_Search(beams, int(length), ends, (penalty, offset)) for _ in range(batch)]
    for n in range(1, length + 1):
        logits = model.step(tokens, cache)[:, -1]
        logp = log_softmax(logits)                                              # (B W, V)  # (beam.1)
        scores = np.asarray(logp.tolist() if not on_host(logp) else logp).reshape(batch, beams, -1)
        rows, ids = zip(*(search.go_on(of_one) for search, of_one in zip(first, scores, strict=True)), strict=True)
        if n == length or all(search.is_done() for search in first):
            break
        at = np.concatenate([beams * b + row for b, row in enumerate(rows)])
        reorder(cache, handed_over(at, tokens))
        tokens = handed_over(np.concatenate(ids)[:, None], tokens)
    return [search.best() for search in first]


class _Search:
    """The beams of one prompt: what they have said, its log-probability, and what is at its end."""

    def __init__(self, beams: int, length: int, ends: tuple[int, ...], rule: tuple[float, float]) -> None:
        self.beams, self.length, self.ends, self.rule = beams, length, ends, rule
        self.totals = np.array([0.0] + [-np.inf] * (beams - 1))  # all begin alike: one of them forks
        self.said: list[tuple[int, ...]] = [()] * beams
        self.ended: list[Hypothesis] = []

    def go_on(self, logp: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take log-probabilities (W, V) of the next token; return which beams go on, with which ids."""
        before = self.totals
        total = before[:, None] + logp                                          # (W, V)    # (beam.2)
        order = np.argsort(-total.ravel(), kind="stable")
        rows, ids = np.divmod(order, total.shape[1])
        ending = are_among(ids, self.ends)
        for row, end in zip(*(z[: self.beams][ending[: self.beams]] for z in (rows, ids)), strict=True):
            if total[row, end] > -np.inf:
                score = normalized(float(total[row, end]), len(self.said[row]) + 1, *self.rule)
                self.ended.append(Hypothesis(self.said[row], score, int(end)))
        self.ended = _sorted(self.ended)[: self.beams]
        rows, ids = rows[~ending], ids[~ending]
        rows, ids = np.resize(rows, self.beams), np.resize(ids, self.beams)     # repeated where there are fewer
        again = np.arange(self.beams) >= total.size - len(self.ends) * len(total)
        self.totals = np.where(again, -np.inf, total[rows, ids])
        self.said = [(*self.said[row], int(token)) for row, token in zip(rows, ids, strict=True)]
        return rows, ids

    def is_done(self) -> bool:
        """Whether nothing that a beam may still say can be among the best: a total never rises."""
        if len(self.ended) < self.beams:
            return False
        return normalized(float(self.totals.max()), self.length, *self.rule) <= self.ended[-1].score

    def best(self) -> list[Hypothesis]:
        going_on = [
            Hypothesis(said, normalized(float(total), len(said), *self.rule))
            for said, total in zip(self.said, self.totals, strict=True) if total > -np.inf
        ]  # fmt: skip
        return _sorted(self.ended + going_on)[: self.beams]


def _sorted(found: list[Hypothesis]) -> list[Hypothesis]:
    return sorted(found, key=lambda hypothesis: -hypothesis.score)
