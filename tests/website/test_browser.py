"""The site in a browser, as files: no server, no script of others, no request but for files of the site."""

import os
import re
import shutil
from pathlib import Path

import pikepdf
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

SITE = Path(__file__).parents[2] / "build/site"
KINDS = {
    "start": "index.html",
    "derivation": "layers/layernorm.html",
    "long derivation": "layers/grouped_attention.html",
    "guide": "guides/my_check_fails.html",
    "guide with pictures": "guides/attention_maps.html",
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


def test_every_page_loads_in_silence(visit):
    """Of the equations and the code every twentieth: they are made of one template each."""
    pages = sorted(SITE.rglob("*.html"))
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
    assert page.locator(".drawing").count() == 3  # forward, backward, and the pages around


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


def test_all_derivations_are_one_pdf_with_an_outline_in_reading_order():
    start = (SITE / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<li class="toctree-l1"><a[^>]* href="([a-z]\w*/\w+)\.html"', start)
    derivations = [link for link in links if not link.startswith(("guides/", "api/"))]
    with pikepdf.open(SITE / "backproof.pdf") as pdf, pdf.open_outline() as outline:
        titles = [str(item.title) for item in outline.root]
        starts = [pdf.pages.index(pikepdf.Page(item.destination[0])) for item in outline.root]
    assert len(titles) == len(derivations) + 1 > 50
    assert titles[:3] == ["Notation", "Affine map", "Layer normalisation"]
    assert starts == sorted(set(starts))
