"""Dropout in a Function: the mask of the forward pass is the one that its backward pass needs."""

import numpy as np
import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function
from gradcheck.adapters.torch_tensors import PROBES, Stage, Tensors

Function = torch.autograd.Function
SHAPES = [(4, 5), (64, 64)]


def torchs(shape, p, generator=None):
    return torch.rand(shape, dtype=torch.float64, generator=generator) >= p


def numpys(shape, p, generator=None):
    return torch.from_numpy(np.random.random(tuple(shape)) >= p)  # noqa: NPY002


class Dropout(Function):
    """y = x m / (1 - p), with the mask m kept for the backward pass."""

    @staticmethod
    def forward(ctx, x, draw, p, generator=None):
        ctx.draw, ctx.p, ctx.generator = draw, p, generator
        mask = draw(x.shape, p, generator)
        ctx.save_for_backward(mask)
        return x * mask / (1 - p)

    @staticmethod
    def backward(ctx, dy):
        (mask,) = ctx.saved_tensors
        return dy * mask / (1 - ctx.p), None, None, None


class Redrawn(Dropout):
    @staticmethod
    def backward(ctx, dy):
        return dy * ctx.draw(dy.shape, ctx.p, ctx.generator) / (1 - ctx.p), None, None, None


class Reseeded(Redrawn):
    """The seed is kept in place of the mask."""

    @staticmethod
    def forward(ctx, x, draw, p, generator=None):
        ctx.seed = torch.initial_seed()
        torch.manual_seed(ctx.seed)
        return Dropout.forward(ctx, x, draw, p, generator)

    @staticmethod
    def backward(ctx, dy):
        torch.manual_seed(ctx.seed)
        return Redrawn.backward(ctx, dy)


def verdict(function, shape, rng, **constants):
    torch.manual_seed(3)
    return gradcheck.check(torch_function(function), torch.from_numpy(rng.normal(size=shape)), **constants).verdict


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("draw", [torchs, numpys])
def test_a_mask_that_is_drawn_anew_on_the_way_back_is_caught(draw, p, shape, rng):
    assert verdict(Redrawn, shape, rng, draw=draw, p=p) == "fail"


@pytest.mark.parametrize("draw", [torchs, numpys])
def test_one_that_is_drawn_anew_within_a_function_is_caught(draw, rng):
    assert verdict(lambda x: Redrawn.apply(x.sin(), draw, 0.3).sum(0), (4, 5), rng) == "fail"


def test_one_from_a_generator_that_was_handed_over_is_caught(rng):
    generator = torch.Generator().manual_seed(3)
    assert verdict(Redrawn, (4, 5), rng, draw=torchs, p=0.3, generator=generator) == "fail"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("draw", [torchs, numpys])
def test_a_mask_that_is_kept_is_proved(draw, shape, rng):
    assert verdict(Dropout, shape, rng, draw=draw, p=0.3) == "pass"


def test_a_seed_that_is_kept_is_proved(rng):
    assert verdict(Reseeded, (4, 5), rng, draw=torchs, p=0.3) == "pass"


def test_recomputation_that_replays_the_generator_is_proved(rng):
    def recomputed(x):
        return torch.utils.checkpoint.checkpoint(torch.nn.functional.dropout, x.sin(), 0.3, use_reentrant=False)

    assert verdict(recomputed, (4, 5), rng) == "pass"


def test_recomputation_that_draws_anew_is_caught(rng):
    def recomputed(x):
        options = {"use_reentrant": False, "preserve_rng_state": False}
        return torch.utils.checkpoint.checkpoint(torch.nn.functional.dropout, x.sin(), 0.3, **options)

    assert verdict(recomputed, (4, 5), rng) == "fail"


def test_a_function_that_draws_nothing_is_watched_for_a_few_calls_only(monkeypatch):
    looks, of_torch = [], torch.get_rng_state
    monkeypatch.setattr(torch, "get_rng_state", lambda: looks.append(1) or of_torch())
    assert gradcheck.check(torch_function(torch.sin), torch.rand(3, dtype=torch.float64)).verdict == "pass"
    assert len(looks) <= 2 * PROBES


def test_after_a_draw_every_call_begins_from_the_same_numbers(monkeypatch):
    late, quiet = (Tensors(None, None) for _ in range(2))
    for call in range(12):
        with quiet.replayed(Stage()):
            pass
        with late.replayed(Stage()):
            drawn = torch.rand(1) if call == 11 else None
    with late.replayed(Stage()):
        assert torch.rand(1) == drawn
    assert late.random and not quiet.random


def test_an_adapter_that_is_checked_again_looks_again_for_draws():
    layer = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Dropout(0.5)).double()
    adapter, x = torch_function(layer), torch.randn(4, 5, dtype=torch.float64)
    layer.eval()
    assert gradcheck.check(adapter, x).verdict == "pass"
    layer.train()
    assert [gradcheck.check(adapter, x).verdict for _ in range(2)] == ["pass", "pass"]
