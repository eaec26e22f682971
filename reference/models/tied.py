"""Transformer with one table for source, target and output.  Derivation: specs/models/tied.md.

B batch, T positions of the target, D width, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.cache import Cache, Ready
from reference.core.families import TransformerSettings, expect_embeddings
from reference.core.kinds import AboveZero, shaped
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import width_of
from reference.core.products import product
from reference.core.roles import OfOne
from reference.core.shapes import expect_last_axis, expect_shape
from reference.core.steps import of_one_table, step_of_one_table
from reference.core.sums import as_rows, column_sums
from reference.layers.embedding import Embedding
from reference.layers.linear import Linear
from reference.models.encoder import RESIDUALS
from reference.models.encoder_decoder import EncoderDecoder
from reference.models.transformer import TOKENS, Transformer


class Projection(Layer):
    """logits = scale y E^T + b: each logit is the product of y with the row of E that embeds its token."""

    table: Annotated[np.ndarray, shaped("V", "D")]      # E
    b: Annotated[np.ndarray, shaped("V")] | None = None
    scale: AboveZero = 1.0

    @property
    def width_out(self) -> int:
        return len(self.table)

    def vjp(self, y: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], tuple[Self, np.ndarray]]]:
        """Map y (..., D) to logits (..., V).

        Raises:
            TypeError: y or a parameter is not a floating or complex array.
            ValueError: the last axis of y has not length D, the table has not two axes, or b has not length V.

        Source: Press & Wolf 2017 (arXiv:1608.05859); scale: Raffel et al. 2020 (arXiv:1910.10683), in their code only.
        """
        E, b, scale = self.table, self.b, float(self.scale)
        expect_shape("Projection", "table", E, ("V", "D"))
        if b is not None:
            expect_shape("Projection", "b", b, (len(E),))
        expect_last_axis("Projection", "y", y, E.shape[1])
        rows = as_rows(y)                                       # (N, D)
        z = (scale * rows) @ E.T
        logits = z if b is None else z + b                      # (N, V)    # (tied.1)

        def pullback(dlogits: np.ndarray) -> tuple[Self, np.ndarray]:
            drows = as_rows(dlogits)                            # (N, V)
            dy = scale * (drows @ E)                            # (N, D)    # (tied.3)
            dE = drows.T @ (scale * rows)                       # (V, D)    # (tied.4)
            d_bias = {} if b is None else {"b": column_sums(drows)}         # (tied.6)
            return self.cotangent(table=dE, **d_bias), dy.reshape(y.shape)

        return logits.reshape(*y.shape[:-1], len(E)), pullback

    def ready(self) -> Ready:
        """Return y (..., D) -> logits (..., V), for many calls."""
        apply, scale = product(self.table.T, self.b), float(self.scale)
        return apply if scale == 1 else lambda y: apply(scale * y)


class TiedTransformer(Layer):
    """The Transformer whose two embeddings are one table E (V, D), and its output too unless it has one of its own."""

    vocabulary: Embedding
    body: EncoderDecoder
    bias: Annotated[np.ndarray, shaped("V")] | None = None  # of the output
    scale: AboveZero | None = None                          # of the embeddings; sqrt(D) unless given
    output_scale: AboveZero = 1.0
    output: OfOne | None = None                             # D -> V, in place of the table with its bias and factor

    @property
    def width_out(self) -> int | None:
        return len(self.vocabulary.table) if self.output is None else width_of(self.output)

    @classmethod
    def init(cls, rng: np.random.Generator, settings: TransformerSettings, dtype: DTypeLike = np.float32) -> Self:
        """Draw the table as those of the Transformer and the body as EncoderDecoder does.

        Raises:
            ValueError: the settings are those of a model with separate embeddings.
        """
        expect_embeddings(f"{cls.__name__}.init", settings, "tied")
        return cls(
            vocabulary=Embedding.init(rng, settings.vocabulary, settings.width, dtype, size=TOKENS),
            body=EncoderDecoder.init(rng, settings, dtype),
        )

    def separate(self) -> Transformer:
        """Return the Transformer with three tables at the point where all three are E.

        Raises:
            ValueError: an output of its own stands beside a bias or a factor of the table's.
        """
        E = self.vocabulary.table
        if self.output is not None and (self.bias is not None or self.output_scale != 1):
            raise ValueError(f"{type(self).__name__}: output must be None beside bias or output_scale, got both")
        return Transformer(                                                             # (tied.2)
            source_embedding=self.vocabulary,
            target_embedding=self.vocabulary,
            body=self.body,
            output=Projection(E, self.bias, self.output_scale) if self.output is None else self.output,
            scale=self.scale,
        )

    def vjp(
        self, *, source: np.ndarray, target: np.ndarray, source_mask: np.ndarray | None = None,
        target_mask: np.ndarray | None = None, memory_mask: np.ndarray | None = None,
        source_position_ids: np.ndarray | None = None, target_position_ids: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[Any, Callable[[Any], tuple[Self]]]:  # fmt: skip
        """Map token ids, source (B, S) and target (B, T), to logits (B, T, V); the rest as for Transformer.

        Source: Press & Wolf 2017 (three-way weight tying); Vaswani et al. 2017, sec. 3.4.
        """
        seen = {"source_mask": source_mask, "target_mask": target_mask, "memory_mask": memory_mask}
        at = {"source_position_ids": source_position_ids, "target_position_ids": target_position_ids}
        logits, separate_pullback = self.separate().vjp(source=source, target=target, **seen, **at, rng=rng)

        def pullback(dlogits: Any) -> tuple[Self]:
            d: Any  # whose output is a Projection, or the model's own
            (d,) = separate_pullback(dlogits)
            if self.output is None:
                dE = d.source_embedding.table + d.target_embedding.table + d.output.table   # (V, D)  # (tied.5)
                of_output = {} if self.bias is None else {"bias": d.output.b}
            else:
                dE = d.source_embedding.table + d.target_embedding.table    # (V, D)    # (tied.7)
                of_output = {"output": d.output}
            return (self.cotangent(vocabulary=self.vocabulary.cotangent(table=dE), body=d.body, **of_output),)

        return logits, pullback

    def __call__(self, **ids: Any) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        return self.separate()(**ids)

    def encode(self, **ids: Any) -> Any:
        """Map source ids (B, S) to the memory (B, S, D), as Transformer does."""
        return self.separate().encode(**ids)

    def decode(self, memory: np.ndarray, **ids: Any) -> Any:
        """Let target ids (B, T) query the memory (B, S, D); return logits (B, T, V), as Transformer does."""
        return self.separate().decode(memory, **ids)

    def cache(self, batch: int, room: int, memory: np.ndarray, **options: Any) -> Cache:
        """Return what `step` needs, as Transformer does."""
        return of_one_table(self, self.separate().cache(batch, room, memory, **options))

    def step(self, target: np.ndarray, cache: Any) -> np.ndarray:
        """Map the next target ids (B, T) to logits (B, T, V), as Transformer does."""
        return step_of_one_table(self, target, cache)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    yield "Projection", Projection(table=rng.normal(size=(7, 5))), (rng.normal(size=(2, 3, 5)),), {}
    scaled = Projection(rng.normal(size=(7, 5)), rng.normal(size=7), 0.4)
    yield "Projection, a bias and a factor", scaled, (rng.normal(size=(2, 3, 5)),), {}
    ids = {"source": rng.integers(7, size=(2, 5)), "target": rng.integers(7, size=(2, 4))}
    mask = padding(np.array([5, 3]), 5)
    for norm in RESIDUALS:
        for heads, seen in ((1, {}), (4, {"source_mask": mask})):
            sizes: dict[str, Any] = {"vocabulary": 7, "width": 8, "heads": heads, "hidden": 6}
            model = TiedTransformer.init(rng, TransformerSettings(**sizes, norm=norm, embeddings="tied"))
            name = f"{RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
            yield name, tree.map(lambda p: p + rng.normal(scale=0.3, size=p.shape), model), (), ids | seen
    for name, more in (
        ("a bias, embeddings as they are", {"bias": np.zeros(7), "scale": 1.0}),
        ("a factor of the output", {"output_scale": 8**-0.5, "scale": 1.0}),
        ("an output of its own", {"output": Linear.init(rng, 8, 7, np.float64, bias=False)}),
    ):
        like = TiedTransformer(model.vocabulary, model.body, **more)
        yield name, tree.map(lambda p: p + rng.normal(scale=0.3, size=p.shape), like), (), ids
