"""What is known of every equation: where it stands, what it says, which code it is, what it rests on, how sure it is.

An entry that is broken (an equation without its line of code, a tag without its page, a verdict without its equation)
is refused, with its file.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import table
from equations import pages, verdicts
from website import releases, symbols, uses

ROOT = pages.ROOT
TAG = re.compile(r"\s*\\tag\{[^}]*\}")
CITED = re.compile(r"# \(([a-z]\w*\.\d+)\)$")
SECTIONS = {"Forward": "forward", "Backward": "backward", "Update": "update", "Algorithm": "algorithm"}


class Broken(Exception):
    """What the site cannot say of an equation: one line with the file."""


@dataclass(frozen=True)
class Entry:
    """An equation."""

    id: str
    page: pages.Page
    title: str  # of its page
    section: str
    tex: str
    line: int  # of its page
    symbols: tuple  # of symbols.Row
    code: tuple[str, int, str] | None  # path, line and text; a lettered step has none
    rests: tuple  # ids
    compared: str
    proved: str
    since: str
    errata: tuple  # of (version, what was wrong)
    digits: tuple[int, int, int] | None  # of the gradients of its page: as checked, by differences alone, on balls

    @property
    def document(self):
        """The path of its page without an ending: layers/layernorm."""
        return self.page.path.relative_to("specs").with_suffix("").as_posix()

    @property
    def name(self):
        """What its page is called in search and in a list: Layer normalisation, backward."""
        return f"{self.title}, {SECTIONS.get(self.section, self.section.lower())}"


class Entries:
    """Every equation by its id, in reading order of its page, and who rests on whom."""

    def __init__(self, root=ROOT):
        self.root = Path(root)
        self.pages = {self.document(page): page for page in pages.load(*verdicts.EVERY, root=self.root)}

    def document(self, page):
        return page.path.relative_to("specs").with_suffix("").as_posix()

    @cached_property
    def all(self):
        said, found = verdicts.read(), {}
        first, wrong = releases.first(self.root), releases.errata(self.root)
        digits = table.parse((self.root / "README.md").read_text(encoding="utf-8"))
        for document, page in self.pages.items():
            title, code = page.source.partition("\n")[0].removeprefix("# "), self.cited(page)
            rests, rows = uses.of_page(page), symbols.of_page(page)
            for id, (tex, line) in page.displayed.items():
                if id not in said or id not in first:
                    raise Broken(f"{page.path}:{line}: {id} must have a line in specs/verdicts.txt and specs/tags.txt")
                if id in page.numbered and id not in code:
                    raise Broken(f"{page.path}:{line}: {id} must be cited by a line of code, got none")
                found[id] = Entry(
                    id, page, title, uses.section(page, line), TAG.sub("", tex).strip(), line, rows.of(id),
                    code.get(id), rests[id], *said[id], first[id], tuple(wrong.get(id, ())),
                    digits[document][1:] if document in digits else None,
                )
        for id in (*first, *said, *wrong):
            if id not in found:
                raise Broken(f"specs: {id} must be displayed on a page, got none")
        return found

    def cited(self, page):
        """The line of code of each numbered equation of a page."""
        path = Path(*page.module.split(".")).with_suffix(".py")
        lines = (self.root / path).read_text(encoding="utf-8").splitlines()
        found = ((CITED.search(line), number, line) for number, line in enumerate(lines, 1))
        return {match[1]: (path.as_posix(), number, line.strip()) for match, number, line in found if match}

    @cached_property
    def guides(self):
        """The equations of the guides, which have no page of their own: their document and LaTeX, by id."""
        found = {}
        for page in pages.load("guides", root=self.root):
            for id, (tex, _) in page.displayed.items():
                found[id] = self.document(page), TAG.sub("", tex).strip()
        return found

    @cached_property
    def used(self):
        """The equations that rest on each."""
        found = {id: [] for id in self.all}
        for id, entry in self.all.items():
            for other in entry.rests:
                found[other].append(id)
        return found
