"""specs/verdicts.txt says what comparison and proof say; the pages are published with it."""

import pytest
from equations import pages, verdicts

LINES = verdicts.PATH.read_text(encoding="utf-8").removeprefix(verdicts.HEAD).splitlines()
PAGES = {page.name: page for page in pages.load(*verdicts.EVERY)}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_is_written_of_a_page_is_what_is_found(page):
    written = [line for line in LINES if line.partition(".")[0] == page.name]
    assert written == list(verdicts.of_page(page))


def test_every_numbered_equation_has_a_line():
    assert [line.partition(":")[0] for line in LINES] == [id for page in PAGES.values() for id in page.numbered]


def test_most_of_what_is_in_the_wheel_is_proved():
    proved = {line.partition(".")[0] for line in LINES if line.endswith("; proved")}
    assert len(proved) >= 30
