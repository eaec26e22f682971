"""The equations of a page in the order in which its examples run them."""

from dataclasses import dataclass

from equations.composition import is_one
from equations.runs import runs

# Not part of the chain from the inputs to the output, with the reason.
APART = {
    "attention.4": "split and merge only rename entries: what they map has one name here",
    "attention.6": "split and merge only rename entries: what they map has one name here",
    "attention.14": "self-attention: x stands for both inputs, whose gradients add",
}


@dataclass(frozen=True)
class Program:
    """The equations of a page in the order in which one example runs them: forward, then backward."""

    forward: tuple
    backward: tuple


def programs(page):
    """Every set of equations that an example runs, in their order; what adds nothing to another one is left out."""
    found = {}
    sections = {id: section(page, id) for id in page.numbered}
    for example, _, _, events in runs(page.module):
        order = list(dict.fromkeys(event.id for event in events if event.id in sections and event.id not in APART))
        forward = tuple(id for id in order if sections[id] == "Forward")
        backward = tuple(dict.fromkeys(id for id in order if sections[id] == "Backward"))
        found.setdefault((forward, backward), example)
    kept = {example: Program(*key) for key, example in found.items() if key[1]}
    return {name: one for name, one in kept.items() if not any(within(page, one, other) for other in kept.values())}


def within(page, program, other):
    """Has the other one all of this, and besides only layers, which may be the identity?"""
    more = set(other.forward + other.backward) - set(program.forward + program.backward)
    less = set(program.forward + program.backward) - set(other.forward + other.backward)
    sides = [clause.sides for id in more for clause in page.equations[id].clauses]
    return bool(more) and not less and all(is_one(left, right) for left, right, *_ in sides)


def section(page, id):
    """The heading under which an equation stands."""
    line, title = page.displayed[id][1], ""
    for number, text in page.text.prose:
        if number < line and text.startswith("## "):
            title = text.removeprefix("## ")
    return title
