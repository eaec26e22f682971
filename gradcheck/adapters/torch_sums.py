"""PyTorch's sums of two tensors, as those watch that run a subject so."""

import contextlib
from typing import Any

from gradcheck.subjects.sums import Sums, now

SUMS = "add", "add_", "sub", "sub_", "rsub"


def watched(torch: Any) -> contextlib.AbstractContextManager:
    """Return what watches the sums of PyTorch, in a run whose sums are watched."""
    sums = now()
    return contextlib.nullcontext() if sums is None else _mode(torch, sums)


def _mode(torch: Any, sums: Sums) -> contextlib.AbstractContextManager:
    def dispatch(_self: Any, call: Any, _types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = call.overloadpacket.__name__
        if call.namespace != "aten" or name not in SUMS or not args[0].is_floating_point():
            return call(*args, **kwargs)
        first, second = args[:2]
        if not isinstance(second, torch.Tensor):  # a number of Python's, which float32 may not hold
            second = torch.as_tensor(second, dtype=first.dtype, device=first.device)
        alpha = kwargs.get("alpha", 1)
        of_first, of_second = {"add": (1, alpha), "sub": (1, -alpha), "rsub": (-alpha, 1)}[name.removesuffix("_")]
        first, second = of_first * first, of_second * second
        total = call(*args, **kwargs)  # which may write to the first
        return total.copy_(sums.seen(torch, first, second, total))

    base = torch.utils._python_dispatch.TorchDispatchMode
    return type("Mode", (base,), {"__torch_dispatch__": dispatch})()
