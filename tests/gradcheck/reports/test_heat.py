"""Heat maps: the four of a failing array, their colours and their hints."""

import re

from gradcheck.reports.heat import DARK, NEGATIVE, NEUTRAL, NO_NUMBER, POSITIVE, RIGHT, _between, _css, heat_maps
from gradcheck.verdict.facts import ErrorMap

CELLS = (0, 1), (1, 2)
NAN = float("nan")


def maps(claimed, numeric, bars):
    return heat_maps(ErrorMap((2, 2), CELLS, CELLS, claimed, numeric, bars))


def fills(picture):
    """The colours of the four cells."""
    return re.findall(r'<rect[^>]*fill="(#[0-9a-f]{6})"', picture)[:4]


def test_there_are_four_with_their_captions():
    found = maps(((1.0, 2.0), (3.0, 4.0)), ((1.0, 2.0), (3.0, 5.0)), ((0.0, 0.0), (0.0, 9.0)))
    assert [caption for caption, _ in found] == [
        "the pullback gives", "differences give", "pullback − differences", "error in bars (green: within one)",
    ]


def test_claims_and_differences_share_a_scale_and_signs_have_colours():
    found = maps(((4.0, 0.0), (-4.0, 2.0)), ((-4.0, 4.0), (0.0, 2.0)), ((9.0, 9.0),) * 2)
    claimed, numeric, error, _ = (picture for _, picture in found)
    assert fills(claimed)[:3] == [_css(POSITIVE), _css(NEUTRAL), _css(NEGATIVE)]
    assert fills(claimed)[3] == fills(numeric)[3] == _css(_between(NEUTRAL, POSITIVE, 0.5))
    assert fills(error) == [_css(POSITIVE), _css(_between(NEUTRAL, NEGATIVE, 0.5)), fills(error)[1], _css(NEUTRAL)]


def test_a_cell_within_one_bar_is_green_and_the_worst_is_dark():
    bars = maps(((1.0, 1.0),) * 2, ((1.0, 1.0),) * 2, ((1.0, 10.0), (1000.0, float("inf"))))[3][1]
    found = fills(bars)
    assert found[0] == _css(RIGHT) and found[2] == found[3] == _css(DARK) and found[1] not in found[2:]


def test_what_is_no_number_has_a_colour_of_its_own_and_a_hint():
    claimed = maps(((NAN, 1.0), (1.0, 1.0)), ((1.0, 1.0),) * 2, ((9.0, 0.0), (0.0, 0.0)))[0][1]
    assert fills(claimed)[0] == _css(NO_NUMBER) and "<title>[0, 0]: nan</title>" in claimed


def test_a_map_of_zeros_is_drawn():
    assert fills(maps(((0.0, 0.0),) * 2, ((0.0, 0.0),) * 2, ((0.0, 0.0),) * 2)[0][1]) == [_css(NEUTRAL)] * 4
