"""PyTorch's own gradients do not fail where a mask absorbs a row of scores beside a residual; wrong ones do."""

import pytest
import torch

import gradcheck
from gradcheck.adapters.torch_sums import watched
from gradcheck.subjects.sums import Sums
from gradcheck.verdict.absorbed import DOUBT

LARGE = -1e30


class Scaled(torch.autograd.Function):
    """The scores themselves, with a gradient that is 1 % off."""

    @staticmethod
    def forward(ctx, s):
        return s.clone()

    @staticmethod
    def backward(ctx, dy):
        return 1.01 * dy


def block(change=lambda s: s, in_place=False):
    def f(q, k, v):
        z = change(q @ k.mT / q.shape[-1] ** 0.5)
        mask = torch.zeros_like(z)
        mask[0] = mask[1, 2:] = LARGE
        if in_place:
            z += mask
        else:
            z = z + mask
        return torch.layer_norm(torch.softmax(z, -1) @ v + q, (q.shape[-1],))

    return gradcheck.adapters.torch_function(f)


def drawn(dtype):
    rows = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return [x.to(dtype).requires_grad_() for x in rows]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_right_block_does_not_fail(dtype, in_place):
    report = gradcheck.check(block(in_place=in_place), *drawn(dtype))
    assert [(g.verdict, g.reason) for g in report.gradients] == [("inconclusive", DOUBT)] * 2 + [("pass", "")]


def test_a_wrong_one_fails():
    report = gradcheck.check(block(Scaled.apply), *drawn(torch.float64))
    assert [g.verdict for g in report.gradients] == ["fail", "fail", "pass"]


@pytest.mark.parametrize("f", [
    lambda s, m: s + m, lambda s, m: m + s, lambda s, m: s - (-m), lambda s, m: (s * 1).add_(m),
    lambda s, m: (s * 1).sub_(-m), lambda s, m: torch.add(s, m / 2, alpha=2), lambda s, m: s + float(m[0]),
    lambda s, m: torch.rsub(-s, m), lambda s, m: torch.rsub(s / -2, m, alpha=2), lambda s, m: float(m[0]) - (-s),
])  # fmt: skip
def test_each_way_to_add_is_watched(f):
    s, m, sums = torch.tensor([0.5, -2.0]), torch.full((2,), LARGE), Sums()

    def asked(s):
        with sums.watching(), watched(torch):
            return f(s, m)

    here, there = asked(s), asked(s + 0.25)
    assert sums.lose
    assert ((there - here) == 0.25).all()
    assert torch.equal(f(s, m), m)


def test_a_number_that_float32_does_not_hold_absorbs_as_well():
    s, sums = torch.tensor([0.5, -2.0], dtype=torch.float64), Sums()
    least = torch.finfo(torch.float64).min
    with sums.watching(), watched(torch):
        assert torch.isfinite(s + least).all()
    assert sums.lose


def test_whole_numbers_are_left_alone():
    sums = Sums()
    with sums.watching(), watched(torch):
        assert torch.equal(torch.arange(3) + 1, torch.tensor([1, 2, 3]))
    assert not sums.lose
