"""The style sheet: dark and light, print of verdicts, and a phone."""

import re

from gradcheck.reports.sheet import SHEET


def test_every_colour_that_is_used_is_defined_for_light_and_for_dark():
    light, dark = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
    defined = set(re.findall(r"(--[a-z]+):", light))
    assert set(re.findall(r"var\((--[a-z]+)\)", SHEET)) <= defined
    assert defined - set(re.findall(r"(--[a-z]+):", dark)) == {"--claim"}


def test_braces_are_closed_and_nothing_is_fetched():
    depth = 0
    for mark in re.findall(r"[{}]", SHEET):
        depth += 1 if mark == "{" else -1
        assert 0 <= depth <= 2
    assert depth == 0 and "url(" not in SHEET and "@import" not in SHEET


def test_the_three_verdicts_have_a_badge():
    for verdict in ("pass", "fail", "inconclusive"):
        assert f".badge.{verdict} {{" in SHEET and f".claim.{verdict} {{" in SHEET


def test_on_a_phone_a_row_of_the_table_is_a_block_with_its_own_words():
    sheet = re.search(r"@media \(max-width: 700px\) \{(.*?)\} \}", SHEET, re.DOTALL)[1]
    for rule in ("tr:has(th) { display: none; }", "tr { display: flex;", "td { white-space: normal; }"):
        assert rule in sheet
    assert 'content: " digits"' in sheet and 'content: " by differences"' in sheet
