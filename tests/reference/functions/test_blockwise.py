import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.keep import keep
from reference.core.masks import causal, padding
from reference.functions import blockwise as module
from reference.functions.alibi import alibi_slopes
from reference.functions.attend import attend_vjp
from reference.functions.blockwise import blockwise, blockwise_vjp, examples
from reference.functions.softmax import softmax_vjp

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 40 numbers near 1 in another order
SIZES = [(1, 2), (3, 2), (256, 256)]


@pytest.fixture(params=SIZES, ids=str)
def every_size(request, monkeypatch):
    cut(monkeypatch, request.param)


@pytest.fixture
def small_blocks(monkeypatch):
    cut(monkeypatch, (2, 3))


@pytest.fixture
def two_blocks(monkeypatch):
    """Of the keys, for the arrays of `few`."""
    cut(monkeypatch, (3, 2))


def cut(monkeypatch, sizes):
    for name, size in zip("NM", sizes, strict=True):
        monkeypatch.setattr(module, name, size)


def arrays(rng, t=5, s=7, heads=4, groups=2, batch=2, k=3):
    """q, k, v of random numbers."""
    return rng.normal(size=(batch, heads, t, k)), *rng.normal(size=(2, batch, groups, s, k))


def few(rng, heads=1):
    """As few numbers as make several blocks: a planted bug is looked for in every entry."""
    return arrays(rng, 3, 4, heads, 1, 1, 1)


def many(rng):
    """So many that a proof takes random directions: entry by entry it would take ten times as long."""
    return arrays(rng, 8, 11, 2, 1, 1, 9)


def some_mask(rng, shape=(2, 4, 5, 7)):
    """About a third hidden; one query sees nothing, one key is seen by nobody."""
    mask = rng.random(shape) < 0.7
    mask[0, -1, 0] = False
    mask[-1, 0, :, 2] = False
    return mask


def dropped(seed=3):
    return {"dropout": 0.4, "rng": np.random.default_rng(seed)}


def run(f, *inputs, **options):
    """Output and gradients, with the same dy and the same dropout whatever f is."""
    if "rng" in options:
        options["rng"] = np.random.default_rng(3)
    o, pullback = f(*inputs, **options)
    return o, *pullback(np.random.default_rng(4).normal(size=o.shape))


def same(got, expected):
    for g, e in zip(got, expected, strict=True):
        assert g.shape == e.shape
        np.testing.assert_allclose(g, e, **EXACT)


