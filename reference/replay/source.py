"""Lines as one function of Python without branches, in which an array ends with its last use."""

from collections.abc import Callable
from typing import Any

from reference.core.code import function_of
from reference.replay.tape import Line, Method, Name


def compiled(lines: list[Line], given: list[Name], returned: list[Name]) -> Callable[..., list[Any]]:
    """Return the lines as a function of the arrays given, which returns the list of those returned.

    It writes to nothing that was there before, so several threads may call it at a time.
    """
    source, body = _Source(), []
    last = {name: at for at, line in enumerate(lines) for name in (*line.made, *line.names())}
    for at, line in enumerate(lines):
        body.append(source.call(line))
        over = [name for name in dict.fromkeys((*line.names(), *line.made)) if last[name] == at]
        if words := [source.word(name) for name in over if name not in returned]:
            body.append(f"del {', '.join(words)}")
    return function_of([source.word(name) for name in given], [*body, f"return {source.word(returned)}"], source.names)


class _Source:
    """Words for values, and what the words stand for."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._of: dict[int, str] = {}

    def call(self, line: Line) -> str:
        words = [self.word(value) for value in line.args]
        words += [f"{key}={self.word(value)}" for key, value in line.kwargs.items()]
        if isinstance(line.function, Method):
            head = f"{words.pop(0)}.{line.function.name}"
        else:
            head = self._constant(line.function)
        call = f"{head}({', '.join(words)})"
        if not line.made:
            return call
        return f"{', '.join(map(self.word, line.made))}{',' * line.is_row} = {call}"

    def word(self, value: Any) -> str:
        if isinstance(value, Name):
            return f"a{value.number}"
        if type(value) in (tuple, list):
            inner = "".join(f"{self.word(entry)}, " for entry in value)
            return f"({inner})" if type(value) is tuple else f"[{inner}]"
        return repr(value) if value is None or type(value) in (bool, int, str) else self._constant(value)

    def _constant(self, value: Any) -> str:
        if id(value) not in self._of:
            self._of[id(value)] = name = f"c{len(self.names)}"
            self.names[name] = value  # which keeps it, and so its id
        return self._of[id(value)]
