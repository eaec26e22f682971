"""The symbols of an equation, as its page explains them: the LaTeX, the name in code, the meaning and the shape."""

import re
from dataclasses import dataclass

from equations.shapes import plain
from equations.tree import Refused
from equations.walks import names_in


@dataclass(frozen=True)
class Row:
    """A symbol, or all of one row of the page, which says in one breath what they are."""

    tex: str
    code: str  # in Markdown
    meaning: str  # in Markdown
    shape: str


class Rows:
    """The symbols of a page."""

    def __init__(self, page):
        self.page, self.raw, self.lines = page, {}, {}
        lines = [line for _, line in page.text.section("Shapes") if line.startswith("|")]
        for line in lines[2:]:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            texts = [part.strip() for cell in re.findall(r"\$`([^`]*)`\$", cells[0]) for part in cell.split(",")]
            self.raw |= {plain(tex): (tex, cells[3]) for tex in texts}
            self.lines |= {plain(tex): (", ".join(texts), *cells[1:4]) for tex in texts if len(texts) > 1}

    def of(self, id):
        """The rows of the symbols of an equation, in the order of the table, then gradients that have no row."""
        try:
            names = dict.fromkeys(names_in(self.page.read(id).clauses))
        except Refused:
            names = dict.fromkeys(name for name in self.raw if self.stands(name, self.page.displayed[id][0]))
        wanted = [name for name in self.raw if name in names]
        gradients = [name for name in names if name not in self.raw and self.page.shapes.entry(name) is not None]
        letters = [name for name in names if name in self.page.shapes.letters]
        rows = dict.fromkeys(self.line(name) for name in wanted + gradients)
        return (*rows, *(Row(self.letter(name), "", "index", self.page.shapes.letters[name]) for name in letters))

    def stands(self, name, tex):
        pattern = re.escape(self.raw[name][0])
        return re.search(rf"(?<![A-Za-z\\]){pattern}(?![A-Za-z])", tex)

    def line(self, name):
        return Row(*self.lines[name]) if name in self.lines else self.row(name)

    def row(self, name):
        entry = self.page.shapes.entry(name)
        if name in self.raw:
            return Row(self.raw[name][0], code(entry), entry.meaning, self.shape(entry))
        base = name[2:] if name.startswith("d_") else name[1:]
        tex = self.raw[base][0]
        shown = f"d_{{{tex}}}" if name.startswith("d_") else f"d{tex}"
        return Row(shown, code(entry), f"gradient of the loss with respect to $`{tex}`$", self.shape(entry))

    def shape(self, entry):
        if entry.axes is None:
            return self.raw.get(entry.name, ("", "a function"))[1]
        alone = len(entry.axes) == 1 and entry.axes != ("...",)
        return f"({', '.join(entry.axes)}{',' * alone})" if entry.axes else "scalar"

    def letter(self, name):
        return name if len(name) == 1 or name.endswith("'") else f"\\{name}"


def code(entry):
    return f"`{entry.code}`" if entry.code else ""


def of_page(page):
    return Rows(page)
