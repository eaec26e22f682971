"""The site as files: its links, what it loads, and its size."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "build/site"


class Links(HTMLParser):
    """The names on a page, and what it links to or loads."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links, self.loaded = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.names |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.loaded.append(given["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in given:
            self.loaded.append(given["src"])


@pytest.fixture(scope="module")
def pages():
    return {path: Links(path.read_text(encoding="utf-8")) for path in sorted(SITE.rglob("*.html"))}


def test_every_link_leads_to_a_place_that_there_is(pages):
    lost = []
    for path, page in pages.items():
        for link in page.links:
            target, _, name = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            full = (path.parent / target.partition("?")[0]).resolve() if target else path
            if not full.is_file() or (name and full in pages and unescape(name) not in pages[full].names):
                lost.append(f"{path.relative_to(SITE)}: {link}")
    assert lost == []


def test_every_page_loads_nothing_but_files_of_the_site(pages):
    for path, page in pages.items():
        for link in page.loaded:
            assert (path.parent / link.partition("?")[0]).resolve().is_relative_to(SITE), f"{path}: {link}"
            assert (path.parent / link.partition("?")[0]).is_file(), f"{path}: {link}"


def test_every_equation_has_its_page(pages):
    tags = (SITE.parents[1] / "specs/tags.txt").read_text(encoding="utf-8").split()
    assert {path.stem for path in (SITE / "eq").glob("*.html")} == set(tags)


def test_the_site_is_small():
    assert sum(path.stat().st_size for path in SITE.rglob("*") if path.is_file()) <= 25e6


def test_a_small_page_loads_all_that_others_load_at_once(pages):
    """As one style sheet and one script: there are more than a thousand of them."""
    start, small = pages[SITE / "index.html"], pages[SITE / "eq/layernorm.9.html"]
    assert [Path(link).name for link in small.loaded] == ["small.css", "small.js"]
    joined = "".join((SITE / "_static" / name).read_text(encoding="utf-8") for name in ("small.css", "small.js"))
    for link in start.loaded:
        assert (SITE / link.partition("?")[0]).read_text(encoding="utf-8") in joined, link
