"""Kullback-Leibler divergence between two softmaxes.  Derivation: specs/losses/kl_divergence.md."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reference.core.arrays import as_array, expect_beside
from reference.core.shapes import expect_above_zero, expect_boolean, expect_choice, expect_floating, expect_real


def kl_divergence(
    logits: np.ndarray,
    *,
    target_logits: np.ndarray,
    temperature: float = 1.0,
    mask: np.ndarray | None = None,
    reduction: str = "mean",
) -> np.ndarray:
    """Map logits and target logits (..., V) to the loss ()."""
    loss, _ = kl_divergence_vjp(
        logits, target_logits=target_logits, temperature=temperature, mask=mask, reduction=reduction
    )
    return loss


def kl_divergence_vjp(
    logits: np.ndarray,
    *,
    target_logits: np.ndarray,
    temperature: float = 1.0,
    mask: np.ndarray | None = None,
    reduction: str = "mean",
) -> tuple[np.ndarray, Callable[[np.ndarray | float], np.ndarray]]:
    """Return the loss () and the pullback dloss -> dlogits (..., V).

    At a position it is KL(q || p) with q = softmax(target_logits / temperature) and
    p = softmax(logits / temperature), not multiplied by the square of the temperature.  `mask` is
    boolean, True where a position counts; one that does not is never looked at.  The loss is the
    sum over the positions that count, or their mean; 0 if none does.  The target is a constant.

    Raises:
        TypeError: logits is not a floating or complex array, target_logits not a real one, mask
            not a boolean one, or temperature no number.
        ValueError: V is 0, the shapes do not match, temperature is not positive and finite, or
            reduction is neither 'mean' nor 'sum'.

    Source: Hinton, Vinyals & Dean 2015 (arXiv:1503.02531), sec. 2, less the entropy of the target.
    """
    _expect_arguments(logits, target_logits, temperature, mask, reduction)
    counts = np.ones_like(logits, shape=logits.shape[:-1], dtype=bool) if mask is None else mask
    shape, t = logits.shape, float(temperature)
    z = logits[counts]                                  # (N, V), copies of our own
    a = target_logits[counts].astype(z.real.dtype, copy=False)

    z -= z.real.max(axis=-1, keepdims=True)
    parts = z.view(a.dtype)  # real numbers: a complex quotient of -inf would be NaN
    parts /= t                                          # in z      # (kl_divergence.1)
    a -= a.max(axis=-1, keepdims=True)
    a /= t                                              # (N, V)    # (kl_divergence.2)
    q = np.exp(a)                                       # (N, V)
    target_total = q.sum(axis=-1)                       # (N,)      # (kl_divergence.3)
    q /= target_total[:, None]                          # (N, V)    # (kl_divergence.4)
    gap = np.where(q > 0, a, 0) - np.where(q > 0, z, 0)      # (kl_divergence.5)
    p = np.exp(z, out=z)                                # (N, V)    # (kl_divergence.6)
    total = p.sum(axis=-1)                              # (N,)      # (kl_divergence.7)
    p /= total[:, None]                                 # (N, V)    # (kl_divergence.8)
    cost = (q * gap).sum(axis=-1) + (np.log(total) - np.log(target_total))  # (N,)  # (kl_divergence.9)
    share = 1 / max(len(z), 1) if reduction == "mean" else 1.0      # (kl_divergence.10)
    loss = as_array(cost.sum() * share)                 # ()        # (kl_divergence.11)
    excess = np.subtract(p, q, out=p)                   # (N, V)    # (kl_divergence.12)

    def pullback(dloss: np.ndarray | float) -> np.ndarray:
        c = dloss * share / t                           # ()        # (kl_divergence.13)
        dz = c * excess                                 # (N, V)    # (kl_divergence.14)
        if len(dz) == counts.size:  # nothing to put zeros between
            return dz.reshape(shape)
        dlogits = np.zeros_like(dz, shape=shape)        # (..., V)
        dlogits[counts] = dz                                        # (kl_divergence.15)
        return dlogits

    return loss, pullback


def _expect_arguments(
    logits: np.ndarray, target_logits: np.ndarray, temperature: float, mask: np.ndarray | None, reduction: str
) -> None:
    where = "kl_divergence"
    expect_floating(where, "logits", logits)
    if logits.ndim < 1 or logits.shape[-1] < 1:
        raise ValueError(f"{where}: logits must have shape (..., V) with V at least 1, got {logits.shape}")
    expect_floating(where, "target_logits", target_logits)
    expect_real(where, "target_logits", target_logits)
    if target_logits.shape != logits.shape:
        raise ValueError(f"{where}: target_logits must have shape {logits.shape}, got {target_logits.shape}")
    expect_beside(where, "target_logits", target_logits, logits)
    expect_above_zero(where, "temperature", temperature)
    if mask is not None:
        expect_boolean(where, "mask", mask)
        expect_beside(where, "mask", mask, logits)
    if mask is not None and mask.shape != logits.shape[:-1]:
        raise ValueError(f"{where}: mask must have shape {logits.shape[:-1]}, got {mask.shape}")
    expect_choice(where, "reduction", reduction, ("mean", "sum"))


def examples(rng: np.random.Generator) -> Iterator[tuple[str, Any, tuple, dict]]:
    logits, target_logits = rng.normal(size=(2, 2, 3, 7))
    excluded = np.where(np.arange(7) == [[[2], [0], [6]]], -np.inf, target_logits)
    mask = np.array([[True, True, True], [True, False, False]])
    yield "mean of (2, 3, 7)", kl_divergence_vjp, (logits,), {"target_logits": target_logits}
    constants = {"target_logits": excluded, "temperature": 2.5}
    yield "temperature, excluded words", kl_divergence_vjp, (logits,), constants
    yield "sum, masked", kl_divergence_vjp, (logits,), constants | {"mask": mask, "reduction": "sum"}
