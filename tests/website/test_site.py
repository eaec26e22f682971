"""The site in a browser, as files: no server, no script of others, no request but for files of the site."""

import os
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

SITE = Path(__file__).parents[2] / "build/site"
KINDS = {
    "start": "index.html",
    "derivation": "layers/layernorm.html",
    "long derivation": "layers/grouped_attention.html",
    "guide": "guides/my_check_fails.html",
    "equation": "eq/layernorm.10.html",
    "step": "eq/layernorm.e.html",
    "equations": "equations.html",
    "graph": "graph.html",
    "code": "code/reference/layers/layernorm.py.html",
    "reference": "api/layers.html",
    "search": "search.html?q=softmax",
}
THEMES = ("light", "dark")
QUERIES = {
    "layer norm backward": "eq/layernorm.",
    "layernorm.9": "eq/layernorm.9.html",
    "softmax": "functions/softmax.html",
    "multi-head attention": "layers/attention.html",
    "adam update": "eq/adam.",
}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which(os.environ.get("BROWSER", "chromium"))
    assert path, "a browser must be there: Debian's chromium, or another in BROWSER"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """visit(path, ...): the page at a path of the site, which asks for nothing else and complains of nothing."""
    opened, said = [], []

    def visit(path, theme="light", width=1280, scripts=True):
        context = chromium.new_context(
            color_scheme=theme, viewport={"width": width, "height": 900}, java_script_enabled=scripts
        )
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{path}: {message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"{path}: {error}"))
        page.on("requestfailed", lambda request: said.append(f"{path}: {request.url} failed"))
        page.on("request", lambda r: r.url.startswith("file:") or said.append(f"{path}: request for {r.url}"))
        page.goto(f"{SITE.as_uri()}/{path}")
        return page

    yield visit
    for context in opened:
        context.close()
    assert said == []


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


def test_every_page_loads_in_silence(visit, pages):
    """Of the equations and the code every twentieth: they are made of one template each."""
    many = [path for path in pages if path.relative_to(SITE).parts[0] in ("eq", "code")]
    for path in [path for path in pages if path not in many] + many[::20]:
        visit(path.relative_to(SITE).as_posix()).context.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_does_not_move_sideways_on_a_phone(visit, kind):
    page = visit(KINDS[kind], width=360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_serious_stands_in_the_way_of_a_reader(visit, kind, theme):
    page = visit(KINDS[kind], theme=theme)
    found = Axe().run(page, options={"preload": False}).response["violations"]  # it would read style sheets, in vain
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_mathematics_is_there_without_scripts(visit):
    page = visit(KINDS["derivation"], scripts=False)
    boxes = [found.bounding_box() for found in page.locator("math").all()]
    assert len(boxes) > 100
    assert all(box and box["width"] > 1 and box["height"] > 1 for box in boxes)
    assert page.locator(".drawing").count() == 2


@pytest.mark.parametrize(("query", "found"), QUERIES.items())
def test_search_finds_first_what_is_asked_for(visit, query, found):
    page = visit("index.html")
    page.get_by_role("textbox", name="Search").fill(query)
    page.keyboard.press("Enter")
    first = page.locator("#search-results li a").first
    first.wait_for()
    assert found in first.get_attribute("href")


def test_a_reference_shows_its_equation_and_hides_it_again(visit):
    page = visit(KINDS["derivation"])
    page.locator("a[data-eq='layernorm.6']").first.hover()
    page.locator("#card math").wait_for()
    assert "(layernorm.6)" in page.locator("#card").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#card").count() == 0


def test_the_keyboard_shows_an_equation_too(visit):
    page = visit(KINDS["equation"])
    page.locator("article a[data-eq]").first.focus()
    page.locator("#card math").wait_for()


def test_what_is_cited_can_be_copied(visit):
    page = visit(KINDS["equation"])
    for block in page.locator(".highlight-text").all():
        block.hover()
        block.locator("button.copybtn").click()
        block.locator("button.copybtn.success").wait_for()


def test_all_derivations_are_one_pdf():
    assert (SITE / "backproof.pdf").read_bytes().startswith(b"%PDF")
