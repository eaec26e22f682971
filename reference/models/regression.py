"""A model and the mean of its squared errors as one layer.  Derivation: specs/models/regression.md.

B batch, T positions, C numbers that the model says.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

import numpy as np

from reference.core import tree
from reference.core.arrays import expect_beside, is_array, number_like, on_host
from reference.core.families import Norm, TransformerSettings
from reference.core.kinds import Finite
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import join, split, width_of
from reference.core.shapes import expect_boolean, expect_floating, expect_real, expect_shape
from reference.layers.linear import Linear
from reference.losses.mean_squared_error import mean_squared_error, mean_squared_error_vjp
from reference.models.encoder import RESIDUALS
from reference.models.transformer import Transformer


class Regression(Layer):
    """loss = mean_squared_error(model(...), labels) + balance * (the sum of the model's auxiliary outputs)."""

    model: Layer
    reduction: Literal["mean", "sum"] = "mean"
    balance: Finite = 0.0

    def vjp(
        self, *, labels: np.ndarray, counts: np.ndarray | None = None, **inputs: Any
    ) -> tuple[np.ndarray, Callable[[np.ndarray | float], tuple[Self]]]:
        """Map labels, real numbers (B, T, C), and what the model takes (ids, masks, a generator) to the loss ().

        A model that speaks of a whole sequence has labels (B, C).  `counts` is boolean, True where
        a label counts, and has the shape of the first axes of labels: (B,), (B, T) or all of them.

        Raises:
            TypeError: labels is not a floating array, counts not a boolean one, or whatever else the model refuses.
            ValueError: the shapes do not fit together, or whatever else the model refuses.

        Source: Bishop 2006, "Pattern recognition and machine learning", sec. 5.2.
        """
        _expect_arguments(labels, counts, inputs, self.model)
        out, model_pullback = self.model.vjp(**inputs)
        y, auxiliary = split(out)                                   # (B, T, C)  # (regression.1)
        constants: dict[str, Any] = {"target": labels, "mask": counts, "reduction": self.reduction}
        loss, errors_pullback = mean_squared_error_vjp(y, **constants)           # (regression.2)
        for a in auxiliary:
            loss = loss + self.balance * a                          # ()         # (regression.3)

        def pullback(dloss: np.ndarray | float) -> tuple[Self]:
            dy = errors_pullback(dloss)                             # (B, T, C)  # (regression.4)
            dauxiliary = tuple(number_like(a, self.balance * dloss) for a in auxiliary)  # (regression.5)
            (d_model,) = model_pullback(join(dy, dauxiliary))                    # (regression.6)
            return (self.cotangent(model=d_model),)

        return loss, pullback

    def __call__(self, *, labels: np.ndarray, counts: np.ndarray | None = None, **inputs: Any) -> np.ndarray:
        """Return the loss (), holding the residuals of one block at a time."""
        _expect_arguments(labels, counts, inputs, self.model)
        y, auxiliary = split(self.model(**inputs))
        loss = mean_squared_error(y, target=labels, mask=counts, reduction=self.reduction)
        for a in auxiliary:
            loss = loss + self.balance * a
        return loss


def _expect_arguments(labels: Any, counts: Any, inputs: dict[str, Any], model: Any) -> None:
    """Raise unless labels and counts fit the ids: `target`, or `tokens`, of which the first axis will do."""
    name = "target" if "target" in inputs else "tokens"
    expect_floating("Regression", "labels", labels)
    expect_real("Regression", "labels", labels)
    ids = inputs.get(name, np.zeros(()))
    if is_array(ids):  # else the model says what it must be
        rows = ids.shape[:1] if name == "tokens" and labels.ndim == 2 else ids.shape
        expect_shape("Regression", "labels", labels, (*rows, width_of(model) or "C"))
        if not on_host(ids):
            expect_beside("Regression", "labels", labels, ids)
    if counts is None:
        return
    expect_boolean("Regression", "counts", counts)
    expect_beside("Regression", "counts", counts, labels)
    if counts.shape != labels.shape[: counts.ndim]:
        want = f"the shape of the first axes of labels, {labels.shape}"
        raise ValueError(f"Regression: counts must have {want}, got {counts.shape}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids: dict[str, Any] = {"source": rng.integers(7, size=(2, 5)), "target": rng.integers(7, size=(2, 4))}
    ids |= {"labels": rng.normal(size=(2, 4, 3))}
    counts = np.array([[True, True, True, True], [True, True, False, False]])
    cases: tuple[tuple[Norm, int, dict], ...] = (
        ("pre", 4, {"counts": counts, "source_mask": padding(np.array([5, 3]), 5)}),
        ("post", 1, {}),
    )
    for norm, heads, seen in cases:
        model = Transformer.init(rng, TransformerSettings(vocabulary=7, width=8, heads=heads, hidden=6, norm=norm))
        model = Transformer(model.source_embedding, model.target_embedding, model.body, Linear.init(rng, 8, 3))
        model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
        name = f"Transformer, {RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
        yield name, Regression(model=model), (), ids | seen
