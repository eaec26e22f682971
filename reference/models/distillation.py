"""A model that learns from labels and from another model's logits.  Derivation: specs/models/distillation.md.

B batch, T positions, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self

import numpy as np

from reference.core import tree
from reference.core.arrays import as_array, expect_beside, number_like, on_host
from reference.core.families import TransformerSettings
from reference.core.kinds import AboveZero, Finite
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import join, split, width_of
from reference.core.shapes import expect_real, expect_shape, expect_unit
from reference.losses.cross_entropy import cross_entropy, cross_entropy_vjp
from reference.losses.kl_divergence import kl_divergence, kl_divergence_vjp
from reference.models.encoder import RESIDUALS
from reference.models.objective import expect_labels
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer


class Distillation(Layer):
    """loss = (1 - share) cross_entropy(model(...), labels) + share t^2 KL(teacher || model(...)) at temperature t."""

    model: Layer  # the student
    temperature: AboveZero
    share: Annotated[float, expect_unit]  # of the teacher
    ignore: int | None = None
    reduction: Literal["mean", "sum"] = "mean"
    balance: Finite = 0.0

    def vjp(
        self, *, labels: np.ndarray, teacher_logits: np.ndarray, **inputs: Any
    ) -> tuple[np.ndarray, Callable[[np.ndarray | float], tuple[Self]]]:
        """Map labels, ids (B, T), the teacher's logits (B, T, V) and what the model takes to the loss ().

        Where a label is `ignore` neither label nor teacher counts.  The teacher is a constant.  Of a
        model that says one thing of a whole sequence, labels have shape (B,) and the teacher's logits
        (B, V).  The model's auxiliary outputs are added `balance` times, as in Objective.

        Raises:
            TypeError: ids are not integer arrays, teacher_logits not a real one, or whatever else the model refuses.
            ValueError: an id is outside its vocabulary, or the shapes do not fit together.

        Source: Hinton, Vinyals & Dean 2015 (arXiv:1503.02531), sec. 2.
        """
        self._expect_arguments(labels, teacher_logits, inputs)
        of_labels, of_teacher = self._constants(labels, teacher_logits)
        out, model_pullback = self.model.vjp(**inputs)
        logits, auxiliary = split(out)                                  # (B, T, V)  # (distillation.1)
        hard, hard_pullback = cross_entropy_vjp(logits, **of_labels)    # ()         # (distillation.2)
        soft, soft_pullback = kl_divergence_vjp(logits, **of_teacher)   # ()         # (distillation.3)
        label_weight, teacher_weight = self._weights()
        loss = as_array(label_weight * hard + teacher_weight * soft)  # ()         # (distillation.5)
        for a in auxiliary:
            loss = loss + self.balance * a                              # ()         # (distillation.6)

        def pullback(dloss: np.ndarray | float) -> tuple[Self]:
            dhard = label_weight * dloss                                # ()         # (distillation.7)
            dsoft = teacher_weight * dloss                              # ()         # (distillation.8)
            dlogits = hard_pullback(dhard) + soft_pullback(dsoft)       # (B, T, V)  # (distillation.9)
            dauxiliary = tuple(number_like(a, self.balance * dloss) for a in auxiliary)  # (distillation.10)
            (d_model,) = model_pullback(join(dlogits, dauxiliary))                   # (distillation.11)
            return (self.cotangent(model=d_model),)

        return loss, pullback

    def __call__(self, *, labels: np.ndarray, teacher_logits: np.ndarray, **inputs: Any) -> np.ndarray:
        """Return the loss (), holding the residuals of one block at a time."""
        self._expect_arguments(labels, teacher_logits, inputs)
        of_labels, of_teacher = self._constants(labels, teacher_logits)
        logits, auxiliary = split(self.model(**inputs))
        label_weight, teacher_weight = self._weights()
        hard, soft = cross_entropy(logits, **of_labels), kl_divergence(logits, **of_teacher)
        loss = as_array(label_weight * hard + teacher_weight * soft)
        for a in auxiliary:
            loss = loss + self.balance * a
        return loss

    def _weights(self) -> tuple[float, float]:
        """Return the weights of labels and teacher: Python's floats, which leave the dtype of the model alone."""
        share, t = float(self.share), float(self.temperature)
        return 1 - share, share * t * t                                 # (), ()     # (distillation.4)

    def _constants(self, labels: np.ndarray, teacher_logits: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the two losses take beside the logits; the same positions count in both."""
        counts = None if self.ignore is None else as_array(labels != self.ignore)
        of_labels = {"targets": labels, "ignore": self.ignore}
        of_teacher = {"target_logits": teacher_logits, "temperature": self.temperature, "mask": counts}
        return of_labels | {"reduction": self.reduction}, of_teacher | {"reduction": self.reduction}

    def _expect_arguments(self, labels: Any, teacher_logits: Any, inputs: dict[str, Any]) -> None:
        where = "Distillation"
        expect_labels(where, labels, inputs, self.model, self.ignore)
        expect_shape(where, "teacher_logits", teacher_logits, (*labels.shape, width_of(self.model) or "V"))
        expect_real(where, "teacher_logits", teacher_logits)
        if not on_host(labels):
            expect_beside(where, "teacher_logits", teacher_logits, labels)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids: dict[str, Any] = {"source": rng.integers(7, size=(2, 5)), "target": rng.integers(7, size=(2, 4))}
    ids |= {"labels": np.array([[3, 0, 6, 2], [5, 1, -1, -1]]), "teacher_logits": rng.normal(size=(2, 4, 7))}
    masked = {"source_mask": padding(np.array([5, 3]), 5)}
    sizes: dict[str, Any] = {"vocabulary": 7, "width": 8, "hidden": 6}
    for kind, settings, seen in (
        (Transformer, TransformerSettings(**sizes, heads=4), masked),
        (TiedTransformer, TransformerSettings(**sizes, heads=1, norm="post", embeddings="tied"), {}),
    ):
        model = kind.init(rng, settings)
        model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
        subject = Distillation(model=model, temperature=2.5, share=0.3, ignore=-1)
        residual, heads = RESIDUALS[settings.norm], settings.heads
        name = f"{kind.__name__}, {residual.__name__}, heads {heads}{', masked' if seen else ''}"
        yield name, subject, (), ids | seen
