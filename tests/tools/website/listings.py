"""The files that the pages link to, with a name for every line, and their citations as links to the equations."""

import posixpath
import re
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, TextLexer

SOURCE = re.compile(r"\{src\}`[^`]* <([^`>#]+)(?:#[^`>]*)?>`")
UNNAMED = re.compile(r'<span id="L-\d+">((?!\s*def test_)[^<]*)</span>')  # of a test, only its first line is linked
CITED = re.compile(r"\(([a-z]\w*\.(?:\d+|[a-z]))\)(?=</span>)")


def pages(app, entries):
    """Yield (name, context, template) for each file, as Sphinx asks."""
    for path in sorted(files(Path(app.srcdir))):
        text = (entries.root / path).read_text(encoding="utf-8")
        kind = "listing" if path.startswith("reference/") else "listing plain"
        body = f'<section class="{kind}"><h1>{path}</h1>{listing(path, text, entries)}</section>'
        yield f"code/{path}", {"title": path, "body": body}, "page.html"


def files(sources):
    """Every file that a page of the site leads to."""
    found = set()
    for page in sources.rglob("*.md"):
        found |= set(SOURCE.findall(page.read_text(encoding="utf-8")))
    return found


def listing(path, text, entries):
    """A file, each line with a name."""
    lexer = PythonLexer() if path.startswith("reference/") else TextLexer()  # a test in colours is three times as long
    up = posixpath.relpath("eq", posixpath.dirname(f"code/{path}"))

    def link(match):
        id = match[1]
        return f'(<a class="eq" data-eq="{id}" href="{up}/{id}.html">{id}</a>)' if id in entries.all else match[0]

    made = highlight(text, lexer, HtmlFormatter(linespans="L"))
    return CITED.sub(link, made if path.startswith("reference/") else UNNAMED.sub(r"\1", made))
