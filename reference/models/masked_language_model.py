"""Masked language model whose output is the table of its tokens.  Derivation: specs/models/masked_language_model.md.

B batch, S positions, D width, V vocabulary.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.activation import Activation
from reference.core.families import EncoderOnlySettings
from reference.core.kinds import shaped
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.roles import OfOne
from reference.functions.gelu import gelu_vjp
from reference.layers.language_model_head import LanguageModelHead
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.models.encoder_only import EncoderOnly
from reference.models.headed import Headed
from reference.models.tied import Projection


class MaskedLanguageModel(Layer):
    """logits = dense_norm(activation(dense(body(tokens)))) E^T + bias, with E the table of the body's embedding."""

    body: EncoderOnly
    dense: Linear      # D -> D
    dense_norm: OfOne  # over D
    bias: Annotated[np.ndarray, shaped("V")]
    activation: Activation = gelu_vjp

    @property
    def width_out(self) -> int:
        return len(self.bias)

    @classmethod
    def init(cls, rng: np.random.Generator, settings: EncoderOnlySettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw body and dense map as they do themselves; the bias is zero."""
        return cls(
            body=EncoderOnly.init(rng, settings, dtype),
            dense=Linear.init(rng, settings.width, settings.width, dtype),
            dense_norm=LayerNorm.init(settings.width, dtype),
            bias=np.zeros(settings.vocabulary, dtype),
        )

    def separate(self) -> Headed:
        """Return the model with a table for the output at the point where it is E."""
        output = Projection(self.body.embedding.table, self.bias)
        head = LanguageModelHead(self.dense, self.dense_norm, output, self.activation)
        return Headed(body=self.body, head=head)                        # (masked_language_model.1)

    def vjp(self, **inputs: Any) -> tuple[Any, Callable[[Any], tuple[Self]]]:
        """Map what EncoderOnly takes, token ids (B, S) and more, to logits (B, S, V), auxiliary outputs behind them.

        Raises:
            TypeError, ValueError: as EncoderOnly does, and where the bias has not the length of the table.

        Source: Devlin et al. 2018 (arXiv:1810.04805), sec. 3.1, task 1; the one table is in their code only.
        """
        logits, separate_pullback = self.separate().vjp(**inputs)

        def pullback(dlogits: Any) -> tuple[Self]:
            d: Any  # whose output is a Projection
            (d,) = separate_pullback(dlogits)
            dE = d.body.embedding.table + d.head.output.table           # (V, D)  # (masked_language_model.2)
            db = d.head.output.b                                        # (V,)    # (masked_language_model.3)
            d_body = dataclasses.replace(d.body, embedding=self.body.embedding.cotangent(table=dE))
            head = {"dense": d.head.dense, "dense_norm": d.head.norm, "bias": db}
            return (self.cotangent(body=d_body, **head),)

        return logits, pullback

    def __call__(self, **inputs: Any) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        return self.separate()(**inputs)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids = {"tokens": rng.integers(7, size=(2, 5)), "segments": np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])}
    sizes: dict[str, Any] = {"vocabulary": 7, "length": 6, "width": 8, "heads": 2, "hidden": 6, "layers": 1}
    for name, dropout, more in (
        ("like BERT, masked", 0.0, {"mask": padding(np.array([5, 3]), 5)}),
        ("like BERT, dropout", 0.3, {"rng": np.random.default_rng(1)}),
    ):
        model = MaskedLanguageModel.init(rng, EncoderOnlySettings(**sizes, dropout=dropout))
        yield name, tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model), (), ids | more
