"""A whole model and its loss as one layer.  Derivation: specs/models/objective.md.

B batch, T positions, V vocabulary.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, Self

import numpy as np

from reference.core import tree
from reference.core.arrays import expect_beside, is_array, number_like, on_host
from reference.core.families import Norm, TransformerSettings
from reference.core.kinds import Finite, Nonnegative, Share
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import join, split, width_of
from reference.core.shapes import expect_integers, expect_shape
from reference.losses.cross_entropy import cross_entropy_vjp, expect_targets
from reference.losses.soft_cross_entropy import soft_cross_entropy_vjp
from reference.losses.weighted_cross_entropy import expect_weights, weighted_cross_entropy_vjp
from reference.models.encoder import RESIDUALS
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer


def token_loss_vjp(
    logits: np.ndarray, *, targets: np.ndarray, weights: np.ndarray | None = None, **settings: Any
) -> tuple[np.ndarray, Callable[[np.ndarray | float], np.ndarray]]:
    """Return the cross-entropy of ids, with weights (V,) for classes the weighted one, or that of distributions.

    `settings` are ignore, smoothing, reduction and z_loss; weights take no z_loss, distributions but the reduction.
    """
    if targets.dtype.kind == "f":
        return soft_cross_entropy_vjp(logits, targets=targets, reduction=settings["reduction"])
    if weights is None:
        return cross_entropy_vjp(logits, targets=targets, **settings)
    given = {name: setting for name, setting in settings.items() if name != "z_loss"}
    return weighted_cross_entropy_vjp(logits, targets=targets, weights=weights, **given)


class Objective(Layer):
    """loss = cross_entropy(model(...), labels) + balance * (the sum of the model's auxiliary outputs)."""

    model: Layer
    ignore: int | None = None
    smoothing: Share = 0.0
    reduction: Literal["mean", "sum"] = "mean"
    z_loss: Nonnegative = 0.0
    balance: Finite = 0.0

    def vjp(
        self, *, labels: np.ndarray, weights: np.ndarray | None = None, **inputs: Any
    ) -> tuple[np.ndarray, Callable[[np.ndarray | float], tuple[Self]]]:
        """Map labels, ids of shape (B, T), and what the model takes (ids, masks, a generator) to the loss ().

        Label t is what the model should say at position t, and nothing counts where it is
        `ignore`; a model that says one thing of a whole sequence has labels (B,).  `weights` (V,)
        are those of the classes.  Labels (B, T, V), or (B, V), are distributions.

        Raises:
            TypeError: ids are not integer arrays, or whatever else the model refuses.
            ValueError: an id is outside its vocabulary, the shapes do not fit together, or there is a
                z_loss with weights, or with distributions any of ignore, smoothing, z_loss and weights.

        Source: Vaswani et al. 2017, sec. 5.4 (label smoothing); Fedus et al. 2021 (arXiv:2101.03961), eq. 4 (balance).
        """
        self._expect_labels(labels, weights, inputs)
        out, model_pullback = self.model.vjp(**inputs)
        logits, auxiliary = split(out)                          # (B, T, V)  # (objective.1)
        loss, loss_pullback = token_loss_vjp(logits, targets=labels, weights=weights, **self._settings)  # (objective.2)
        for a in auxiliary:
            loss = loss + self.balance * a                      # ()         # (objective.3)

        def pullback(dloss: np.ndarray | float) -> tuple[Self]:
            dlogits = loss_pullback(dloss)                      # (B, T, V)  # (objective.4)
            dauxiliary = tuple(number_like(a, self.balance * dloss) for a in auxiliary)        # (objective.5)
            (d_model,) = model_pullback(join(dlogits, dauxiliary))           # (objective.6)
            return (self.cotangent(model=d_model),)

        return loss, pullback

    def __call__(self, *, labels: np.ndarray, weights: np.ndarray | None = None, **inputs: Any) -> np.ndarray:
        """Return the loss (), holding the residuals of one block at a time."""
        self._expect_labels(labels, weights, inputs)
        logits, auxiliary = split(self.model(**inputs))
        loss, _ = token_loss_vjp(logits, targets=labels, weights=weights, **self._settings)
        for a in auxiliary:
            loss = loss + self.balance * a
        return loss

    def _expect_labels(self, labels: Any, weights: Any, inputs: dict[str, Any]) -> None:
        soft = are_distributions(labels, inputs, self.model)
        if soft and weights is not None:
            raise ValueError("Objective: weights must be None with distributions as labels, got some")
        for name, none in (("z_loss", 0.0), ("ignore", None), ("smoothing", 0.0)):
            value = getattr(self, name)
            if value != none and (soft or (name == "z_loss" and weights is not None)):
                beside = "distributions as labels" if soft else "weights"
                raise ValueError(f"Objective: {name} must be {none} with {beside}, got {value}")
        if soft:
            expect_distributions("Objective", labels, inputs, self.model)
        else:
            expect_labels("Objective", labels, inputs, self.model, self.ignore)
        if weights is not None:
            expect_weights("Objective", weights, width_of(self.model) or "V")
            expect_beside("Objective", "weights", weights, labels)

    @property
    def _settings(self) -> dict[str, Any]:
        names = ("ignore", "smoothing", "reduction", "z_loss")
        return {name: getattr(self, name) for name in names}


def are_distributions(labels: Any, inputs: dict[str, Any], model: Any) -> bool:
    """Whether labels are numbers for the ids of the vocabulary, and not ids that are no integers."""
    if not is_array(labels) or labels.dtype.kind != "f":
        return False
    return labels.shape != getattr(_ids(inputs)[1], "shape", None) or labels.shape[-1:] == (width_of(model),)


def expect_distributions(where: str, labels: Any, inputs: dict[str, Any], model: Any) -> None:
    """Raise unless `labels` has the shape of the ids in `inputs`, or of `tokens` without T, and an axis of length V."""
    name, ids = _ids(inputs)
    if is_array(ids):
        shape = ids.shape[:1] if name == "tokens" and labels.ndim == 2 else ids.shape
        expect_shape(where, "labels", labels, (*shape, width_of(model) or "V"))
        if not on_host(ids):
            expect_beside(where, "labels", labels, ids)


def _ids(inputs: dict[str, Any]) -> tuple[str, Any]:
    """Return the name of the ids to which the labels belong, and the ids."""
    name = "target" if "target" in inputs else "tokens"
    return name, inputs.get(name, np.zeros(()))


def expect_labels(where: str, labels: Any, inputs: dict[str, Any], model: Any, ignore: int | None) -> None:
    """Raise unless `labels` has the shape of the ids in `inputs`: `target`, or `tokens`, of which (B,) will do.

    And each that is not `ignore` is an id, where `model` says how many there are.
    """
    expect_integers(where, "labels", labels)
    name, ids = _ids(inputs)
    if is_array(ids) and labels.shape != ids.shape and (name == "target" or labels.shape != ids.shape[:1]):
        raise ValueError(f"{where}: labels must have the shape of {name}, {ids.shape}, got {labels.shape}")
    if not on_host(ids):
        expect_beside(where, "labels", labels, ids)
    if (vocabulary := width_of(model)) is not None:
        expect_targets(where, "labels", labels, ignore, vocabulary)


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    ids = {"source": rng.integers(7, size=(2, 5)), "target": rng.integers(7, size=(2, 4))}
    ids["labels"] = np.array([[3, 0, 6, 2], [5, 1, -1, -1]])
    mask = padding(np.array([5, 3]), 5)
    sizes: dict[str, Any] = {"vocabulary": 7, "width": 8, "hidden": 6}
    cases: tuple[tuple[Norm, int, dict], ...] = (("pre", 4, {"source_mask": mask}), ("post", 1, {}))
    for kind, embeddings in ((Transformer, "separate"), (TiedTransformer, "tied")):
        for norm, heads, seen in cases:
            more: dict[str, Any] = {"heads": heads, "norm": norm, "embeddings": embeddings}
            model = kind.init(rng, TransformerSettings(**sizes, **more))
            model = tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), model)
            subject = Objective(model=model, ignore=-1, smoothing=0.1)
            name = f"{kind.__name__}, {RESIDUALS[norm].__name__}, heads {heads}{', masked' if seen else ''}"
            yield name, subject, (), ids | seen
    weights, soft = rng.uniform(0.3, 2, size=7), rng.dirichlet(np.ones(7), size=(2, 4))
    yield "weighted classes", subject, (), ids | {"weights": weights}
    yield "distributions", Objective(model=model), (), ids | {"labels": soft}
