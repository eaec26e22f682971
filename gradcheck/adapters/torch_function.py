"""PyTorch: a function of tensors, an `autograd.Function` or an `nn.Module`."""

from typing import Any

from gradcheck.adapters.convert import framework
from gradcheck.adapters.torch_autograd import TorchFunction
from gradcheck.adapters.torch_kinds import AutogradFunction, TorchModule
from gradcheck.adapters.torch_tensors import Tensors
from gradcheck.subjects import Adapted


def torch_function(function: Any, *, dtype: Any = None, device: Any = None) -> Adapted:
    """Check what autograd returns for a function of tensors, however its backward pass came about.

    Inputs are NumPy arrays or tensors; the function gets tensors in their place, also for whole numbers
    and booleans.  Every number is replayed that PyTorch's global generators draw.

    Args:
        function: a subclass of `torch.autograd.Function`, an `nn.Module` (whose trainable parameters are
            checked too) or any function of tensors.
        dtype: of a kernel that takes no other: floating tensors are cast to it.  Without it the mathematics
            is checked in float64 and the kernel's own dtype beside that.
        device: where the tensors are; that of a module's parameters if not given.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: `function` is not callable, or the class of a module.
    """
    torch = framework("torch", "torch_function")
    tensors = Tensors(dtype, device)
    if isinstance(function, type) and issubclass(function, torch.autograd.Function):
        return AutogradFunction(function, tensors)
    if isinstance(function, torch.nn.Module):
        return TorchModule(function, tensors)
    if isinstance(function, type) or not callable(function):
        got = f"the class {function.__name__}" if isinstance(function, type) else type(function).__name__
        want = "must get a function of tensors, an autograd.Function or an instance of nn.Module"
        raise TypeError(f"gradcheck: torch_function {want}, got {got}")
    return TorchFunction(function, tensors)
