"""All derivations as one PDF: the articles of the site behind one another, printed by the browser."""

import posixpath
import re
import subprocess
import tempfile
from pathlib import Path

from bs4 import BeautifulSoup
from website import overview

NAME = "backproof.pdf"
# Tags would be two thirds of the file: every sign of the MathML has one.
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-pdf-tagging")
HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>backproof</title>
<link rel="stylesheet" href="_static/pygments.css"><link rel="stylesheet" href="_static/styles/furo.css">
<link rel="stylesheet" href="_static/site.css"><style>
@page { size: A4; margin: 18mm 16mm; }
body { font-size: 10pt; } article { break-before: page; } h1 { font-size: 20pt; }
.headerlink { display: none; } .drawing { max-width: 100%; height: auto; } pre { white-space: pre-wrap; }
</style></head><body>"""


def write(entries, site, browser):
    """Print the notation and every derivation, in reading order, into the site."""
    documents = ["notation", *overview.reading(entries)]
    text = HEAD + "".join(article(site, document, set(documents)) for document in documents) + "</body></html>"
    page = site / "book.html"
    page.write_text(text, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / NAME
        where = [f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
        subprocess.run([browser, *FLAGS, *where, page.resolve().as_uri()], check=True, capture_output=True, timeout=300)
        bind(printed, site / NAME, {document: title(entries, document) for document in documents})
    page.unlink()


def title(entries, document):
    """What the outline calls a page; the notation, which comes first, is no derivation."""
    page = entries.pages.get(document)
    return page.source.partition("\n")[0].removeprefix("# ") if page else "Notation"


def bind(printed, path, titles):
    """What the browser printed, with an outline, and packed more tightly than browsers do."""
    import pikepdf  # part of the environment that has a browser

    with pikepdf.open(printed) as pdf:
        places = pdf.Root.Dests  # of every page but the first one, to which no page leads
        with pdf.open_outline() as outline:
            for document, words in titles.items():
                outline.root.append(pikepdf.OutlineItem(words, places.get(f"/{document}", 0)))
        pdf.Root.PageMode = pikepdf.Name.UseOutlines
        pdf.save(path, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def article(site, document, documents):
    """The article of a page, with its names made its own and its links turned to the inside of the book."""
    soup = BeautifulSoup((site / f"{document}.html").read_text(encoding="utf-8"), "html.parser")
    found = soup.find("article")
    for tag in found.find_all(id=True):
        tag["id"] = f"{document}:{tag['id']}"
    for link in found.find_all("a", href=True):
        link["href"] = inside(document, link["href"], documents)
        if not link["href"]:
            del link["href"]
    found["id"] = document
    return str(found)


def inside(document, href, documents):
    """Where a link of a page leads in the book; nothing for what is not part of it."""
    if re.match(r"[a-z]+:", href):
        return href
    path, _, name = href.partition("#")
    full = posixpath.normpath(posixpath.join(posixpath.dirname(document), path)) if path else f"{document}.html"
    full = full.removesuffix(".html")
    if full.startswith("eq/"):
        return ""
    return (f"#{full}:{name}" if name else f"#{full}") if full in documents else ""
