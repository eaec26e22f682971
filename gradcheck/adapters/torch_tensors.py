"""NumPy arrays to PyTorch tensors and back."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcheck.adapters.convert import framework, mapped


class Tensors:
    """Makes tensors on a device; `dtype` is the one that floating tensors are cast to before use, or None.

    `random` is set once numbers have been drawn: which one falls where depends on the memory layout, so
    that is the same from then on.
    """

    def __init__(self, dtype: Any, device: Any):
        self.dtype, self.device, self.random = dtype, device, False

    @property
    def torch(self) -> Any:
        return framework("torch", "torch_function")

    def make(self, x: np.ndarray) -> Any:
        """Return a tensor with a copy of the numbers and the same strides, so that layouts are tried in earnest."""
        x = np.asarray(x)
        odd = not x.size or any(stride % x.itemsize for stride in x.strides)
        if x.flags.c_contiguous or odd or self.random:
            return self.torch.from_numpy(np.array(x, order="C")).to(self.device)
        strides = [abs(stride) // x.itemsize for stride in x.strides]  # there are no negative ones
        extent = 1 + sum((length - 1) * stride for length, stride in zip(x.shape, strides, strict=True))
        room = np.zeros(extent, x.dtype)
        if x.dtype.kind == "f":
            room[:] = np.nan  # what lies between is no number of x
        np.lib.stride_tricks.as_strided(room, x.shape, [stride * x.itemsize for stride in strides])[...] = x
        return self.torch.from_numpy(room).to(self.device).as_strided(x.shape, strides)

    def cast(self, tensor: Any) -> Any:
        return tensor if self.dtype is None else tensor.to(self.dtype)

    def tensors(self, tree: Any) -> Any:
        """Return the tree with every array as a tensor."""
        return mapped(tree, lambda leaf: self.make(leaf) if isinstance(leaf, np.ndarray) else leaf)

    def own(self, tree: Any) -> Any:
        """Return the same with copies of what it holds already in the framework's form, generators too."""
        return self.tensors(mapped(tree, self._twin))

    def _twin(self, leaf: Any) -> Any:
        if isinstance(leaf, self.torch.Tensor):
            return leaf.detach().clone()
        if isinstance(leaf, self.torch.Generator):
            self.random = True
            twin = self.torch.Generator(leaf.device)
            twin.set_state(leaf.get_state())
            return twin
        return leaf

    def to_numpy(self, tree: Any) -> Any:
        """Return the tree with every tensor as an array."""
        return mapped(tree, lambda leaf: self.array(leaf) if isinstance(leaf, self.torch.Tensor) else leaf)

    def array(self, tensor: Any) -> np.ndarray:
        tensor = tensor.detach()
        if tensor.layout != self.torch.strided:
            tensor = tensor.to_dense()  # the gradient of an embedding may be sparse
        return tensor.resolve_conj().resolve_neg().cpu().numpy()

    def floating(self, tree: Any) -> list[Any]:
        """Return the floating tensors of a tree, in the order in which `trees.leaves` gives the arrays."""
        return [tensor for tensor in self._all(tree) if tensor.is_floating_point()]

    def wide(self, tree: Any) -> Any:
        """Return complex128 or float64, whichever comes first among the tensors of a tree, or None."""
        dtypes = {tensor.dtype for tensor in self._all(tree)}
        return next((dtype for dtype in (self.torch.complex128, self.torch.float64) if dtype in dtypes), None)

    def _all(self, tree: Any) -> list[Any]:
        found: list[Any] = []
        mapped(tree, lambda leaf: found.append(leaf) if isinstance(leaf, self.torch.Tensor) else None)
        return found

    @contextlib.contextmanager
    def replayed(self) -> Iterator[None]:
        """Leave the global random generators as they were: so every evaluation draws the same numbers."""
        before = self._states()
        try:
            yield
        finally:
            pairs = zip(before, self._states(), strict=True)
            self.random |= any(not self.torch.equal(old, new) for old, new in pairs)
            self.torch.set_rng_state(before[0])
            if before[1:]:
                self.torch.cuda.set_rng_state_all(before[1:])

    def _states(self) -> list[Any]:
        cuda = self.torch.cuda
        return [self.torch.get_rng_state(), *(cuda.get_rng_state_all() if cuda.is_initialized() else ())]
