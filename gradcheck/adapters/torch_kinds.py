"""The two classes of PyTorch that hold a backward pass or parameters: autograd.Function and nn.Module."""

import copy
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.adapters.convert import mapped
from gradcheck.adapters.torch_arguments import Arguments
from gradcheck.adapters.torch_autograd import TorchFunction
from gradcheck.adapters.torch_tensors import Tensors
from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.findings import Finding


class AutogradFunction(TorchFunction):
    """A subclass of `torch.autograd.Function`; constants are put where its `forward` has their names."""

    without_forward_mode = (NotImplementedError,)  # any other error is one of its own

    def __init__(self, function: Any, tensors: Tensors):
        super().__init__(function.apply, tensors, function.__name__)
        old = function.setup_context is tensors.torch.autograd.Function.setup_context
        self._forward = functools.partial(function.forward, None) if old else function.forward  # without its ctx

    def signature(self) -> Callable:
        return self._forward

    def call(self, parameters: Any, inputs: tuple, constants: dict, wide: Any) -> Any:
        bound = inspect.signature(self._forward).bind(*inputs, **constants)
        if bound.kwargs:  # an argument before them has been left out
            bound.apply_defaults()
        return self._function(*bound.args)

    def learn(self, y: Any) -> None:
        found = self._tensors.differentiable(y)
        if found and not any(tensor.requires_grad for tensor in found):
            got = f"{len(found)}, all of them marked non-differentiable"
            raise TypeError(f"gradcheck: {self.name} must have an output with a gradient, got {got}")
        super().learn(y)

    def absent(self, name: str) -> None:
        message = f"the backward returns None for {name}, taken as zero: right if nothing depends on it"
        if not any(finding.message == message for finding in self.findings):
            self.findings.append(Finding("none", message, "note", name))

    def refusal(self, error: RuntimeError) -> Broken | None:
        broken = super().refusal(error)
        index = re.search(r"gradient at index (\d+)", broken.message) if broken is not None else None
        if broken is not None and index is not None:
            broken.array = dict(enumerate(inspect.signature(self._forward).parameters)).get(int(index[1]))
        return broken


class TorchModule(TorchFunction):
    """An `nn.Module`: its parameters are checked by their names, its buffers are fresh in each evaluation."""

    def __init__(self, module: Any, tensors: Tensors):
        self._module = copy.deepcopy(module)
        super().__init__(self._module.forward, tensors, type(module).__name__)
        found = dict(self._module.named_parameters())
        self._trained = {name: p for name, p in found.items() if p.requires_grad}
        frozen = {name: p for name, p in found.items() if not p.requires_grad}
        self._constants = {**frozen, **dict(self._module.named_buffers())}
        hooked = {name: p._backward_hooks or {} for name, p in module.named_parameters() if p.requires_grad}
        for name, hooks in hooked.items():
            for hook in hooks.values():  # which no copy has
                self._trained[name].register_hook(hook)

    def arguments(self, inputs: tuple) -> Arguments:
        """Return the inputs in the dtype of the parameters: NumPy's arrays are of float64 without anybody's choice."""
        dtypes, odd = {p.dtype for p in self._trained.values()}, set[str]()
        tensors = self._tensors.differentiable(inputs)
        requires_grad = any(tensor.requires_grad for tensor in tensors)

        def cast(leaf: Any) -> Any:
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
                leaf = self._tensors.make(leaf).requires_grad_(requires_grad)
            elif not any(leaf is tensor for tensor in tensors):
                return leaf
            if leaf.dtype in dtypes or leaf.is_complex():
                return leaf
            odd.add(str(leaf.dtype).removeprefix("torch."))
            return leaf.to(*dtypes)

        self._tensors.settle([*self._constants.values(), *self._trained.values()])
        if len(dtypes) == 1:
            inputs = mapped(inputs, cast)
        if odd:
            was, (now,) = ", ".join(sorted(odd)), dtypes
            message = f"inputs of {was} were cast to {str(now).removeprefix('torch.')}, as the module's parameters are"
            self.findings.append(Finding("dtype", message, "note"))
        return Arguments(self._tensors, self._trained, inputs)

    def call(self, parameters: Any, inputs: tuple, constants: dict, wide: Any) -> Any:
        return self._module(*inputs, **constants)

    def inside(self, parameters: Any, wide: Any) -> Callable[[Callable[[], Any]], Any]:
        """Return what runs a function while the module has these parameters, and twins of its buffers.

        The forward pass, and the backward: one that was checkpointed runs the module again.
        """
        others = {name: self._tensors.widened(self._tensors.twin(x), wide) for name, x in self._constants.items()}
        values = {f"module.{name}": x for name, x in {**parameters, **others}.items()}
        holder, call = _holder(self._tensors.torch)(self._module), self._tensors.torch.func.functional_call
        return lambda run: call(holder, values, (run,))


@functools.cache
def _holder(torch: Any) -> Any:
    """Return the class of a module that holds another, and runs whatever it is given."""

    class Holder(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, module: Any):
            super().__init__()
            self.module = module

        def forward(self, run: Callable[[], Any]) -> Any:
            return run()

    return Holder
