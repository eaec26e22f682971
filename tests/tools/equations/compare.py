"""Every numbered equation against the code: its right side on what the cited line saw, beside what that line made."""

from dataclasses import dataclass, replace

import numpy as np
from equations import composition, links
from equations.capture import Event, Instrumented
from equations.evaluate import Evaluator
from equations.labelled import Labelled, Unevaluated, together
from equations.numbers import Floats
from equations.runs import runs
from equations.tree import Symbol, Tuple
from equations.values import Known, Values

DIGITS = 1e-10  # of the size of the terms that are added: sums of some hundred products, in another order


@dataclass(frozen=True)
class Outcome:
    """What became of an equation: "equal", "composed", "differs" or "not evaluated"; the largest error; the words."""

    id: str
    kind: str
    error: float = 0.0
    words: str = ""


def compare(page):
    """The outcome of every numbered equation of a page, over all examples of its module."""
    outcomes = dict.fromkeys(page.equations)
    for situation in situations(page):
        outcome = one(page, page.equations[situation.event.id], situation)
        if worse(outcome, outcomes[outcome.id]):
            outcomes[outcome.id] = outcome
    for id, outcome in outcomes.items():
        if outcome is None or outcome.kind == "nothing":
            words = f"{page.path.as_posix()} ({id}): no example of {page.name}.py makes what it says"
            outcomes[id] = Outcome(id, "not evaluated", 0.0, words)
    return outcomes


@dataclass(frozen=True)
class Situation:
    """A cited line as it ran once: where, and what its symbols stood for."""

    example: str
    event: Event
    values: Values
    module: Instrumented

    def frozen(self):
        """The same, which later lines do not change."""
        return replace(self, values=self.values.frozen())


def situations(page):
    """Every run of a cited line, in order; what it makes is known to those that come after."""
    for example, subject, module, events in runs(page.module):
        known = Known()
        for event in events:
            values = Values(page, event, subject, module.module, known)
            if event.id:
                yield Situation(example, event, values, module)
                keep(values, page.equations[event.id])
            else:
                values.remember()


ORDER = ["nothing", "composed", "equal", "not evaluated", "differs"]


def worse(one, other):
    return other is None or (ORDER.index(one.kind), one.error) > (ORDER.index(other.kind), other.error)


def one(page, tree, situation):
    """Compare one equation with one run of its line."""
    event, values, module = situation.event, situation.values, situation.module
    place = f"{page.path.as_posix()} ({event.id}), cited at {page.name}.py:{event.line}"
    where = f"{place}, example {situation.example!r}"
    worst = Outcome(tree.id, "nothing")
    for place, clause in enumerate(tree.clauses):
        for side in clause.sides[1:]:
            try:
                if composition.is_one(clause.sides[0], side):
                    found = composition.check(page, clause.sides[0], side, module, event)
                    found = found or links.check(page, side, values)
                    kind, error = ("differs", np.inf) if found else ("composed", 0.0)
                    outcome = Outcome(tree.id, kind, error, f"{where}: {found}" if found else "")
                else:
                    outcome = entries(page, tree, clause.sides[0], side, place, values, where)
            except Unevaluated as why:
                outcome = Outcome(tree.id, "not evaluated", 0.0, f"{where}: {why}")
            worst = outcome if worse(outcome, worst) else worst
        make(values, clause.sides[0], place, len(tree.clauses))
    return worst


def entries(page, tree, left, right, place, values, where):
    """Both sides as arrays, and the entry at which they differ most."""
    if not isinstance(left, Symbol):
        raise Unevaluated("the left is no symbol")
    entry = page.shapes.entry(left.name)
    if entry is None:
        raise Unevaluated(f"{left.name} does not stand under Shapes")
    called = derivatives(page, values)
    rest = Evaluator(page.shapes, values.lengths, values.resolve, Floats(), called)
    values.expressions(rest.length)
    if not entry.code:
        return define(page, tree, left, right, values, rest)
    made = values.left(left.name, place, len(tree.clauses))
    if made is None and (entry.optional or values.empty()):
        return Outcome(tree.id, "nothing")
    if made is None:
        raise Unevaluated(f"the cited line gives nothing to {left.name}")
    own = Evaluator(
        page.shapes, values.lengths, lambda name: made if name == left.name else values.resolve(name), Floats()
    )
    with np.errstate(all="ignore"):
        code, said = own.symbol(left), rest.evaluate(right)
        extra = set(said.labels) - set(code.labels)
        if extra:
            raise Unevaluated(f"the right has axes {said.labels}, the left {code.labels}")
        (code, said), labels = together(code, said)
        a, b, scale = np.broadcast_arrays(code.values.astype(float), said.values.astype(float), said.size)
        scale = np.maximum(scale, np.maximum(np.abs(a), 1e-300), where=np.isfinite(a), out=scale.copy())
        error = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b) / scale)
    error = np.where(np.isnan(error), np.inf, error)
    if not error.size or error.max() <= DIGITS:
        return Outcome(tree.id, "equal", float(error.max(initial=0.0)))
    at = np.unravel_index(np.argmax(error), error.shape)
    index = ", ".join(f"{label}={n}" for label, n in zip(labels, at, strict=True))
    said, has = f"the equation says {b[at]:.5g}", f"the code has {a[at]:.5g}"
    return Outcome(tree.id, "differs", float(error.max()), f"{where}: {left.name}[{index}]: {said}, {has}")


def define(page, tree, left, right, values, evaluator):
    """A symbol that the code never makes: what the equation says of it, which the equations that read it check."""
    with np.errstate(all="ignore"):
        said = evaluator.evaluate(right)
    axes = [axis for axis in page.shapes.entry(left.name).axes if axis != "1"]
    places = evaluator.places(left, Labelled(np.empty([1] * len(axes)), tuple(axes))) if left.indices else []
    names = list(axes)
    for index, place in zip(left.indices, places, strict=True):
        names[place] = index.name
    if set(said.labels) - set(names):
        raise Unevaluated(f"the right has axes {said.labels}, the left {tuple(names)}")
    shape = [evaluator.length(axis) if axis != "..." else values.lengths["..."] for axis in axes]
    values.known.made[left.name] = np.broadcast_to(said.over(names).values, shape)
    return Outcome(tree.id, "equal")


def derivatives(page, values):
    """The functions of one number that the page calls, by what the code has of them: x -> (y, pullback)."""

    def called(name, mark, argument):
        function = values.python(page.shapes.entries[name].code, values.event.before)
        if function is None:
            raise Unevaluated(f"{name} has no value")
        y, pullback = function(argument)
        return pullback(np.ones_like(y)) if mark == "'" else y

    return called


def keep(values, tree):
    """Remember what the line made, and what it saw."""
    values.remember()
    for place, clause in enumerate(tree.clauses):
        make(values, clause.sides[0], place, len(tree.clauses))


def make(values, left, place, clauses):
    """Remember what a line gave to the left of a clause."""
    for symbol in left.items if isinstance(left, Tuple) else (left,):
        if isinstance(symbol, Symbol):
            made = values.left(symbol.name, place, clauses)
            if made is not None:
                values.known.made[symbol.name] = made.values