RULES = {
    "all": {},
    "causal": {"causal": True},
    "window": {"window": 2},
    "causal, window": {"causal": True, "window": 3},
    "cap": {"cap": 1.5},
    "slopes": {"slopes": alibi_slopes(4), "causal": True},
    "scale": {"scale": 0.7},
    "dropout": dropped(),
    "everything": {"causal": True, "window": 4, "cap": 1.5, "slopes": alibi_slopes(4), "scale": 0.7, **dropped()},
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_result_equals_that_of_attend_whatever_the_blocks(rng, every_size, rule):
    inputs = arrays(rng)
    masks = [None, padding(np.array([6, 0]), 7), causal(5, 7), some_mask(rng), some_mask(rng, (1, 4, 5, 7))]
    biases = [(), *((rng.normal(size=shape),) for shape in [(2, 4, 5, 7), (1, 4, 1, 7), (2, 1, 5, 7), (1, 1, 1, 7)])]
    for mask, bias in zip(masks, biases, strict=True):
        same(run(blockwise_vjp, *inputs, *bias, mask=mask, **rule), run(attend_vjp, *inputs, *bias, mask=mask, **rule))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("lengths", [(6, 4), (1, 7), (4, 1), (1, 1)])
def test_result_equals_that_of_attend_at_any_lengths_and_groups(rng, every_size, lengths, groups):
    inputs, bias = arrays(rng, *lengths, groups=groups), rng.normal(size=(2, 2, 1, 1, lengths[1]))
    same(run(blockwise_vjp, *inputs, *bias, cap=2.0), run(attend_vjp, *inputs, *bias, cap=2.0))


def test_forward_and_backward_equal_their_loop_oracle(rng, every_size):
    q, k, v = arrays(rng)
    bias, mask, slopes = rng.normal(size=(1, 4, 1, 7)), some_mask(rng), rng.random(4)
    got = run(blockwise_vjp, q, k, v, bias, mask=mask, causal=True, window=5, cap=1.5, slopes=slopes)
    do = np.random.default_rng(4).normal(size=q.shape)
    o, dq, dk, dv, dbias = (np.zeros(z.shape) for z in (q, q, k, v, bias))
    for b, h, t in np.ndindex(2, 4, 5):
        seen = [j for j in range(7) if mask[b, h, t, j] and 0 <= t + 2 - j < 5]
        u = {j: np.tanh(q[b, h, t] @ k[b, h // 2, j] / np.sqrt(3) / 1.5) for j in seen}
        e = {j: np.exp(1.5 * u[j] + bias[0, h, 0, j] - slopes[h] * (t + 2 - j)) for j in seen}
        p = {j: e[j] / sum(e.values()) for j in seen}
        o[b, h, t] = sum((p[j] * v[b, h // 2, j] for j in seen), np.zeros(3))
        for j in seen:
            ds = p[j] * (do[b, h, t] @ (v[b, h // 2, j] - o[b, h, t]))
            dbias[0, h, 0, j] += ds
            dq[b, h, t] += ds * (1 - u[j] * u[j]) / np.sqrt(3) * k[b, h // 2, j]
            dk[b, h // 2, j] += ds * (1 - u[j] * u[j]) / np.sqrt(3) * q[b, h, t]
            dv[b, h // 2, j] += p[j] * do[b, h, t]
    same(got, (o, dq, dk, dv, dbias))


@pytest.mark.parametrize("i", range(7))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize("name", ["all", "causal, window", "dropout", "everything"])
def test_backward_is_proved_in_several_blocks(prove, rng, small_blocks, name):
    rule = RULES[name] | ({"slopes": alibi_slopes(2)} if "slopes" in RULES[name] else {})
    prove(blockwise_vjp, *many(rng), rng.normal(size=(1, 2, 8, 11)), mask=some_mask(rng, (1, 2, 8, 11)), **rule)


@pytest.mark.parametrize("lengths", [{"t": 1}, {"t": 9, "s": 1}, {"t": 1, "s": 1}, {"heads": 4, "groups": 1}])
def test_backward_is_proved_at_length_one_and_batch_one(prove, rng, small_blocks, lengths):
    prove(blockwise_vjp, *arrays(rng, **{"batch": 1, "k": 40} | lengths))


@settings(deadline=None, max_examples=8, derandomize=True)
@given(st.tuples(*[st.integers(1, 2)] * 3), st.tuples(*[st.integers(5, 9)] * 4), st.booleans(), st.integers(0, 2**32))
def test_backward_is_proved_at_any_shape(axes, lengths, rule, seed):
    (batch, groups, sharing), (t, past, *sizes), k = axes, lengths, 12
    inputs = arrays(np.random.default_rng(seed), t, t + past, groups * sharing, groups, batch, k)
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut(monkeypatch, sizes)
        gradcheck.assert_gradients(blockwise_vjp, *inputs, causal=rule, window=4 if rule else None, cap=2.0)


def test_backward_is_proved_inside_a_composite(prove, rng, small_blocks):
    def attend_twice(q, k, v, *, mask=None):
        """The output of one attention asks the second; v is the value of both."""
        o, first_pullback = blockwise_vjp(q, k, v, mask=mask)
        p, softmax_pullback = softmax_vjp(o)
        y, second_pullback = blockwise_vjp(p, k, v, causal=True)

        def pullback(dy):
            dp, dk_second, dv_second = second_pullback(dy)
            dq, dk_first, dv_first = first_pullback(softmax_pullback(dp))
            return dq, dk_first + dk_second, dv_first + dv_second

        return y, pullback

    prove(attend_twice, *many(rng), mask=padding(np.array([7]), 11))


def test_a_block_that_nobody_sees_is_not_looked_at(rng, small_blocks):
    q, k, v = arrays(rng)
    expected = run(attend_vjp, q, k, v, window=3, causal=True, mask=padding(np.array([6, 3]), 7))
    k[1, :, 3:] = v[1, :, 3:] = np.nan  # padding, in blocks of its own
    got = run(blockwise_vjp, q, k, v, mask=padding(np.array([6, 3]), 7))
    assert all(np.isfinite(z).all() for z in got)
    q, k, v = arrays(rng, 2, 7)
    expected = run(attend_vjp, q, k, v, window=3, causal=True)
    k[:, :, :3] = v[:, :, :3] = np.nan  # further back than the window reaches
    same(run(blockwise_vjp, q, k, v, window=3, causal=True), expected)


@pytest.mark.parametrize(("rule", "blocks"), [({}, 64), ({"causal": True}, 36), ({"causal": True, "window": 2}, 15)])
def test_a_causal_pass_makes_half_of_the_blocks(rng, monkeypatch, rule, blocks):
    made, scores_vjp = [], module._scores_vjp
    monkeypatch.setattr(module, "_scores_vjp", lambda *a, **o: made.append(1) or scores_vjp(*a, **o))
    cut(monkeypatch, (2, 2))
    run(blockwise_vjp, *arrays(rng, 16, 16, 1, 1, 1), **rule)
    assert len(made) == 2 * blocks  # forward and backward


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"causal": True, **dropped()}], ids=len)
def test_memory_grows_linearly_with_the_length(rng, options):
    def peak(length):
        """Bytes at the worst moment of forward and backward: beyond the inputs, with the output and the gradients."""
        q, k, v, do = rng.normal(size=(4, 1, 1, length, 16)).astype(np.float32)
        tracemalloc.start()
        o, pullback = blockwise_vjp(q, k, v, **options)
        gradients = pullback(do)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert o.shape == gradients[0].shape
        return most

    peak(512)  # with what is made once in a process
    first, second, third = (peak(length) for length in (512, 1024, 2048))
    assert third - second < 2.2 * (second - first)  # twice and a little; with a table of T S entries, four times
    kept = 2 * 256 * 2048 if "dropout" in options else 0  # the bits of N rows, and as many booleans in the making
    # o, dq, dk, dv and what is kept of a row; seven blocks, of which six are alive in the pullback
    assert third < 4.5 * 2048 * 16 * 4 + (7 + 4 * bool(kept)) * 256 * 256 * 4 + kept


def test_query_permutation_equivariance(rng, small_blocks):
    (q, k, v), order = arrays(rng), [2, 0, 4, 1, 3]
    mask, do = some_mask(rng), rng.normal(size=q.shape)
    (o, pullback), (moved, moved_pullback) = (
        blockwise_vjp(q, k, v, mask=mask),
        blockwise_vjp(q[:, :, order], k, v, mask=mask[:, :, order]),
    )
    dq, dk, dv = pullback(do)
    same((moved, *moved_pullback(do[:, :, order])), (o[:, :, order], dq[:, :, order], dk, dv))


def test_shift_invariance(rng, small_blocks):
    q, k, v = arrays(rng)
    _, _, dk, _ = run(blockwise_vjp, q, k, v, mask=some_mask(rng))
    same([dk.sum(axis=2)], [np.zeros((2, 2, 3))])
    same([blockwise(q, k + rng.normal(size=3), v)], [blockwise(q, k, v)])


def test_rows_of_the_gradient_of_a_bias_add_up_to_zero(rng, small_blocks):
    inputs, bias = arrays(rng), rng.normal(size=(2, 4, 5, 7))
    o, *_, dbias = run(blockwise_vjp, *inputs, bias, mask=some_mask(np.random.default_rng(1)), cap=1.5)
    same([dbias.sum(axis=-1)], [np.zeros((2, 4, 5))])
    shifted = bias + rng.normal(size=(2, 4, 5, 1))
    same([blockwise(*inputs, shifted, mask=some_mask(np.random.default_rng(1)), cap=1.5)], [o])


@pytest.mark.parametrize("kernel", [attend_vjp, blockwise_vjp])
def test_without_dropout_nothing_is_drawn(rng, kernel):
    given, untouched = np.random.default_rng(3), np.random.default_rng(3)
    for dropout in (0, 0.0, np.float64(0)):
        kernel(*arrays(rng), dropout=dropout, rng=given)
        assert given.bit_generator.state == untouched.bit_generator.state
    kernel(*arrays(rng), dropout=0.1, rng=given)
    assert given.bit_generator.state != untouched.bit_generator.state


@pytest.mark.parametrize("kernel", [attend_vjp, blockwise_vjp])
@pytest.mark.parametrize("window", [sys.maxsize, 10**30, np.int64(sys.maxsize), np.int8(127)], ids=repr)
@pytest.mark.parametrize("is_causal", [False, True])
def test_a_window_beyond_all_distances_is_none(rng, small_blocks, kernel, window, is_causal):
    inputs = arrays(rng)
    do = rng.normal(size=inputs[0].shape)
    o, pullback = kernel(*inputs, causal=is_causal)
    windowed, windowed_pullback = kernel(*inputs, causal=is_causal, window=window)
    for got, free in zip((windowed, *windowed_pullback(do)), (o, *pullback(do)), strict=True):
        np.testing.assert_array_equal(got, free)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_query_that_sees_nothing_is_silent(rng, every_size, dtype):
    q, k, v = (z.astype(dtype) for z in arrays(rng))
    mask = some_mask(rng)
    o, pullback = blockwise_vjp(q, k, v, mask=mask, causal=True)
    do = np.ones(q.shape, dtype)
    dq, dk, dv = pullback(do)
    assert not o[0, -1, 0].any() and not dq[0, -1, 0].any()
    assert all(np.isfinite(z).all() for z in (o, dq, dk, dv)) and o[0, 0].any()
    do[0, -1, 0] = 7  # reaches nobody
    for got, expected in zip(pullback(do), (dq, dk, dv), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_dtype_in_is_dtype_out(rng, small_blocks, dtype, rule):
    inputs = [z.astype(dtype) for z in (*arrays(rng), rng.normal(size=(1, 4, 5, 7)))]
    o, pullback = blockwise_vjp(*inputs, **rule)
    assert {z.dtype for z in (o, *pullback(o))} == {np.dtype(dtype)}


@pytest.mark.parametrize("i", range(4))
def test_complex_step_gives_the_derivative_by_each_input_alone(rng, small_blocks, i):
    inputs = [*arrays(rng), rng.normal(size=(1, 4, 5, 7))]
    o, *gradients = run(blockwise_vjp, *inputs, causal=True, cap=1.5)
    delta, do = rng.normal(size=inputs[i].shape), np.random.default_rng(4).normal(size=o.shape)
    inputs[i] = inputs[i] + 1e-30j * delta
    stepped = blockwise(*inputs, causal=True, cap=1.5)
    same((stepped.real, (do * stepped.imag).sum() / 1e-30), (o, (gradients[i] * delta).sum()))


@pytest.mark.parametrize("sizes", [{"batch": 0}, {"t": 0}, {"s": 0}, {"heads": 0, "groups": 0}], ids=str)
def test_empty_inputs_give_empty_or_zero_outputs(rng, sizes):
    inputs = arrays(rng, **sizes)
    o, *gradients = run(blockwise_vjp, *inputs)
    assert o.shape == inputs[0].shape and [z.shape for z in gradients] == [z.shape for z in inputs]
    assert not any(z.any() for z in (o, *gradients))


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng, small_blocks):
    inputs, do = (*arrays(rng), rng.normal(size=(2, 4, 5, 7))), rng.normal(size=(2, 4, 5, 3))
    for z in (*inputs, do):
        z.flags.writeable = False
    _, pullback = blockwise_vjp(*inputs, **RULES["everything"] | dropped())
    for first, second in zip(pullback(do), pullback(do), strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.shares_memory(first, second)


def test_memory_layout_does_not_matter(rng, small_blocks):
    inputs = arrays(rng)
    views = [np.asfortranarray(z) for z in inputs[:2]] + [inputs[2][..., ::-1].copy()[..., ::-1]]
    same(run(blockwise_vjp, *views, causal=True), run(blockwise_vjp, *inputs, causal=True))


def planted(monkeypatch, name, wrong):
    """Return blockwise_vjp with `wrong` in place of the module's `name` while its pullback runs."""

    def wrong_vjp(q, k, v, *bias, **options):
        o, right_pullback = blockwise_vjp(q, k, v, *bias, **options)

        def pullback(do):
            with monkeypatch.context() as patch:
                patch.setattr(module, name, wrong)
                return right_pullback(do)

        return o, pullback

    return wrong_vjp


SOFTMAX, SCORES, CAP = module._softmax_pullback, module._scores_vjp, module.softcap_vjp


def test_missing_row_term_is_caught(caught, rng, two_blocks, monkeypatch):
    wrong = planted(monkeypatch, "_softmax_pullback", lambda s, c, v, l, d, do: SOFTMAX(s, c, v, l, 0 * d, do))
    caught({"q", "k"}, wrong, *few(rng))


def test_row_term_of_one_block_is_caught(caught, rng, two_blocks, monkeypatch):
    def wrong(s, c, v, l, d, do):
        return SOFTMAX(s, c, v, l, (np.exp(s - l) * (do @ v.T)).sum(axis=-1, keepdims=True), do)

    wrong = planted(monkeypatch, "_softmax_pullback", wrong)
    caught({"q", "k", "bias[0]"}, wrong, *few(rng), rng.normal(size=(1, 1, 3, 4)))


def test_row_term_without_dropout_is_caught(caught, rng, monkeypatch):
    def wrong(s, c, v, l, d, do):  # one block is the whole row
        return SOFTMAX(s, c, v, l, (np.exp(s - l) * (do @ v.T)).sum(axis=-1, keepdims=True), do)

    caught({"q", "k"}, planted(monkeypatch, "_softmax_pullback", wrong), *few(rng), **dropped())


def test_other_bits_in_the_backward_are_caught(caught, rng, two_blocks, monkeypatch):
    wrong = planted(monkeypatch, "keep", lambda seed, *others: keep(seed + 1, *others))
    caught({"q", "k", "v"}, wrong, *few(rng), **dropped())


def test_dropout_forgotten_for_the_weights_is_caught(caught, rng, two_blocks, monkeypatch):
    def wrong(s, c, *others):
        return SOFTMAX(s, None, *others)[0], SOFTMAX(s, c, *others)[1]

    caught({"q", "k"}, planted(monkeypatch, "_softmax_pullback", wrong), *few(rng), **dropped())


def test_last_block_wins_is_caught(caught, rng, small_blocks):
    def last_queries(q, k, v):
        o, right_pullback = blockwise_vjp(q, k, v)

        def pullback(do):
            dq, _, dv = right_pullback(do)
            _, dk, _ = right_pullback(np.where(np.arange(3)[:, None] < 2, 0, do))
            return dq, dk, dv

        return o, pullback

    def last_head(q, k, v):
        o, right_pullback = blockwise_vjp(q, k, v)

        def pullback(do):
            dq, dk, _ = right_pullback(do)
            _, _, dv = right_pullback(np.where(np.arange(2)[:, None, None] == 0, 0, do))
            return dq, dk, dv

        return o, pullback

    caught({"k"}, last_queries, *few(rng))
    caught({"v"}, last_head, *few(rng, 2))


def test_mask_ignored_in_the_backward_is_caught(caught, rng, two_blocks, monkeypatch):
    wrong = planted(monkeypatch, "_scores_vjp", lambda *inputs, seen, **others: SCORES(*inputs, seen=None, **others))
    caught({"q", "k", "v"}, wrong, *few(rng), causal=True)
    caught({"q", "k", "v"}, wrong, *few(rng), mask=some_mask(rng, (1, 1, 3, 4)))


def test_cap_ignored_in_the_backward_is_caught(caught, rng, two_blocks, monkeypatch):
    wrong = planted(monkeypatch, "softcap_vjp", lambda s, *, cap: (CAP(s, cap=cap)[0], lambda ds: ds))
    caught({"q", "k"}, wrong, *few(rng), rng.normal(size=(1, 1, 1, 4)), cap=1.5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"v": np.zeros((2, 2, 6, 3))}, ValueError, r"v must have shape \(2, 2, 7, W\), got \(2, 2, 6, 3\)"),
        ({"q": np.zeros((2, 3, 5, 3))}, ValueError, r"the heads of k and v must divide the 3 of q, got 2"),
        ({"q": np.zeros((2, 4, 8, 3)), "causal": True}, ValueError, r"queries must be at most keys = 7, got 8"),
        ({"window": 0}, ValueError, r"window must be at least 1, got 0"),
        ({"mask": np.ones(7, bool)}, ValueError, r"mask must have shape \(2 or 1, 4 or 1, 5 or 1, 7\), got \(7,\)"),
        ({"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\), got 1\.0"),
        ({"q": [[1.0]]}, TypeError, r"q must be an array, got list"),
    ],
)
def test_bad_input_is_one_clear_line(rng, change, error, message):
    q, k, v = arrays(rng)
    with pytest.raises(error, match=rf"^blockwise: {message}$"):
        blockwise(**{"q": q, "k": k, "v": v} | change)
