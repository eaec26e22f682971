"""Maps in text: labels, coarse maps, headers."""

import numpy as np
import pytest

from gradcheck.reports.cells import coarse, draw, label
from gradcheck.reports.style import Style
from gradcheck.verdict.facts import ErrorMap


def error_map(shape, wrong, factor=2.0):
    """A map, entry by entry, of an array that is wrong by a factor at some flat indices."""
    last = shape[-1]
    rows = int(np.prod(shape[:-1]))
    numeric = np.ones((rows, last))
    claimed, bars = numeric.copy(), np.zeros((rows, last))
    claimed.flat[wrong], bars.flat[wrong] = factor, 1e6
    spans = (tuple((k, k + 1) for k in range(n)) for n in (rows, last))
    return ErrorMap(shape, *spans, *(tuple(map(tuple, x.tolist())) for x in (claimed, numeric, bars)))


@pytest.mark.parametrize(
    ("shape", "row", "words"),
    [
        ((), (0, 1), "[]"),
        ((7,), (0, 1), "[:]"),
        ((3, 7), (2, 3), "[2, :]"),
        ((3, 7), (0, 3), "[:, :]"),
        ((2, 4, 7), (5, 6), "[1, 1, :]"),
        ((2, 4, 7), (4, 8), "[1, :, :]"),
        ((2, 4, 7), (4, 6), "[1, 0:2, :]"),
        ((2, 1, 7), (1, 2), "[1, 0, :]"),
        ((2, 3, 4, 7), (0, 4), "[0, 0, :, :]"),
        ((2, 3, 4, 7), (4, 12), "[0, 1:3, :, :]"),
        ((2, 3, 4, 7), (6, 9), "[0, 1, 2, :] to [0, 2, 0, :]"),
        ((2, 3, 7), (1, 5), "[0, 1, :] to [1, 1, :]"),
    ],
)
def test_a_row_of_cells_is_labelled_by_its_index(shape, row, words):
    assert label(shape, row) == words


def test_every_mark_has_its_grade():
    values = [1.005, 1.05, 1.5, 3.0]
    found = error_map((1, 5), [0, 1, 2, 3], values)
    assert [line.strip() for line in draw(found, Style())] == [
        "4 of 5 entries, by their error as a part of the array's gradient",
        "0       4",
        "[0, :]  - + * # .",
        "# over 100 %   * over 10 %   + over 1 %   - less   . right",
    ]


def test_the_header_is_as_wide_as_the_map():
    _, header, row, _ = draw(error_map((1, 40), [3]), Style())
    assert len(header) == len(row) and header.split() == ["0", "39"]
    _, header, row, _ = draw(error_map((3, 1), [0]), Style())[:4]
    assert header.split() == ["0"] and row.split()[-1] == "#"


def test_a_map_of_two_columns_keeps_its_header_apart():
    assert draw(error_map((1, 2), [0]), Style())[1].split() == ["0", "1"]


def test_a_coarse_map_keeps_every_wrong_entry_in_sight():
    found = coarse(error_map((100, 130), [50 * 130 + 7]), 16, 64)
    assert found.merged and found.whole and found.wrong.shape == (16, 64)
    ((row, column),) = np.argwhere(found.wrong)
    assert found.rows[row][0] <= 50 < found.rows[row][1] and found.columns[column][0] <= 7 < found.columns[column][1]
    assert found.claimed[row][column] == 2 and found.numeric[row][column] == 1
    assert found.rows[0][0] == found.columns[0][0] == 0 and found.rows[-1][1] == 100 and found.columns[-1][1] == 130


def test_a_large_map_says_what_its_cells_stand_for():
    title, *_, legend = draw(error_map((100, 2), [0, 5]), Style())
    assert title == "2 of 200 entries, by their error as a part of the array's gradient, the largest of those in a cell"
    assert legend.split() == ["#", "over", "100", "%", ".", "right"]


def test_a_label_names_exactly_the_rows_that_it_stands_for():
    shape = (2, 3, 4, 5)
    index = np.arange(24).reshape(shape[:-1])
    for first in range(24):
        for stop in range(first + 1, 25):
            words = label(shape, (first, stop))
            if " to " in words:
                ends = [eval(f"np.s_{end}", {"np": np})[:-1] for end in words.split(" to ")]
                assert (index[ends[0]], index[ends[1]]) == (first, stop - 1)
            else:
                named = index[eval(f"np.s_{words}", {"np": np})[:-1]]
                np.testing.assert_array_equal(np.ravel(named), np.arange(first, stop))


def test_a_map_without_a_wrong_entry_says_so():
    title, *_ = draw(error_map((1, 4), []), Style())
    assert title == "none of 4 entries alone is off by more than its own bar"
