from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.masks import causal, padding
from reference.functions.attend import attend, attend_vjp, examples
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


@pytest.mark.parametrize("i", range(6))
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


def test_scale_forgotten_in_the_backward_is_caught(caught, rng):
    caught({"q", "k"}, planted(lambda r: (r.dq / r.scale, r.dk / r.scale, r.dv)), *arrays(rng))


def test_scale_applied_twice_is_caught(caught, rng):
    caught({"q", "k"}, planted(lambda r: (r.dq * r.scale, r.dk * r.scale, r.dv)), *arrays(rng))


def test_softmax_pullback_without_the_row_sum_is_caught(caught, rng):
    def wrong(r):
        ds = r.p * np.einsum("bhtk,bhsk->bhts", r.do, r.v)
        dq = r.scale * np.einsum("bhts,bhsk->bhtk", ds, r.k)
        return dq, r.scale * np.einsum("bhts,bhtk->bhsk", ds, r.q), r.dv

    caught({"q", "k"}, planted(wrong), *arrays(rng))


def test_exchanged_query_and_key_gradients_are_caught(caught, rng):
    caught({"q", "k"}, planted(lambda r: (r.dk, r.dq, r.dv)), *arrays(rng, t=5))


def test_scores_not_transposed_for_the_keys_is_caught(caught, rng):
    wrong = planted(lambda r: (r.dq, r.scale * np.einsum("bhts,bhsk->bhtk", r.ds, r.q), r.dv))
    caught({"k"}, wrong, *arrays(rng, t=5))


def test_mask_ignored_in_the_backward_is_caught(caught, rng):
    def wrong(r):
        unmasked = oracle(r.q, r.k, r.v, r.do)
        return unmasked.dq, unmasked.dk, unmasked.dv

    caught({"q", "k", "v"}, planted(wrong), *arrays(rng), mask=some_mask(rng))


@pytest.mark.parametrize("name", ["q", "k", "v"])
def test_a_missing_gradient_is_caught(caught, rng, name):
    def wrong(r):
        return tuple(d * (n != name) for n, d in (("q", r.dq), ("k", r.dk), ("v", r.dv)))

    caught({name}, planted(wrong), *arrays(rng))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(2, 3, 6), (2, 5, 6), (2, 5, 6)], r"q must have shape \(B, H, T, K\), got \(2, 3, 6\)"),
        ([(2, 4, 3, 6), (2, 4, 5, 7), (2, 4, 5, 7)], r"k must have shape \(2, G, S, 6\), got \(2, 4, 5, 7\)"),
        ([(2, 4, 3, 6), (1, 4, 5, 6), (2, 4, 5, 6)], r"k must have shape \(2, G, S, 6\), got \(1, 4, 5, 6\)"),
        ([(2, 4, 3, 6), (2, 4, 5, 6), (2, 4, 4, 6)], r"v must have shape \(2, 4, 5, 6\), got \(2, 4, 4, 6\)"),
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
