"""A whole model and its loss as one layer.  Derivation: specs/models/objective.md.

B batch, S positions of the source, T positions of the target, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.layers.residual import PostNorm, PreNorm
from reference.losses.cross_entropy import cross_entropy, cross_entropy_vjp
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer


class Objective(Layer):
    """loss = cross_entropy(model(source, target), labels)."""

    model: Layer
    ignore: int | None = None
    smoothing: float = 0.0
    reduction: str = "mean"

    def vjp(
        self,
        *,
        source: np.ndarray,
        target: np.ndarray,
        labels: np.ndarray,
        source_mask: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Callable[[np.ndarray | float], tuple[Self]]]:
        """Map source (B, S), target (B, T) and labels (B, T), all token ids, to the loss ().

        Label t is the token that should follow target t; where it is `ignore` nothing counts.

        Raises:
            TypeError: ids are not integer arrays, or the mask is not boolean.
            ValueError: an id is outside its vocabulary, or the shapes do not fit together.

        Source: Vaswani et al. 2017, sec. 5.4 (label smoothing).
        """
        _expect_labels(labels, target)
        logits, model_pullback = self.model.vjp(                # (B, T, V)  # (objective.1)
            source=source, target=target, source_mask=source_mask
        )
        loss, cross_entropy_pullback = cross_entropy_vjp(       # ()         # (objective.2)
            logits, targets=labels, ignore=self.ignore, smoothing=self.smoothing, reduction=self.reduction
        )

        def pullback(dloss: np.ndarray | float) -> tuple[Self]:
            dlogits = cross_entropy_pullback(dloss)             # (B, T, V)  # (objective.3)
            (d_model,) = model_pullback(dlogits)                             # (objective.4)
            return (self.cotangent(model=d_model),)

        return loss, pullback

    def __call__(
        self,
        *,
        source: np.ndarray,
        target: np.ndarray,
        labels: np.ndarray,
        source_mask: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the loss (), holding the residuals of one block at a time."""
        _expect_labels(labels, target)
        logits = self.model(source=source, target=target, source_mask=source_mask)
        return cross_entropy(
            logits, targets=labels, ignore=self.ignore, smoothing=self.smoothing, reduction=self.reduction
        )


def _expect_labels(labels: Any, target: Any) -> None:
    if np.shape(labels) != np.shape(target):
        raise ValueError(f"Objective: labels must have the shape of target, {np.shape(target)}, got {np.shape(labels)}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids = {"source": rng.integers(7, size=(2, 5)), "target": rng.integers(7, size=(2, 4))}
    ids["labels"] = np.array([[3, 0, 6, 2], [5, 1, -1, -1]])
    mask = padding(np.array([5, 3]), 5)
    for kind in (Transformer, TiedTransformer):
        for residual, heads, seen in ((PreNorm, 4, {"source_mask": mask}), (PostNorm, 1, {})):
            model = kind.init(rng, 7, 8, heads, 6, 1, 1, residual)
            model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
            subject = Objective(model=model, ignore=-1, smoothing=0.1)
            name = f"{kind.__name__}, {residual.__name__}, heads {heads}{', masked' if seen else ''}"
            yield name, subject, (), ids | seen
