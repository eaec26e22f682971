"""How text is written: with colour and blocks where they can be seen, in plain ASCII everywhere else."""

import dataclasses
import os
from typing import TextIO

CODES = {"pass": "32", "fail": "1;31", "inconclusive": "1;33", "bold": "1", "dim": "2", "wrong": "31", "right": "2;32"}
PLAIN = ".-+*#"
BLOCKS = "·░▒▓█"


@dataclasses.dataclass(frozen=True)
class Style:
    """`marks` are those of a map: right, then errors from small to large; `width` is where text wraps, 0: nowhere."""

    colour: bool = False
    marks: str = PLAIN
    width: int = 0

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{CODES[code]}m{text}\x1b[0m" if self.colour and text else text


def style_of(stream: TextIO, width: int) -> Style:
    """Return the style for a stream: colour on a terminal only, unless NO_COLOR is set or the terminal is dumb."""
    terminal = stream.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    try:
        BLOCKS.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return Style(colour, PLAIN, width if terminal else 0)
    return Style(colour, BLOCKS, width if terminal else 0)
