"""PyTorch: a function of tensors, an `autograd.Function` or an `nn.Module`."""

from typing import Any

from gradcheck.adapters.convert import framework
from gradcheck.adapters.torch_autograd import TorchFunction
from gradcheck.adapters.torch_inference import outside_inference
from gradcheck.adapters.torch_kinds import AutogradFunction, TorchModule
from gradcheck.adapters.torch_tensors import Tensors
from gradcheck.subjects.adapted import Adapted


def torch_function(function: Any, *, dtype: Any = None, device: Any = None) -> Adapted:
    """Check what autograd returns for a function of tensors, however its backward pass came about.

    Inputs are NumPy arrays or tensors; the function gets tensors in their place, also for whole numbers
    and booleans.  A tensor keeps its device, strides and dtype, and an array goes where the first tensor
    is.  Every number is replayed that the global generators of PyTorch, NumPy and Python draw.  In
    `torch.inference_mode()` all runs outside of it.

    As for PyTorch itself, beside a tensor that requires a gradient one that does not is a constant, so is
    a number of Python's, and an output that requires no gradient beside one that does is not judged.  Of
    several outputs each is also used alone, and all are but one, which leaves the cotangents of the others
    undefined (None after `set_materialize_grads(False)`), and where PyTorch can batch cotangents or points,
    a batch must give what they give one after the other.  Of several arrays each is also the only one that
    requires a gradient (`ctx.needs_input_grad`).  A complex tensor is checked as two real arrays, by the
    names `z.real` and `z.imag`: its gradient is dL/dRe z + i dL/dIm z.

    Args:
        function: a subclass of `torch.autograd.Function`, an `nn.Module` (whose trainable parameters are
            checked too, with their own hooks) or any function of tensors.
        dtype: of a kernel that takes no other: floating tensors are cast to it.  Without it the mathematics
            is checked in float64 and the kernel's own dtype beside that.
        device: where all tensors are, in place of their own.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: `function` is not callable, or the class of a module; at the check, a tensor that requires a
            gradient is sparse, or no output of an `autograd.Function` requires one.
    """
    torch = framework("torch", "torch_function")
    tensors = Tensors(dtype, device)
    if isinstance(function, type) and issubclass(function, torch.autograd.Function):
        return AutogradFunction(function, tensors)
    if isinstance(function, torch.nn.Module):
        return outside_inference(TorchModule)(function, tensors)
    if isinstance(function, type) or not callable(function):
        got = f"the class {function.__name__}" if isinstance(function, type) else type(function).__name__
        want = "must get a function of tensors, an autograd.Function or an instance of nn.Module"
        raise TypeError(f"gradcheck: torch_function {want}, got {got}")
    return TorchFunction(function, tensors)
