"""The LaTeX of an equation in tokens, each with its line."""

import re
from dataclasses import dataclass

from equations.tree import Refused

SPACE = {r"\,", r"\;", r"\:", r"\!", "\\ ", r"\left", r"\right", r"\big", r"\Big"}
TOKEN = re.compile(
    r"\\(?:begin|end)\{\w+\}|\\(?:text|mathrm)\s*\{[^}]*\}|\\mathop\{\\mathrm\{\w+\}\}|\\math(?:sf|bf|bb)\s*\w"
    r"|\\[A-Za-z]+|\\.|\d+|\S"
)
OPEN = {"(", "[", "{", r"\lvert", r"\lfloor", r"\langle", r"\begin{cases}"}
CLOSE = {")", "]", "}", r"\rvert", r"\rfloor", r"\rangle", r"\end{cases}"}


@dataclass(frozen=True)
class Place:
    """Where an equation stands."""

    path: str
    line: int

    def refuse(self, token, why):
        return Refused(f"{self.path}:{self.line}: {why}, got {token or 'the end of the equation'}")


@dataclass(frozen=True)
class Token:
    """A piece of LaTeX and where it stands."""

    text: str
    place: Place


def tokens(tex, path, line):
    r"""The tokens of an equation whose first line is `line`, without spaces and without its `\tag`."""
    found = []
    for number, text in enumerate(tex.splitlines(), line):
        text = re.sub(r"\\tag\{[^}]*\}", "", text)
        for match in TOKEN.finditer(text):
            word = re.sub(r"\\mathop\{(\\mathrm\{\w+\})\}", r"\1", match[0])
            if word not in SPACE:
                found.append(Token(re.sub(r"\s+\{", "{", word), Place(path, number)))
    return found


def split(pieces, marks):
    """Cut a list of tokens at those of `marks` that stand outside all brackets: lists, and the marks between them."""
    parts, between, depth = [[]], [], 0
    for token in pieces:
        depth += (token.text in OPEN) - (token.text in CLOSE)
        if token.text in marks and depth == 0:
            between.append(token)
            parts.append([])
        else:
            parts[-1].append(token)
    return parts, between
