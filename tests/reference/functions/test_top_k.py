import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.functions.top_k import top_k


def by_counting(s, k):
    """chosen, from how many entries of the row stand ahead of each."""
    chosen = np.zeros(s.shape, bool)
    for index in np.ndindex(s.shape):
        row, e = s[index[:-1]], index[-1]
        chosen[index] = sum(row > row[e]) + sum(row[:e] == row[e]) < k
    return chosen


@settings(deadline=None, max_examples=30, derandomize=True)
@given(st.lists(st.integers(0, 3), max_size=3), st.integers(1, 6), st.data())
def test_choice_agrees_with_counting(leading, length, data):
    k, seed = data.draw(st.integers(1, length)), data.draw(st.integers(0, 2**32 - 1))
    s = np.random.default_rng(seed).integers(4, size=(*leading, length)).astype(float)  # many are equal
    chosen = top_k(s, k=k)
    assert chosen.dtype == bool
    np.testing.assert_array_equal(chosen, by_counting(s, k))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_every_row_has_exactly_k(rng, k):
    s = rng.normal(size=(7, 5))
    s[1], s[2, :3], s[3, 1:], s[4], s[5] = 0, -np.inf, np.nan, np.nan, [np.inf, 1, np.nan, -np.inf, np.inf]
    np.testing.assert_array_equal(top_k(s, k=k).sum(axis=-1), k)


def test_nothing_left_out_is_larger(rng):
    s = rng.normal(size=(2, 3, 7))
    chosen = top_k(s, k=3)
    assert (np.where(chosen, s, np.inf).min(axis=-1) >= np.where(chosen, -np.inf, s).max(axis=-1)).all()


def test_ties_go_to_the_lower_index():
    np.testing.assert_array_equal(top_k(np.array([1.0, 2, 1, 2, 2]), k=2), [False, True, False, True, False])
    np.testing.assert_array_equal(top_k(np.zeros(100), k=30), np.arange(100) < 30)
    s = np.arange(100.0) % 3  # NumPy's default sort is stable by chance on short rows only
    np.testing.assert_array_equal(top_k(s, k=40), by_counting(s, 40))
    np.testing.assert_array_equal(top_k(np.array([-0.0, 0.0]), k=1), [True, False])


def test_increasing_maps_leave_the_choice(rng):
    s = rng.normal(size=(4, 6))
    for other in (s + rng.normal(size=(4, 1)), 3 * s, np.exp(s)):
        np.testing.assert_array_equal(top_k(other, k=2), top_k(s, k=2))


def test_permutation_equivariance(rng):
    s, order = rng.normal(size=(4, 6)), rng.permutation(6)
    np.testing.assert_array_equal(top_k(s[:, order], k=2), top_k(s, k=2)[:, order])


def test_a_larger_k_keeps_what_was_chosen(rng):
    s = rng.integers(3, size=(4, 6)).astype(float)
    for k in range(1, 6):
        assert not (top_k(s, k=k) & ~top_k(s, k=k + 1)).any()


def test_the_choice_is_constant_within_half_of_the_gap(rng):
    s = rng.normal(size=(50, 6))
    ranked = -np.sort(-s, axis=-1)
    gap = ranked[:, 1:2] - ranked[:, 2:3]
    sign = rng.choice([-1, 1], size=s.shape)
    np.testing.assert_array_equal(top_k(s + 0.499 * gap * sign, k=2), top_k(s, k=2))
    towards = np.where(top_k(s, k=2), -0.501, 0.501) * gap
    assert (top_k(s + towards, k=2) != top_k(s, k=2)).any(axis=-1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_choice_does_not_depend_on_dtype_or_layout(rng, dtype):
    s = rng.integers(9, size=(4, 6)).astype(dtype)
    s.flags.writeable = False
    expected = by_counting(s.real, 2)
    for given_s in (s, np.asfortranarray(s), np.repeat(s, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(top_k(given_s, k=2), expected)


@pytest.mark.parametrize("shape", [(0, 4), (2, 0, 4)])
def test_no_row_has_no_choice(shape):
    chosen = top_k(np.zeros(shape), k=2)
    assert chosen.shape == shape and chosen.dtype == bool


def test_complex_scores_are_compared_by_their_real_parts():
    s = np.array([1 - 1e-30j, 1 + 1e-30j, 0 + 5j, 2])
    np.testing.assert_array_equal(top_k(s, k=2), [True, False, False, True])
    assert np.argsort(-s)[1] == 1  # what NumPy would choose


def test_threshold_chooses_too_many():
    s = np.array([2.0, 1, 1, 0])
    assert (s >= np.sort(s)[-2]).sum() == 3 and top_k(s, k=2).sum() == 2


def test_ascending_sort_prefers_the_higher_index():
    s = np.array([2.0, 1, 1, 0])
    np.testing.assert_array_equal(np.argsort(s, kind="stable")[-2:], [2, 0])
    np.testing.assert_array_equal(top_k(s, k=2), [True, True, False, False])


def test_bad_input_is_one_clear_line():
    with pytest.raises(ValueError, match=r"^top_k: k must be at least 1, got 0$"):
        top_k(np.zeros(3), k=0)
    with pytest.raises(ValueError, match=r"^top_k: k must be at most the length of a row, 3, got 4$"):
        top_k(np.zeros((2, 3)), k=4)
    with pytest.raises(TypeError, match=r"^top_k: k must be a whole number, got float$"):
        top_k(np.zeros(3), k=1.0)
    with pytest.raises(ValueError, match=r"^top_k: s must have shape \(\.\.\., E\), got \(\)$"):
        top_k(np.array(1.0), k=1)
    with pytest.raises(TypeError, match=r"^top_k: s must be floating or complex, got int64$"):
        top_k(np.zeros(3, np.int64), k=1)
