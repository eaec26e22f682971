"""Hand-written backward passes on arrays of PyTorch and JAX, without their automatic ones."""

import jax.numpy as jnp
import pytest
import torch

import gradcheck
from gradcheck.adapters import dlpack, pair


def torchs(x, w):
    y = torch.tanh(x @ w)
    return y, lambda dy: ((dy * (1 - y * y)) @ w.T, x.T @ (dy * (1 - y * y)))


@pytest.mark.parametrize("made", [torch.from_numpy, lambda x: x])
def test_arrays_of_pytorch_are_proved(prove, caught, rng, made):
    x, w = made(rng.normal(size=(4, 3))), torch.from_numpy(rng.normal(size=(3, 2)))
    prove(dlpack(torchs), x, w)

    def wrong(x, w):
        y, pullback = torchs(x, w)
        return y, lambda dy: (pullback(dy)[0], 1.001 * pullback(dy)[1])

    caught({"w"}, dlpack(wrong), x, w)


def test_arrays_of_jax_are_checked(rng):
    x = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)
    report = gradcheck.check(dlpack(pair(jnp.sin, lambda x, dy: dy * jnp.cos(x))), x)
    assert report.verdict == "pass", str(report)
    assert gradcheck.check(dlpack(pair(jnp.sin, lambda x, dy: dy * jnp.sin(x))), x).verdict == "fail"
