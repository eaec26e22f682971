"""Layers that call layers, checked by name: the layer of an equation is the one called, with its arguments in order.

The line is read, and not run: of a pullback the call that made it is looked up, of a value that goes through the
plumbing (split and join of auxiliary outputs) the call that made it.
"""

import ast
import re
from functools import cache
from pathlib import Path

from equations.tree import Call, Sum, Symbol, Tuple

PLUMBING = {"split", "join", "merge_heads", "split_heads"}


def is_one(left, right):
    """Is this equation the call of a layer, or of its pullback, or a sum of such calls?"""
    calls = right.terms if isinstance(right, Sum) else (right,)
    return all(isinstance(call, Call) and call.mark != "'" for call in calls) and isinstance(left, Symbol | Tuple)


def check(page, left, right, module, event):
    """What differs between the call of an equation and that of its line; None if nothing does."""
    scope = Scope(module.module.__file__, event.line)
    calls, targets = scope.calls()
    wanted = right.terms if isinstance(right, Sum) else (right,)
    if len(calls) != len(wanted):
        return f"the line must call {', '.join(one.name for one in wanted)}, got {scope.text}"
    for one, call in zip(wanted, calls, strict=True):
        found = called(page, one, call, scope) or arguments(page, one, call)
        if found:
            return found
    return outputs(page, left, targets, scope)


def called(page, right, call, scope):
    """What is called in place of the layer of the equation, in words."""
    entry = page.shapes.entries[right.name]
    layer, pulled = scope.layer(call)
    if pulled != (right.mark == "*"):
        what = f"the pullback of {right.name}" if right.mark else right.name
        return f"the line must call {what}, got {ast.unparse(call.func)}"
    if layer not in (entry.code, f"{entry.code}_vjp"):
        return f"{right.name} must be {entry.code}, got {layer}"
    return None


def arguments(page, right, call):
    """The first argument that is another than that of the equation, in words."""
    given = [part for argument in call.args for part in joined(argument)]
    wanted = [base(argument) for argument in right.arguments]
    if isinstance(call.func, ast.Attribute) and wanted and code(page, wanted[0]) == ast.unparse(call.func.value):
        wanted = wanted[1:]  # a state that takes something in
    words = [word.value for word in call.keywords]
    for place, name in enumerate(wanted):
        if place < len(given):
            if not same(given[place], code(page, name)):
                return f"argument {place + 1} must be {name}, got {ast.unparse(given[place])}"
        else:
            word = next((word for word in words if same(word, code(page, name))), None)
            if word is None:
                return f"{name} must be an argument, got {ast.unparse(call)}"
            words.remove(word)
    if len(given) > len(wanted):
        return f"there must be {len(wanted)} arguments, got {ast.unparse(call)}"
    return None


def outputs(page, left, targets, scope):
    """The first output that the line calls otherwise than the equation, in words."""
    wanted = [base(item) for item in (left.items if isinstance(left, Tuple) else (left,))]
    if not targets:
        return None if len(wanted) == 1 else f"there must be {len(wanted)} outputs, got {scope.text}"
    got = [target for target in targets if target not in ("_", "pullback")]
    for place, name in enumerate(wanted):
        if place >= len(got) or not same(ast.parse(got[place], mode="eval").body, code(page, name)):
            return f"output {place + 1} must be {name}, got {', '.join(got)}"
    return None


def base(tree):
    """The name of the symbol that an argument is."""
    return tree.name if isinstance(tree, Symbol) else "a symbol"


def code(page, name):
    """What the code calls a symbol; nothing for what the page does not list."""
    entry = page.shapes.entry(name)
    return entry.code if entry else ""


def same(node, wanted):
    """Is this expression what the page calls so: the same words, or the same name inside of slices and plumbing?"""
    return bool(wanted) and (ast.unparse(node) == wanted or root(node) == root(ast.parse(wanted, mode="eval").body))


def root(node):
    """The name that an expression is about: do of split_heads(do, heads), d_norm of d["norm"], others of *others."""
    if isinstance(node, ast.Starred):
        return root(node.value)
    if isinstance(node, ast.IfExp):
        return root(node.orelse)
    if isinstance(node, ast.Subscript):
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            return f"d_{node.slice.value}"
        return root(node.value)
    if isinstance(node, ast.Call) and node.args:
        return root(node.args[0])
    return ast.unparse(node)


def joined(node):
    """The parts of join(dr, dauxiliary), or the argument itself."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "join":
        return node.args
    return [node]


class Scope:
    """A cited line within the functions round it."""

    def __init__(self, path, line):
        tree, lines = source(path)
        self.text = lines[line - 1].partition("#")[0].strip()
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        self.around = [tree, *(node for node in functions if node.lineno <= line <= node.end_lineno)]
        self.around.sort(key=lambda node: getattr(node, "lineno", 0), reverse=True)
        statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and not hasattr(node, "body")]
        self.statement = next(node for node in statements if node.lineno <= line <= node.end_lineno)

    def calls(self):
        """The calls that the line adds up, and the targets that get the outputs."""
        node = self.statement
        targets = flat(node.targets[0]) if isinstance(node, ast.Assign) else []
        parts = added(getattr(node, "value", None))
        return [call for call in map(self.behind, parts) if call is not None], targets

    def behind(self, call):
        """A call; of plumbing, the one that made its argument."""
        while isinstance(call, ast.Call) and ast.unparse(call.func) in PLUMBING:
            made = self.made(ast.unparse(call.args[0]))
            call = made and made.value
        return call if isinstance(call, ast.Call) else None

    def layer(self, call):
        """What is called, without .vjp or _vjp, and whether it is the pullback of that."""
        name = ast.unparse(call.func)
        made = self.made(name) if re.fullmatch(r"\w+", name) else None
        if made is not None and isinstance(made.value, ast.Call) and len(flat(made.targets[0])) > 1:
            return plain(ast.unparse(made.value.func)), True
        return plain(name), False

    def made(self, name):
        """The last assignment to a name before the line, in the functions round it."""
        found = None
        for function in self.around:
            for node in ast.walk(function):
                here = isinstance(node, ast.Assign) and node.lineno < self.statement.lineno
                if here and name in flat(node.targets[0]):
                    found = node if found is None or node.lineno > found.lineno else found
            if found is not None:
                return found
        return found


def added(node):
    """The terms of a sum."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return added(node.left) + added(node.right)
    return [node]


def plain(name):
    return name.removesuffix(".vjp").removesuffix("_vjp")


def flat(target):
    """The names that are assigned to, in order."""
    if isinstance(target, ast.Tuple | ast.List):
        return [name for item in target.elts for name in flat(item)]
    return [ast.unparse(target.value if isinstance(target, ast.Starred) else target)]


@cache
def source(path):
    text = Path(path).read_text(encoding="utf-8")
    return ast.parse(text), text.splitlines()


