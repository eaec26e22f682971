"""Tokens drawn from logits, and what may be done to these before.  Specification: specs/generation/sampling.md.

B rows, V vocabulary.  Every function maps logits to logits; what must not be said is -inf.
"""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from reference.core.arrays import expect_beside, handed_over, on_host
from reference.core.kinds import Count, expect_fields
from reference.core.shapes import (
    expect_above_zero,
    expect_boolean,
    expect_nonnegative,
    expect_number,
    expect_positive,
    expect_real,
    expect_shape,
    expect_unit,
    got,
)
from reference.core.sums import row_maxima
from reference.core.vocabulary import expect_token
from reference.core.words import cut
from reference.functions.softmax import softmax
from reference.functions.top_k import top_k

LEAST, MOST = 1e-6, 1e6  # of temperatures and penalties: beyond, logits leave the range of float32


def expect_top_p(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is a number in (0, 1]."""
    expect_number(where, name, value)
    if not 0 < value <= 1:
        raise ValueError(f"{where}: {name} must lie in (0, 1], got {cut(value)}")


def expect_temperature(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is 0 or of a size by which logits of float32 can be divided."""
    expect_nonnegative(where, name, value)
    if value != 0 and not LEAST <= float(value) <= MOST:
        raise ValueError(f"{where}: {name} must be 0 or lie in [{LEAST:g}, {MOST:g}], got {cut(value)}")


def expect_penalty(where: str, name: str, value: Any) -> None:
    """Raise unless `value` is of a size by which logits of float32 can be divided and multiplied."""
    expect_above_zero(where, name, value)
    if not LEAST <= float(value) <= MOST:
        raise ValueError(f"{where}: {name} must lie in [{LEAST:g}, {MOST:g}], got {cut(value)}")


def temper(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return logits / temperature; at temperature 0 only the largest is left, of equal ones that of the smallest id."""
    expect_shape("temper", "logits", logits, ("B", "V"))
    expect_temperature("temper", "temperature", temperature)
    if temperature == 0:
        return np.where(top_k(logits, k=1), logits, -np.inf)                    # (B, V)  # (sampling.1)
    return logits / float(temperature)                                          # (B, V)  # (sampling.2)


def keep_top_k(logits: np.ndarray, k: int) -> np.ndarray:
    """Leave the k largest, of equal ones those of the smallest ids; all where there are fewer than k."""
    expect_shape("keep_top_k", "logits", logits, ("B", "V"))
    expect_positive("keep_top_k", "k", k)
    return np.where(top_k(logits, k=min(int(k), logits.shape[1])), logits, -np.inf)     # (sampling.3)


def keep_top_p(logits: np.ndarray, p: float) -> np.ndarray:
    """Leave the fewest of the likeliest tokens whose probabilities add up to p or more."""
    expect_shape("keep_top_p", "logits", logits, ("B", "V"))
    expect_top_p("keep_top_p", "p", p)
    order = np.argsort(-logits, axis=-1, kind="stable")                         # (B, V), the likeliest first
    sorted_ = np.take_along_axis(softmax(logits), order, axis=-1)
    before = np.cumsum(sorted_, axis=-1) - sorted_                              # of those that are likelier
    kept = np.zeros_like(logits, dtype=bool, order="C")
    np.put_along_axis(kept, order, (before < p) & (sorted_ > 0), axis=-1)
    return np.where(kept, logits, -np.inf)                                      # (B, V)  # (sampling.4)


def keep_min_p(logits: np.ndarray, p: float) -> np.ndarray:
    """Leave the tokens whose probability is at least p times that of the likeliest, p in [0, 1]."""
    expect_shape("keep_min_p", "logits", logits, ("B", "V"))
    expect_unit("keep_min_p", "p", p)
    if p == 0:
        return logits
    least = row_maxima(logits) + float(np.log(p))
    return np.where(logits >= least, logits, -np.inf)                           # (B, V)  # (sampling.5)


def penalize(logits: np.ndarray, said: np.ndarray, penalty: float) -> np.ndarray:
    """Divide positive logits of tokens that are `said` (B, V) by `penalty`, and multiply negative ones with it."""
    expect_shape("penalize", "logits", logits, ("B", "V"))
    expect_penalty("penalize", "penalty", penalty)
    expect_boolean("penalize", "said", said)
    expect_beside("penalize", "said", said, logits)
    if said.shape != logits.shape:
        raise ValueError(f"penalize: said must have shape {logits.shape}, got {said.shape}")
    penalty = float(penalty)
    punished = np.where(logits > 0, logits / penalty, logits * penalty)
    return np.where(said, punished, logits)                                     # (B, V)  # (sampling.6)


def bias_logits(logits: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return logits + bias (V,)."""
    expect_shape("bias_logits", "logits", logits, ("B", "V"))
    expect_shape("bias_logits", "bias", bias, (logits.shape[1],))
    expect_real("bias_logits", "bias", bias)
    expect_beside("bias_logits", "bias", bias, logits)
    return logits + bias.astype(logits.dtype)                                   # (B, V)  # (sampling.7)


def ban(logits: np.ndarray, ids: Sequence[int]) -> np.ndarray:
    """Hide the tokens of these ids."""
    expect_shape("ban", "logits", logits, ("B", "V"))
    if not isinstance(ids, list | tuple):
        raise TypeError(f"ban: ids must be a list or a tuple, got {got(ids)}")
    for token in ids:
        expect_token("ban", "an id", token, logits.shape[1])
    allowed = logits.copy()
    for token in ids:
        allowed[:, token] = -np.inf
    return allowed                                                              # (B, V)  # (sampling.8)


def draw(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one id of each row of logits (B, V), with the probabilities softmax(logits); return ids (B,).

    Each row takes one number from `rng`: the same seed draws the same ids.

    Raises:
        TypeError: logits are not floating, or rng is no generator.
        ValueError: logits have not two axes, or all of a row are -inf.
    """
    expect_shape("draw", "logits", logits, ("B", "V"))
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"draw: rng must be a numpy.random.Generator, got {got(rng)}")
    if on_host(logits) and not (seen := (logits > -np.inf).any(axis=-1)).all():
        raise ValueError(f"draw: every row of logits must have one that is finite, got none in row {seen.argmin()}")
    p = softmax(logits)                                                         # (B, V)  # (sampling.9)
    u = handed_over(rng.random((len(p), 1)), p)
    total = np.cumsum(p, axis=-1)
    below = total <= u * row_maxima(total)  # the last is 1 but for rounding
    return below.sum(axis=-1)                                                   # (B,)    # (sampling.10)


@dataclasses.dataclass(frozen=True)
class Sampling:
    """What is done to logits before a token is drawn, in the order of the fields; by default nothing.

    >>> said = np.zeros((1, 3), bool)
    >>> np.exp(Sampling(k=2)(np.log([[1.0, 2, 5]]), said)).round(12).tolist()
    [[0.0, 2.0, 5.0]]
    """

    bias: Annotated[np.ndarray, expect_real] | None = None  # (V,)
    banned: tuple[int, ...] = ()
    penalty: Annotated[float, expect_penalty] = 1.0       # of what was said before; 1 is none
    temperature: Annotated[float, expect_temperature] = 1.0  # 0 takes the likeliest
    k: Count | None = None                                # how many are left
    p: Annotated[float, expect_top_p] = 1.0
    min_p: Annotated[float, expect_unit] = 0.0

    def __post_init__(self) -> None:
        expect_fields(self)

    def expect(self, where: str, vocabulary: int) -> None:
        """Raise unless bias and bans are of a vocabulary of this size, and leave a token of it to be said."""
        said = np.ones(vocabulary, bool)
        for token in self.banned:
            expect_token(where, "a banned id", token, vocabulary)
            said[token] = False
        if self.bias is not None:
            expect_shape(where, "bias", self.bias, (vocabulary,))
            said &= self.bias > -np.inf if on_host(self.bias) else True
        if not said.any():
            raise ValueError(f"{where}: bias and banned must leave one of the {vocabulary} tokens, got none")

    def preferred(self, logits: np.ndarray, said: np.ndarray) -> np.ndarray:
        """Return logits after bias, bans and penalty: the largest is what temperature 0 takes."""
        if self.bias is not None:
            logits = bias_logits(logits, self.bias)
        if self.banned:
            logits = ban(logits, self.banned)
        if self.penalty != 1:
            logits = penalize(logits, said, self.penalty)
        return logits

    def __call__(self, logits: np.ndarray, said: np.ndarray) -> np.ndarray:
        """Map logits (B, V) to logits (B, V); `said` (B, V) is True where a row has the token before."""
        logits = self.preferred(logits, said)
        if self.temperature != 1:
            logits = temper(logits, self.temperature)
        if self.k is not None:
            logits = keep_top_k(logits, self.k)
        if self.p < 1:
            logits = keep_top_p(logits, self.p)
        return keep_min_p(logits, self.min_p) if self.min_p else logits
