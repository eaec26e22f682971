"""Calls that may write where an array lies that nobody reads any more.

Memory that was written last is warm: a step of width 128 takes 0.98 of the time, one of width 64 as long as before.
"""

import dataclasses

import numpy as np

from reference.replay.tape import Line, Name, Tape


def in_place(tape: Tape, returned: list[Name]) -> list[Line]:
    """Return the lines of a tape, where a ufunc writes over an input whose memory is read for the last time.

    The numbers are the same, as is the order in which they lie.
    """
    last: dict[Name | None, int] = {}  # line that reads the memory of an owner
    for at, line in enumerate(tape.lines):
        last.update({tape.kind(name).owner: at for name in (*line.names(), *line.made)})
    last.update({tape.kind(name).owner: len(tape.lines) for name in (*returned, *tape.given)})
    placed = []
    for at, line in enumerate(tape.lines):
        over = [name for name in _fitting(tape, line) if last[tape.kind(name).owner] == at]
        placed.append(dataclasses.replace(line, kwargs={"out": over[0]}) if over else line)
    return placed


def _fitting(tape: Tape, line: Line) -> list[Name]:
    """Return the inputs of a ufunc in whose place its output fits."""
    function = line.function
    if not isinstance(function, np.ufunc) or function.signature or function.nout != 1 or line.kwargs or not line.made:
        return []
    layout = tape.kind(line.made[0]).layout()
    names = [name for name in line.args if isinstance(name, Name)]
    kinds = [tape.kind(name) for name in names]
    return [
        name for name, kind in zip(names, kinds, strict=True)
        if kind.owner is not None and not kind.is_number and kind.layout() == layout
    ]  # fmt: skip
