"""NumPy's arrays whose sums are watched."""

from typing import Any

import numpy as np

from gradcheck.subjects.sums import now


class Summed(np.ndarray):
    """An array like any other; what NumPy makes of it is one, too."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple = (), **options: Any) -> Any:
        plain = [_plain(x) for x in inputs]
        sums = now()
        if sums is not None and method == "__call__" and ufunc in (np.add, np.subtract) and not options:
            first, second = map(np.asarray, plain)
            total = ufunc(first, second)
            if isinstance(total, np.ndarray) and total.dtype.kind == "f":
                total = sums.seen(np, first, second if ufunc is np.add else -second, total)
            if not out:
                return _watched(total)
            np.copyto(_plain(out[0]), total, casting="same_kind")
            return out[0]
        if out:
            options["out"] = tuple(map(_plain, out))
        found = getattr(ufunc, method)(*plain, **options)
        return (out[0] if len(out) == 1 else out) if out else _watched(found)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _watched(super().__array_function__(function, types, args, kwargs))


def watched(x: np.ndarray) -> Summed:
    """Return a copy whose sums are watched."""
    return np.array(x).view(Summed)


def _plain(x: Any) -> Any:
    return x.view(np.ndarray) if isinstance(x, Summed) else x


def _watched(found: Any) -> Any:
    if isinstance(found, tuple | list) and type(found) in (tuple, list):
        return type(found)(map(_watched, found))
    return found.view(Summed) if type(found) is np.ndarray and found.dtype.kind == "f" else found
