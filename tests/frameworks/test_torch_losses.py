"""Losses and the functions below them are PyTorch's own, values and gradients, in double precision."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from reference.functions.log_softmax import log_softmax_vjp
from reference.functions.logsumexp import logsumexp_vjp
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.losses.soft_cross_entropy import soft_cross_entropy_vjp
from reference.losses.weighted_cross_entropy import weighted_cross_entropy_vjp

REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
SMOOTHING = pytest.mark.parametrize("smoothing", [0.0, 0.3])


def agree(rng, x, here, there):
    """`here(x)`, an output and its pullback, says what `there(x)` says, forward and backward."""
    (y, pullback), given = here(x), torch.tensor(x, requires_grad=True)
    out = there(given)
    dy = rng.normal(size=y.shape)
    out.backward(torch.tensor(dy))
    few = {"rtol": 1e-13, "atol": 1e-14}  # sums of at most 42 products of numbers near 1, in another order
    np.testing.assert_allclose(y, out.detach().numpy(), **few)
    np.testing.assert_allclose(pullback(dy), given.grad.numpy(), **few)


@pytest.fixture
def logits(rng):
    return rng.normal(size=(6, 7))


@pytest.fixture
def targets(rng):
    return np.where(np.arange(6) < 4, rng.integers(7, size=6), -100)


def test_log_softmax_and_logsumexp_are_those_of_torch(rng, logits):
    agree(rng, logits, log_softmax_vjp, lambda x: functional.log_softmax(x, dim=-1))
    agree(rng, logits, logsumexp_vjp, lambda x: torch.logsumexp(x, dim=-1))


@REDUCTIONS
@SMOOTHING
def test_cross_entropy_is_that_of_torch_whatever_the_reduction(rng, logits, targets, smoothing, reduction):
    options = {"smoothing": smoothing, "reduction": reduction, "ignore": -100}
    given = {"label_smoothing": smoothing, "reduction": reduction}
    agree(
        rng, logits, lambda x: cross_entropy_vjp(x, targets=targets, **options),
        lambda x: functional.cross_entropy(x, torch.tensor(targets), **given),
    )  # fmt: skip


@REDUCTIONS
@SMOOTHING
def test_weights_of_classes_are_those_of_torch(rng, logits, targets, smoothing, reduction):
    weights = rng.uniform(0.1, 3, size=7)
    options = {"smoothing": smoothing, "reduction": reduction, "ignore": -100}
    given = {"label_smoothing": smoothing, "reduction": reduction, "weight": torch.tensor(weights)}
    agree(
        rng, logits, lambda x: weighted_cross_entropy_vjp(x, targets=targets, weights=weights, **options),
        lambda x: functional.cross_entropy(x, torch.tensor(targets), **given),
    )  # fmt: skip


@REDUCTIONS
def test_distributions_are_class_probabilities_of_torch_with_weights_multiplied_in(rng, logits, reduction):
    targets, weights = rng.dirichlet(np.ones(7), size=6), rng.uniform(0.1, 3, size=7)
    given = {"reduction": reduction, "weight": torch.tensor(weights)}
    agree(
        rng, logits, lambda x: soft_cross_entropy_vjp(x, targets=targets * weights, reduction=reduction),
        lambda x: functional.cross_entropy(x, torch.tensor(targets), **given),
    )  # fmt: skip
