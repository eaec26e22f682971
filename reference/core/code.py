"""Functions without branches, written by the program itself: the one place that executes what was put together."""

from collections.abc import Callable
from typing import Any


def function_of(arguments: list[str], lines: list[str], names: dict[str, Any]) -> Callable[..., Any]:
    """Return a function of these arguments that consists of these lines, in which `names` stand for their values.

    No word may come from a file or from a user: the lines are made of names and of numbers that the program counted.

    Raises:
        ValueError: an argument or a name is no identifier, or a line is more than one.
    """
    for word in (*arguments, *names):
        if not word.isidentifier():
            raise ValueError(f"function_of: a name must be an identifier, got {word!r}")
    for line in lines:
        if "\n" in line:
            raise ValueError(f"function_of: a line must be one, got {line!r}")
    space = dict(names)
    exec(compile("\n    ".join([f"def written({', '.join(arguments)}):", *lines]), "<written>", "exec"), space)
    return space["written"]
