"""Maps of errors show the wrong entries where they are, and cost nothing where nothing is wrong."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.verdict.error_map import Block, spans


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


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Block).rows = None
