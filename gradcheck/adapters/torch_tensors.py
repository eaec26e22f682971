"""NumPy arrays to PyTorch tensors and back; where a tensor lies, how, and in which format is kept beside them."""

import contextlib
import dataclasses
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.adapters.convert import Pair, framework, mapped
from gradcheck.subjects.randomness import NOTHING

MADE = ("torch", "_numpys")  # anew, where tensors are sent: a module does not travel
PROBES = 12  # evaluations and pullbacks, after which a function that drew nothing is taken for one that never does


@dataclasses.dataclass(frozen=True)
class Form:
    """What a tensor is beside its numbers; None: what NumPy's array says."""

    device: Any = None
    dtype: Any = None
    strides: tuple[int, ...] | None = None
    hooks: tuple[Callable, ...] = ()  # of a parameter: what its gradient goes through


@dataclasses.dataclass
class Stage:
    """Where PyTorch's global random generators stand in one evaluation; at first where the user left them.

    And what runs the forward pass, and the backward, as a module does with other parameters than its own.
    """

    states: list[Any] | None = None
    inside: Callable[[Callable[[], Any]], Any] = operator.call


class Tensors:
    """Makes tensors, on `device` if given; floating ones are cast to `dtype` before use, if given.

    `random` is set once numbers have been drawn: which one falls where depends on the memory layout, so
    that is the same from then on.  `adds_up` is set once a backward pass has run another one within, as that of a
    reentrant checkpoint does: its gradients add up in the tensors, and nowhere else.
    """

    def __init__(self, dtype: Any, device: Any):
        self.dtype, self.device = dtype, device
        self.home = device  # where what comes as an array goes
        self.begin()
        self._load()

    def begin(self) -> None:
        """Forget what an earlier check has seen: a module that drew nothing may be in training now."""
        self.random, self.adds_up, self._calls = False, False, 0

    def _load(self) -> None:
        self.torch = framework("torch", "torch_function")
        self._numpys = self.torch.float16, self.torch.float32, self.torch.float64

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key not in MADE}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._load()

    def settle(self, tensors: list[Any]) -> None:
        """Let arrays go where the first of the user's tensors is."""
        self.home = next((tensor.device for tensor in tensors), None) if self.device is None else self.device

    def form(self, tensor: Any) -> Form:
        """Return the form of a tensor; strides that let entries share memory serve no other numbers."""
        lengths = [(stride, n) for stride, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1]
        extent, apart = 1, not tensor.is_contiguous()
        for stride, n in sorted(lengths):
            apart, extent = apart and stride >= extent, extent + (n - 1) * stride
        device = tensor.device if self.device is None else self.device
        hooks = (tensor._backward_hooks or {}) if isinstance(tensor, self.torch.nn.Parameter) else {}
        return Form(device, tensor.dtype, tuple(tensor.stride()) if apart else None, tuple(hooks.values()))

    def unit(self, form: Form) -> float | None:
        """Return the unit roundoff of a format that NumPy lacks, or None."""
        known = form.dtype is None or form.dtype.is_complex or form.dtype in self._numpys
        return None if known else float(self.torch.finfo(form.dtype).eps) / 2

    def make(self, x: np.ndarray, form: Form | None = None) -> Any:
        """Return a tensor with a copy of the numbers.

        An array in C order is laid out as the form says, any other has the same strides, so that layouts
        are tried in earnest.  A format that NumPy lacks is carried in float32.
        """
        x, form = np.asarray(x), form or Form()
        device = self.home if form.device is None else form.device
        tensor = self._laid_out(x, form.strides if x.flags.c_contiguous else _strides(x), device)
        return tensor.to(form.dtype) if x.dtype == np.float32 and self.unit(form) is not None else tensor

    def _laid_out(self, x: np.ndarray, strides: tuple[int, ...] | None, device: Any) -> Any:
        if strides is None or not x.size or (self.random and not x.flags.c_contiguous):
            return self.torch.from_numpy(np.array(x, order="C")).to(device)
        extent = 1 + sum((length - 1) * stride for length, stride in zip(x.shape, strides, strict=True))
        room = np.zeros(extent, x.dtype)
        if x.dtype.kind == "f":
            room[:] = np.nan  # what lies between is no number of x
        np.lib.stride_tricks.as_strided(room, x.shape, [stride * x.itemsize for stride in strides])[...] = x
        return self.torch.from_numpy(room).to(device).as_strided(x.shape, strides)

    def cast(self, tensor: Any) -> Any:
        return tensor if self.dtype is None else tensor.to(self.dtype)

    def twin(self, leaf: Any) -> Any:
        """Return a tensor around an array, a copy of a tensor or a generator, and anything else as it is."""
        if isinstance(leaf, np.ndarray):
            return self.make(leaf)
        if isinstance(leaf, self.torch.Tensor):
            return leaf.detach().clone()
        if isinstance(leaf, self.torch.Generator):
            self.random = True
            twin = self.torch.Generator(leaf.device)
            twin.set_state(leaf.get_state())
            return twin
        return leaf

    def widened(self, leaf: Any, wide: Any) -> Any:
        """Return a floating tensor in a wide dtype, a complex one in that of complex numbers; None: as it is."""
        if wide is None or not isinstance(leaf, self.torch.Tensor):
            return leaf
        if leaf.is_complex():
            return leaf.to(self.torch.complex128)
        return leaf.to(wide) if leaf.is_floating_point() else leaf

    def array(self, tensor: Any) -> np.ndarray:
        """Return the numbers of a tensor, those of a format that NumPy lacks in float32."""
        torch, tensor = self.torch, tensor.detach()
        if tensor.dtype in self._numpys and tensor.layout == torch.strided and not tensor._is_zerotensor():
            return tensor.resolve_neg().cpu().numpy()  # as most are
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()  # the gradient of an embedding may be sparse
        if tensor._is_zerotensor():  # has no memory to read
            tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
        if tensor.is_floating_point() and tensor.dtype not in self._numpys:
            tensor = tensor.to(torch.float32)
        if tensor.dtype == torch.complex32:
            tensor = tensor.to(torch.complex64)
        return tensor.resolve_conj().resolve_neg().cpu().numpy()

    def pair(self, tensor: Any) -> Pair:
        """Return the parts of a complex tensor as arrays."""
        array = self.array(tensor)
        return Pair(array.real.copy(), array.imag.copy())

    def differentiable(self, tree: Any) -> list[Any]:
        """Return the floating and complex tensors of a tree, in the order of `trees.leaves`."""
        found: list[Any] = []
        mapped(tree, lambda leaf: found.append(leaf) if isinstance(leaf, self.torch.Tensor) else None)
        return [tensor for tensor in found if tensor.is_floating_point() or tensor.is_complex()]

    def replayed(self, stage: Stage) -> contextlib.AbstractContextManager:
        """Draw on from the stage of an evaluation, and leave PyTorch's global random generators as they were.

        So every evaluation draws the same numbers, and its backward pass those that follow the forward pass's.
        Once several have drawn none, nobody looks any more.
        """
        return self._undone(stage) if self._watched else NOTHING

    @contextlib.contextmanager
    def _undone(self, stage: Stage) -> Iterator[None]:
        self._calls += 1
        before = self._states()
        if stage.states is not None:
            self._restore(stage.states)
        begun = before if stage.states is None else stage.states
        try:
            yield
        finally:
            stage.states = self._states()
            pairs = zip(begun, stage.states, strict=False)  # a first use of a card adds to them
            self.random |= any(not self.torch.equal(old, new) for old, new in pairs)
            self._restore(before)

    @property
    def _watched(self) -> bool:
        return self.random or self._calls < PROBES  # looking takes as long as a small operator

    def _restore(self, states: list[Any]) -> None:
        self.torch.set_rng_state(states[0])
        if states[1:]:
            self.torch.cuda.set_rng_state_all(states[1:])

    def _states(self) -> list[Any]:
        cuda = self.torch.cuda
        return [self.torch.get_rng_state(), *(cuda.get_rng_state_all() if cuda.is_initialized() else ())]


def _strides(x: np.ndarray) -> tuple[int, ...] | None:
    """Return strides in entries, all of them forwards; None where PyTorch cannot have them."""
    odd = any(stride % x.itemsize for stride in x.strides)
    return None if odd else tuple(abs(stride) // x.itemsize for stride in x.strides)
