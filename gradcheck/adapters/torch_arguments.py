"""The arguments of a PyTorch function: which are differentiated, and the tensors that each evaluation gets."""

from typing import Any

import numpy as np

from gradcheck.adapters.convert import Constant, Pair, mapped
from gradcheck.adapters.torch_tensors import Form, Tensors
from gradcheck.subjects import trees
from gradcheck.subjects.nodes import is_row


class Arguments:
    """Parameters and inputs as the checker has them: real arrays, each with the form of its tensor.

    A complex one is a Pair.  Beside a tensor that requires a gradient one that does not is a constant, and
    so is a number of Python's: PyTorch's own conventions.
    """

    def __init__(self, tensors: Tensors, parameters: Any, inputs: tuple):
        self._tensors = tensors
        self._forms: dict[int, Form] = {}
        self.is_real = True
        given = tensors.differentiable(inputs)
        layouts = {str(tensor.layout) for tensor in given if tensor.requires_grad} - {"torch.strided"}
        if layouts:
            raise TypeError(f"gradcheck: a tensor with a gradient must be strided, got {', '.join(sorted(layouts))}")
        chosen = any(tensor.requires_grad for tensor in given)
        strided = tensors.torch.strided
        constants = [t for t in given if (chosen or t.layout != strided) and not t.requires_grad]
        self._fixed = {id(tensor) for tensor in constants}
        tensors.settle(tensors.differentiable((parameters, inputs)))
        self.parameters, self.inputs = mapped(parameters, self._array), mapped(inputs, self._array)
        self._is_row = parameters is None and is_row(self.inputs, "f")  # as most are: handed over without a walk
        leaves = [x for _, x in trees.leaves((self.parameters, self.inputs))]
        self.forms = [self._forms.get(id(x), Form()) for x in leaves]
        self.has_hooks = any(form.hooks for form in self.forms)
        self.dtypes = [x.dtype for x in leaves]
        self.units = [tensors.unit(form) for form in self.forms]
        if not leaves and any(type(x) is float for x in inputs):
            raise TypeError("gradcheck: a number of Python's is a constant to PyTorch, hand over a tensor or an array")

    def _array(self, leaf: Any) -> Any:
        torch = self._tensors.torch
        if type(leaf) is float or (isinstance(leaf, torch.Tensor) and id(leaf) in self._fixed):
            return Constant(leaf)
        if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind == "c":
            self.is_real = False
            return Pair(np.array(leaf.real), np.array(leaf.imag))
        if not isinstance(leaf, torch.Tensor):
            return leaf
        self.is_real &= not leaf.is_complex()
        parts = self._tensors.pair(leaf) if leaf.is_complex() else self._tensors.array(leaf)
        for x in parts if isinstance(parts, Pair) else (parts,):
            self._forms[id(x)] = self._tensors.form(leaf)
        return parts

    def made(self, parameters: Any, inputs: tuple) -> list[Any]:
        """Return a new tensor for every differentiable array, in the order of `trees.leaves`."""
        leaves = [x for tree in (parameters, inputs) for _, x in trees.leaves(tree, kinds="fc")]
        return [self._tensors.make(x, form) for x, form in zip(leaves, self.forms, strict=True)]

    def handed(self, made: list[Any]) -> tuple[Any, tuple, list[Any]]:
        """Return parameters and inputs as the function gets them, and the tensor that holds each that was made."""
        cast = [self._tensors.cast(tensor) for tensor in made]
        if self._is_row:
            return None, tuple(cast), cast
        holders: list[Any] = []

        def finished(leaf: Any) -> Any:
            if isinstance(leaf, Pair):
                whole = self._tensors.torch.complex(*leaf)
                holders.extend([whole, whole])
                return whole
            if isinstance(leaf, Constant):
                return self._tensors.widened(self._tensors.cast(self._tensors.twin(leaf.value)), self.wide(made))
            if isinstance(leaf, self._tensors.torch.Tensor):
                holders.append(leaf)
                return leaf
            return self._tensors.twin(leaf)

        rest = iter(cast)
        given = trees.rebuild(self.parameters, rest), trees.rebuild(self.inputs, rest)
        parameters, inputs = mapped(given, finished, whole=Pair)
        if self.has_hooks:
            self._hook(holders)
        return parameters, inputs, holders

    def _hook(self, holders: list[Any]) -> None:
        """Let the gradients of tensors go through the hooks of the parameters that they stand for, once each."""
        forms = {id(x): (x, form) for x, form in zip(holders, self.forms, strict=True) if x.requires_grad}
        for tensor, form in forms.values():
            for hook in form.hooks:
                tensor.register_hook(hook)

    def wide(self, made: list[Any]) -> Any:
        """Return the dtype of an evaluation that is wider than the user's arguments, or None."""
        torch = self._tensors.torch
        if any(tensor.is_complex() for tensor in made):
            return torch.complex128
        pairs = zip(made, self.dtypes, strict=True)
        widened = any(tensor.dtype == torch.float64 and dtype != np.float64 for tensor, dtype in pairs)
        return torch.float64 if widened else None
