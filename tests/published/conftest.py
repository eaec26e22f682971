"""Models as the package `transformers` makes them: small, random, and in double precision throughout."""

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def double(monkeypatch):
    """What the package does in float32 whatever the model's dtype, norms and angles, is done in float64 here."""
    for name in ("float32", "float"):
        monkeypatch.setattr(torch, name, torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def drawn():
    """drawn(model): the model, in evaluation mode, with other numbers in every parameter."""

    def drawn(model):
        generator = torch.Generator().manual_seed(12)
        with torch.no_grad():
            for parameter in model.parameters():
                noise = torch.empty(parameter.shape).normal_(0, 0.3, generator=generator)
                parameter.copy_(noise + (parameter.dim() == 1) * 1.0)
        return model.eval()

    return drawn


@pytest.fixture
def close():
    """close(here, there): whether arrays agree to 9 digits of the largest entry."""

    def close(here, there):
        there = there.detach().numpy()
        assert here.shape == there.shape and here.dtype == there.dtype == np.float64
        assert np.abs(here - there).max() <= 1e-9 * np.abs(there).max()

    return close


@pytest.fixture
def equal():
    """equal(one, other): whether two models there say the same, of the same tensors and settings.

    Bits of a product there depend on where in memory its factors begin, by 8 bytes even: 12 digits are asked for.
    """

    def equal(one, other):
        assert one.shape == other.shape and (one - other).abs().max() <= 1e-12 * other.abs().max()

    return equal
