"""What each cited line of a module computes: its source is rewritten so that these lines report, and then run.

A rewrite, and not a trace: it sees the value of a lambda, of a return, of an assignment into a part of an array and of
a call that writes into `out`.
"""

import ast
import copy
import importlib
import inspect
import re
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from house.tree import ID

CITED = re.compile(rf"#\s*\(({ID})\)\s*$")


@dataclass
class Event:
    """One run of a cited line: the names that it saw, those that stand after it, what it made.

    The first event of an example has no id: what it is given.
    """

    id: str
    line: int
    before: dict
    targets: tuple = ()
    after: dict = field(default_factory=dict)
    value: object = None


class Recorder:
    """Receives what the rewritten lines report."""

    def __init__(self):
        self.events, self.open = [], []

    def before(self, id, line, names):
        self.open.append(Event(id, line, copied(names)))

    def value(self, made):
        self.open[-1].value = copied_one(made)
        return made

    def after(self, targets, names):
        event = self.open.pop()
        event.targets, event.after = targets, copied(names)
        self.events.append(event)

    def expression(self, id, line, names, made):
        self.events.append(Event(id, line, copied(names), (), copied(names), copied_one(made)))
        return made


class Rewrite(ast.NodeTransformer):
    """Puts the reports round the cited statements."""

    def __init__(self, cited):
        self.cited = cited  # line -> id

    def generic_visit(self, node):
        super().generic_visit(node)
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(node, part, None)
            if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
                setattr(node, part, [made for statement in statements for made in self.reported(statement)])
        return node

    def reported(self, statement):
        if hasattr(statement, "body"):
            return [statement]
        span = range(statement.lineno, statement.end_lineno + 1)
        here = next((line for line in span if line in self.cited), None)
        if here is None:
            return [statement]
        id = self.cited[here]
        if any(isinstance(node, ast.Lambda) for node in ast.walk(statement)):
            return [self.in_lambda(statement, id, here)]
        before = ast.parse(f"__report__.before({id!r}, {here}, locals())").body
        if isinstance(statement, ast.Return):
            held = ast.Assign([ast.Name("__value__", ast.Store())], reporting(statement.value))
            return [*before, held, *after(()), ast.Return(ast.Name("__value__", ast.Load()))]
        if isinstance(statement, ast.Assign):
            statement.value = reporting(statement.value)
        return [*before, statement, *after(written(statement))]

    def in_lambda(self, statement, id, line):
        inner = next(node for node in ast.walk(statement) if isinstance(node, ast.Lambda))
        names = sorted({node.id for node in ast.walk(inner.body) if isinstance(node, ast.Name)})
        free = ", ".join(f"{name!r}: {name}" for name in names)
        call = ast.parse(f"__report__.expression({id!r}, {line}, {{{free}}}, 0)", mode="eval").body
        call.args[3], inner.body = inner.body, call
        return statement


def reporting(value):
    call = ast.parse("__report__.value(0)", mode="eval").body
    call.args[0] = value
    return call


def after(targets):
    return ast.parse(f"__report__.after({targets!r}, locals())").body


def written(statement):
    """The names that a statement writes to; of a call, that of `out` or of its first argument."""
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        return tuple(map(root, target.elts if isinstance(target, ast.Tuple) else [target]))
    if isinstance(statement, ast.AugAssign):
        return (root(statement.target),)
    call = statement.value
    out = [word.value for word in call.keywords if word.arg == "out"]
    return (root((out or call.args)[0]),)


def root(node):
    """The name of what is written to: y of y[..., :half]."""
    if isinstance(node, ast.Subscript) and not isinstance(getattr(node.slice, "value", None), str):
        return ast.unparse(node.value)
    return ast.unparse(node.value if isinstance(node, ast.Starred) else node)


def copied(names):
    return {name: copied_one(value) for name, value in names.items() if not name.startswith("__")}


def copied_one(value):
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.random.Generator):
        return copy.deepcopy(value)
    if type(value) in (list, tuple):
        return type(value)(map(copied_one, value))
    if type(value) is dict:
        return copied(value)
    return value


@dataclass(frozen=True)
class Instrumented:
    """A module whose cited lines report."""

    module: types.ModuleType
    report: Recorder
    lines: dict  # id -> line

    def run(self, subject, inputs, constants, rng):
        """Run a subject forward and back, and return the events."""
        for value in vars(self.module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
        self.report.events.clear()
        forward = subject.vjp if hasattr(subject, "vjp") else subject
        with np.errstate(all="ignore"):
            given = bound(forward, inputs, constants)
            y, pullback = forward(*inputs, **constants)
            pullback(cotangent(y, rng))
        return [Event("", 0, given, (), given), *self.report.events]


def instrumented(name):
    """The module of this name, rewritten."""
    original = importlib.import_module(name)
    source = Path(original.__file__).read_text(encoding="utf-8")
    cited = {n: match[1] for n, line in enumerate(source.splitlines(), 1) if (match := CITED.search(line))}
    tree = ast.fix_missing_locations(Rewrite(cited).visit(ast.parse(source)))
    module = types.ModuleType(f"{name}_reported")
    module.__file__ = original.__file__
    module.__dict__["__report__"] = report = Recorder()
    sys.modules[module.__name__] = module  # dataclasses look there
    exec(compile(tree, original.__file__, "exec"), module.__dict__)
    return Instrumented(module, report, {id: line for line, id in cited.items()})


def bound(forward, inputs, constants):
    """What an example gives to its subject, by the names of the parameters."""
    arguments = inspect.signature(forward).bind(*inputs, **constants)
    arguments.apply_defaults()
    return copied(dict(arguments.arguments))


def cotangent(y, rng):
    if isinstance(y, tuple):
        return tuple(cotangent(part, rng) for part in y)
    return rng.normal(size=np.shape(y))
