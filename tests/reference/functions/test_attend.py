import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.keep import draw, keep
from reference.core.masks import causal, padding, visible
from reference.functions.alibi import alibi_slopes
from reference.functions.attend import attend, attend_vjp, examples
from reference.functions.blockwise import blockwise, blockwise_vjp
from reference.functions.softmax import softmax_vjp

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 12 numbers near 1 in another order


def arrays(rng, t=3, s=5, heads=4, batch=2, k=6):
    """q, k, v of random numbers."""
    return rng.normal(size=(batch, heads, t, k)), *rng.normal(size=(2, batch, heads, s, k))


def some_mask(rng, t=3, s=5, heads=4, batch=2):
    """About a third hidden; one query sees nothing, one key is seen by nobody."""
    mask = rng.random((batch, heads, t, s)) < 0.7
    mask[0, -1, 1] = False
    mask[1, 0, :, 2] = False
    return mask


def oracle(q, k, v, do, mask=None):
    """Forward and backward in plain loops over batch, head and query, rows as in the specification."""
    r = SimpleNamespace(q=q, k=k, v=v, do=do, scale=1 / np.sqrt(q.shape[3]))
    r.o, r.dq, r.dk, r.dv = (np.zeros(z.shape) for z in (q, q, k, v))
    r.p, r.ds = np.zeros((2, *q.shape[:3], k.shape[2]))
    for b, h, t in np.ndindex(q.shape[:3]):
        seen = [j for j in range(k.shape[2]) if mask is None or np.broadcast_to(mask, r.p.shape)[b, h, t, j]]
        e = {j: np.exp(r.scale * np.dot(q[b, h, t], k[b, h, j])) for j in seen}
        for j in seen:
            r.p[b, h, t, j] = e[j] / sum(e.values())
            r.o[b, h, t] += r.p[b, h, t, j] * v[b, h, j]
        for j in seen:
            r.ds[b, h, t, j] = r.p[b, h, t, j] * np.dot(do[b, h, t], v[b, h, j] - r.o[b, h, t])
            r.dq[b, h, t] += r.scale * r.ds[b, h, t, j] * k[b, h, j]
            r.dk[b, h, j] += r.scale * r.ds[b, h, t, j] * q[b, h, t]
            r.dv[b, h, j] += r.p[b, h, t, j] * do[b, h, t]
    return r


def grouped(rng, groups=2, t=3, s=5):
    """q with 4 heads, k and v with fewer, and a bias of each head."""
    return *arrays(rng, t, s)[:1], *rng.normal(size=(2, 2, groups, s, 6)), rng.normal(size=(1, 4, 1, s))


def few(rng):
    """The same with as few numbers as show a mistake: q (2, 4, 2, 2), k and v (2, 2, 3, 2), a bias of each head."""
    return rng.normal(size=(2, 4, 2, 2)), *rng.normal(size=(2, 2, 2, 3, 2)), rng.normal(size=(1, 4, 1, 3))


def dropping(seed=7):
    return {"dropout": 0.4, "rng": np.random.default_rng(seed)}


def every_option():
    """All that attend takes, with a generator of its own."""
    mask = np.ones((2, 1, 3, 5), bool)
    mask[0, 0, 2, 3] = False
    rules = {"mask": mask, "causal": True, "window": 4}
    return rules | {"cap": 1.5, "slopes": alibi_slopes(4), "scale": 0.7} | dropping()


