"""The pages: their displayed equations, read with what stands under Shapes."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from equations import notation, shapes
from house.tree import Page as Text

ROOT = Path(__file__).parents[3]
ROOMS = ("functions", "layers", "losses", "optimizers", "scaling")
COMPOSED = ("models", "generation")  # mostly of layers that call layers


@dataclass(frozen=True)
class Page:
    """A page of a room."""

    path: Path  # relative to the root
    source: str

    @property
    def name(self):
        return self.path.stem

    @property
    def module(self):
        return ".".join(("reference", *self.path.with_suffix("").parts[1:]))

    @cached_property
    def text(self):
        return Text(self.path, self.source)

    @cached_property
    def shapes(self):
        return shapes.read(self.path.as_posix(), self.source)

    @cached_property
    def displayed(self):
        """Every displayed equation by its id: the LaTeX and the number of its first line."""
        found = {}
        for fence in self.text.fences:
            tags = re.findall(r"\\tag\{([^}]*)\}", "\n".join(fence.body)) if fence.language == "math" else []
            found |= {tag: ("\n".join(fence.body), fence.line + 1) for tag in tags}
        return found

    @property
    def numbered(self):
        return [id for id in self.displayed if id.rpartition(".")[2].isdigit()]

    def read(self, id):
        """The tree of an equation."""
        return self.parsed(id, self.displayed[id][0])

    def parsed(self, id, tex):
        """The tree of what stands in the place of an equation."""
        line = self.displayed[id][1]
        return notation.equation(id, tex, self.path.as_posix(), line, self.shapes.names, self.shapes.functions)

    @cached_property
    def equations(self):
        """The numbered equations, read."""
        return {id: self.read(id) for id in self.numbered}


def load(*rooms, root=ROOT):
    """The pages of these rooms."""
    return [
        Page(path.relative_to(root), path.read_text(encoding="utf-8"))
        for room in rooms
        for path in sorted((root / "specs" / room).glob("*.md"))
    ]
