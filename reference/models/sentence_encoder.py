"""A vector of length 1 for each sequence.  Derivation: specs/models/sentence_encoder.md.

B batch, S positions, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.families import BlockSettings, EncoderOnlySettings
from reference.core.kinds import AboveZero
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import expect_alone
from reference.core.randomness import randomness
from reference.core.shapes import expect_boolean, expect_shape
from reference.core.sums import row_scales, shown
from reference.models.encoder import Stack
from reference.models.encoder_only import EncoderOnly


class SentenceEncoder(Layer):
    """v = m / |m|, where m is the mean of what body says of the positions that are no padding."""

    body: Layer
    eps: AboveZero = 1e-12  # keeps the length of a mean above 0

    def vjp(
        self,
        *inputs: np.ndarray,
        mask: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
        **constants: Any,
    ) -> tuple[np.ndarray, Callable[[np.ndarray], tuple]]:
        """Map what the body takes to v (B, D); `mask` is boolean, (B or 1, 1, 1, S), False at padding.

        A sequence of padding alone gets zeros, and no gradient goes through it.

        Raises:
            TypeError: the mask is not boolean, the body has auxiliary outputs, or as the body does.
            ValueError: the shapes do not fit together.

        Source: Reimers & Gurevych 2019 (arXiv:1908.10084), sec. 3 (mean); their models divide it by its length.
        """
        drawn = randomness(self.body, rng)
        h, body_pullback = self.body.vjp(*inputs, mask=mask, **constants, **drawn)  # (B, S, D)  # (sentence_encoder.1)
        c = _counted(h, mask)                                       # (B, S)
        n = np.maximum(c.sum(axis=1, keepdims=True), 1)             # (B, 1)     # (sentence_encoder.2)
        m = ((c / n)[:, None] @ h)[:, 0]                            # (B, D)     # (sentence_encoder.3)
        eps = shown(self.eps, m.real.dtype)
        scale = row_scales(m, eps)                                  # (B, 1)     # (sentence_encoder.9)
        u = m / scale                                               # (B, D)     # (sentence_encoder.10)
        r = np.sqrt((u * u).sum(axis=1, keepdims=True) + (eps / scale) * (eps / scale))  # (sentence_encoder.4)
        v = u / r                                                   # (B, D)     # (sentence_encoder.5)

        def pullback(dv: np.ndarray) -> tuple:
            du = (dv - v * (dv * v).sum(axis=1, keepdims=True)) / r  # (B, D)    # (sentence_encoder.6)
            dh = c[:, :, None] * (du / n)[:, None] / scale[:, None]  # (B, S, D)  # (sentence_encoder.7)
            d_body, *dinputs = body_pullback(dh)                                 # (sentence_encoder.8)
            return self.cotangent(body=d_body), *dinputs

        return v, pullback


def _counted(h: Any, mask: Any) -> Any:
    """Return 1 at each position that counts and 0 at padding (B, S), as an array like h."""
    where = "SentenceEncoder"
    expect_alone(where, "body", h)
    expect_shape(where, "what body says", h, ("B", "S", "D"))
    ones = np.ones_like(h, shape=h.shape[:2], dtype=h.real.dtype)
    if mask is None:
        return ones
    expect_boolean(where, "mask", mask)
    b, s, _ = h.shape
    if mask.shape not in ((b, 1, 1, s), (1, 1, 1, s)):
        raise ValueError(f"{where}: mask must have shape ({b} or 1, 1, 1, {s}), got {mask.shape}")
    return ones * mask[:, 0, 0]


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids, mask = {"tokens": rng.integers(7, size=(2, 5))}, padding(np.array([5, 3]), 5)
    sizes: dict[str, Any] = {"vocabulary": 7, "length": 6, "width": 8, "heads": 2, "hidden": 6, "layers": 1}

    def generic(body: Any, **more: Any) -> Any:
        return tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), SentenceEncoder(body, **more))

    yield "BERT", generic(EncoderOnly.init(rng, EncoderOnlySettings(**sizes))), (), ids | {"mask": mask}
    drops = generic(EncoderOnly.init(rng, EncoderOnlySettings(**sizes, dropout=0.2)))
    yield "BERT, dropout", drops, (), ids | {"rng": np.random.default_rng(1)}
    body = generic(Stack.init(rng, BlockSettings(width=8, heads=2, hidden=6), 1), eps=0.5)
    yield "embedded input, eps as large as the mean", body, (rng.normal(size=(2, 5, 8)),), {"mask": mask}
