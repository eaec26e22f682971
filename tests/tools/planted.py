"""Errors planted in the gradient of a tensor, by an identity with a wrong backward in front of a function."""

import torch

KINDS = {
    "another sign": lambda d: -d,
    "an entry dropped": lambda d: d.masked_fill(d.abs() == d.abs().max(), 0),
    "entries in reverse": lambda d: d.flip(tuple(range(d.ndim))),
    "a factor of 1.0001": lambda d: 1.0001 * d,
}
LEAST = 5e-5  # of the largest entry, that an error changes


class Planted(torch.autograd.Function):
    """y = x, with `change(dy)` as the gradient."""

    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.clone()

    @staticmethod
    def backward(ctx, dy):
        return ctx.change(dy), None


def planted(function, which, change):
    """Return the function with an error in the gradient of its argument number `which`."""

    def wrong(*tensors):
        return function(*(Planted.apply(x, change) if i == which else x for i, x in enumerate(tensors)))

    wrong.__name__ = function.__name__
    return wrong


def places(function, tensors):
    """Return (argument, kind) of every error that changes a gradient at these very tensors."""
    torch.manual_seed(1)
    given = [x.detach().clone().requires_grad_(x.requires_grad) for x in tensors]
    leaves = torch.utils._pytree.tree_leaves(function(*given))
    outputs = [y for y in leaves if isinstance(y, torch.Tensor) and y.requires_grad]
    wanted = [i for i, x in enumerate(given) if x.requires_grad]
    cotangents = [torch.randn_like(y) for y in outputs]
    found = torch.autograd.grad(outputs, [given[i] for i in wanted], cotangents, allow_unused=True)
    pairs = [(i, d.detach()) for i, d in zip(wanted, found, strict=True) if d is not None and d.numel()]
    return [(i, kind) for i, d in pairs for kind, change in KINDS.items() if _is_seen(change(d), d)]


def _is_seen(changed, d):
    return bool((changed - d).abs().max() > LEAST * d.abs().max())
