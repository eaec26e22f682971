"""NumPy's functions on balls: those that move numbers about, and those that are linear in each operand.

Both run as they are, on the numbers and on their changes; `asked`, `made`, `matrices` and `sums` have the others.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from flint import arb

from gradcheck.exact import asked, made, matrices, sums
from gradcheck.exact.balls import Balls
from gradcheck.exact.calls import product
from gradcheck.exact.operands import dual, plain
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import Dual, as_objects, normal, zeros

FIRST = (0,)
# Which arguments are numbers; the others say where.
MOVED = {
    **dict.fromkeys(
        ("array_split", "atleast_1d", "atleast_2d", "atleast_3d", "block", "broadcast_to", "column_stack",
         "concatenate", "copy", "cumsum", "cumulative_sum", "delete", "diag", "diagflat", "diagonal", "diff", "dsplit",
         "dstack", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "matrix_transpose", "moveaxis", "pad",
         "ravel", "repeat", "reshape", "resize", "roll", "rollaxis", "rot90", "split", "squeeze", "stack", "swapaxes",
         "take", "take_along_axis", "tile", "trace", "transpose", "tril", "triu", "unstack", "vsplit", "vstack"),
        FIRST,
    ),
    "append": (0, 1),
    "broadcast_arrays": (0, 1, 2, 3, 4, 5),
    "compress": (1,),
    "extract": (1,),
    "insert": (0, 2),
    "linalg.diagonal": FIRST,
    "linalg.matrix_transpose": FIRST,
    "linalg.trace": FIRST,
    "lib.stride_tricks.sliding_window_view": FIRST,
    "meshgrid": (0, 1, 2, 3, 4, 5),
    "where": (1, 2),
}  # fmt: skip
PRODUCTS = (
    "convolve", "correlate", "cross", "dot", "inner", "kron", "linalg.matmul", "linalg.outer", "linalg.tensordot",
    "outer", "tensordot",
)  # fmt: skip
COMPOSED: dict[str, Callable] = asked.CALLED | made.CALLED | matrices.CALLED | sums.CALLED


def called(function: Callable, args: tuple, options: dict) -> Any:
    """Return what a function of NumPy's gives for balls.

    Raises:
        NotFollowed: balls do not take it.
    """
    name = f"{function.__module__}.{function.__name__}".removeprefix("numpy.")
    if name in COMPOSED:
        return COMPOSED[name](*args, **options)
    if "out" in options:
        return _written(name, function, args, options)
    if name == "einsum":
        return _einsum(function, args, options)
    if name in PRODUCTS:
        settings, inputs = args[2:], args[:2]
        rule = product(lambda a, b: function(a, b, *settings, **options))
        return _wrapped(*rule(*map(dual, inputs)))
    if name in MOVED:
        return _moved(function, args, options, MOVED[name])
    if all(x.is_plain for x in _parts([*args, *options.values()])):  # ids and masks, which others may take
        found = _wrapped(function(*_plain(args), **{key: _plain(value) for key, value in options.items()}), None)
        if all(x.dtype.kind in "iub" for x in _parts([found])):
            return found
    raise NotFollowed(f"numpy.{name}")


def _written(name: str, function: Callable, args: tuple, options: dict) -> Any:
    out = options.pop("out")
    found = called(function, args, options)
    if out is None:
        return found
    if not isinstance(out, Balls):
        raise NotFollowed(f"numpy.{name} into a bare NumPy array")
    out[...] = found
    return out


def _einsum(function: Callable, args: tuple, options: dict) -> Any:
    """Follow the form with one string."""
    if not isinstance(args[0], str):
        raise NotFollowed("numpy.einsum with lists of axes")
    options = {key: value for key, value in options.items() if key == "optimize"}
    return _wrapped(*product(lambda *x: function(args[0], *x, **options))(*map(dual, args[1:])))


def _moved(function: Callable, args: tuple, options: dict, numbers: tuple[int, ...]) -> Any:
    if not any(not x.is_plain for i in numbers if i < len(args) for x in _parts(args[i])):
        args, options = _plain(args), {key: _plain(value) for key, value in options.items()}
        return _wrapped(function(*args, **options), None)
    options = {key: _plain(value) for key, value in options.items()}
    parts = [_dual(x) if i in numbers else _plain(x) for i, x in enumerate(args)]
    value = function(*(_pick(x, 0) if i in numbers else x for i, x in enumerate(parts)), **options)
    if not any(x.change is not None for i in numbers if i < len(args) for x in _parts(args[i])):
        return _wrapped(value, None)
    options.pop("constant_values", None)  # of np.pad: a constant does not change
    change = function(*(_pick(x, 1) if i in numbers else x for i, x in enumerate(parts)), **options)
    return _wrapped(value, change)


def _parts(node: Any) -> Iterator[Balls]:
    if isinstance(node, Balls):
        yield node
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _parts(part)


def _dual(node: Any) -> Any:
    return [_dual(part) for part in node] if _is_sequence(node) else dual(node)


def _is_sequence(node: Any) -> bool:
    return isinstance(node, list | tuple) and not isinstance(node, Dual)


def _pick(node: Any, which: int) -> Any:
    if _is_sequence(node):
        return [_pick(part, which) for part in node]
    return zeros(node.value.shape) if node[which] is None else node[which]


def _plain(node: Any) -> Any:
    if isinstance(node, Balls):
        return plain(node, "a place that balls name")
    return type(node)(map(_plain, node)) if type(node) in (list, tuple) else node


def _wrapped(value: Any, change: Any) -> Any:
    if isinstance(value, list | tuple):
        changes = [None] * len(value) if change is None else change
        return type(value)([_wrapped(v, c) for v, c in zip(value, changes, strict=True)])
    if isinstance(value, np.ndarray | np.generic) and value.dtype != object:
        return Balls(np.asarray(value))
    if not isinstance(value, np.ndarray):
        value, change = as_objects(value), None if change is None else as_objects(change)
    if _has_fills(value):  # a copy: what has none stays a view
        value, change = normal(value), None if change is None else normal(change)
    return Balls(value, change)


def _has_fills(value: np.ndarray) -> bool:
    """Whether NumPy has put other numbers among balls, as zeros beside a diagonal."""
    return not all(isinstance(x, arb) for x in value.flat)


Balls.functions = staticmethod(called)
