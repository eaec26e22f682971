"""Maps of errors show the wrong entries where they are, and cost nothing where nothing is wrong."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.error_map import Block, error_map, spans
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.ground import Known


def wrong_map(function, *inputs):
    report = gradcheck.check(function, *inputs)
    return next(g.map for g in report.gradients if g.verdict == "fail")


def scaled(factor):
    """Return sin with its derivative times `factor`, an array."""
    return lambda x: (np.sin(x), lambda dy: factor * np.cos(x) * dy)


def test_a_small_array_is_shown_entry_by_entry(reports):
    found = reports["entry"].gradients[0].map
    assert found.whole and found.wrong.shape == (3, 4)
    assert np.argwhere(found.wrong).tolist() == [[1, 2]]
    ratio = np.divide(found.claimed, found.numeric)
    np.testing.assert_allclose(ratio[1, 2], 1.5, rtol=1e-9, atol=0)
    np.testing.assert_allclose(np.delete(ratio, 6), 1, rtol=1e-9, atol=0)


def test_few_wrong_entries_of_a_large_array_are_shown_in_their_blocks(reports):
    found = reports["sparse"].gradients[0].map
    ((row, column),) = np.argwhere(found.wrong).tolist()
    assert found.rows[row] == (4 * 7, 5 * 7)  # index 4 of the first axis
    assert found.columns[column][0] <= 50 < found.columns[column][1]
    assert np.equal(found.claimed, found.numeric).sum() == found.wrong.size - 1


@pytest.mark.parametrize("complex_safe", [True, False])
def test_many_wrong_entries_of_a_large_array_are_surveyed_block_by_block(normal, complex_safe):
    x, factor = normal(8, 6, 32), np.ones((8, 6, 32))
    factor[2:4] = 1.25

    def half_wrong(x):
        y = np.sin(x) if complex_safe else np.sin(x.real)
        return y, lambda dy: factor * np.cos(x) * dy

    found = wrong_map(half_wrong, x)
    assert not found.whole
    first_axis = np.array([start // 6 for start, _ in found.rows])
    np.testing.assert_array_equal(found.wrong, np.isin(first_axis, (2, 3))[:, None].repeat(len(found.columns), 1))
    ratio = np.divide(found.claimed, found.numeric)
    np.testing.assert_allclose(ratio[found.wrong], 1.25, rtol=1e-9, atol=0)


def test_of_an_array_that_is_wrong_only_at_special_values_a_sample_is_shown(normal):
    def relu(x):
        return np.where(x.real > 0, x, 0), lambda dy: np.where(x == 0, 2, x > 0) * dy

    x = normal(20, 30)
    x[::3, ::4] = 0
    report = gradcheck.check(relu, x)
    found = report.gradients[0].map
    assert found.sampled and 1 <= found.wrong.sum() < (x == 0).sum()
    assert "of a sample of entries" in str(report) and ". not known to be wrong" in str(report)
    assert "Only a few entries were compared one by one." in report.to_html()


def test_a_scalar_has_one_cell(reports):
    found = reports["scalar"].gradients[0].map
    assert found.shape == () and found.rows == found.columns == ((0, 1),) and found.wrong.all()


def test_a_large_scalar_problem_finds_its_cell(normal):
    def product(t, x):
        return t * np.sin(x), lambda dy: (2 * np.sum(dy * np.sin(x)), t * np.cos(x) * dy)

    found = wrong_map(product, np.array(1.5), normal(300))
    assert found.wrong.shape == (1, 1)


@pytest.mark.parametrize(("complex_safe", "cells"), [(True, (1, 64)), (False, (1, 32))])
def test_a_survey_has_64_columns_or_32_blocks_of_real_differences(normal, complex_safe, cells):
    def wrong(x):
        return np.sin(x) if complex_safe else np.sin(x.real), lambda dy: 1.5 * np.cos(x) * dy

    assert wrong_map(wrong, normal(600)).wrong.shape == cells


def test_a_claim_that_is_no_number_is_wrong_beyond_all_bars(reports):
    found = reports["nan"].gradients[0].map
    assert np.isinf(found.bars[0][1]) and np.isnan(found.claimed[0][1])
    assert found.wrong.sum() == 1


def test_nothing_is_drawn_where_the_contract_alone_is_broken(normal):
    def squared_cotangent(x):
        return np.sin(x), lambda dy: np.cos(x) * dy * np.sign(dy.flat[0])

    report = gradcheck.check(squared_cotangent, normal(3, 4))
    assert report.verdict == "fail"
    assert all(g.map is None or g.map.wrong.any() for g in report.gradients)


def test_a_passing_check_draws_nothing(normal, monkeypatch):
    def refuse(*_):
        raise AssertionError("a map was drawn")

    monkeypatch.setattr("gradcheck.verdict.verdicts.error_map", refuse)
    monkeypatch.setattr("gradcheck.reports.report.script", refuse)
    assert gradcheck.check(scaled(1.0), normal(3, 4)).verdict == "pass"


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [
        ((), 1, 1),
        ((5,), 1, 5),
        ((1000,), 1, 64),
        ((3, 7), 3, 7),
        ((16, 8, 64), 16, 8),
        ((6, 5, 64), 6, 21),
        ((2, 40, 9), 16, 8),
        ((1000, 3), 16, 3),
        ((4, 4, 3, 9), 16, 8),
        ((3, 30, 9), 16, 8),
        ((4, 30, 9), 4, 9),
        ((3, 2, 500), 6, 21),
    ],
)
def test_cells_follow_the_axes_and_cover_the_array_once(shape, rows, columns):
    across, down = spans(shape, 16, 64, 128)[::-1]
    assert (len(down), len(across)) == (rows, columns)
    total = int(np.prod(shape[:-1])), shape[-1] if shape else 1
    for cells, length in zip((down, across), total, strict=True):
        assert [k for start, stop in cells for k in range(start, stop)] == list(range(length))
        assert max(b - a for a, b in cells) - min(b - a for a, b in cells) <= 1


def test_a_block_moves_its_own_entries_and_each_in_the_same_sense(normal):
    x = normal(4, 5)
    d = Block(0, seed=3, rows=(1, 3), columns=(2, 4)).direction([x])[0]
    assert (d[1:3, 2:4] > 0).all() and np.count_nonzero(d) == 4
    assert Block(0, seed=3, rows=(0, 1), columns=(0, 1)).direction([np.array(2.0)])[0].shape == ()


def test_a_block_moves_by_64ths_of_the_scale_from_a_half_to_one_and_a_half():
    d = Block(0, seed=3, rows=(0, 40), columns=(0, 40)).direction([np.ones((40, 40))])[0]
    assert set((64 * d).ravel()) == set(range(32, 97)), "numbers of few bits, of which none is left out"
    (scaled,) = Block(0, seed=3, rows=(0, 40), columns=(0, 40)).direction([np.full((40, 40), 4.0)]).values()
    np.testing.assert_array_equal(scaled, 4 * d)


@pytest.fixture
def mapped(ground, comparison, normal):
    """mapped(found, shape, complete=True): a map from comparisons that are given, and the claims it is drawn from."""

    def mapped(found, shape, complete=True, exact=False):
        place = ground(np.sin, lambda x, dy: np.cos(x) * dy, normal(*shape))
        arguments = Known(), Gradient("x", shape, "fail"), 0, found, exact, complete, 1, np.random.default_rng(1)
        return error_map(place, *arguments), place.claim.values[0][0].reshape(shape)

    return mapped


def test_a_map_of_every_entry_gives_the_first_cotangents_numbers_and_the_larger_error_in_bars(mapped, comparison):
    found = [
        comparison([6.0, 2.0], [2.0, 3.0], 0.25, claimed_bar=0.25, unit=2.0, probe=Probe(0, coordinate=0)),
        comparison([1.0, np.nan], [1.0, 1.0], probe=Probe(0, coordinate=1)),
        comparison([1.0, 1.0], [1.0, np.nan], 1.0, claimed_bar=0.0, probe=Probe(0, coordinate=2)),
        comparison(1.0, 5.0, 1.0, claimed_bar=0.0, exact=2.0, exact_bar=0.5, probe=Probe(0, coordinate=3)),
    ]
    drawn, _ = mapped(found[::-1], (2, 1, 2))
    assert drawn.claimed == ((3.0, 1.0), (1.0, 1.0)) and drawn.numeric == ((1.0, 1.0), (1.0, 5.0))
    assert drawn.bars == ((8.0, np.inf), (0.0, 4.0)) and drawn.rows == drawn.columns == ((0, 1), (1, 2))
    huge = comparison(1e308, -1e308, 1e-300, claimed_bar=0.0, probe=Probe(0, coordinate=0))
    assert mapped([huge, *found[1:]], (2, 1, 2))[0].bars[0][0] == np.inf, "without a warning"
    drawn, _ = mapped(found, (2, 1, 2), exact=True)
    assert (drawn.numeric[1][1], drawn.bars[1][1]) == (2.0, 2.0), "by the complex step, in bars of its own"


def test_rows_of_a_map_of_known_entries_are_those_of_the_last_axis(mapped, comparison):
    entry = comparison(3.0, 2.0, 0.25, claimed_bar=0.0, probe=Probe(0, coordinate=9 * 7 + 2))  # x[1, 2, 2]
    drawn, claim = mapped([entry], (4, 5, 9))
    rows, columns = drawn.rows, drawn.columns
    (place,) = np.argwhere(np.array(drawn.bars) > 0)
    assert rows[place[0]][0] <= 7 < rows[place[0]][1] and columns[place[1]][0] <= 2 < columns[place[1]][1]
    for row, claimed in zip(rows, drawn.claimed, strict=True):
        means = [claim.reshape(20, 9)[slice(*row), slice(*column)].mean() for column in columns]
        np.testing.assert_allclose(claimed, means, rtol=0, atol=1e-15)  # means of numbers near 1


@pytest.mark.parametrize("whole", [False, True])
def test_known_entries_are_set_right_and_cells_are_means(mapped, comparison, whole):
    """32 times 64 entries in cells of 2 times 32: one wrong entry changes the mean of its cell by a 64th."""
    entry = comparison([3.0, 1.0], [2.0, 1.0], 0.25, claimed_bar=0.0, unit=2.0, probe=Probe(0, coordinate=64 * 5 + 17))
    along = [comparison(2.0, 1.0, probe=Probe(0, seed=1))] * whole
    drawn, claim = mapped([entry, *along], (32, 64))
    means = claim.reshape(16, 2, 2, 32).mean(axis=(1, 3))
    right, bars = means.copy(), np.zeros((16, 2))
    right[2, 0] -= 0.5 / 64  # 3 and 2 in units of 2
    bars[2, 0] = 4.0
    np.testing.assert_array_equal(drawn.bars, bars)
    np.testing.assert_allclose(drawn.claimed, means, rtol=0, atol=1e-15)  # means of 64 numbers near 1
    np.testing.assert_allclose(drawn.numeric, right, rtol=0, atol=1e-15)
    assert drawn.rows[:2] == ((0, 2), (2, 4)) and drawn.columns == ((0, 32), (32, 64))
    assert drawn.sampled is not whole


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Block).rows = None
