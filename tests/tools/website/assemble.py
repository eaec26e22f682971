"""The sources that Sphinx reads: the pages of specs/, a page for every equation, and the lists of both."""

import re
from pathlib import Path

from website import api, equation, overview, pagegraph, pictures
from website.entries import ROOT, Entries
from website.markdown import NAMES, Converter


def assemble(target, root=ROOT, book=False):
    """Write the sources into a folder, with a link to the book if there is to be one; return their entries."""
    entries = Entries(root)
    for name, text in everything(entries, book):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return entries


def everything(entries, book):
    """Yield (path, text) for every source."""
    root = entries.root
    convert = Converter(root, entries.all.keys() | entries.guides.keys(), places(root))
    for path in sorted((root / "specs").rglob("*.md")):
        name = path.relative_to(root).as_posix()
        text = convert.page(name, path.read_text(encoding="utf-8"))
        inner = NAMES.get(name, name.removeprefix("specs/"))
        document = inner.removesuffix(".md")
        yield inner, drawn(text, document, entries) if document in entries.pages else pictures.drawn(text)
    for id in entries.all:
        yield f"eq/{id}.md", equation.page(entries, id, convert)
    yield from api.pages(entries)
    yield "equations.md", overview.equations(entries)
    yield "graph.md", overview.GRAPH
    yield "errata.md", overview.errata(entries)
    yield "index.md", overview.start(entries, book)


def drawn(text, document, entries):
    """A derivation with the drawing of its flow behind its shapes, and its graph, if it has one, at the end."""
    before, heading, after = text.partition("\n## Shapes\n")
    shapes, _, rest = after.partition("\n## ")
    text = f"{before}{heading}{shapes}\n```{{flow}}\n```\n\n## {rest}"
    return f"{text}\n{overview.around(document)}" if pagegraph.graph(entries, document)[1] else text


def places(root):
    """A function that finds a test of a page: its path and line."""
    found = {}

    def lines(path):
        if path not in found:
            text = (root / path).read_text(encoding="utf-8") if (root / path).is_file() else ""
            names = ((re.match(r"\s*def (test_\w+)\(", line), n) for n, line in enumerate(text.splitlines(), 1))
            found[path] = {match[1]: n for match, n in names if match}
        return found[path]

    def place(path, name):
        if not re.fullmatch(r"test_\w+", name):
            return None
        inner = Path(path).relative_to("specs")
        module = f"tests/reference/{inner.parent.as_posix()}/test_{inner.stem}.py"
        return f"{module}#L-{lines(module)[name]}" if name in lines(module) else None

    return place
