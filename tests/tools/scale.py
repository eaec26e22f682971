"""A function of PyTorch's whose gradient may be wrong by a factor, for modules to hold."""

import torch


class Scale(torch.autograd.Function):
    """y = a x, with a factor that makes the gradient of `a` wrong."""

    @staticmethod
    def forward(ctx, x, a, error):
        ctx.save_for_backward(x, a)
        ctx.error = error
        return a * x

    @staticmethod
    def backward(ctx, dy):
        x, a = ctx.saved_tensors
        return dy * a, (1 + ctx.error) * (dy * x).sum(dim=0), None
