"""Hypotheses about what a derivative is made of: an operand is transposed, of another step, or of another index."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from gradcheck.diagnosis.factors import as_axis
from gradcheck.diagnosis.graph import Edge, Graph
from gradcheck.diagnosis.stages import called, of, operand
from gradcheck.diagnosis.suspects import Suspect, by

SAME = (
    "add", "subtract", "where", "indexing", "an assignment", "negative", "broadcast", "array", "concatenate", "stack",
    "hstack", "vstack", "column_stack", "append", "block", "copyto", "put_along_axis", "add.at",
)  # whatever the operands are
MOVES = ("indexing", "broadcast", "reshape", "transpose", "swapaxes", "ravel", "squeeze", "moveaxis", "expand_dims")
INVERSES: dict[str, Callable] = {"tanh": np.arctanh, "exp": np.log, "sqrt": np.square}
Find = Callable[[Graph, int, int], np.ndarray | None]  # of a step and an operand: what stands in its place


def replaced(graph: Graph, edges: tuple[Edge, ...]) -> Iterator[Suspect]:
    """Yield suspects in which an operand is another array."""
    v, k = edges[0]
    step, which = graph.steps[v], f"the derivative of {called(graph, v)}"
    for i, u in enumerate(step.operands):
        if (i == k and step.kind == "linear") or called(graph, v) in SAME:
            continue
        mine, inverse = operand(graph, v, i, "the"), INVERSES.get(step.name)
        x = graph.steps[u].value
        for name, text, turn in _turns(x.shape):
            name = _chosen(x) or name if name == "value" else name
            yield Suspect(name, f"{mine} is {text} in {which}", v, by(edges, _change(i, _turned(turn))))
        mover = _mover(graph, u)
        ways = _along if len(edges) > 1 else _all
        base = [(f"{text}, moved alike", _moved(find)) for text, find in ways(graph, mover)] if mover != u else []
        for text, find in [*ways(graph, u), *base]:
            said = f"{mine} has other values in {which}, those of {text}"
            name = "scale" if _is_scaled(find(graph, v, u), graph.steps[u].value) else "value"
            yield Suspect(name, said, v, by(edges, _change(i, find)))
            if inverse is not None:
                said = f"the slope of {called(graph, v)} is taken as if {text} were its output"
                yield Suspect("value", said, v, by(edges, _change(i, _inverted(find, inverse))))


def _chosen(x: np.ndarray) -> str:
    """Return what an array of zeros and one other number is: a selection of one in each line, or a mask."""
    if not x.any() or x.all() or not ((x == 0) | (x == x.max())).all():
        return ""
    return "selection" if ((x != 0).sum(axis=-1) == 1).all() else "mask"


def _is_scaled(x: np.ndarray | None, right: np.ndarray) -> bool:
    """Whether an array is the right one but for a factor of each index of one axis."""
    if x is None or x.shape != right.shape:
        return False
    with np.errstate(all="ignore"):
        factors = x / right
    return bool(np.isfinite(factors).all() and as_axis(factors, x.shape) is not None)


def _change(i: int, find: Find) -> Callable[[Graph, Edge], np.ndarray | None]:
    def change(graph: Graph, edge: Edge) -> np.ndarray | None:
        x = find(graph, edge[0], graph.steps[edge[0]].operands[i])
        return None if x is None else graph.local(*edge, {i: x})

    return change


def _turns(shape: tuple[int, ...]) -> Iterator[tuple[str, str, Callable[[np.ndarray], np.ndarray]]]:
    for q in range(len(shape)):
        for p in (p for p in range(q) if shape[p] == shape[q] > 1):
            yield "transposed", f"transposed (axes {p} and {q})", partial(np.swapaxes, axis1=p, axis2=q)
    if len(shape) == 2 and shape[0] == shape[1] > 1:
        yield "elementwise", "its diagonal alone", partial(np.multiply, np.eye(shape[0]))
    for axis in (axis for axis, n in enumerate(shape) if n > 1):
        yield "value", f"reversed along axis {axis}", partial(np.flip, axis=axis)
        for k in (1, -1) if shape[axis] > 2 else ():
            yield "value", f"shifted by {k:+d} along axis {axis}", partial(np.roll, shift=k, axis=axis)
        for at in (0, shape[axis] - 1):
            yield "value", f"that of index {at} of axis {axis} everywhere", partial(_everywhere, at=at, axis=axis)


def _everywhere(x: np.ndarray, at: int, axis: int) -> np.ndarray:
    return np.broadcast_to(x.take([at], axis), x.shape)


def _mover(graph: Graph, u: int) -> int:
    """Return the step that another one only moves about: indexes, broadcasts, reshapes, transposes."""
    while graph.steps[u].kind == "linear" and len(graph.steps[u].operands) == 1 and called(graph, u) in MOVES:
        u = graph.steps[u].operands[0]
    return u


def _moved(find: Find) -> Find:
    """Return what is found in the place of what a step moves about, moved as it does."""

    def found(graph: Graph, v: int, u: int) -> np.ndarray | None:
        way, base = [], _mover(graph, u)
        while u != base:
            way.append(graph.steps[u].call)
            (u,) = graph.steps[u].operands
        x = find(graph, v, base)
        for call in reversed(way):
            x = None if x is None else np.asarray(call(x))
        return x

    return found


def _turned(turn: Callable[[np.ndarray], np.ndarray]) -> Find:
    return lambda graph, v, u: turn(graph.steps[u].value)


def _inverted(find: Find, inverse: Callable) -> Find:
    def found(graph: Graph, v: int, u: int) -> np.ndarray | None:
        y = find(graph, v, u)
        with np.errstate(all="ignore"):
            x = None if y is None else inverse(y)
        return x if x is not None and np.isfinite(x).all() else None

    return found


def _all(graph: Graph, u: int) -> Iterator[tuple[str, Find]]:
    """Yield all other steps whose values have the shape of step u, the nearest first."""
    x = graph.steps[u].value
    seen: list[np.ndarray] = []
    for w, other in sorted(enumerate(graph.steps), key=lambda pair: abs(pair[0] - u)):
        same = other.value.shape == x.shape and not np.array_equal(other.value, x)
        if same and not any(np.array_equal(other.value, s) for s in seen):
            seen.append(other.value)
            yield of(graph, w), partial(_value, w=w)


def _value(graph: Graph, _: int, u: int, w: int) -> np.ndarray | None:
    x = graph.steps[w].value
    return x if x.shape == graph.steps[u].value.shape else None


def _along(graph: Graph, u: int) -> Iterator[tuple[str, Find]]:
    """Yield the steps of one place in the code that come just before, or after, in each turn of a loop."""
    shape, seen = graph.steps[u].value.shape, set()
    for w, step in enumerate(graph.steps):
        key = step.place, step.name
        if step.value.shape != shape or key in seen:
            continue
        seen.add(key)
        for text, away in (("", -1), ("the turn before, ", -2), ("the turn after, ", 1)):
            yield text + of(graph, w), partial(_near, key=key, away=away)


def _near(graph: Graph, v: int, u: int, key: tuple, away: int) -> np.ndarray | None:
    """Return the value of the last, or last but one, step of a place before step v, or the first after it.

    Zeros where there is none.
    """
    there = [w for w, step in enumerate(graph.steps) if (step.place, step.name) == key]
    some = [w for w in there if w < v] if away < 0 else [w for w in there if w > v]
    if len(there) < 2:
        return None
    at = some[away] if away < 0 and len(some) >= -away else some[0] if away > 0 and some else None
    x = graph.steps[u].value
    return np.zeros(x.shape) if at is None else _value(graph, v, u, at)
