"""Ids are frozen: specs/tags.txt has one line for each that was ever given, and only grows."""

import pytest
from equations import pages

PAGES = pages.load(*pages.ROOMS, *pages.COMPOSED)
TAGS = (pages.ROOT / "specs" / "tags.txt").read_text(encoding="utf-8").splitlines()


def test_every_id_on_a_page_is_frozen_and_every_frozen_one_is_on_its_page():
    displayed = [id for page in PAGES for id in page.displayed]
    assert sorted(TAGS) == sorted(displayed)
    assert len(set(TAGS)) == len(TAGS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_ids_stand_in_reading_order_until_the_page_is_frozen_and_are_added_at_the_end(page):
    own = [id for id in TAGS if id.partition(".")[0] == page.name]
    numbers = [int(id.rpartition(".")[2]) for id in own if id[-1].isdigit()]
    letters = [id[-1] for id in own if not id[-1].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert letters == [chr(ord("a") + k) for k in range(len(letters))]
