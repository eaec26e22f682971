import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.functions.online_softmax import OnlineSoftmax

EXACT = {"rtol": 1e-13, "atol": 1e-14}  # float64, sums of at most 12 numbers near 1, the past corrected a few times
ROWS, KEYS, WIDTH = 4, 7, 3


def arrays(rng, keys=KEYS):
    """Scores of which some are hidden and one row sees nothing, values, and factors."""
    s = rng.normal(size=(ROWS, keys))
    s[0, ::2] = s[1, -1:] = s[2] = -np.inf
    return s, rng.normal(size=(keys, WIDTH)), rng.random((ROWS, keys))


def absorbed(s, v, c=None, sizes=(2, 3, 2), order=None):
    """The state after all blocks, in the order given."""
    starts = np.cumsum((0, *sizes))
    blocks = [slice(a, b) for a, b in pairwise(starts)]
    state = OnlineSoftmax.start(len(s), v.shape[1], np.result_type(s, v))
    for i in range(len(blocks)) if order is None else order:
        state = state.absorb(s[:, blocks[i]], v[blocks[i]], None if c is None else c[:, blocks[i]])
    return state


def run(*arguments, **options):
    state = absorbed(*arguments, **options)
    return state.mean(), state.logsumexp()


def oracle(s, v, c):
    """o and l row by row, from all scores at once and without a shift."""
    o, l = np.zeros((len(s), v.shape[1])), np.zeros((len(s), 1))
    for n, row in enumerate(s):
        total = sum(math.exp(score) for score in row)
        if total:
            l[n] = math.log(total)
            for score, value, factor in zip(row, v, c[n], strict=True):
                o[n] += math.exp(score) / total * factor * value
    return o, l


def same(got, expected):
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g, e, **EXACT)


def test_mean_and_logarithm_equal_their_loop_oracle(rng):
    s, v, c = arrays(rng)
    same(run(s, v, c), oracle(s, v, c))
    same(run(s, v), oracle(s, v, np.ones_like(c)))


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.booleans(), st.integers(0, 2**32 - 1))
def test_neither_the_cut_nor_the_order_of_the_blocks_matters(sizes, backwards, seed):
    s, v, c = arrays(np.random.default_rng(seed), sum(sizes))
    order = range(len(sizes))[:: -1 if backwards else 1]
    same(run(s, v, c, sizes=sizes, order=order), oracle(s, v, c))


def test_a_late_large_score_corrects_the_past(rng):
    s, v, c = arrays(rng)
    s[:, 5] = 9.0  # in the last of three blocks
    same(run(s, v, c), oracle(s, v, c))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("at", [0, 4, 7])
def test_a_hidden_block_changes_nothing(rng, dtype, at):
    s, v, _ = (x.astype(dtype) for x in arrays(rng))
    hidden, unseen = np.full((ROWS, 2), -np.inf, dtype), rng.normal(size=(2, WIDTH)).astype(dtype)
    more_s, more_v = np.insert(s, [at], hidden, axis=1), np.insert(v, [at], unseen, axis=0)
    sizes = {0: (2, 4, 3), 4: (4, 2, 3), 7: (4, 3, 2)}[at]
    for got, expected in zip(run(more_s, more_v, sizes=sizes), run(s, v, sizes=(4, 3)), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_row_that_sees_nothing_is_zero(rng, dtype):
    s, v, c = arrays(rng)
    o, l = run(s.astype(dtype), v.astype(dtype), c.astype(dtype(0).real.dtype))
    assert not o[2].any() and not l[2].any()
    assert np.isfinite(o).all() and np.isfinite(l).all() and o[3].all()


def test_a_shift_of_the_scores_is_a_shift_of_the_logarithm(rng):
    s, v, c = arrays(rng)
    o, l = run(s, v, c)
    shift = np.array([[3.0], [-40.0], [7.0], [0.5]])
    same(run(s + shift, v, c), (o, l + np.where(np.isfinite(s).any(axis=1, keepdims=True), shift, 0)))


def test_a_shift_of_the_values_is_a_shift_of_the_mean(rng):
    (s, v, _), shift = arrays(rng), rng.normal(size=WIDTH)
    o, l = run(s, v)
    same(run(s, v + shift), (o + np.isfinite(s).any(axis=1, keepdims=True) * shift, l))


def test_the_factors_act_after_the_softmax(rng):
    s, v, c = arrays(rng)
    other = rng.random(c.shape)
    o, l = run(s, v, 2 * c + other)
    same((o, l), (2 * run(s, v, c)[0] + run(s, v, other)[0], run(s, v)[1]))


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e38), (np.float64, 1e307)])
def test_large_scores_do_not_overflow(dtype, large):
    s = np.array([[-large, large, -large, large], [0, 800, -800, 800]], dtype)
    o, l = run(s, np.array([[1.0], [2], [3], [4]], dtype), sizes=(1, 1, 2))
    np.testing.assert_array_equal(o, [[3], [3]])
    few = 4 * np.finfo(dtype).eps  # a logarithm and a sum
    np.testing.assert_allclose(l, [[large], [800 + math.log(2)]], rtol=few, atol=0)


def test_the_logarithm_makes_the_weights_again(rng):
    s, v, _ = arrays(rng)
    p = np.exp(s - run(s, v)[1])
    same((p.sum(axis=1), p @ v), ([1, 1, 0, 1], run(s, v)[0]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    s, v, c = arrays(rng)
    assert {x.dtype for x in run(s.astype(dtype), v.astype(dtype), c.astype(dtype(0).real.dtype))} == {np.dtype(dtype)}


def test_complex_step_gives_the_derivative(rng):
    s, v, c = arrays(rng)
    delta = np.where(np.isfinite(s), rng.normal(size=s.shape), 0)
    o, l = run(s + 1e-30j * delta, v, c)
    p = np.exp(s - run(s, v)[1])
    mean = np.einsum("nj,nj->n", p, delta)[:, None]
    same((o.real, l.real), run(s, v, c))
    same((o.imag / 1e-30, l.imag / 1e-30), (np.einsum("nj,nj,nj,jk->nk", p, delta - mean, c, v), mean))


def test_a_row_with_nan_stays_alone(rng):
    s, v, c = arrays(rng)
    s[1, 3] = np.nan
    o, l = run(s, v, c)
    np.testing.assert_array_equal(np.isnan(np.concatenate([o, l], axis=1)).all(axis=1), [False, True, False, False])
    assert np.isfinite(o[[0, 2, 3]]).all() and np.isfinite(l[[0, 2, 3]]).all()


def test_nothing_received_is_written(rng):
    s, v, c = arrays(rng)
    for x in (s, v, c):
        x.flags.writeable = False
    first = absorbed(s, v, c)
    kept = [x.copy() for x in (first.m, first.z, first.y)]
    first.absorb(s, v, c)
    same((first.m, first.z, first.y), kept)


@pytest.mark.parametrize(("rows", "keys"), [(0, 3), (3, 0), (0, 0)])
def test_no_rows_and_no_keys_are_right(rows, keys):
    o, l = run(np.zeros((rows, keys)), np.ones((keys, WIDTH)), sizes=(keys,))
    assert o.shape == (rows, WIDTH) and l.shape == (rows, 1) and not o.any() and not l.any()
