"""What the steps of a forward pass are called, where they stand in the code, and what they are made of."""

import linecache
from collections.abc import Callable, Iterable

from gradcheck.diagnosis.graph import Graph

REDUCED = ("add.reduce", "sum", "mean", "max", "amax", "maximum.reduce", "min", "var", "std", "norm")
EXTREMES = ("max", "amax", "min")
CHOOSE = ("where", "maximum", "minimum", "clip")
STATISTICS = ("normalisation", "mean term", "extremes")
WORDS = {"getitem": "indexing", "setitem": "an assignment", "add.reduce": "sum", "maximum.reduce": "max"}
ORDER = ("first", "second", "third")
SHOWN = 70  # characters of a line


def kind(graph: Graph, v: int, k: int) -> str:
    """Return what is left out where nothing flows back to an operand."""
    step = graph.steps[v]
    if step.name in CHOOSE:
        return "branch"
    if step.kind != "each" or len(step.operands) != 2:
        return "path"
    if statistic := _statistic(graph, v, k):
        taken_off = step.name in ("subtract", "add")
        if statistic.startswith(EXTREMES):
            return "normalisation" if taken_off else "extremes"  # a softmax takes it off, and no one counts it
        return "mean term" if taken_off else "normalisation"
    if step.name in ("subtract", "add"):
        return "path"
    if step.operands[1 - k] in graph.moving and _entries(graph, step.operands[0]) & _entries(graph, step.operands[1]):
        return "slope"
    return "path"


def _statistic(graph: Graph, v: int, k: int) -> str:
    """Return the name of the sum, mean or the like of what another operand is made of too, that an operand is."""
    u = graph.steps[v].operands[k]
    while graph.steps[u].name not in REDUCED:
        moving = [o for o in graph.steps[u].operands if o in graph.moving]
        if len(moving) != 1:
            return ""
        u = moving[0]
    return graph.steps[u].name if above(graph, u) & above(graph, graph.steps[v].operands[1 - k]) else ""


def _entries(graph: Graph, v: int) -> set[int]:
    """Return the moving steps that one is made of entry by entry, itself among them."""
    return _closed(graph, v, lambda u: graph.steps[u].operands if graph.steps[u].kind == "each" else ())


def above(graph: Graph, v: int) -> set[int]:
    """Return the moving steps that one is made of, itself among them."""
    return _closed(graph, v, lambda u: graph.steps[u].operands)


def _closed(graph: Graph, v: int, made_of: Callable[[int], Iterable[int]]) -> set[int]:
    found: set[int] = set()
    waiting = [v]
    while waiting:
        u = waiting.pop()
        if u not in found and u in graph.moving:
            found.add(u)
            waiting += made_of(u)
    return found


def called(graph: Graph, v: int) -> str:
    """Return the name of a step's call."""
    name = graph.steps[v].name
    return WORDS.get(name, name).split(" ")[0]


def operand(graph: Graph, v: int, k: int, article: str = " to its") -> str:
    if len(graph.steps[v].operands) == 1:
        return "" if article == " to its" else "the operand"
    return f"{article} {ORDER[k] if k < len(ORDER) else f'{k + 1}th'} operand"


def of(graph: Graph, v: int) -> str:
    if v in graph.leaves:
        return "an input"
    return f"{called(graph, v)} in `{line(graph, v)}`" if graph.steps[v].operands else "a constant"


def line(graph: Graph, v: int) -> str:
    """Return the user's line of code."""
    if not graph.steps[v].place:
        return "the forward pass"
    code, _, number = graph.steps[v].place[0]
    text = linecache.getline(code.co_filename, number).strip() or f"line {number}"
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
