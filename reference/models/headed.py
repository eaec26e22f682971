"""A body and the head that reads its output.  Derivation: specs/models/headed.md.

B batch, S positions, D width.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core import tree
from reference.core.families import BlockSettings, EncoderOnlySettings
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import join, split, width_of
from reference.core.randomness import randomness
from reference.layers.classification_head import ClassificationHead
from reference.layers.language_model_head import LanguageModelHead
from reference.layers.mixture import MixtureOfExperts
from reference.layers.residual import PostNorm
from reference.models.encoder import Block, Stack
from reference.models.encoder_only import EncoderOnly
from reference.models.objective import Objective


class Headed(Layer):
    """y = head(body(...)): a classifier, a masked language model."""

    body: Layer
    head: Layer

    @property
    def width_out(self) -> int | None:
        return width_of(self.head)

    def vjp(
        self, *inputs: np.ndarray, rng: np.random.Generator | None = None, **constants: Any
    ) -> tuple[Any, Callable[[Any], tuple]]:
        """Map what the body takes to what the head makes of its output h (B, S, D).

        Auxiliary outputs of the body, then those of the head, stand behind y, if there are
        any.  `rng` goes to the body, then to the head, if they take one.

        Raises:
            TypeError, ValueError: as body and head do.
        """
        out, body_pullback = self.body.vjp(*inputs, **constants, **randomness(self.body, rng))
        h, of_body = split(out)                                         # (B, S, D)  # (headed.1)
        out, head_pullback = self.head.vjp(h, **randomness(self.head, rng))
        y, of_head = split(out)                                                      # (headed.2)

        def pullback(cotangents: Any) -> tuple:
            dy, dauxiliary = split(cotangents)
            dof_body, dof_head = dauxiliary[: len(of_body)], dauxiliary[len(of_body) :]
            d_head, dh = head_pullback(join(dy, dof_head))              # (B, S, D)  # (headed.3)
            d_body, *dinputs = body_pullback(join(dh, dof_body))                     # (headed.4)
            return self.cotangent(body=d_body, head=d_head), *dinputs

        return join(y, of_body + of_head), pullback

    def __call__(self, *inputs: np.ndarray, rng: np.random.Generator | None = None, **constants: Any) -> Any:
        """Return what `vjp` returns first, holding the residuals of one block at a time."""
        h, of_body = split(self.body(*inputs, **constants, **randomness(self.body, rng)))
        y, of_head = split(self.head(h, **randomness(self.head, rng)))
        return join(y, of_body + of_head)


def _generic(rng: np.random.Generator, layer: Any) -> Any:
    return tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer)


def _routed(rng: np.random.Generator, ids: dict[str, Any]) -> EncoderOnly:
    """Return a model of which each of two experts is chosen, and by no token closely: where they tie it jumps."""
    while True:
        sizes: dict[str, Any] = {"vocabulary": 7, "length": 5, "width": 8, "heads": 2, "hidden": 6, "layers": 1}
        model = _generic(rng, EncoderOnly.init(rng, EncoderOnlySettings(**sizes)))
        mixture = _generic(rng, MixtureOfExperts.init(rng, 8, 3, 2, 1))
        (block,) = model.stack.blocks
        front = model.embedding, model.positions, model.segments, model.norm
        x = block.attention(EncoderOnly(*front, Stack(blocks=(), norm=None))(**ids))
        lead = np.diff(mixture.router(x))
        if np.abs(lead).min() > 0.3 and np.ptp(np.sign(lead)):
            block = Block(block.attention, PostNorm(block.feedforward.norm, mixture))
            return EncoderOnly(*front, Stack(blocks=(block,), norm=None))


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids = {"tokens": rng.integers(7, size=(2, 5)), "segments": np.array([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])}
    mask, classes = {"mask": padding(np.array([5, 3]), 5)}, {"labels": np.array([2, 0])}
    words = {"labels": np.array([[-1, 3, -1, -1, 0], [6, -1, 3, -1, -1]])}  # only the masked tokens count
    sizes: dict[str, Any] = {"vocabulary": 7, "length": 6, "width": 8, "heads": 2, "hidden": 6, "layers": 1}

    def bert(dropout: float = 0.0) -> EncoderOnly:
        return EncoderOnly.init(rng, EncoderOnlySettings(**sizes, dropout=dropout))

    model = _generic(rng, Headed(body=bert(), head=ClassificationHead.init(rng, 8, 3)))
    yield "classifier", model, (), ids | mask
    model = _generic(rng, Headed(body=bert(0.2), head=ClassificationHead.init(rng, 8, 3, dropout=0.3)))
    drawn = {"rng": np.random.default_rng(1)}
    yield "classifier and loss, dropout", Objective(model), (), ids | mask | classes | drawn
    head = _generic(rng, LanguageModelHead.init(rng, 8, 7))
    model = Headed(body=_generic(rng, bert()), head=head)
    yield "masked language model", model, (), ids
    yield "masked language model and loss", Objective(model, ignore=-1), (), ids | mask | words
    routed = Objective(Headed(body=_routed(rng, ids), head=head), balance=0.1)
    yield "language model and loss, mixture of experts", routed, (), ids | {"labels": ids["tokens"]}
    body = Stack.init(rng, BlockSettings(width=8, heads=2, hidden=6), 1)
    model = _generic(rng, Headed(body=body, head=LanguageModelHead.init(rng, 8, 7)))
    yield "embedded input", model, (rng.normal(size=(2, 5, 8)),), mask