def option_oracle(
    q, k, v, *bias, do, mask=True, causal=False, window=None, cap=None, slopes=None, scale=None, dropout=0.0, rng=None
):
    """Forward and backward of every option, position by position, with keys and values repeated for every head."""
    (batch, heads, T, K), (groups, S) = q.shape, k.shape[1:3]
    table = batch, heads, T, S
    scale = 1 / np.sqrt(K) if scale is None else scale
    r = SimpleNamespace(q=q, k=k, v=v, do=do, scale=scale, rate=dropout, cap=cap, group=heads // groups)
    keys, values = (np.stack([z[:, h // r.group] for h in range(heads)], axis=1) for z in (k, v))
    r.y = r.scale * np.einsum("bhtk,bhsk->bhts", q, keys)
    r.y = r.y if cap is None else cap * np.tanh(r.y / cap)
    score, seen = r.y + sum(bias), np.ones(table, bool) & mask
    for t, j in np.ndindex(T, S):
        distance = S - T + t - j
        score[:, :, t, j] -= 0 if slopes is None else slopes * abs(distance)
        seen[:, :, t, j] &= (distance >= 0 or not causal) and (window is None or abs(distance) < window)
    e = np.exp(score) * seen
    r.p = e / np.maximum(e.sum(axis=-1, keepdims=True), 1e-300)
    r.kept = np.ones(table) if rng is None else keep(draw(rng), dropout, table, range(T)) / (1 - dropout)
    r.w = r.kept * r.p
    r.o = np.einsum("bhts,bhsk->bhtk", r.w, values)
    r.dv_heads = np.einsum("bhts,bhtk->bhsk", r.w, do)
    r.dw = np.einsum("bhtk,bhsk->bhts", do, values)
    r.dp = r.kept * r.dw
    r.dy = r.p * (r.dp - (r.dp * r.p).sum(axis=-1, keepdims=True))
    r.dbias = tuple(shared(r.dy, z) for z in bias)
    return finish(r, r.dy)


def finish(r, dy):
    """From the cotangent of the scores with their bias to those of q, k and v."""
    slope = 1 if r.cap is None else 1 - (r.y / r.cap) ** 2
    r.ds = slope * dy
    r.dq = r.scale * np.einsum("bhts,bhsk->bhtk", r.ds, np.repeat(r.k, r.group, axis=1))
    r.dk_heads = r.scale * np.einsum("bhts,bhtk->bhsk", r.ds, r.q)
    r.dk, r.dv = (z.reshape(len(z), -1, r.group, *z.shape[2:]).sum(axis=2) for z in (r.dk_heads, r.dv_heads))
    return r


def shared(ds, bias):
    """Sum over the axes along which a bias has length 1."""
    return ds.sum(axis=tuple(i for i in range(3) if bias.shape[i] == 1), keepdims=True)


def planted_options(wrong):
    """Return attend_vjp with `wrong(right quantities) -> (dq, dk, dv, *dbias)` for its pullback."""

    def wrong_vjp(q, k, v, *bias, **options):
        drawn = {"rng": SeedOnly(draw(options.pop("rng")))} if "rng" in options else {}
        o, _ = attend_vjp(q, k, v, *bias, **options, **drawn)
        return o, lambda do: wrong(option_oracle(q, k, v, *bias, do=do, **options, **drawn))

    return wrong_vjp


class SeedOnly(np.random.Generator):
    """A generator that draws one seed again and again: the oracle drops what the forward pass dropped."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(0))
        self.seed = seed

    def integers(self, high):
        return self.seed


def planted(wrong):
    """Return attend_vjp with `wrong(right quantities) -> (dq, dk, dv)` for its pullback."""

    def wrong_vjp(q, k, v, *, mask=None):
        o, _ = attend_vjp(q, k, v, mask=mask)
        return o, lambda do: wrong(oracle(q, k, v, do, mask))

    return wrong_vjp


def run(q, k, v, do, mask=None):
    o, pullback = attend_vjp(q, k, v, mask=mask)
    return o, *pullback(do)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(14))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("lengths", [{"t": 1}, {"s": 1}, {"t": 5, "s": 2}, {"batch": 1, "heads": 1, "t": 1, "s": 1}])
def test_backward_is_proved_at_length_one_and_batch_one(prove, rng, lengths, masked):
    q, k, v = arrays(rng, **lengths)
    mask = np.ones((1, 1, 1, k.shape[2]), bool)
    mask[..., 1:2] = False
    prove(attend_vjp, q, k, v, mask=mask if masked else None)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.tuples(*[st.integers(1, 4)] * 5), st.booleans(), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, masked, seed):
    rng = np.random.default_rng(seed)
    batch, heads, t, s, k = shape
    mask = rng.random((batch, heads, t, s)) < 0.7
    mask[0, 0, 0, 0] = True  # where nobody sees anything there is no gradient to check
    report = gradcheck.check(attend_vjp, *arrays(rng, t, s, heads, batch, k), mask=mask if masked else None)
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    def attend_twice(q, k, v, *, mask=None):
        """The output of one attention asks the second; v is the value of both."""
        o, first_pullback = attend_vjp(q, k, v, mask=mask)
        p, softmax_pullback = softmax_vjp(o)
        y, second_pullback = attend_vjp(p, k, v)

        def pullback(dy):
            dp, dk_second, dv_second = second_pullback(dy)
            dq, dk_first, dv_first = first_pullback(softmax_pullback(dp))
            return dq, dk_first + dk_second, dv_first + dv_second

        return y, pullback

    prove(attend_twice, *arrays(rng), mask=padding(np.array([4, 2]), 5))


@pytest.mark.parametrize("masked", [False, True])
def test_forward_and_backward_equal_their_loop_oracle(rng, masked):
    q, k, v = arrays(rng)
    do, mask = rng.normal(size=q.shape), some_mask(rng) if masked else None
    r = oracle(q, k, v, do, mask)
    for got, expected in zip(run(q, k, v, do, mask), (r.o, r.dq, r.dk, r.dv), strict=True):
        same(got, expected)
    same(attend(q, k, v, mask=mask), r.o)


def test_query_permutation_equivariance(rng):
    q, k, v = arrays(rng)
    do, order = rng.normal(size=q.shape), [2, 0, 1]
    o, dq, dk, dv = run(q, k, v, do)
    moved = run(q[:, :, order], k, v, do[:, :, order])
    for got, expected in zip(moved, (o[:, :, order], dq[:, :, order], dk, dv), strict=True):
        same(got, expected)


def test_key_permutation_invariance(rng):
    q, k, v = arrays(rng)
    do, mask, order = rng.normal(size=q.shape), some_mask(rng), [3, 0, 4, 1, 2]
    o, dq, dk, dv = run(q, k, v, do, mask)
    moved = run(q, k[:, :, order], v[:, :, order], do, mask[..., order])
    for got, expected in zip(moved, (o, dq, dk[:, :, order], dv[:, :, order]), strict=True):
        same(got, expected)


def test_shift_invariance(rng):
    q, k, v = arrays(rng)
    do, mask = rng.normal(size=q.shape), some_mask(rng)
    o, _, dk, _ = run(q, k, v, do, mask)
    same(attend(q, k + rng.normal(size=6), v, mask=mask), o)
    same(dk.sum(axis=2), np.zeros((2, 4, 6)))


def test_a_shift_of_the_values_is_a_shift_of_the_output(rng):
    q, k, v = arrays(rng)
    do, mask, shift = rng.normal(size=q.shape), some_mask(rng), rng.normal(size=6)
    o, _, _, dv = run(q, k, v, do, mask)
    seeing = mask.any(axis=-1, keepdims=True)
    same(attend(q, k, v + shift, mask=mask), o + seeing * shift)
    same(dv.sum(axis=2), (seeing * do).sum(axis=2))


def test_queries_and_keys_share_one_radial_gradient(rng):
    q, k, v = arrays(rng)
    _, dq, dk, _ = run(q, k, v, rng.normal(size=q.shape), some_mask(rng))
    same(np.einsum("bhtk,bhtk->bh", q, dq), np.einsum("bhsk,bhsk->bh", k, dk))


def test_padding_invariance(rng):
    q, k, v = arrays(rng)
    do, mask = rng.normal(size=q.shape), padding(np.array([3, 1]), 5)
    o, dq, dk, dv = run(q, k, v, do, mask)
    hidden = np.broadcast_to(~mask[:, :, 0, :, None], k.shape)
    assert hidden.any() and not dk[hidden].any() and not dv[hidden].any()
    other = run(q, np.where(hidden, 1e3, k), np.where(hidden, -1e3, v), do, mask)
    for got, expected in zip(other, (o, dq, dk, dv), strict=True):
        same(got, expected)


def test_causality(rng):
    q, k, v = arrays(rng, t=5)
    o, _ = attend_vjp(q, k, v, mask=causal(5))
    for t in range(5):
        do = np.zeros(q.shape)
        do[:, :, : t + 1] = rng.normal(size=(2, 4, t + 1, 6))
        _, _, dk, dv = run(q, k, v, do, causal(5))
        assert not dk[:, :, t + 1 :].any() and not dv[:, :, t + 1 :].any()
        later = np.arange(5)[:, None] > t
        same(attend(q, k + 7 * later, v - 9 * later, mask=causal(5))[:, :, : t + 1], o[:, :, : t + 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_query_that_sees_nothing_is_silent(rng, dtype):
    q, k, v = (z.astype(dtype) for z in arrays(rng))
    mask = np.ones((2, 4, 3, 5), bool)
    mask[1, 2, 0] = False
    o, dq, dk, dv = run(q, k, v, np.ones_like(q), mask)
    assert not o[1, 2, 0].any() and not dq[1, 2, 0].any()
    assert all(np.isfinite(z).all() for z in (o, dq, dk, dv))
    rest = run(q[1:, 2:3, 1:], k[1:, 2:3], v[1:, 2:3], np.ones_like(q)[1:, 2:3, 1:])
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == np.float32 else EXACT  # float32: 100 ulp of sums near 1
    np.testing.assert_allclose(dk[1, 2], rest[2][0, 0], **close)
    np.testing.assert_allclose(dv[1, 2], rest[3][0, 0], **close)


def test_a_query_that_sees_one_key_returns_its_value(rng):
    q, k, v = arrays(rng)
    o, dq, dk, _ = run(q, k, v, rng.normal(size=q.shape), np.arange(5)[None, None, None] == 2)
    np.testing.assert_array_equal(o, np.broadcast_to(v[:, :, 2:3], o.shape))
    assert not dq.any() and not dk.any()


def test_hidden_scores_are_replaced_not_added_to(rng):
    q, k, v = arrays(rng)
    k[:, :, 4] = 1e200  # a score of about 1e200, which no finite negative number outweighs
    same(attend(q, k, v, mask=padding(np.array([4, 4]), 5)), attend(q, k[:, :, :4], v[:, :, :4]))


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 1), (1, 4, 1), (1, 1, 3), (2, 4, 3)])
def test_masks_of_length_one_stand_for_every_position(rng, size):
    q, k, v = arrays(rng)
    do, mask = rng.normal(size=q.shape), rng.random((*size, 5)) < 0.6
    full = np.broadcast_to(mask, (2, 4, 3, 5)).copy()
    for got, expected in zip(run(q, k, v, do, mask), run(q, k, v, do, full), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("lengths", [{"batch": 0}, {"t": 0}, {"s": 0}, {"heads": 0}])
@pytest.mark.parametrize("masked", [False, True])
def test_zero_lengths_give_zero_output_and_zero_gradient(rng, lengths, masked):
    q, k, v = arrays(rng, **lengths)
    mask = np.ones((1, 1, 1, k.shape[2]), bool) if masked else None
    for got, like in zip(run(q, k, v, np.ones_like(q), mask), (q, q, k, v), strict=True):
        assert got.shape == like.shape and not got.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("masked", [False, True])
def test_dtype_in_is_dtype_out(rng, dtype, masked):
    q, k, v = (z.astype(dtype) for z in arrays(rng))
    mask = some_mask(rng) if masked else None
    assert {z.dtype for z in run(q, k, v, np.ones_like(q), mask)} == {np.dtype(dtype)}


def test_strided_views_give_the_same_answer(rng):
    q, k, v = (np.ascontiguousarray(z.swapaxes(1, 2)).swapaxes(1, 2) for z in arrays(rng))
    do = rng.normal(size=(2, 3, 4, 6)).swapaxes(1, 2)
    copies = [np.ascontiguousarray(z) for z in (q, k, v, do)]
    for got, expected in zip(run(q, k, v, do), run(*copies), strict=True):
        same(got, expected)


def run_options(*inputs, do, **options):
    o, pullback = attend_vjp(*inputs, **options)
    return o, *pullback(do)


@pytest.mark.parametrize("left_out", [None, "mask", "causal", "window", "cap", "slopes", "scale", "dropout"])
def test_every_option_equals_its_loop_oracle(rng, left_out):
    inputs, do = (*grouped(rng), rng.normal(size=(2, 1, 3, 5))), rng.normal(size=(2, 4, 3, 6))
    options, again = ({k: v for k, v in every_option().items() if k != left_out} for _ in range(2))
    r = option_oracle(*inputs, do=do, **options)
    for got, expected in zip(run_options(*inputs, do=do, **again), (r.o, r.dq, r.dk, r.dv, *r.dbias), strict=True):
        same(got, expected)
    same(attend(*inputs, **{k: v for k, v in every_option().items() if k != left_out}), r.o)


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 5), st.integers(1, 2), st.integers(2, 4), st.booleans(), st.integers(0, 99))
def test_backward_of_every_option_is_proved_at_any_shape(shape, past, window, is_causal, seed):
    rng = np.random.default_rng(seed)
    batch, groups, share, t, k = shape
    q, bias = rng.normal(size=(batch, groups * share, t, k)), rng.normal(size=(batch, 1, t, t + past))
    keys, values = rng.normal(size=(2, batch, groups, t + past, k))
    options = {"causal": is_causal, "window": window, "cap": 2.0, "slopes": rng.random(groups * share)}
    report = gradcheck.check(attend_vjp, q, keys, values, bias, dropout=0.1, rng=rng, **options)
    # of a few weights dropout may leave none, and then there is nothing to check
    assert report.verdict == "pass" or "every gradient is below the noise" in str(report), str(report)


@pytest.mark.parametrize("groups", [1, 2])
def test_grouped_heads_are_repeated_heads(rng, groups):
    q, k, v, _ = grouped(rng, groups)
    do, mask = rng.normal(size=q.shape), some_mask(rng)
    o, dq, dk, dv = run(q, *(np.repeat(z, 4 // groups, axis=1) for z in (k, v)), do, mask)
    dk, dv = (dz.reshape(2, groups, 4 // groups, *dz.shape[2:]).sum(axis=2) for dz in (dk, dv))
    for got, expected in zip(run(q, k, v, do, mask), (o, dq, dk, dv), strict=True):
        same(got, expected)


@pytest.mark.parametrize(("is_causal", "window"), [(True, None), (True, 2), (False, 2)])
def test_rules_are_their_masks(rng, is_causal, window):
    q, k, v = arrays(rng)
    do, mask = rng.normal(size=q.shape), some_mask(rng)
    rule = visible(range(2, 5), range(5), causal=is_causal, window=window)
    for own, whole in ((None, rule), (mask, mask & rule), (mask[:1, :1, :1], mask[:1, :1, :1] & rule)):
        by_rule = run_options(q, k, v, do=do, mask=own, causal=is_causal, window=window)
        for got, expected in zip(by_rule, run(q, k, v, do, whole), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_a_window_as_long_as_the_keys_changes_nothing(rng):
    q, k, v = arrays(rng)
    for window in (5, 100):
        np.testing.assert_array_equal(attend(q, k, v, window=window), attend(q, k, v))
        np.testing.assert_array_equal(attend(q, k, v, causal=True, window=window), attend(q, k, v, causal=True))


def test_a_window_of_one_returns_the_own_value(rng):
    q, k, v = arrays(rng)
    np.testing.assert_array_equal(attend(q, k, v, window=1), v[:, :, 2:])


def test_a_bias_constant_along_a_row_changes_nothing(rng):
    q, k, v = arrays(rng)
    do, mask = rng.normal(size=q.shape), some_mask(rng)
    bias = np.repeat(rng.normal(size=(2, 4, 3, 1)), 5, axis=3)
    *biased, dbias = run_options(q, k, v, bias, do=do, mask=mask)
    for got, expected in zip(biased, run(q, k, v, do, mask), strict=True):
        same(got, expected)
    same(dbias.sum(axis=-1), np.zeros((2, 4, 3)))


@pytest.mark.parametrize("shape", [(1, 1, 1, 5), (2, 1, 1, 5), (1, 4, 1, 5), (1, 1, 3, 5), (2, 4, 3, 5)])
def test_a_shared_bias_gets_the_sum(rng, shape):
    (q, k, v), bias = arrays(rng), rng.normal(size=shape)
    do, mask = rng.normal(size=q.shape), some_mask(rng)
    full = np.broadcast_to(bias, (2, 4, 3, 5)).copy()
    (*got, dbias), (*expected, dfull) = (run_options(q, k, v, z, do=do, mask=mask) for z in (bias, full))
    np.testing.assert_array_equal(got[0], expected[0])
    assert dbias.shape == shape
    same(dbias, shared(dfull, bias))


def test_biases_add(rng):
    q, k, v = arrays(rng)
    do, (first, second) = rng.normal(size=q.shape), rng.normal(size=(2, 2, 4, 3, 5))
    *got, dfirst, dsecond = run_options(q, k, v, first, second, do=do)
    *expected, dsum = run_options(q, k, v, first + second, do=do)
    for a, b in zip((*got, dfirst, dsecond), (*expected, dsum, dsum), strict=True):
        same(a, b)
    assert not np.shares_memory(dfirst, dsecond)


def test_linear_biases_are_a_bias(rng):
    q, k, v = arrays(rng)
    do, slopes = rng.normal(size=q.shape), alibi_slopes(4)
    distance = np.array([[abs(2 + t - j) for j in range(5)] for t in range(3)])
    bias = -slopes[None, :, None, None] * distance
    *expected, _ = run_options(q, k, v, bias, do=do)
    for got, other in zip(run_options(q, k, v, do=do, slopes=slopes), expected, strict=True):
        same(got, other)


@pytest.mark.parametrize("width", [1, 4, 9])
@pytest.mark.parametrize("kernel", [attend_vjp, blockwise_vjp])
def test_values_of_another_width_are_columns_of_their_own(rng, kernel, width):
    """Each column of the values is a mean by itself, so widths of values are cut and put together at will."""
    q, k, v = arrays(rng)
    v = rng.normal(size=(*v.shape[:3], width))
    do = rng.normal(size=(*q.shape[:3], width))
    o, pullback = kernel(q, k, v, causal=True)
    dq, dk, dv = pullback(do)
    assert o.shape == do.shape and dv.shape == v.shape
    expected = [kernel(q, k, v[..., n : n + 1], causal=True) for n in range(width)]
    each = [back(do[..., n : n + 1]) for n, (_, back) in enumerate(expected)]
    same(o, np.concatenate([one for one, _ in expected], axis=-1))
    same(dv, np.concatenate([dv for _, _, dv in each], axis=-1))
    same(dq, sum(dq for dq, _, _ in each))
    same(dk, sum(dk for _, dk, _ in each))


def test_values_of_no_width_have_no_output_and_move_nothing(rng):
    q, k, _ = arrays(rng)
    for kernel in (attend_vjp, blockwise_vjp):
        o, pullback = kernel(q, k, np.zeros((2, 4, 5, 0)))
        dq, dk, dv = pullback(np.zeros(o.shape))
        assert o.shape == (2, 4, 3, 0) and dv.shape == (2, 4, 5, 0) and not dq.any() and not dk.any()


def test_a_factor_of_the_scores_is_one_of_the_queries(rng):
    q, k, v = arrays(rng)
    do = rng.normal(size=q.shape)
    o, dq, dk, dv = run_options(q, k, v, do=do, scale=0.3)
    expected, dq_expected, dk_expected, dv_expected = run_options(0.3 * np.sqrt(6) * q, k, v, do=do)
    for got, want in ((o, expected), (dq, 0.3 * np.sqrt(6) * dq_expected), (dk, dk_expected), (dv, dv_expected)):
        same(got, want)
    same(attend(q, k, v, scale=6**-0.5), attend(q, k, v))


def test_a_large_cap_is_no_cap(rng):
    q, k, v = arrays(rng)
    do = rng.normal(size=q.shape)
    plain = run(q, k, v, do)
    near, far = (run_options(q, k, v, do=do, cap=cap) for cap in (1e2, 1e3))
    for a, b, limit in zip(near[:3], far[:3], plain[:3], strict=True):
        order = np.log10(np.linalg.norm(a - limit) / np.linalg.norm(b - limit))
        assert abs(order - 2) < 1e-3  # the next term of the series is (score / cap)^2 = 1e-4 of the first


def test_dropout_is_unbiased(rng):
    q, k, v = arrays(rng, batch=1, heads=1)
    do, many = rng.normal(size=q.shape), 400
    drawn = zip(*(run_options(q, k, v, do=do, dropout=0.4, rng=rng) for _ in range(many)), strict=True)
    for got, expected in zip(map(np.stack, drawn), run(q, k, v, do), strict=True):
        bound = 5 * got.std(axis=0) / np.sqrt(many)  # five standard deviations of the mean
        assert (bound > 0).all() and (abs(got.mean(axis=0) - expected) < bound).all()


def test_dropout_of_nothing_is_the_identity(rng):
    q, k, v = arrays(rng)
    used, other = np.random.default_rng(3), np.random.default_rng(3)
    np.testing.assert_array_equal(attend(q, k, v, dropout=0.0, rng=used), attend(q, k, v))
    np.testing.assert_array_equal(attend(q, k, v, dropout=0.5), attend(q, k, v))
    assert used.bit_generator.state == other.bit_generator.state
    attend(q, k, v, dropout=0.5, rng=used)
    draw(other)
    assert used.bit_generator.state == other.bit_generator.state


def test_output_is_linear_in_the_values(rng):
    inputs, do = grouped(rng), rng.normal(size=(2, 4, 3, 6))
    o, _, _, dv, _ = run_options(*inputs, do=do, **every_option())
    np.testing.assert_allclose(np.vdot(do, o), np.vdot(dv, inputs[2]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_options_keep_the_dtype(rng, dtype):
    inputs = [z.astype(dtype) for z in grouped(rng)]
    options = every_option() | {"cap": np.float64(1.5), "dropout": np.float64(0.4)}
    assert {z.dtype for z in run_options(*inputs, do=np.ones_like(inputs[0]), **options)} == {np.dtype(dtype)}


@pytest.mark.parametrize("empty", [{"t": 0}, {"t": 0, "s": 0}])
def test_options_of_no_query_give_no_output(rng, empty):
    *inputs, bias = grouped(rng, **empty)
    options = every_option() | {"mask": None}
    o, *gradients = run_options(*inputs, bias, do=np.zeros(inputs[0].shape), **options)
    assert o.shape == inputs[0].shape
    for d, z in zip(gradients, (*inputs, bias), strict=True):
        assert d.shape == z.shape and not d.any()


def test_an_unknown_option_is_an_error(rng):
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'windows'"):
        attend(*arrays(rng), windows=3)


@pytest.mark.parametrize("options", [{}, {"causal": True, "cap": 1.5}, {"dropout": 0.4}])
def test_weights_as_an_output_are_those_that_mix_the_values(rng, options):
    q, k, v = arrays(rng)
    do, dw = rng.normal(size=q.shape), rng.normal(size=(*q.shape[:3], k.shape[2]))
    drawn = lambda: {"rng": np.random.default_rng(3)} if "dropout" in options else {}  # noqa: E731
    (o, w), pullback = attend_vjp(q, k, v, weights=True, **options, **drawn())
    alone, alone_pullback = attend_vjp(q, k, v, **options, **drawn())
    np.testing.assert_array_equal(o, alone)
    same(o, np.einsum("bhts,bhsk->bhtk", w, np.repeat(v, q.shape[1] // v.shape[1], axis=1)))
    for with_none, without in zip(pullback((do, 0 * dw)), alone_pullback(do), strict=True):
        np.testing.assert_array_equal(with_none, without)
    only, both = pullback((0 * do, dw)), pullback((do, dw))
    for a, b, c in zip(only, alone_pullback(do), both, strict=True):
        same(c, a + b)
    assert not only[2].any()


def test_rows_of_the_weights_add_up_to_one_and_are_zero_where_nothing_is_seen(rng):
    q, k, v = arrays(rng)
    mask = np.ones((2, 1, 3, 5), bool)
    mask[1, 0, 2] = False
    (_, w), pullback = attend_vjp(q, k, v, mask=mask, weights=True)
    same(w.sum(axis=-1), np.where(mask.any(axis=-1), 1, 0) * np.ones((2, q.shape[1], 3)))
    constant = pullback((np.zeros(q.shape), np.ones(w.shape)))  # of what does not change there is no gradient
    for gradient in constant:
        same(gradient, 0)


def test_a_lost_cotangent_of_the_weights_is_caught(caught, rng):
    def wrong(q, k, v):
        out, pullback = attend_vjp(q, k, v, weights=True)
        return out, lambda given: pullback((given[0], 0 * given[1]))

    caught({"q", "k"}, wrong, *arrays(rng))


def test_a_cotangent_of_the_weights_behind_the_softmax_is_caught(caught, rng):
    def wrong(q, k, v):
        out, pullback = attend_vjp(q, k, v, weights=True)

        def wrongly(given):
            dq, dk, dv = pullback((given[0], 0 * given[1]))
            scale = q.shape[-1] ** -0.5
            return dq + scale * given[1] @ k, dk + scale * given[1].swapaxes(-1, -2) @ q, dv

        return out, wrongly

    caught({"q", "k"}, wrong, *arrays(rng))


def test_scale_forgotten_in_the_backward_is_caught(caught, rng):
    caught({"q", "k"}, planted(lambda r: (r.dq / r.scale, r.dk / r.scale, r.dv)), *arrays(rng))


def test_scale_applied_twice_is_caught(caught, rng):
    caught({"q", "k"}, planted(lambda r: (r.dq * r.scale, r.dk * r.scale, r.dv)), *arrays(rng))


def test_softmax_pullback_without_the_row_sum_is_caught(caught, rng):
    def wrong(r):
        ds = r.p * np.einsum("bhtk,bhsk->bhts", r.do, r.v)
        dq = r.scale * np.einsum("bhts,bhsk->bhtk", ds, r.k)
        return dq, r.scale * np.einsum("bhts,bhtk->bhsk", ds, r.q), r.dv

    caught({"q", "k"}, planted(wrong), *arrays(rng, heads=2, batch=1, k=2))


def test_exchanged_query_and_key_gradients_are_caught(caught, rng):
    caught({"q", "k"}, planted(lambda r: (r.dk, r.dq, r.dv)), *arrays(rng, t=5))


def test_scores_not_transposed_for_the_keys_is_caught(caught, rng):
    wrong = planted(lambda r: (r.dq, r.scale * np.einsum("bhts,bhsk->bhtk", r.ds, r.q), r.dv))
    caught({"k"}, wrong, *arrays(rng, t=5, heads=2, batch=1, k=2))


def test_mask_ignored_in_the_backward_is_caught(caught, rng):
    def wrong(r):
        unmasked = oracle(r.q, r.k, r.v, r.do)
        return unmasked.dq, unmasked.dk, unmasked.dv

    caught({"q", "k", "v"}, planted(wrong), *arrays(rng, heads=2, k=2), mask=some_mask(rng, heads=2))


@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_a_missing_gradient_is_caught(caught, rng, name):
    def wrong(r):
        return tuple(d * (n != name) for n, d in (("q", r.dq), ("k", r.dk), ("v", r.dv)))

    caught({name}, planted(wrong), *arrays(rng))


def gradients(r, **changed):
    named = {"q": r.dq, "k": r.dk, "v": r.dv} | {f"bias[{i}]": d for i, d in enumerate(r.dbias)} | changed
    return tuple(named.values())


def by_group(z, groups=2):
    return z.reshape(len(z), groups, -1, *z.shape[2:])


def test_last_head_of_a_group_wins_is_caught(caught, rng):
    last = lambda z: by_group(z)[:, :, -1].copy()  # noqa: E731
    wrong = planted_options(lambda r: gradients(r, k=last(r.dk_heads), v=last(r.dv_heads)))
    caught({"k", "v"}, wrong, *few(rng))


def test_mean_over_the_heads_of_a_group_is_caught(caught, rng):
    wrong = planted_options(lambda r: gradients(r, k=r.dk / r.group, v=r.dv / r.group))
    caught({"k", "v"}, wrong, *few(rng))


def test_groups_in_the_order_of_tiles_are_caught(caught, rng):
    tiled = lambda z: z[:, :2] + z[:, 2:]  # noqa: E731
    wrong = planted_options(lambda r: gradients(r, k=tiled(r.dk_heads), v=tiled(r.dv_heads)))
    caught({"k", "v"}, wrong, *few(rng))


def with_softmax_pullback(r, p, dp):
    """The same quantities with ds = p (dp - sum dp p) for these p and dp."""
    dy = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
    r.dbias = (dy.sum(axis=(0, 2), keepdims=True),)
    return finish(r, dy)


def test_dropout_forgotten_in_the_backward_is_caught(caught, rng):
    def wrong(r):
        r.dv_heads = np.einsum("bhts,bhtk->bhsk", r.p, r.do)
        return gradients(with_softmax_pullback(r, r.p, r.dw))

    caught({"q", "k", "v", "bias[0]"}, planted_options(wrong), *few(rng), **dropping())


def test_dropout_drawn_again_is_caught(caught, rng):
    def wrong(r):
        kept = keep(99, r.rate, r.p.shape, range(2)) / (1 - r.rate)
        r.dv_heads = np.einsum("bhts,bhtk->bhsk", kept * r.p, r.do)
        return gradients(with_softmax_pullback(r, r.p, kept * r.dw))

    caught({"q", "k", "v", "bias[0]"}, planted_options(wrong), *few(rng), **dropping())


def test_dropped_weights_in_the_softmax_pullback_are_caught(caught, rng):
    wrong = planted_options(lambda r: gradients(with_softmax_pullback(r, r.w, r.dp)))
    caught({"q", "k", "bias[0]"}, wrong, *few(rng), **dropping())


def test_dropout_scale_forgotten_is_caught(caught, rng):
    wrong = planted_options(lambda r: gradients(with_softmax_pullback(r, r.p, (1 - r.rate) * r.dp)))
    caught({"q", "k", "bias[0]"}, wrong, *few(rng), **dropping())


def test_slope_of_the_cap_forgotten_is_caught(caught, rng):
    def wrong(r):
        r.cap = None
        return gradients(finish(r, r.dy))

    caught({"q", "k"}, planted_options(wrong), *few(rng), cap=1.5)


def test_bias_gradient_behind_the_cap_is_caught(caught, rng):
    wrong = planted_options(lambda r: (r.dq, r.dk, r.dv, r.ds.sum(axis=(0, 2), keepdims=True)))
    caught({"bias[0]"}, wrong, *few(rng), cap=1.5)


def test_bias_gradient_not_summed_is_caught(caught, rng):
    wrong = planted_options(lambda r: (r.dq, r.dk, r.dv, r.dy.copy()))
    caught({"bias[0]"}, wrong, *few(rng), cap=1.5)


def test_bias_gradient_averaged_is_caught(caught, rng):
    wrong = planted_options(lambda r: (r.dq, r.dk, r.dv, r.dy.mean(axis=(0, 2), keepdims=True)))
    caught({"bias[0]"}, wrong, *few(rng), cap=1.5)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 3, 6), (2, 5, 6), (2, 5, 6)], r"q must have shape \(B, H, T, K\), got \(2, 3, 6\)"),
        ([(2, 4, 3, 6), (2, 4, 5, 7), (2, 4, 5, 7)], r"k must have shape \(2, G, S, 6\), got \(2, 4, 5, 7\)"),
        ([(2, 4, 3, 6), (1, 4, 5, 6), (2, 4, 5, 6)], r"k must have shape \(2, G, S, 6\), got \(1, 4, 5, 6\)"),
        ([(2, 4, 3, 6), (2, 4, 5, 6), (2, 4, 4, 6)], r"v must have shape \(2, 4, 5, W\), got \(2, 4, 4, 6\)"),
        ([(2, 4, 3, 0), (2, 4, 5, 0), (2, 4, 5, 0)], r"the head width must be at least 1, got 0"),
    ],
)
def test_shapes_that_do_not_fit_are_one_clear_line(shapes, message):
    with pytest.raises(ValueError, match=f"^attend: {message}$"):
        attend(*map(np.zeros, shapes))


@pytest.mark.parametrize("shape", [(3, 5), (1, 3, 5), (2, 4, 3, 1), (4, 2, 3, 5), (1, 1, 1, 1, 5)])
def test_a_mask_of_another_shape_is_one_clear_line(rng, shape):
    with pytest.raises(ValueError, match=r"^attend: mask must have shape \(2 or 1, 4 or 1, 3 or 1, 5\), got \(.*\)$"):
        attend(*arrays(rng), mask=np.ones(shape, bool))


def test_a_mask_of_numbers_is_one_clear_line(rng):
    with pytest.raises(TypeError, match=r"^attend: mask must be a boolean array, got float64$"):
        attend(*arrays(rng), mask=np.ones((1, 1, 1, 5)))


def test_integers_are_one_clear_line(rng):
    q, k, v = arrays(rng)
    with pytest.raises(TypeError, match=r"^attend: k must be floating or complex, got int64$"):
        attend(q, k.astype(np.int64), v)


def test_options_out_of_range_are_one_clear_line(rng):
    q, k, v = arrays(rng)
    with pytest.raises(ValueError, match=r"^attend: the heads of k and v must divide the 4 of q, got 3$"):
        attend(q, k[:, :3], v[:, :3])
    with pytest.raises(ValueError, match=r"^attend: bias\[0\] must have shape .*, got \(4, 3, 5\)$"):
        attend(q, k, v, np.zeros((4, 3, 5)))
    with pytest.raises(TypeError, match=r"^attend: weights must be True or False, got int$"):
        attend(q, k, v, weights=1)
    with pytest.raises(ValueError, match=r"^attend: window must be at least 1, got 0$"):
        attend(q, k, v, window=0)
    with pytest.raises(ValueError, match=r"^attend: scale must be positive and finite, got 0$"):
        attend(q, k, v, scale=0)


@pytest.mark.parametrize("window", [sys.maxsize, 10**30, np.int64(2**63 - 1)])
@pytest.mark.parametrize("causal", [False, True])
def test_a_window_beyond_every_key_is_none_in_one_piece_and_in_blocks(rng, window, causal):
    q, k, v = arrays(rng)
    without = attend(q, k, v, causal=causal)
    np.testing.assert_array_equal(attend(q, k, v, causal=causal, window=window), without)
    in_blocks = blockwise(q, k, v, causal=causal, window=window)
    np.testing.assert_array_equal(in_blocks, blockwise(q, k, v, causal=causal))
