"""Cross-entropy of targets under the softmax of logits, in one piece.  Derivation: specs/losses/cross_entropy.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import as_array, expect_beside, integers, spread
from reference.core.shapes import (
    expect_choice,
    expect_floating,
    expect_ids,
    expect_integers,
    expect_nonnegative,
    expect_share,
    expect_whole_number,
)

REDUCTIONS = ("mean", "sum", "none")


def cross_entropy(
    logits: np.ndarray,
    *,
    targets: np.ndarray,
    ignore: int | None = None,
    smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> np.ndarray:
    """Map logits (..., V) and target ids (...,) to the loss (), or that of each position (...)."""
    loss, _ = cross_entropy_vjp(
        logits, targets=targets, ignore=ignore, smoothing=smoothing, z_loss=z_loss, reduction=reduction
    )
    return loss


def cross_entropy_vjp(
    logits: np.ndarray,
    *,
    targets: np.ndarray,
    ignore: int | None = None,
    smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> tuple[np.ndarray, Callable[[np.ndarray | float], np.ndarray]]:
    """Return the loss () and the pullback dloss -> dlogits (..., V); of reduction 'none' loss and dloss are (...).

    A position counts unless its target is `ignore`; one that does not is never looked at.
    The target distribution is (1 - smoothing) on the target id plus smoothing / V on every
    id.  `z_loss` times the square of the log of the softmax's denominator is added to the cost
    of each position.  The loss is the sum over the positions that count, or their mean; 0 if
    none does.  Of reduction 'none' it is the cost of each position, 0 where it does not count.

    Raises:
        TypeError: logits is not a floating or complex array, targets not an integer one, ignore no
            whole number, smoothing or z_loss no number, or reduction no word.
        ValueError: V is 0, the shapes do not match, a target that counts is outside [0, V),
            smoothing is outside [0, 1), z_loss is negative or not finite, or reduction is
            neither 'mean', 'sum' nor 'none'.

    Source: Szegedy et al. 2016, "Rethinking the Inception architecture", sec. 7; z_loss:
    Chowdhery et al. 2022 (arXiv:2204.02311), sec. 5.

    >>> loss, pullback = cross_entropy_vjp(np.log([[1.0, 2, 5]]), targets=np.array([1]))
    >>> np.exp(loss).round(12).item(), pullback(1.0).round(12).tolist()
    (4.0, [[0.125, -0.75, 0.625]])
    """
    counts = _expect_arguments(logits, targets, ignore, smoothing, z_loss, reduction)  # (...,)
    z = logits[counts]                                  # (N, V), a copy of our own
    n, v = z.shape
    rows, y = integers(range(n), z), targets[counts]    # (N,), (N,)
    a, b = float(smoothing), float(z_loss)

    m = z.real.max(axis=-1, keepdims=True)              # (N, 1)
    z -= m                                              # (N, V)    # (cross_entropy.1)
    hit = (1 - a) * z[rows, y] + (a / v * z.sum(axis=-1) if a else 0.0)  # (N,)  # (cross_entropy.2)
    e = np.exp(z, out=z)                                # (N, V)    # (cross_entropy.3)
    total = e.sum(axis=-1)                              # (N,)      # (cross_entropy.4)
    share = 1 / max(n, 1) if reduction == "mean" else 1.0           # (cross_entropy.5)
    each, cost = reduction == "none", np.log(total) - hit
    loss = spread(cost, counts)                         # (...)     # (cross_entropy.14)
    if not each:
        loss = as_array(cost.sum() * share)             # ()        # (cross_entropy.6)
    if b:
        log_z = np.log(total) + m[:, 0]                 # (N,)      # (cross_entropy.7)
        if each:
            loss = as_array(loss + spread(b * log_z * log_z, counts))   # (cross_entropy.15)
        else:
            loss = as_array(loss + b * (log_z * log_z).sum() * share)  # (cross_entropy.8)
    p = np.divide(e, total[:, None], out=e)             # (N, V)    # (cross_entropy.9)
    shape = logits.shape

    def pullback(dloss: np.ndarray | float) -> np.ndarray:
        if each:
            c = as_array(dloss)[counts]                 # (N,)      # (cross_entropy.16)
            c = c[:, None]
        else:
            c = dloss * share                           # ()        # (cross_entropy.10)
        k = c * (1 + 2 * b * log_z)[:, None] if b else c            # (cross_entropy.11)
        dz = k * p                                      # (N, V)
        if a:
            dz -= c * a / v
        dz[rows[:, None], y[:, None]] -= c * (1 - a)                # (cross_entropy.12)
        if n == counts.size:  # nothing to put zeros between
            return dz.reshape(shape)
        return spread(dz, counts)                       # (..., V)  # (cross_entropy.13)

    return loss, pullback


def _expect_arguments(
    logits: np.ndarray, targets: np.ndarray, ignore: int | None, smoothing: float, z_loss: float, reduction: str
) -> np.ndarray:
    """Raise unless the arguments fit; return where a position counts (...,)."""
    where = "cross_entropy"
    expect_logits(where, logits)
    expect_share(where, "smoothing", smoothing)
    expect_nonnegative(where, "z_loss", z_loss)
    expect_choice(where, "reduction", reduction, REDUCTIONS)
    return expect_one_for_each(where, targets, ignore, logits)


def expect_logits(where: str, logits: Any) -> None:
    """Raise unless `logits` is a floating or complex array (..., V) with V at least 1."""
    expect_floating(where, "logits", logits)
    if logits.ndim < 1 or logits.shape[-1] < 1:
        raise ValueError(f"{where}: logits must have shape (..., V) with V at least 1, got {logits.shape}")


def expect_one_for_each(where: str, targets: Any, ignore: Any, logits: Any) -> np.ndarray:
    """Raise unless `targets` has an id for each position of logits (..., V); return where one counts (...,)."""
    expect_integers(where, "targets", targets)
    if targets.shape != logits.shape[:-1]:
        raise ValueError(f"{where}: targets must have shape {logits.shape[:-1]}, got {targets.shape}")
    expect_beside(where, "targets", targets, logits)
    return expect_targets(where, "targets", targets, ignore, logits.shape[-1])


def expect_targets(where: str, name: str, targets: Any, ignore: Any, bound: int) -> np.ndarray:
    """Raise unless every target that is not `ignore` is an id in [0, bound); return where a position counts (...,)."""
    expect_integers(where, name, targets)
    if ignore is None:
        counts = np.ones_like(targets, dtype=bool)
    else:
        expect_whole_number(where, "ignore", ignore)
        counts = as_array(targets != ignore)
    expect_ids(where, name, np.where(counts, targets, 0), bound)
    return counts


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    logits, targets = rng.normal(size=(2, 3, 7)), rng.integers(7, size=(2, 3))
    padded = np.where([[True, True, True], [True, False, False]], targets, -1)
    yield "mean of (2, 3, 7)", cross_entropy_vjp, (logits,), {"targets": targets}
    yield "sum, ignored", cross_entropy_vjp, (logits,), {"targets": padded, "ignore": -1, "reduction": "sum"}
    yield "mean, ignored, smoothed", cross_entropy_vjp, (logits,), {"targets": padded, "ignore": -1, "smoothing": 0.1}
    yield "mean, ignored, z-loss", cross_entropy_vjp, (logits,), {"targets": padded, "ignore": -1, "z_loss": 0.3}
    each = {"targets": padded, "ignore": -1, "smoothing": 0.1, "z_loss": 0.3, "reduction": "none"}
    yield "each of (2, 3, 7), ignored, smoothed, z-loss", cross_entropy_vjp, (logits,), each
