"""NumPy's ufuncs and functions on traced arrays: each call is made on plain ones and noted."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcheck.diagnosis.traced import NotTracedError, Traced

LINEAR = {
    "append", "atleast_1d", "atleast_2d", "atleast_3d", "block", "broadcast_to", "broadcast_arrays", "column_stack",
    "concatenate", "convolve", "copy", "correlate", "cross", "cumsum", "diag", "diagflat", "diagonal", "diff", "dot",
    "dsplit", "dstack", "einsum", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "inner", "kron",
    "matrix_transpose", "mean", "meshgrid", "moveaxis", "outer", "pad", "ravel", "repeat", "reshape", "roll",
    "rollaxis", "rot90", "sliding_window_view", "split", "squeeze", "stack", "sum", "swapaxes", "take",
    "take_along_axis", "tensordot", "tile", "trace", "transpose", "tril", "triu", "vsplit", "vstack", "matmul",
    "array_split", "delete", "insert", "vecdot",
}  # fmt: skip
MADE = {"zeros_like": 0.0, "empty_like": 0.0, "ones_like": 1.0}
WRITTEN = {"copyto", "put_along_axis", "fill_diagonal", "put", "place", "putmask"}


def ufunc(function: np.ufunc, method: str, inputs: tuple, options: dict) -> Any:
    (out,) = options.pop("out", (None,))[:1]
    inputs = _joined(inputs)
    options = {key: value for key, value in options.items() if key != "dtype"}
    tape = _tape([*inputs, out])
    if method == "at":
        return _at(function, inputs)
    if method == "__call__" and options.get("where", True) is not True:
        raise NotTracedError("where")
    value = getattr(function, method)(*map(_plain, inputs), **options)
    if isinstance(value, tuple):
        raise NotTracedError(function.__name__)
    value = np.asarray(value)
    if value.dtype.kind != "f":
        return value
    if method == "__call__" and function.signature is None:
        found = tape.each(function, list(inputs), value, function.__name__)
    else:
        places = [i for i, x in enumerate(inputs) if _is_number(x) and (isinstance(x, Traced) or not i or i == 1)]
        places = places if method in ("__call__", "outer") else [0]

        def call(*parts: np.ndarray) -> np.ndarray:
            args = list(inputs)
            for i, part in zip(places, parts, strict=True):
                args[i] = part
            return np.asarray(getattr(function, method)(*args, **options))

        linear = function is np.add if method in ("reduce", "accumulate") else function is not np.power
        name = function.__name__ if method == "__call__" else f"{function.__name__}.{method}"
        found = tape.whole(call, [inputs[i] for i in places], value, name, linear)
    if out is None:
        return found
    if not isinstance(out, Traced):
        raise NotTracedError("a bare NumPy array")
    out.step = found.step
    return out


def _at(function: np.ufunc, inputs: tuple) -> None:
    target, index, *rest = inputs
    if not isinstance(target, Traced):
        raise NotTracedError("a bare NumPy array")

    def call(into: np.ndarray, *parts: np.ndarray) -> np.ndarray:
        found = into.copy()
        function.at(found, index, *parts)
        return found

    value = call(target.value, *map(_plain, rest))
    target.step = target.tape.whole(call, [target, *rest], value, f"{function.__name__}.at", function is np.add).step


def called(function: Callable, args: tuple, options: dict) -> Any:
    name, args = function.__name__, _joined(args)
    tape = _tape([*_arrays(args), *_arrays(list(options.values()))])
    if name in MADE or name == "full_like":
        return _made(name, args, options)
    if name in WRITTEN:
        return _written(function, args, options)
    if name in ("where", "clip"):
        return _each(function, args, options)
    if options.get("out") is not None:
        raise NotTracedError("out")
    operands = [*_arrays(args), *_arrays(list(options.values()))]
    if name in ("dot", "inner", "outer", "kron", "cross", "convolve", "correlate", "tensordot", "einsum"):
        operands = [x for x in args if _is_number(x)]
    numbers = {id(x) for x in operands}

    def call(*parts: np.ndarray) -> Any:
        rest = iter(parts)

        def put(node: Any) -> Any:
            if id(node) in numbers:
                return next(rest)
            return type(node)(map(put, node)) if type(node) in (list, tuple) else node

        return function(*map(put, args), **{key: put(value) for key, value in options.items()})

    value = call(*map(_plain, operands))
    if isinstance(value, tuple | list):
        kinds = {np.asarray(part).dtype.kind for part in value}
        if "f" not in kinds:
            return value
        if kinds != {"f"}:
            raise NotTracedError(name)
        return [
            tape.whole(lambda *p, i=i: np.asarray(call(*p)[i]), operands, part, name, name in LINEAR)
            for i, part in enumerate(value)
        ]
    if np.asarray(value).dtype.kind != "f":
        return value
    return tape.whole(lambda *p: np.asarray(call(*p)), operands, value, name, name in LINEAR)


def _made(name: str, args: tuple, options: dict) -> Any:
    like = args[0]
    fill = MADE[name] if name in MADE else (args[1] if len(args) > 1 else options["fill_value"])
    dtype = np.dtype(options.get("dtype") or like.dtype)
    shape = options.get("shape")
    shape = like.shape if shape is None else shape
    if dtype.kind != "f":
        return np.full(shape, fill, dtype)
    found = like.tape.leaf(np.zeros(shape))
    like.tape.steps[-1].kind = "constant"
    found[...] = fill
    return found


def _written(function: Callable, args: tuple, options: dict) -> None:
    target, rest = args[0], args[1:]
    if not isinstance(target, Traced):
        raise NotTracedError("a bare NumPy array")
    where = [i for i, x in enumerate(rest) if isinstance(x, Traced)]

    def call(into: np.ndarray, *parts: np.ndarray) -> np.ndarray:
        found, others = into.copy(), list(rest)
        for i, part in zip(where, parts, strict=True):
            others[i] = part
        function(found, *others, **options)
        return found

    operands = [target, *(rest[i] for i in where)]
    target.step = target.tape.whole(call, operands, call(*map(_plain, operands)), function.__name__, True).step


def _each(function: Callable, args: tuple, options: dict) -> Any:
    """Note np.where and np.clip, which are taken entry by entry."""
    if function is np.where:
        chosen, *operands = args
        if not operands:
            return function(_plain(chosen))
        value = np.where(_plain(chosen), *map(_plain, operands))
        wide = np.broadcast_to(_plain(chosen), value.shape)
        return _tape(operands).each(lambda a, b: np.where(wide, a, b), list(operands), value, "where")
    names = ("a_min", "a_max", "min", "max")
    limits = [*args[1:3], *(options[key] for key in names if options.get(key) is not None)]
    if any(isinstance(x, Traced) for x in limits):
        raise NotTracedError("clip")
    value = function(_plain(args[0]), *args[1:], **options)
    return args[0].tape.each(lambda a: function(a, *args[1:], **options), [args[0]], value, "clip")


def _joined(args: tuple) -> tuple:
    """Return arguments with arrays of objects as traced ones."""
    tape = next((x.tape for x in args if isinstance(x, Traced)), None)
    objects = [isinstance(x, np.ndarray) and x.dtype == object for x in args]
    if tape is None or not any(objects):
        return args
    return tuple(tape.joined(x) if is_one else x for x, is_one in zip(args, objects, strict=True))


def _tape(nodes: list) -> Any:
    found = next((x.tape for x in nodes if isinstance(x, Traced)), None)
    if found is None:
        raise NotTracedError("a call")
    return found


def _arrays(node: Any) -> Iterator[Traced]:
    if isinstance(node, Traced):
        yield node
    elif isinstance(node, list | tuple):
        for part in node:
            yield from _arrays(part)


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, Traced) else x


def _is_number(x: Any) -> bool:
    return isinstance(x, Traced | float | int) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fiub")


Traced.ufuncs = staticmethod(ufunc)
Traced.functions = staticmethod(called)
