"""Numbers and places in words."""

import math

import numpy as np

from gradcheck.diagnosis.evidence import Evidence
from gradcheck.subjects.outputs import entry

CLOSE = 1e-8
NEAR = 0.02  # to 1 or -1, where a factor is told by what it is beside that
ENTRIES = 3  # for each extreme, without which one is found by chance


def factor(c: float, e: Evidence) -> str:
    """Return a factor in words: what it is made of, if it is made of something."""
    sign = "-" if c < 0 else ""
    for name, value in candidates(e):
        for text, number in ((name, value), (f"1/{name}", 1 / value)):
            if math.isclose(abs(c), number, rel_tol=CLOSE):
                return f"{sign}{text}"
    if abs(abs(c) - 1) < NEAR:
        return decimal(c)
    for denominator in range(1, 13):
        numerator = round(abs(c) * denominator)
        if 0 < numerator <= 4096 and math.isclose(abs(c), numerator / denominator, rel_tol=CLOSE):
            return f"{sign}{numerator}" + (f"/{denominator}" if denominator > 1 else "")
    return decimal(c)


def decimal(c: float, digits: int = 7) -> str:
    """Return a number as it is, and one that would read as 1 as what it is beside that."""
    near = abs(abs(c) - 1)
    if near == 0 or (c < 0 and near < CLOSE):
        return f"{c:.1g}"
    return beside_one(c) if near < NEAR else f"{c:.{digits}g}"


def beside_one(c: float) -> str:
    """Return a factor close to 1 or -1 as what it is beside that."""
    return f"{'-' if c < 0 else ''}(1 {'+' if abs(c) > 1 else '-'} {abs(abs(c) - 1):.1e})"


def is_named(c: float, e: Evidence) -> bool:
    """Whether a factor is a whole number, or made of something."""
    return abs(c - round(c)) < CLOSE or factor(c, e) != f"{c:.7g}"


def candidates(e: Evidence) -> list[tuple[str, float]]:
    found = [("2", 2.0)]
    lengths = dict.fromkeys([*e.shape, *e.outputs, *(n for x in e.point for n in x.shape)])
    for n in lengths:
        if n > 1:
            found += [(f"{n} (the length of an axis)", float(n)), (f"sqrt({n}) (the length of an axis)", math.sqrt(n))]
    for n in dict.fromkeys([e.x.size, e.y.size]):
        if n > 1:
            found.append((f"{n} (the number of entries)", float(n)))
    found += [("ln 2", math.log(2)), ("ln 10", math.log(10)), ("pi/180", math.pi / 180), ("pi", math.pi)]
    found += [("sqrt(2)", math.sqrt(2)), ("1024", 1024.0)]
    if e.y.size == 1 and abs(e.y[0]) not in (0, 1):
        found.append(("y", abs(float(e.y[0]))))
    return found


def places(where: np.ndarray, shape: tuple[int, ...]) -> str:
    """Return which entries (a boolean array) are meant, in the shortest true words."""
    where = where.reshape(shape)
    count = int(where.sum())
    if where.all():
        return "in every entry"
    if count == 1:
        return f"at [{', '.join(str(int(i)) for i in np.argwhere(where)[0])}]"
    for axis, length in enumerate(shape):
        along = np.moveaxis(where, axis, 0).reshape(length, -1)
        if (along.all(axis=1) | ~along.any(axis=1)).all():
            return f"at {_list(np.flatnonzero(along.any(axis=1)))} of axis {axis}"
    if len(shape) == 2 and shape[0] == shape[1]:
        i, j = np.indices(shape)
        for name, part in (
            ("on the diagonal", i == j),
            ("off the diagonal", i != j),
            ("above it", i < j),
            ("below it", i > j),
        ):
            if np.array_equal(where, part):
                return name.replace("it", "the diagonal")
    first = ", ".join("[" + ", ".join(map(str, index)) + "]" for index in np.argwhere(where)[:3].tolist())
    return f"at {first}{', ...' if count > 3 else ''} ({count} of {where.size} entries)"


def is_scattered(where: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether several entries are meant that `places` has no name for."""
    return places(where, shape).endswith("entries)")


def axes(some: tuple[int, ...]) -> str:
    return f"axis {some[0]}" if len(some) == 1 else f"axes {', '.join(map(str, some))}"


def rows(where: np.ndarray, e: Evidence) -> str:
    """Return which outputs (a boolean array) are meant, by the names of the arrays that they stand in."""
    if len(e.parts) == 1:
        return places(where, e.outputs)
    said, start = [], 0
    for name, shape in e.parts:
        part = where[start : start + math.prod(shape)].reshape(shape)
        start += part.size
        if part.any():
            said.append(f"in {name}" if part.all() else f"{places(part, shape)} of {name}")
    return " and ".join(said)


def row(k: int, e: Evidence) -> str:
    """Return the name of the k-th entry of all outputs, such as y[1][0, 2]."""
    return entry(e.parts, k)


def border(where: np.ndarray) -> bool:
    """Whether a boolean array is True exactly at both ends of one axis."""
    for axis, length in enumerate(where.shape):
        if length > 3:
            ends = np.isin(np.arange(length), [0, length - 1])
            if np.array_equal(
                where, np.broadcast_to(np.expand_dims(ends, list(range(1, where.ndim - axis))), where.shape)
            ):
                return True
    return False


def extreme(where: np.ndarray, x: np.ndarray) -> str | None:
    """Return which extremes of x, or of its lines along an axis, are just where a boolean array is True."""
    where = where.reshape(x.shape)
    for text, values in (("largest", x), ("smallest", -x), ("largest (in size)", np.abs(x))):
        for axis in (None, *range(x.ndim)):
            top = values == values.max(axis=axis, keepdims=True)
            if top.sum() * ENTRIES <= x.size and np.array_equal(where, top):
                return f"its {text} entry" + ("" if axis is None else f" along axis {axis}")
    ends = (x == x.max()) | (x == x.min())
    return "its largest and its smallest entry" if x.size >= ENTRIES and np.array_equal(where, ends) else None


def _list(indices: np.ndarray) -> str:
    shown = ", ".join(str(int(i)) for i in indices[:4])
    return f"index {shown}{', ...' if indices.size > 4 else ''}"
