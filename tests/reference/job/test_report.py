import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from reference.job import report
from reference.tasks.task import Examples


class Strict(HTMLParser):
    """Every tag that is opened is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def shown(tiny, trained):
    """shown(**changes): the page of a run, and the run."""

    def shown(**changes):
        run = tiny(**changes)
        samples = Examples(np.array([[3, 1, 2], [1, 1, 2]]), np.array([[3, 1, 2], [1, 1, 2]]))
        said = np.array([[3, 1, 2], [1, 2, 2]])
        pictures = {"Loss <and> accuracy": b"PNG"}
        return report.page(run, trained(run).records, samples, said, pictures), run

    return shown


def test_a_page_is_whole_and_names_every_setting_with_its_value(shown):
    text, run = shown(model="decoder-only")
    cells = Strict(text).texts
    for name, value in run.entries().items():
        assert name in cells
        if value is not None:
            assert str(value).lower() in cells


def test_a_page_shows_samples_and_which_of_them_are_right(shown):
    cells = Strict(shown()[0]).texts
    at = cells.index("3 1 2")
    assert cells[at : at + 6] == ["3 1 2", "3 1 2", "right", "1 1 2", "1 2 2", "wrong"]


def test_a_page_has_every_epoch_and_the_versions_of_what_made_it(shown):
    text, run = shown()
    cells = Strict(text).texts
    assert {"gradient norm", "update encoder", "held out loss"} <= set(cells)
    assert np.__version__ in cells
    assert cells.index("held out sequences") < cells.index("update encoder")  # seen without scrolling
    assert len(re.findall("<tr><td>[12]</td>", text)) == run.training.epochs


def test_a_page_of_text_has_bits_a_byte_beside_compressors_and_samples_by_step(text, trained):
    run = text(tokenizer="characters")
    records = [{**record, "sample": f"one\n<two>\x1b {record['step']}"} for record in trained(run).records]
    page = report.text_page(run, records, {"gzip": 2.5}, {})
    cells = Strict(page).texts
    assert f"{records[-1]['held_out_bits_a_byte']:.4f}" in cells
    assert cells[cells.index("gzip, the whole text") + 1] == "2.5000"
    for step in (2, 4):
        assert cells[cells.index(f"one\n<two>\\x1b {step}") - 1] == f"{step}"
    assert cells.count("held out bits a byte") == 1 and "sample" not in cells
    assert all(len(cell) <= report.LONG for cell in cells if cell.startswith("{"))
    assert report._word(("a.txt", "b.txt")) == "a.txt, b.txt"


def test_a_page_needs_nothing_from_elsewhere_and_is_the_same_each_time(shown):
    text, _ = shown()
    assert text == shown()[0]
    assert 'src="data:image/png;base64,UE5H"' in text and "Loss &lt;and&gt; accuracy" in text
    assert "http" not in text and "/" + "home" not in text


def test_a_page_can_be_written_whatever_bytes_a_file_is_named_by():
    text = report.document("a", [report.table(("",), [(os.fsdecode(b"\xff.txt"),)])])
    assert "\\udcff.txt" in text and text.encode().decode() == text


def test_what_is_not_installed_is_said_so():
    assert report._version("no-such-package-here") == "not installed"
