"""What a page says under Shapes: of each symbol its axes in order and its name in code, and which index runs over what.

The table has the columns symbol, code, meaning, shape.  A cell may hold several symbols, with as many names in code and
with one shape or as many.  A line that starts with "Indices:" gives the letters, "$`n`$ over (...); $`i, j`$ over D".
Where $`dx`$ has no row of its own, it has the axes of $`x`$ and the name that the code gives to a gradient.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from equations.tree import Refused

HEADER = ["symbol", "code", "meaning", "shape"]
SCALAR = {"scalar": (), "scalars": (), "condition": ()}


@dataclass(frozen=True)
class Entry:
    """A symbol: its axes, its name in code, whether it is differentiated or a constant, and may be absent.

    A function has no axes.
    """

    name: str
    axes: tuple | None
    code: str
    differentiable: bool = False
    constant: bool = False
    optional: bool = False
    meaning: str = ""


@dataclass(frozen=True)
class Shapes:
    """The symbols of a page and its index letters, each with the axis that it runs over."""

    entries: dict
    letters: dict
    gradients: dict = field(default_factory=dict)  # those that follow, as they are asked for

    @cached_property
    def names(self):
        return frozenset(self.entries)

    @cached_property
    def functions(self):
        return frozenset(name for name, entry in self.entries.items() if entry.axes is None)

    @cached_property
    def shared(self):
        """Names in code, with their axes, that stand for two symbols."""
        found = [(entry.code, entry.axes) for entry in self.entries.values()]
        return {pair for pair in found if found.count(pair) > 1}

    def entry(self, name):
        """What a symbol is; that of a gradient follows from what it is the gradient of."""
        if name in self.entries:
            return self.entries[name]
        if name not in self.gradients:
            self.gradients[name] = self.following(name)
        return self.gradients[name]

    def following(self, name):
        base = self.entries.get(name[1:]) if name[:1] == "d" else None
        if name.startswith("d_") and name[2:] in self.functions:
            base = self.entries[name[2:]]  # d_f, of a layer f
        return base and Entry(name, base.axes, gradient(base), optional=base.optional)


def gradient(entry):
    """The name that the code gives to a gradient: dx of x, d_norm of a layer, d_output.w of self.output.w."""
    if "(" in entry.code:  # merge_heads(dq) of merge_heads(q)
        return re.sub(r"\((\w+)", r"(d\1", entry.code, count=1)
    inner = entry.code.removeprefix("self.")
    return f"d_{inner}" if "." in inner or entry.axes is None else f"d{inner}"


def read(path, source):
    """The Shapes of a page."""
    lines = source.splitlines()
    start = lines.index("## Shapes") if "## Shapes" in lines else len(lines)
    end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith("## ")), len(lines))
    entries, letters, header = {}, {}, None
    for number in range(start, end):
        line = lines[number]
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if header is None:
                header = cells
                if header[:4] != HEADER:
                    want = f"{path}:{number + 1}: the columns must be {', '.join(HEADER)}"
                    raise Refused(f"{want}, got {', '.join(cells)}")
            elif not set(line) <= set("|-: "):
                for entry in row(cells, header, f"{path}:{number + 1}"):
                    if entry.name in entries:
                        raise Refused(f"{path}:{number + 1}: a symbol must stand in one row, got {entry.name} again")
                    entries[entry.name] = entry
        elif line.startswith("Indices:"):
            letters |= indices(line, f"{path}:{number + 1}")
    both = set(letters) & set(entries)
    if both:
        want = f"{path}:{start + 1}: a letter must be an index or a symbol"
        raise Refused(f"{want}, got both for {', '.join(sorted(both))}")
    return Shapes(entries, letters)


def row(cells, header, here):
    """The entries of a row of the table."""
    symbols = [plain(s) for part in re.findall(r"\$`([^`]*)`\$", cells[0]) for s in part.split(",")]
    codes = re.findall(r"`([^`]*)`", cells[1]) or [""] * len(symbols)  # without a name in code: never made
    shapes = axes(cells[3], here)
    if symbols and len(codes) != len(symbols):
        raise Refused(f"{here}: each symbol must have a name in code, got {len(codes)} for {', '.join(symbols)}")
    if len(shapes) not in (1, len(symbols)):
        raise Refused(f"{here}: shapes must be one or {len(symbols)}, got {cells[3]}")
    differentiable = len(header) > 4 and cells[4].startswith("yes")
    constant = len(header) > 4 and cells[4].startswith("no")
    optional = "may be absent" in cells[2]
    for k, (symbol, code) in enumerate(zip(symbols, codes, strict=True)):
        yield Entry(symbol, shapes[k % len(shapes)], code, differentiable, constant, optional, cells[2])


def axes(cell, here):
    """The shapes in a cell: a tuple of axes each; None for a function, which is written (..., D) to (..., D)."""
    if re.search(r"\bto\b", cell):
        return [None]
    if cell in SCALAR:
        return [SCALAR[cell]]
    groups = re.findall(r"\(([^()]*)\)", cell)
    if not groups:
        want = f"{here}: a shape must be axes in brackets, scalar, or a map (...) to (...)"
        raise Refused(f"{want}, got {cell or 'nothing'}")
    return [tuple(axis(part) for part in group.split(",") if part.strip()) for group in groups]


def axis(text):
    return re.sub(r"\s+or (?:1|more)$", "", text.strip())


def indices(line, here):
    """The letters of the line that starts with Indices."""
    found = {}
    for part in line.removeprefix("Indices:").strip().rstrip(".").split(";"):
        match = re.fullmatch(r"\s*\$`([^`]*)`\$ over (.+?)\s*", part)
        if not match:
            raise Refused(f"{here}: indices must be written as $`n`$ over (...); $`i, j`$ over D, got {part.strip()}")
        length = match[2].removeprefix("(").removesuffix(")")
        found |= {plain(letter): length.rstrip(",").strip() for letter in match[1].split(",")}
    return found


def plain(symbol):
    r"""The name of a symbol as the parser gives it: xhat for \hat x, w_o for w_o, logits for \text{logits}."""
    text = re.sub(r"\\(?:text|mathrm)\{(\w+)\}", r"\1", symbol.strip())
    text = re.sub(r"\\(hat|bar)\s*\{?\s*\\?(\w+?)\}?('*)$", r"\2\1\3", text)
    return text.replace("\\", "").replace("{", "").replace("}", "").replace(" ", "")
