"""Cross-entropy in which each class has a weight.  Derivation: specs/losses/weighted_cross_entropy.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import as_array, expect_beside, integers, on_host, spread
from reference.core.shapes import expect_choice, expect_real, expect_shape, expect_share
from reference.core.sums import row_maxima
from reference.functions.logsumexp import logsumexp_vjp
from reference.losses.cross_entropy import REDUCTIONS, expect_logits, expect_one_for_each


def weighted_cross_entropy(
    logits: np.ndarray,
    *,
    targets: np.ndarray,
    weights: np.ndarray,
    ignore: int | None = None,
    smoothing: float = 0.0,
    reduction: str = "mean",
) -> np.ndarray:
    """Map logits (..., V), target ids (...) and weights (V,) to the loss (), or that of each position (...)."""
    loss, _ = weighted_cross_entropy_vjp(
        logits, targets=targets, weights=weights, ignore=ignore, smoothing=smoothing, reduction=reduction
    )
    return loss


def weighted_cross_entropy_vjp(
    logits: np.ndarray,
    *,
    targets: np.ndarray,
    weights: np.ndarray,
    ignore: int | None = None,
    smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[np.ndarray, Callable[[np.ndarray | float], np.ndarray]]:
    """Return the loss () and the pullback dloss -> dlogits (..., V); of reduction 'none' loss and dloss are (...).

    A position counts unless its target is `ignore`; one that does not is never looked at.  What the target
    distribution, as in `cross_entropy_vjp`, asks of class i costs `weights[i]` times as much.  The loss is the
    sum over the positions that count, or that divided by the sum of the weights of their targets, 0 if that is 0,
    or the cost of each position, 0 where it does not count.

    Raises:
        TypeError: logits is not a floating or complex array, weights not a real one, targets not an integer
            one, ignore no whole number, smoothing no number, or reduction no word.
        ValueError: V is 0, the shapes do not match, a target that counts is outside [0, V), a weight is
            negative or not finite, smoothing is outside [0, 1), or reduction is neither 'mean', 'sum' nor 'none'.

    Source: King & Zeng 2001, "Logistic regression in rare events data", eq. 8; the mean and the
    smoothing as in PyTorch's `cross_entropy` with `weight`.
    """
    counts = _expect_arguments(logits, targets, weights, ignore, smoothing, reduction)  # (...)
    z = logits[counts]                                  # (N, V), a copy of our own
    n, v = z.shape
    rows, y = integers(range(n), z), targets[counts]    # (N,), (N,)
    a, w = float(smoothing), weights.astype(z.real.dtype, copy=False)   # (), (V,)

    m = row_maxima(z.real)                              # (N, 1)    # (weighted_cross_entropy.17)
    z -= m                                              # (N, V)    # (weighted_cross_entropy.1)
    l, logsumexp_pullback = logsumexp_vjp(z)            # (N,)      # (weighted_cross_entropy.2)
    u = (1 - a) * w[y] + (a / v * w.sum() if a else 0.0)            # (weighted_cross_entropy.3)
    even = a / v * _times(w, z).sum(axis=-1) if a else 0.0
    hit = (1 - a) * _times(w[y], z[rows, y]) + even     # (N,)      # (weighted_cross_entropy.4)
    cost = u * l - hit                                  # (N,)      # (weighted_cross_entropy.5)
    each, total = reduction == "none", as_array(w[y].sum())
    mean = np.where(total > 0, 1 / np.where(total > 0, total, 1), 0)  # (weighted_cross_entropy.6)
    share = mean if reduction == "mean" else np.ones_like(mean)     # (weighted_cross_entropy.7)
    loss = spread(cost, counts)                         # (...)     # (weighted_cross_entropy.9)
    if not each:
        loss = as_array(cost.sum() * share)             # ()        # (weighted_cross_entropy.8)

    def pullback(dloss: np.ndarray | float) -> np.ndarray:
        if each:
            c = as_array(dloss)[counts]                 # (N,)      # (weighted_cross_entropy.11)
        else:
            c = dloss * share                           # ()        # (weighted_cross_entropy.10)
            c = c * np.ones_like(u)
        dl = c * u                                      # (N,)      # (weighted_cross_entropy.12)
        dz = logsumexp_pullback(dl)                     # (N, V)    # (weighted_cross_entropy.13)
        dz = dz - (a / v * c)[:, None] * w if a else dz             # (weighted_cross_entropy.14)
        dz[rows, y] -= (1 - a) * c * w[y]                           # (weighted_cross_entropy.15)
        return spread(dz, counts)                       # (..., V)  # (weighted_cross_entropy.16)

    return loss, pullback


def _times(w: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return w z, and 0 where w is: a class without a weight may be excluded by a logit of -inf."""
    return w * np.where(w != 0, z, 0)


def _expect_arguments(
    logits: Any, targets: Any, weights: Any, ignore: int | None, smoothing: float, reduction: str
) -> np.ndarray:
    """Raise unless the arguments fit; return where a position counts (...,)."""
    where = "weighted_cross_entropy"
    expect_logits(where, logits)
    expect_weights(where, weights, logits.shape[-1])
    expect_beside(where, "weights", weights, logits)
    expect_share(where, "smoothing", smoothing)
    expect_choice(where, "reduction", reduction, REDUCTIONS)
    return expect_one_for_each(where, targets, ignore, logits)


def expect_weights(where: str, weights: Any, vocabulary: int | str) -> None:
    """Raise unless `weights` is a real array (V,) of numbers that are finite and at least 0."""
    expect_shape(where, "weights", weights, (vocabulary,))
    expect_real(where, "weights", weights)
    if on_host(weights) and not (good := (weights >= 0) & (weights < np.inf)).all():
        raise ValueError(f"{where}: weights must be finite and at least 0, got {weights[~good][0]}")


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    logits, targets, weights = rng.normal(size=(2, 3, 7)), rng.integers(7, size=(2, 3)), rng.uniform(0.2, 3, size=7)
    padded = np.where([[True, True, True], [True, False, False]], targets, -1)
    given = {"targets": padded, "ignore": -1, "weights": weights, "smoothing": 0.1}
    yield "mean of (2, 3, 7)", weighted_cross_entropy_vjp, (logits,), {"targets": targets, "weights": weights}
    yield "mean, ignored, smoothed", weighted_cross_entropy_vjp, (logits,), given
    yield "sum, ignored, smoothed", weighted_cross_entropy_vjp, (logits,), given | {"reduction": "sum"}
    yield "each, ignored, smoothed", weighted_cross_entropy_vjp, (logits,), given | {"reduction": "none"}
