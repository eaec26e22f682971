"""The two classes of PyTorch that hold a backward pass or parameters: autograd.Function and nn.Module."""

import copy
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from gradcheck import trees
from gradcheck.adapters.torch_autograd import TorchFunction
from gradcheck.adapters.torch_tensors import Tensors
from gradcheck.findings import Finding
from gradcheck.subjects import Broken


class AutogradFunction(TorchFunction):
    """A subclass of `torch.autograd.Function`; constants are put where its `forward` has their names."""

    without_forward_mode = (NotImplementedError,)  # any other error is one of its own

    def __init__(self, function: Any, tensors: Tensors):
        super().__init__(function.apply, tensors, function.__name__)
        old = function.setup_context is tensors.torch.autograd.Function.setup_context
        self._forward = functools.partial(function.forward, None) if old else function.forward  # without its ctx

    def signature(self) -> Callable:
        return self._forward

    def call(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        bound = inspect.signature(self._forward).bind(*inputs, **constants)
        if bound.kwargs:  # an argument before them has been left out
            bound.apply_defaults()
        return self._function(*bound.args)

    def absent(self, tensor: Any) -> Any:
        """Return the None that this very backward returned."""
        return None

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
        found = dict(self._module.named_parameters())
        if tensors.device is None:
            tensors.device = next((p.device for p in found.values()), None)
        super().__init__(self._module.forward, tensors, type(module).__name__)
        self.parameters = {name: tensors.array(p) for name, p in found.items() if p.requires_grad}
        frozen = {name: p for name, p in found.items() if not p.requires_grad}
        self._constants = {**frozen, **dict(self._module.named_buffers())}

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        """Return the inputs in the dtype of the parameters: NumPy's arrays are of float64 without anybody's choice."""
        inputs = super().prepare(inputs, constants)
        dtypes = list({x.dtype for x in self.parameters.values()})
        odd = {x.dtype for _, x in trees.leaves(inputs)} - set(dtypes)
        if not odd or len(dtypes) != 1:
            return inputs
        message = f"inputs of {', '.join(map(str, odd))} were cast to {dtypes[0]}, as the module's parameters are"
        self.findings = [Finding("dtype", message, "note")]
        return trees.rebuild(inputs, iter([x.astype(dtypes[0]) for _, x in trees.leaves(inputs)]))

    def call(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        others, wide = self._tensors.own(self._constants), self._tensors.wide((parameters, inputs))
        if wide is not None:
            others = {name: x.to(wide) if x.is_floating_point() else x for name, x in others.items()}
        return self._tensors.torch.func.functional_call(self._module, {**parameters, **others}, inputs, constants)
