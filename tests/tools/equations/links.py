"""The page that the table links beside a layer is that of the layer which is called.

A row that links no page says "any": there the layer is whatever is given, and its page proves it.
"""

import os
import re

from equations.tree import Sum

LINK = re.compile(r"\]\(([^)#\s]+\.md)")


def check(page, right, values):
    """How a layer that an equation calls differs from the one that its row names, in words; None if none does."""
    for call in right.terms if isinstance(right, Sum) else (right,):
        code = page.shapes.entries[call.name].code
        for name in (code, f"{code}_vjp"):
            value = None if call.mark else values.python(name, values.event.before)
            found = value is not None and differs(page, call.name, value)
            if found:
                return found
    return None


def differs(page, name, value):
    """How one layer differs from the one that the row of its symbol names, in words."""
    entry = page.shapes.entries[name]
    if entry.code.startswith("operator.") or "of one number" in entry.meaning:  # no layer
        return None
    linked = [os.path.normpath(page.path.parent / path) for path in LINK.findall(entry.meaning)]
    if not linked:
        return None if re.search(r"\bany\b", entry.meaning) or pages_of(value) == {page.path.as_posix()} else (
            f"the row of {name} must link the page of what it calls, or say any, got {entry.meaning}"
        )
    for part in value if isinstance(value, tuple) else (value,):
        got = pages_of(part)
        if not (got & set(linked) or set(linked) <= called(part)):
            return f"{name} must be of {' or '.join(linked)}, got {', '.join(got) or part}"
    return None


def pages_of(value):
    """The page of the module that a function, or the class of a layer, comes from."""
    return {path(getattr(value, "__module__", None) or type(value).__module__)} - {None}


def called(value):
    """The pages of the functions that a function chooses from."""
    names = value.__code__.co_names if hasattr(value, "__code__") else ()
    return {found for name in names for found in pages_of(value.__globals__.get(name))}


def path(module):
    room = re.fullmatch(r"reference\.(\w+)\.(\w+?)(?:_reported)?", module or "")
    return room and f"specs/{room[1]}/{room[2]}.md"
