"""Functions of PyTorch tensors: what autograd returns for them is what is checked."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck import trees
from gradcheck.adapters.convert import is_wide
from gradcheck.adapters.torch_tensors import Tensors
from gradcheck.subjects import Adapted, Broken, leaf_list


class TorchFunction(Adapted):
    """Any function of tensors.  Each evaluation has tensors of its own, and a graph that dies with its pullback."""

    without_forward_mode: tuple[type[Exception], ...] = (RuntimeError,)  # NotImplementedError among them

    def __init__(self, function: Callable, tensors: Tensors, name: str | None = None):
        self._function, self._tensors = function, tensors
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.complex_safe = tensors.dtype is None
        self._takes_narrow = False

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        return self._tensors.to_numpy(inputs)

    def signature(self) -> Callable:
        return self._function

    def call(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        """Return the output for tensors."""
        return self._function(*inputs, **constants)

    def absent(self, tensor: Any) -> Any:
        """Return the gradient where autograd has none: nothing depends on the tensor."""
        return self._tensors.array(self._tensors.torch.zeros_like(tensor))

    def refusal(self, error: RuntimeError) -> Broken | None:
        """Return what autograd refuses in a backward pass's results as a finding; None for any other error."""
        text = str(error).splitlines()[0] if str(error) else ""
        if "incorrect number of gradients" in text:
            return Broken("count", text)
        if "invalid gradient at index" in text:
            return Broken("shape", text)
        if text.startswith("expected Variable or None"):
            return Broken("dtype", f"a backward must return tensors: {text}")
        return None

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        made, wide = self._made(parameters, inputs), is_wide((parameters, inputs))
        try:
            with self._tensors.torch.no_grad():
                y = self._run(made, parameters, inputs, constants)
        except Exception as error:
            if wide and self._takes_narrow and self._tensors.dtype is None:
                error.add_note("gradcheck: if it takes no float64, say what it takes: torch_function(f, dtype=...)")
            raise
        self._takes_narrow |= not wide
        written = [i for i, tensor in enumerate(made) if tensor._version]  # counts what happens in place
        if written:
            name = list(leaf_list(self, inputs))[written[0]].name
            raise Broken("mutation", f"the forward pass writes to {name}", name)
        return self._tensors.to_numpy(y)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        made = [tensor.requires_grad_() for tensor in self._made(parameters, inputs)]
        with self._tensors.torch.enable_grad():
            y = self._run(made, parameters, inputs, constants)
        outputs = self._tensors.floating(y)

        def pull(dy: Any) -> tuple[Any, Any]:
            pieces = [self._tensors.make(piece) for _, piece in trees.leaves(dy)]
            found = self._differentiated(made, outputs, pieces)
            pairs = zip(made, found, strict=True)
            arrays = iter([self.absent(x) if d is None else self._tensors.array(d) for x, d in pairs])
            return trees.rebuild(parameters, arrays), trees.rebuild(inputs, arrays)

        return self._tensors.to_numpy(y), pull

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        dual = self._tensors.torch.autograd.forward_ad
        with dual.dual_level():
            pairs = list(zip(self._made(parameters, inputs), directions, strict=True))
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # PyTorch's of its own code
                made = [dual.make_dual(tensor, self._tensors.make(d)) for tensor, d in pairs]
            try:
                y = self._run(made, parameters, inputs, constants)
            except self.without_forward_mode:
                return None
            tangents = [(t, dual.unpack_dual(t).tangent) for t in self._tensors.floating(y)]
            zeros = self._tensors.torch.zeros_like
            return [self._tensors.array(zeros(t) if tangent is None else tangent) for t, tangent in tangents]

    def _made(self, parameters: Any, inputs: tuple) -> list[Any]:
        return [self._tensors.make(x) for _, x in trees.leaves((parameters, inputs))]

    def _run(self, made: list[Any], parameters: Any, inputs: tuple, constants: dict) -> Any:
        cast = iter([self._tensors.cast(tensor) for tensor in made])
        handed = trees.rebuild(parameters, cast), trees.rebuild(inputs, cast)
        with self._tensors.replayed():
            parameters, inputs = self._tensors.tensors(handed)
            return self.call(parameters, inputs, self._tensors.own(constants))

    def _differentiated(self, made: list[Any], outputs: list[Any], pieces: list[Any]) -> Sequence[Any]:
        pairs = [(y, dy) for y, dy in zip(outputs, pieces, strict=True) if y.requires_grad]
        if not pairs:
            return [None] * len(made)
        ys, dys = zip(*pairs, strict=True)
        try:
            with self._tensors.replayed():
                found = self._tensors.torch.autograd.grad(ys, made, dys, retain_graph=True, allow_unused=True)
        except RuntimeError as error:
            broken = self.refusal(error)
            if broken is None:
                raise
            raise broken from error
        if any(dy._version for dy in dys):
            raise Broken("mutation", "the pullback writes to the cotangent dy it was given")
        return found
