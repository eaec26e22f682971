"""Subjects whose arrays are those of another library, handed over and taken back by way of DLPack."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.adapters.convert import callable_or_raise, mapped
from gradcheck.subjects.adapted import Adapted, Broken
from gradcheck.subjects.kinds import adapt

HOMES = {"jaxlib": "jax.dlpack"}  # where `from_dlpack` is, if not beside the class
CPU = 1  # the kind of device that DLPack numbers so


class Dlpack(Adapted):
    """Another subject with arrays of a library: each evaluation gets new ones, around copies of the numbers."""

    elsewhere = "arrays of another library"

    def __init__(self, subject: Any, from_dlpack: Callable | None):
        self._inner, self._from = adapt(subject), from_dlpack
        self.name = self._inner.name

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        if self._from is None:
            self._from = _of_library((self._inner.parameters, inputs, constants))
        self.parameters = mapped(self._inner.parameters, numpys)
        return self._inner.prepare(mapped(inputs, numpys), constants)

    def signature(self) -> Callable:
        return self._inner.signature()

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        lent = Lent(self._from, (parameters, inputs, constants))
        y = mapped(self._inner.forward(*lent.trees), numpys)
        lent.whole_or_raise("the forward pass writes to an array that it was given")
        return y

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        lent = Lent(self._from, (parameters, inputs, constants))
        y, pullback = self._inner.vjp(*lent.trees)

        def pull(dy: Any) -> tuple[Any, Any]:
            handed = Lent(self._from, dy)
            found = mapped(pullback(handed.trees), numpys)
            handed.whole_or_raise("the pullback writes to the cotangent dy it was given")
            lent.whole_or_raise("the pullback writes to an array that the forward pass was given")
            return found

        return mapped(y, numpys), pull


class Lent:
    """Trees with arrays of a library around copies of NumPy's; `whole_or_raise` looks whether those were written to.

    On a device they are copies themselves, and are brought back to be looked at.
    """

    def __init__(self, from_dlpack: Any, given: Any):
        self._pairs: list[tuple[np.ndarray, Any]] = []

        def lent(leaf: Any) -> Any:
            if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "fciub":
                return leaf
            twin = np.array(leaf)
            made = from_dlpack(twin)
            self._pairs.append((leaf, made if _is_on_device(made) else twin))
            return made

        self.trees = mapped(given, lent)

    def whole_or_raise(self, message: str) -> None:
        if not all(np.array_equal(x, numpys(lent), equal_nan=x.dtype.kind in "fc") for x, lent in self._pairs):
            raise Broken("mutation", message)


def dlpack(subject: Any, *, from_dlpack: Callable | None = None) -> Adapted:
    """Check a subject of any kind whose arrays have `__dlpack__`, as those of most libraries have.

    Numbers are made on the host, in float64; where the arrays are on a device, as CuPy's, only the subject runs there.

    Inputs are arrays of the library or NumPy's; the subject gets the library's for all of them, whole numbers and
    what is handed over by keyword included, and returns the library's.

    Args:
        subject: what `gradcheck.check` takes: `f(*inputs) -> (y, pullback)`, an object with `vjp`, `pair(...)`, ...
        from_dlpack: makes an array of the library from NumPy's; without it that of the library of the first array is
            taken, or its `asarray` where that array is on a device.

    Raises:
        TypeError: `subject` is of no known kind, or `from_dlpack` is not callable; at the check, neither it nor an
            array of a library is given, or NumPy does not take an array.
    """
    if from_dlpack is not None:
        callable_or_raise("from_dlpack", from_dlpack)
    return Dlpack(subject, from_dlpack)


def numpys(leaf: Any) -> Any:
    """Return a copy of a library's array as NumPy's, and anything else as it is."""
    if not _is_foreign(leaf):
        return leaf
    try:
        return np.array(np.from_dlpack(leaf, device="cpu") if _is_on_device(leaf) else np.from_dlpack(leaf))
    except Exception as error:  # each library has its own for what it does not hand over
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TypeError(f"gradcheck: {_kind(leaf)} must be one that NumPy takes by DLPack, got: {text}") from error


def _of_library(given: Any) -> Callable:
    found: list[Any] = []
    mapped(given, lambda leaf: found.append(leaf) if _is_foreign(leaf) else None)
    if not found:
        raise TypeError("gradcheck: dlpack must get an array of a library, or from_dlpack, got neither")
    root = type(found[0]).__module__.partition(".")[0]
    home = sys.modules.get(HOMES.get(root, root))
    make = getattr(home, "asarray" if _is_on_device(found[0]) else "from_dlpack", None)  # which crosses to a device
    if not callable(make):
        raise TypeError(f"gradcheck: dlpack must be told from_dlpack for {_kind(found[0])}, got none in {root}")
    return make


def _is_foreign(leaf: Any) -> bool:
    return hasattr(type(leaf), "__dlpack__") and not isinstance(leaf, np.ndarray | np.generic)


def _is_on_device(leaf: Any) -> bool:
    return _is_foreign(leaf) and leaf.__dlpack_device__()[0] != CPU


def _kind(leaf: Any) -> str:
    return f"{type(leaf).__module__.partition('.')[0]}.{type(leaf).__qualname__}"
