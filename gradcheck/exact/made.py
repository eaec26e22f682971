"""NumPy's functions that make an array like another, or write into one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.exact.balls import FLOAT, Balls
from gradcheck.exact.operands import dual, plain
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import balls, zeros


def made(x: Any, fill: Any, dtype: Any, shape: Any) -> Balls:
    """Return an array like x of one number."""
    shape = np.shape(x) if shape is None else shape
    kind = np.dtype(x.dtype if dtype is None else dtype)
    if kind.kind in "iub":
        return Balls(np.full(shape, plain(fill, "a number written into an array of whole ones"), kind))
    if kind != FLOAT:
        raise NotFollowed(f"an array of {kind}")
    found = Balls(zeros(shape))
    found[...] = fill
    return found


def zeros_like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Balls:
    return made(x, 0, dtype, shape)


def ones_like(x: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any) -> Balls:
    return made(x, 1, dtype, shape)


def full_like(
    x: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Balls:
    return made(x, fill_value, dtype, shape)


def asarray(x: Any, dtype: Any = None, order: Any = None, **_: Any) -> Balls:
    found = x if isinstance(x, Balls) else handed_over(np.asarray(x))
    return found if dtype is None else found.astype(dtype, copy=False)


def frombuffer(*args: Any, **options: Any) -> Balls:
    return handed_over(np.frombuffer(*args, **options))


def handed_over(x: np.ndarray) -> Balls:
    """Return an array of the user's as balls of its very numbers; whole numbers and truth values stay what they are."""
    return Balls(balls(x)) if x.dtype.kind == "f" else Balls(x.copy())


def copyto(target: Any, source: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(target, Balls):
        raise NotFollowed("balls copied into a bare NumPy array")
    if target.is_plain:
        np.copyto(target.value, plain(source, "balls copied into whole numbers"), where=plain(where, ""))
        return
    new, chosen = dual(source), plain(where, "a mask made of balls")
    np.copyto(target.value, new.value, where=chosen)
    if target.change is not None:
        np.copyto(target.change, zeros(()) if new.change is None else new.change, where=chosen)


def put_along_axis(x: Balls, indices: Any, values: Any, axis: Any) -> None:
    at, new = plain(indices, "an index made of balls"), dual(values)
    if not isinstance(x, Balls):
        raise NotFollowed("balls put into a bare NumPy array")
    if x.is_plain:
        np.put_along_axis(x.value, at, plain(values, "balls written into whole numbers"), axis)
        return
    np.put_along_axis(x.value, at, new.value, axis)
    if x.change is not None:
        np.put_along_axis(x.change, at, zeros(()) if new.change is None else new.change, axis)


def fill_diagonal(x: Balls, value: Any, wrap: bool = False) -> None:
    at = np.arange(min(x.shape))
    x[tuple(at for _ in x.shape)] = value


CALLED: dict[str, Callable] = {
    "asarray": asarray,
    "astype": lambda x, dtype, copy=True, **_: x.astype(dtype, copy),
    "copyto": copyto,
    "empty_like": zeros_like,
    "fill_diagonal": fill_diagonal,
    "frombuffer": frombuffer,
    "full_like": full_like,
    "ones_like": ones_like,
    "put_along_axis": put_along_axis,
    "zeros_like": zeros_like,
}
