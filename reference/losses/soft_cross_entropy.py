"""Cross-entropy of distributions under the softmax of logits.  Derivation: specs/losses/soft_cross_entropy.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import as_array, expect_beside, on_host, spread
from reference.core.shapes import expect_boolean, expect_choice, expect_real, expect_shape
from reference.functions.log_softmax import log_softmax_vjp
from reference.losses.cross_entropy import REDUCTIONS, expect_logits


def soft_cross_entropy(
    logits: np.ndarray, *, targets: np.ndarray, mask: np.ndarray | None = None, reduction: str = "mean"
) -> np.ndarray:
    """Map logits and target distributions (..., V) to the loss (), or that of each position (...)."""
    loss, _ = soft_cross_entropy_vjp(logits, targets=targets, mask=mask, reduction=reduction)
    return loss


def soft_cross_entropy_vjp(
    logits: np.ndarray, *, targets: np.ndarray, mask: np.ndarray | None = None, reduction: str = "mean"
) -> tuple[np.ndarray, Callable[[np.ndarray | float], np.ndarray]]:
    """Return the loss () and the pullback dloss -> dlogits (..., V); of reduction 'none' loss and dloss are (...).

    At a position it is -sum_i targets_i log softmax(logits)_i, where a target of 0 costs nothing even if its
    logit is -inf.  Targets are constants of at least 0 and need not add up to 1: multiplied by the weights of
    classes (V,) they are weighted.  `mask` (...) is boolean, True where a position counts; one that does not is
    never looked at.  The loss is the sum over the positions that count, or their mean, 0 if none does, or the
    cost of each position, 0 where it does not count.

    Raises:
        TypeError: logits is not a floating or complex array, targets not a real one, mask not a boolean
            one, or reduction no word.
        ValueError: V is 0, the shapes do not match, a target that counts is negative or not finite, or
            reduction is neither 'mean', 'sum' nor 'none'.

    Source: Szegedy et al. 2016, "Rethinking the Inception architecture", sec. 7, with q for the targets.
    """
    counts = _expect_arguments(logits, targets, mask, reduction)  # (...)
    z = logits[counts]                                  # (N, V)    # (soft_cross_entropy.11)
    q = targets[counts].astype(z.real.dtype, copy=False)  # (N, V)

    s, log_softmax_pullback = log_softmax_vjp(z)        # (N, V)    # (soft_cross_entropy.1)
    terms = q * np.where(q > 0, s, 0)  # a logit of -inf excludes a class
    cost = -terms.sum(axis=-1)                          # (N,)      # (soft_cross_entropy.2)
    each = reduction == "none"
    share = 1 / max(len(z), 1) if reduction == "mean" else 1.0      # (soft_cross_entropy.3)
    loss = spread(cost, counts)                         # (...)     # (soft_cross_entropy.5)
    if not each:
        loss = as_array(cost.sum() * share)             # ()        # (soft_cross_entropy.4)

    def pullback(dloss: np.ndarray | float) -> np.ndarray:
        if each:
            c = as_array(dloss)[counts]                 # (N,)      # (soft_cross_entropy.7)
            c = c[:, None]
        else:
            c = dloss * share                           # ()        # (soft_cross_entropy.6)
        ds = -c * q                                     # (N, V)    # (soft_cross_entropy.8)
        dz = log_softmax_pullback(ds)                   # (N, V)    # (soft_cross_entropy.9)
        return spread(dz, counts)                       # (..., V)  # (soft_cross_entropy.10)

    return loss, pullback


def _expect_arguments(logits: Any, targets: Any, mask: Any, reduction: str) -> np.ndarray:
    """Raise unless the arguments fit; return where a position counts (...,)."""
    where = "soft_cross_entropy"
    expect_logits(where, logits)
    expect_shape(where, "targets", targets, logits.shape)
    expect_real(where, "targets", targets)
    expect_beside(where, "targets", targets, logits)
    if mask is not None:
        expect_boolean(where, "mask", mask)
        expect_beside(where, "mask", mask, logits)
    if mask is not None and mask.shape != logits.shape[:-1]:
        raise ValueError(f"{where}: mask must have shape {logits.shape[:-1]}, got {mask.shape}")
    expect_choice(where, "reduction", reduction, REDUCTIONS)
    counts = np.ones_like(logits, shape=logits.shape[:-1], dtype=bool) if mask is None else mask
    seen = targets[counts]
    if on_host(seen) and not (good := (seen >= 0) & (seen < np.inf)).all():
        raise ValueError(f"{where}: targets must be finite and at least 0, got {seen[~good][0]}")
    return counts


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    logits, targets = rng.normal(size=(2, 3, 7)), rng.dirichlet(np.ones(7), size=(2, 3))
    some = np.where(np.arange(7) == [[[2], [0], [6]]], 0, targets)  # of which a word is not asked for
    mask = np.array([[True, True, True], [True, False, False]])
    yield "mean of (2, 3, 7)", soft_cross_entropy_vjp, (logits,), {"targets": targets}
    yield "sum, masked", soft_cross_entropy_vjp, (logits,), {"targets": some, "mask": mask, "reduction": "sum"}
    yield "each, masked", soft_cross_entropy_vjp, (logits,), {"targets": some, "mask": mask, "reduction": "none"}
