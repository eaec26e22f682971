from html.parser import HTMLParser

import gridded

from reference.job import grid_report
from reference.job.grid_fit import found


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


def page(**options):
    grid = gridded.grid(data=(100, 200, 400, 800))
    results = gridded.results(grid, **options)
    return grid_report.page(grid, results, found(grid, results), {"Loss <and> size": b"PNG"})


def test_a_page_is_whole_and_has_every_cell_and_the_prediction():
    text = page()
    texts = Strict(text).texts
    assert texts.count("100") >= 3
    assert any(part.startswith("the largest cell, depth 3, data 800, held back") for part in texts)
    assert "Left out of the fit" not in texts
    assert "Loss &lt;and&gt; size" in text


def test_what_is_left_out_is_named_with_its_reason():
    texts = Strict(page(diverged=(2,))).texts
    assert "Left out of the fit" in texts and "the loss is not finite at step 3" in texts


def test_settings_that_differ_are_not_said_to_be_shared():
    texts = Strict(page()).texts
    shared = texts[texts.index("Settings that all cells share") :]
    assert "batch" in shared and "dropout" in shared
    assert not {"width", "rate", "training", "encoder-layers"} & set(shared)


def test_the_same_cells_make_the_same_page():
    assert page() == page()
