"""Three Triton kernels, one program a row, each with its backward: computed in float32 whatever the tensors hold."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_forward(x_at, y_at, length, SIZE: tl.constexpr):
    row, k = tl.program_id(0), tl.arange(0, SIZE)
    x = tl.load(x_at + row * length + k, mask=k < length, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(y_at + row * length + k, e / tl.sum(e, axis=0), mask=k < length)


@triton.jit
def softmax_backward(y_at, dy_at, dx_at, length, SIZE: tl.constexpr, WRONG: tl.constexpr):
    row, k = tl.program_id(0), tl.arange(0, SIZE)
    y = tl.load(y_at + row * length + k, mask=k < length, other=0.0).to(tl.float32)
    dy = tl.load(dy_at + row * length + k, mask=k < length, other=0.0).to(tl.float32)
    dx = y * dy if WRONG else y * (dy - tl.sum(y * dy, axis=0))
    tl.store(dx_at + row * length + k, dx, mask=k < length)


@triton.jit
def norm_forward(x_at, g_at, b_at, y_at, length, SIZE: tl.constexpr):
    row, k = tl.program_id(0), tl.arange(0, SIZE)
    x = tl.load(x_at + row * length + k, mask=k < length, other=0.0).to(tl.float32)
    g = tl.load(g_at + k, mask=k < length, other=0.0).to(tl.float32)
    b = tl.load(b_at + k, mask=k < length, other=0.0).to(tl.float32)
    c = tl.where(k < length, x - tl.sum(x, axis=0) / length, 0.0)
    y = c * tl.rsqrt(tl.sum(c * c, axis=0) / length + 1e-5) * g + b
    tl.store(y_at + row * length + k, y, mask=k < length)


@triton.jit
def norm_backward(x_at, g_at, dy_at, dx_at, dg_at, length, SIZE: tl.constexpr, WRONG: tl.constexpr):
    row, k = tl.program_id(0), tl.arange(0, SIZE)
    x = tl.load(x_at + row * length + k, mask=k < length, other=0.0).to(tl.float32)
    g = tl.load(g_at + k, mask=k < length, other=0.0).to(tl.float32)
    dy = tl.load(dy_at + row * length + k, mask=k < length, other=0.0).to(tl.float32)
    c = tl.where(k < length, x - tl.sum(x, axis=0) / length, 0.0)
    r = tl.rsqrt(tl.sum(c * c, axis=0) / length + 1e-5)
    h, dh = c * r, dy * g
    mean = 0.0 if WRONG else tl.sum(dh, axis=0) / length
    dx = r * (dh - mean - h * tl.sum(dh * h, axis=0) / length)
    tl.store(dx_at + row * length + k, dx, mask=k < length)
    tl.store(dg_at + row * length + k, dy * h, mask=k < length)  # a row's part, added up by the caller


@triton.jit
def cross_entropy_forward(x_at, label_at, loss_at, length, SIZE: tl.constexpr):
    row, k = tl.program_id(0), tl.arange(0, SIZE)
    x = tl.load(x_at + row * length + k, mask=k < length, other=-float("inf")).to(tl.float32)
    top = tl.max(x, axis=0)
    total = tl.log(tl.sum(tl.exp(x - top), axis=0)) + top
    label = tl.load(label_at + row)
    tl.store(loss_at + row, total - tl.sum(tl.where(k == label, x, 0.0), axis=0))


@triton.jit
def cross_entropy_backward(x_at, label_at, dloss_at, dx_at, length, SIZE: tl.constexpr, WRONG: tl.constexpr):
    row, k = tl.program_id(0), tl.arange(0, SIZE)
    x = tl.load(x_at + row * length + k, mask=k < length, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=0))
    label = tl.load(label_at + row)
    p = e / tl.sum(e, axis=0)
    d = p if WRONG else p - tl.where(k == label, 1.0, 0.0)
    tl.store(dx_at + row * length + k, d * tl.load(dloss_at + row).to(tl.float32), mask=k < length)


def block(x):
    return triton.next_power_of_2(x.shape[1])


class Softmax(torch.autograd.Function):
    """y = softmax(x) by rows; wrong: the sum over a row is left out."""

    @staticmethod
    def forward(ctx, x, wrong=False):
        x = x.contiguous()
        y = torch.empty_like(x)
        softmax_forward[(len(x),)](x, y, x.shape[1], SIZE=block(x))
        ctx.save_for_backward(y)
        ctx.wrong = wrong
        return y

    @staticmethod
    def backward(ctx, dy):
        (y,) = ctx.saved_tensors
        dx = torch.empty_like(y)
        softmax_backward[(len(y),)](y, dy.contiguous(), dx, y.shape[1], SIZE=block(y), WRONG=ctx.wrong)
        return dx, None


class LayerNorm(torch.autograd.Function):
    """y = g (x - mean) / deviation + b by rows; wrong: the mean of the gradient is left out."""

    @staticmethod
    def forward(ctx, x, g, b, wrong=False):
        x, g, b = x.contiguous(), g.contiguous(), b.contiguous()
        y = torch.empty_like(x)
        norm_forward[(len(x),)](x, g, b, y, x.shape[1], SIZE=block(x))
        ctx.save_for_backward(x, g)
        ctx.wrong = wrong
        return y

    @staticmethod
    def backward(ctx, dy):
        x, g = ctx.saved_tensors
        dx, dg, dy = torch.empty_like(x), torch.empty_like(x, dtype=torch.float32), dy.contiguous()
        norm_backward[(len(x),)](x, g, dy, dx, dg, x.shape[1], SIZE=block(x), WRONG=ctx.wrong)
        return dx, dg.sum(0).to(g.dtype), dy.sum(0, dtype=dg.dtype).to(g.dtype), None


class CrossEntropy(torch.autograd.Function):
    """The loss of each row (rows,) for its label; wrong: the label is not subtracted."""

    @staticmethod
    def forward(ctx, x, label, wrong=False):
        x = x.contiguous()
        loss = torch.empty(len(x), device=x.device, dtype=x.dtype)
        cross_entropy_forward[(len(x),)](x, label, loss, x.shape[1], SIZE=block(x))
        ctx.save_for_backward(x, label)
        ctx.wrong = wrong
        return loss

    @staticmethod
    def backward(ctx, dloss):
        x, label = ctx.saved_tensors
        dx = torch.empty_like(x)
        size = block(x)
        cross_entropy_backward[(len(x),)](x, label, dloss.contiguous(), dx, x.shape[1], SIZE=size, WRONG=ctx.wrong)
        return dx, None, None
