"""The page: self-contained, well-formed, complete."""

import dataclasses
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.reports.html import DRAWN, page
from gradcheck.subjects.findings import Finding

VOID = {"meta", "br"}


class Parsed(HTMLParser):
    """Checks that elements are closed in order; collects what is in them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words, self.links = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for key, value in attributes if key in ("src", "href", "xlink:href", "style", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(self.words)


@pytest.fixture(params=["right", "wrong", "dense", "entry", "sparse", "coarse", "kink", "shape", "nan", "noisy",
                        "scalar", "empty", "zero"])
def report(reports, request):
    return reports[request.param]


def test_a_page_is_well_formed_and_needs_nothing_from_outside(report):
    text = report.to_html()
    found = Parsed(text)
    assert text.startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe", "object", "embed"} & set(found.tags)
    assert found.links == [] and not re.search(r"https?:|url\(|@import|javascript", text)


def test_a_page_tells_what_the_text_tells(report):
    words = " ".join(Parsed(report.to_html()).text.split())
    assert report.verdict in words and report.subject in words and f"seed {report.seed}" in words
    for gradient in report.gradients:
        assert gradient.name in words and (not gradient.reason or gradient.reason in words)
        assert gradient.diagnosis in words
    for finding in report.findings:
        assert finding.kind in ("gradient", "resolution") or finding.message in words


def test_every_picture_is_well_formed_and_finite(report):
    for svg in re.findall(r"<svg.*?</svg>", report.to_html(), re.DOTALL):
        root = ElementTree.fromstring(svg)
        assert root.get("viewBox") or root.get("width")
        numbers = [v for node in root.iter() for k, v in node.items() if k in ("x", "y", "cx", "cy", "width", "height")]
        assert all(abs(float(v)) < 5000 for v in numbers)  # nan compares false
        assert "nan" not in " ".join(v for node in root.iter() for k, v in node.items() if k == "points")


def test_a_failing_array_has_four_heat_maps_and_two_pictures(reports):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", reports["wrong"].to_html())
    assert captions[:4] == [
        "the pullback gives", "differences give", "pullback − differences", "error in bars (green: within one)",
    ]
    assert captions[4].startswith("how far differences are off, at [")
    assert captions[5] == "Taylor remainder: observed order 1.00, that of a wrong derivative"


def test_a_right_array_shows_order_two_and_a_linear_one_only_rounding(reports):
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", reports["right"].to_html())
    assert "Taylor remainder: observed order 2.00, that of a right derivative" in captions
    assert "the pullback gives" not in captions
    page = gradcheck.check(lambda x: (2 * x, lambda dy: 2 * dy), np.array([0.3, -1.2])).to_html()
    assert "Taylor remainder: only rounding, as where the function is linear" in page


def test_a_ladder_that_serves_all_arrays_is_drawn_once(reports):
    assert len(reports["right"].gradients) == 3
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", reports["right"].to_html())
    assert captions[0] == "how far differences are off, along a random direction of all arrays together"
    assert len(captions) == 2 and captions[1].startswith("Taylor remainder")


def test_cells_of_a_heat_map_say_their_index_and_value(reports):
    hints = re.findall(r"<title>(\[.*?)</title>", reports["entry"].to_html())
    assert len(hints) == 4 * 12
    assert hints[:2] == [h for h in hints if h.startswith(("[0, 0]", "[0, 1]"))][:2]
    blocks = re.findall(r"<title>(\[.*?)</title>", reports["sparse"].to_html())
    assert any(re.match(r"\[4, :, 48:51\]: ", hint) for hint in blocks)
    assert re.search(r"<title>\[\]: -?\d", reports["scalar"].to_html())


def test_blocks_are_called_blocks(reports):
    words = "A cell is the weighted mean of a block of entries."
    assert words in reports["dense"].to_html() and words not in reports["entry"].to_html()


def test_names_are_escaped(reports):
    report = reports["wrong"]
    gradients = [*report.gradients[:2], dataclasses.replace(report.gradients[2], name='a["<x>"]')]
    findings = [*report.findings, Finding("k", "<script>alert(1)</script>", "note")]
    report = dataclasses.replace(report, subject="<lambda> & more", gradients=gradients, findings=findings)
    found = Parsed(report.to_html())
    assert "script" not in found.tags
    assert 'a["<x>"]' in found.text and "<lambda> & more" in found.text


def test_advice_is_on_the_page(reports):
    assert "What to do: the forward pass is too coarse" in reports["coarse"].to_html()
    assert "What to do: draw from a generator" in reports["noisy"].to_html()


def test_several_reports_share_a_page(reports):
    text = page([reports["right"], reports["wrong"]])
    assert Parsed(text).tags.count("article") == 2
    assert "<title>gradcheck: Norm pass, Norm fail</title>" in text


def test_passing_arrays_are_shown_at_once_only_where_all_pass(reports):
    assert '<details open="open">' in reports["right"].to_html()
    assert "<details><summary>How differences converge to the 2 gradients that pass" in reports["wrong"].to_html()


def test_not_every_array_of_many_is_drawn(reports):
    first = reports["right"].gradients[0]
    many = [dataclasses.replace(first, ladder=dataclasses.replace(first.ladder, moves=f"x{i}")) for i in range(40)]
    report = dataclasses.replace(reports["right"], gradients=many)
    text = report.to_html()
    assert text.count("Taylor remainder:") == DRAWN
    assert f"How differences converge to {DRAWN} of the 40 gradients that pass" in text


def test_the_reproducer_is_on_the_page(reports):
    assert reports["wrong"].reproducer in "".join(Parsed(reports["wrong"].to_html()).words)
    assert "To paste" not in reports["right"].to_html()


def test_a_page_tells_when_with_what_and_how_it_was_made(reports):
    words = " ".join(Parsed(reports["wrong"].to_html()).text.split())
    for start in ("made 20", "with gradcheck ", "by "):
        assert start in words
    assert reports["wrong"].to_html().count("<td>float64</td>") == len(reports["wrong"].gradients)


def test_what_balls_say_has_a_column_where_it_was_asked_for(normal, reports):
    page = gradcheck.check(lambda x: (np.sin(x), lambda dy: np.cos(x) * dy), normal(3), exact=True).to_html()
    assert "<th>by balls</th>" in page and re.search(r"proved to \d\d digits here", page)
    assert "by balls" not in reports["right"].to_html()


def test_what_balls_say_of_a_wrong_array_stands_once_in_the_table_and_once_above_its_pictures(normal):
    off = pair(np.sin, lambda x, dy: 1.001 * np.cos(x) * dy)
    page = gradcheck.check(off, normal(3, 4), exact=True).to_html()
    table = page[page.index("<table") : page.index("</table>")]
    assert table.count("differs by") == 1 and page.count("differs by") == 2
    assert table.count("the pullback gives") == 2, "in the words of floats and in those of balls"
