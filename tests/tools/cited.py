"""Which equations compute a gradient: the cited lines of the pullbacks that it depends on."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from functools import cache, cached_property

from house.tree import ID


def of(subject, name):
    """Return the ids of the equations that compute the gradient of `name`, in the order in which they stand.

    In a layer of layers they lead from the outermost pullback to the innermost.  What is not of
    the mathematics cites nothing.
    """
    return _along(subject, re.findall(r"\w+|\[\d+\]", name))


def _along(subject, path):
    field, *inner = path
    found = [name for forward in _forwards(subject) for name in _cited(forward, field)]
    part = getattr(subject, field, None)
    while inner and inner[0].startswith("["):
        part = part[int(inner.pop(0)[1:-1])]
    return found + _along(part, inner) if inner and dataclasses.is_dataclass(part) else found


def _forwards(subject):
    """The functions of the mathematics that the subject runs: that of a class after those of the classes it calls."""
    own = [inspect.unwrap(vars(kind)["vjp"]) for kind in type(subject).__mro__ if "vjp" in vars(kind)] or [subject]
    if not all(map(inspect.isfunction, own)):
        return []
    used = own[: [*map(_calls_that_above, own)].index(False) + 1]
    return [function for function in reversed(used) if function.__module__.startswith("reference.")]


@cache  # each parameter of each part asks, and the source is taken apart for every answer
def _calls_that_above(function):
    return "super().vjp(" in inspect.getsource(function)


@cache
def _cited(forward, field):
    return _forward(forward).cited(field)


@cache
def _forward(function):
    return Forward(function)


@dataclasses.dataclass(frozen=True)
class Forward:
    """A function that returns a pullback, within the source of its module."""

    function: object

    @cached_property
    def source(self):
        return inspect.getsource(inspect.getmodule(self.function))

    @cached_property
    def functions(self):
        return list(_functions(ast.parse(self.source)))

    @cached_property
    def outer(self):
        return next(node for node in self.functions if node.lineno == self.function.__code__.co_firstlineno)

    @cached_property
    def helpers(self):
        """Functions of the module, and those within the function, by name."""
        of_module = (node for node in self.functions if not node.col_offset)
        return {node.name: node for node in (*of_module, *_functions(self.outer))}

    def cited(self, field):
        """The ids on the lines that make the gradient of `field`, and on all that these depend on."""
        body, expressions = _pullback(self.outer), self._made(field)
        lines, wanted, seen = set(), _names(expressions), {"pullback"}
        for expression in expressions:
            lines |= _lines(expression)
        while wanted - seen:
            name = (wanted - seen).pop()
            seen.add(name)
            for statement, targets, value in _statements(body):
                if name in targets:
                    lines |= _lines(statement)
                    wanted |= _names([value])
            if name in self.helpers:
                helper = _pullback(self.helpers[name]) or self.helpers[name]
                lines |= set() if self.helpers[name].col_offset else _lines(helper)
                wanted |= _names([helper])
        comments = [self.source.splitlines()[line - 1].partition("#")[2] for line in sorted(lines)]
        return [name for comment in comments for name in re.findall(rf"\(({ID})\)", comment)]

    def _made(self, field):
        """The expressions that are returned for a field of the layer, or for an input."""
        body, arguments = _pullback(self.outer), self.outer.args
        named = [*arguments.args, *([arguments.vararg] if arguments.vararg else [])]
        inputs = [argument.arg for argument in named if argument.arg != "self"]
        returned = [node.value for node in ast.walk(body) if isinstance(node, ast.Return)][-1]
        values = returned.elts if isinstance(returned, ast.Tuple) else [returned]
        if field in inputs:
            return [values[inputs.index(field) - len(inputs)]]
        calls = [node for node in ast.walk(body) if isinstance(node, ast.Call)]
        given = [word for call in calls if getattr(call.func, "attr", "") == "cotangent" for word in call.keywords]
        by_name = [word.value for word in given if word.arg == field]
        return by_name or [word.value for word in given if word.arg is None] or values[:1]


def _pullback(outer):
    """The inner function of that name, if there is one."""
    return next((node for node in _functions(outer) if node.name == "pullback"), None)


def _functions(node):
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.FunctionDef))


def _statements(body) -> Iterator[tuple[ast.AST, set[str], ast.AST]]:
    """Every statement that gives names a value: those names, and what they get."""
    for node in ast.walk(body):
        if isinstance(node, ast.Assign):
            yield node, _names(node.targets), node.value
        elif isinstance(node, ast.AugAssign):
            yield node, _names([node.target]), node.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):  # d_blocks.append(d_block)
            yield node, _names([node.value.func, *node.value.args[:1]]), node.value
        elif isinstance(node, ast.For):
            yield node.target, _names([node.target]), node.iter


def _names(nodes):
    return {inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _lines(node):
    return set(range(node.lineno, node.end_lineno + 1))
