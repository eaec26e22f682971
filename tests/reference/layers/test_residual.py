import numpy as np
import pytest
from composites import Noting, SkippedNorm, Unheard, WithoutMask
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.layers.attention import MultiHeadAttention, SelfAttention
from reference.layers.dropout import Dropout
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm, examples
from reference.layers.stochastic_depth import StochasticDepth

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, a few layers of sums of at most 8 numbers near 1
NORM = {"norm.gamma", "norm.beta"}
BOTH = pytest.mark.parametrize("residual", [PreNorm, PostNorm])


def randomise(rng, layer):
    """Parameters of size 1/2 keep scores near 1, so that no softmax saturates."""
    return tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), layer)


def around(rng, residual, inner, width=8):
    return randomise(rng, residual(norm=LayerNorm.init(width), inner=inner))


def around_linear(rng, residual, width=8):
    return around(rng, residual, Linear.init(rng, width, width), width)


def dx_of(layer, x, dy):
    """What `layer` alone passes back to its one input."""
    _, pullback = layer.vjp(x)
    return pullback(dy)[1]


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("i", range(11))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    prove(layer, *inputs, **constants)


@BOTH
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("mask", [None, causal(3)])
@pytest.mark.parametrize("batch", [1, 2])
def test_backward_is_proved_around_self_attention(prove, rng, residual, heads, mask, batch):
    prove(around(rng, residual, SelfAttention.init(rng, 8, heads)), rng.normal(size=(batch, 3, 8)), mask=mask)


@BOTH
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("mask", [None, padding(np.array([3, 0]), 5)], ids=["all", "one sequence sees nothing"])
@pytest.mark.parametrize("length", [1, 3])
def test_backward_is_proved_around_cross_attention(prove, rng, residual, heads, mask, length):
    x, memory = rng.normal(size=(2, length, 8)), rng.normal(size=(2, 5, 8))
    report = prove(around(rng, residual, MultiHeadAttention.init(rng, 8, heads)), x, memory, mask=mask)
    assert [g.name for g in report.gradients if g.digits is None] == ["inner.key.b"]


@BOTH
@pytest.mark.parametrize("shape", [(2, 3, 8), (1, 1, 8), (4, 8), (8,)])
def test_backward_is_proved_around_feed_forward(prove, rng, residual, shape):
    prove(around(rng, residual, FeedForward.init(rng, 8, 6)), rng.normal(size=shape))


@BOTH
@pytest.mark.parametrize("drop", [Dropout(0.4), StochasticDepth(0.5)])
def test_backward_is_proved_beside_auxiliary_outputs_and_a_drop(prove, rng, residual, drop):
    layer = randomise(rng, residual(LayerNorm.init(8), Noting(FeedForward.init(rng, 8, 6)), drop))
    prove(layer, rng.normal(size=(3, 2, 8)), rng=np.random.default_rng(5))


@BOTH
@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.integers(4, 6), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(residual, shape, k, seed):
    rng = np.random.default_rng(seed)
    batch, heads, t, s = shape
    width = heads * k  # 4 at least: a layer norm of one entry is constant, and of two almost a step
    layer = around(rng, residual, MultiHeadAttention.init(rng, width, heads), width)
    mask = padding(rng.integers(0, s, batch, endpoint=True), s)
    report = gradcheck.check(layer, rng.normal(size=(batch, t, width)), rng.normal(size=(batch, s, width)), mask=mask)
    assert report.verdict == "pass", str(report)


@BOTH
def test_backward_is_proved_inside_a_composite(prove, rng, residual):
    class Two(Layer):
        own: Layer
        cross: Layer

        def vjp(self, x, memory, *, mask=None):
            h, own_pullback = self.own.vjp(x, mask=mask)
            y, cross_pullback = self.cross.vjp(h, memory)

            def pullback(dy):
                d_cross, dh, dmemory = cross_pullback(dy)
                d_own, dx = own_pullback(dh)
                return self.cotangent(own=d_own, cross=d_cross), dx, dmemory

            return y, pullback

    own = around(rng, residual, SelfAttention.init(rng, 8, 4))
    cross = around(rng, residual, MultiHeadAttention.init(rng, 8, 1))
    prove(Two(own=own, cross=cross), rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 4, 8)), mask=causal(3))


def test_forward_and_backward_equal_their_jacobians(rng):
    """For a linear inner layer every Jacobian of one row is an explicit matrix, cotangents are rows."""
    x, dy = rng.normal(size=(2, 8))
    for residual in (PreNorm, PostNorm):
        layer = around_linear(rng, residual)
        norm, w, b, eye = layer.norm, layer.inner.w, layer.inner.b, np.eye(8)
        y, pullback = layer.vjp(x)
        if residual is PreNorm:
            at, expected = x, x + norm(x) @ w + b
        else:
            at, expected = x + x @ w + b, norm(x + x @ w + b)
        c = at - at.mean()
        r = 1 / np.sqrt((c * c).mean() + norm.eps)
        n = norm.gamma[:, None] * r * (eye - 1 / 8 - np.outer(r * c, r * c) / 8)
        same(y, expected)
        same(pullback(dy)[1], dy @ (eye + w.T @ n) if residual is PreNorm else dy @ n @ (eye + w.T))


@BOTH
def test_an_inner_layer_of_zero_leaves_the_skip_alone(rng, residual):
    random, (x, dy) = around_linear(rng, residual), rng.normal(size=(2, 2, 3, 8))
    layer = residual(norm=random.norm, inner=tree.map(np.zeros_like, random.inner))
    y, pullback = layer.vjp(x)
    _, dx = pullback(dy)
    np.testing.assert_array_equal(y, x if residual is PreNorm else layer.norm(x))
    np.testing.assert_array_equal(dx, dy if residual is PreNorm else dx_of(layer.norm, x, dy))


def test_pre_norm_passes_a_shift_on(rng):
    layer, (x, dy) = around(rng, PreNorm, SelfAttention.init(rng, 8, 4)), rng.normal(size=(2, 2, 3, 8))
    y, pullback = layer.vjp(x)
    shift = rng.normal(size=(2, 3, 1))
    same(layer(x + shift), y + shift)
    same(pullback(dy)[1].sum(axis=-1), dy.sum(axis=-1))


def test_post_norm_returns_normalised_rows(rng):
    layer = around(rng, PostNorm, SelfAttention.init(rng, 8, 4))
    hat = (layer(rng.normal(size=(2, 3, 8))) - layer.norm.beta) / layer.norm.gamma
    same(hat.mean(axis=-1), np.zeros((2, 3)))
    assert (np.abs((hat * hat).mean(axis=-1) - 1) < 1e-3).all()  # eps / variance, 1e-5 over at least 1e-2


@BOTH
def test_the_skip_touches_only_x(rng, residual):
    layer = around(rng, residual, MultiHeadAttention.init(rng, 8, 4))
    (x, dy), memory = rng.normal(size=(2, 2, 3, 8)), rng.normal(size=(2, 5, 8))
    d_self, _, dmemory = layer.vjp(x, memory)[1](dy)
    if residual is PreNorm:
        entering, leaving = layer.norm(x), dy
    else:
        entering, leaving = x, dx_of(layer.norm, x + layer.inner(x, memory), dy)
    d_inner, _, dmemory_inner = layer.inner.vjp(entering, memory)[1](leaving)
    np.testing.assert_array_equal(dmemory, dmemory_inner)
    for (_, leaf), (_, other) in zip(tree.leaves(d_self.inner), tree.leaves(d_inner), strict=True):
        np.testing.assert_array_equal(leaf, other)


def test_two_residuals_are_four_paths(rng):
    first, second = around_linear(rng, PreNorm), around_linear(rng, PreNorm)
    x, dy = rng.normal(size=(2, 2, 3, 8))

    def branch(layer, x, dy):
        """dy A: what comes back through norm and inner layer alone."""
        return dx_of(layer.norm, x, dx_of(layer.inner, layer.norm(x), dy))

    h = first(x)
    dy_b = branch(second, h, dy)
    four = dy + branch(first, x, dy) + dy_b + branch(first, x, dy_b)
    same(dx_of(first, x, dx_of(second, h, dy)), four)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, residual, dtype):
    layer = around(rng, residual, MultiHeadAttention.init(rng, 8, 4)).astype(dtype)
    x, memory = rng.normal(size=(2, 3, 8)).astype(dtype), rng.normal(size=(2, 5, 8)).astype(dtype)
    y, pullback = layer.vjp(x, memory, mask=padding(np.array([3, 0]), 5))
    d_self, dx, dmemory = pullback(y)
    assert {z.dtype for z in (y, dx, dmemory, *(leaf for _, leaf in tree.leaves(d_self)))} == {np.dtype(dtype)}


@BOTH
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, residual):
    layer = around(rng, residual, MultiHeadAttention.init(rng, 8, 4))
    y, pullback = layer.vjp(np.zeros((0, 3, 8)), np.zeros((0, 5, 8)))
    d_self, dx, dmemory = pullback(y)
    assert y.shape == dx.shape == (0, 3, 8) and dmemory.shape == (0, 5, 8)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_self))


@BOTH
def test_a_dropped_branch_leaves_the_skip_alone(rng, residual):
    layer, x, dy = around_linear(rng, residual), *rng.normal(size=(2, 400, 3, 8))
    layer = residual(layer.norm, layer.inner, StochasticDepth(0.5))
    y, pullback = layer.vjp(x, rng=np.random.default_rng(1))
    expected, dx_expected = x, dy
    if residual is PostNorm:
        expected, norm_pullback = layer.norm.vjp(x)
        _, dx_expected = norm_pullback(dy)
    dropped = (abs(y - expected) <= 1e-12).all(axis=(1, 2))  # rounding; a branch that is kept moves y by about 1
    assert 100 < np.count_nonzero(dropped) < 300  # of 400 with probability 1/2: ten standard deviations
    same(pullback(dy)[1][dropped], dx_expected[dropped])


class InTurn(Layer):
    """Two layers, one after the other."""

    first: Layer
    second: Layer

    def vjp(self, x, *, rng=None):
        h, first_pullback = self.first.vjp(x)
        y, second_pullback = self.second.vjp(h)

        def pullback(dy):
            d_second, dh = second_pullback(dy)
            d_first, dx = first_pullback(dh)
            return self.cotangent(first=d_first, second=d_second), dx

        return y, pullback


def behind(rng, drop=None):
    layer = PreNorm(LayerNorm.init(8), FeedForward.init(rng, 8, 6), drop, LayerNorm.init(8))
    return randomise(rng, layer)


def test_a_norm_behind_is_a_part_of_the_inner_layer(rng):
    layer, (x, dy) = behind(rng), rng.normal(size=(2, 2, 3, 8))
    together = PreNorm(layer.norm, InTurn(layer.inner, layer.after))
    (y, pullback), (expected, expected_pullback) = layer.vjp(x), together.vjp(x)
    (d, dx), (d_together, dx_together) = pullback(dy), expected_pullback(dy)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dx, dx_together)
    same_tree((d.norm, d.inner, d.after), (d_together.norm, d_together.inner.first, d_together.inner.second))
    assert PreNorm(layer.norm, layer.inner)(x).shape == y.shape and (PreNorm(layer.norm, layer.inner)(x) != y).all()


def test_a_norm_behind_is_in_every_step(rng):
    layer, x = behind(rng), rng.normal(size=(2, 4, 8))
    cache = layer.cache(2, 4)
    same(np.concatenate([layer.step(x[:, :1], cache), layer.step(x[:, 1:], cache)], axis=1), layer(x))


def test_a_drop_is_of_what_the_norm_behind_returns(prove, rng):
    layer, x = behind(rng, Dropout(0.4)), rng.normal(size=(2, 3, 8))
    prove(layer, x, rng=np.random.default_rng(5))
    branch = PreNorm(layer.norm, layer.inner, None, layer.after)(x) - x
    kept = layer(x, rng=np.random.default_rng(5)) - x
    close = {"rtol": 1e-9, "atol": 1e-12}  # of a difference of numbers near 1
    assert (np.isclose(kept, branch / 0.6, **close) | np.isclose(kept, 0, **close)).all()


def test_a_norm_behind_skipped_in_the_backward_is_caught(caught, rng):
    layer = behind(rng)
    wrong = PreNorm(layer.norm, layer.inner, None, SkippedNorm(layer.after.gamma, layer.after.beta))
    names = {"after.gamma", "after.beta", "norm.gamma", "norm.beta", "x"}
    caught(names | {f"inner.{part}.{p}" for part in ("hidden", "output") for p in "wb"}, wrong, rng.normal(size=(2, 8)))


@BOTH
def test_without_a_generator_nothing_is_dropped(rng, residual):
    layer, x, dy = around_linear(rng, residual), *rng.normal(size=(2, 2, 3, 8))
    dropping = residual(layer.norm, layer.inner, Dropout(0.5))
    (y, pullback), (whole, whole_pullback) = dropping.vjp(x), layer.vjp(x)
    np.testing.assert_array_equal(y, whole)
    np.testing.assert_array_equal(pullback(dy)[1], whole_pullback(dy)[1])
    assert (dropping.vjp(x, rng=np.random.default_rng(1))[0] != whole).any()


@BOTH
def test_auxiliary_outputs_pass_as_they_are(rng, residual):
    plain, x = around(rng, residual, FeedForward.init(rng, 8, 6)), rng.normal(size=(2, 3, 8))
    layer = residual(plain.norm, Noting(plain.inner))
    (y, note), pullback = layer.vjp(x)
    np.testing.assert_array_equal(y, plain(x))
    n = plain.norm(x) if residual is PreNorm else x
    (_, expected), inner_pullback = layer.inner.vjp(n)
    np.testing.assert_array_equal(note, expected)
    d_layer, dx = pullback((np.zeros_like(x), np.array(1.0)))
    d_inner, dn = inner_pullback((np.zeros_like(x), np.array(1.0)))
    same_tree(d_layer.inner, d_inner)
    same(dx, dn if residual is PostNorm else plain.norm.vjp(x)[1](dn)[1])


def planted_pre(wrong):
    """Return a PreNorm whose pullback is `wrong(dy, dn, norm_pullback) -> (d_norm, dx)` behind the inner layer's."""

    class Wrong(PreNorm):
        def vjp(self, x, *others, **constants):
            n, norm_pullback = self.norm.vjp(x)
            r, inner_pullback = self.inner.vjp(n, *others, **constants)

            def pullback(dy):
                d_inner, dn, *dothers = inner_pullback(dy)
                d_norm, dx = wrong(dy, dn, norm_pullback)
                return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

            return x + r, pullback

    return Wrong


def planted_post(wrong):
    """Return a PostNorm whose dx is `wrong(dy, dz, dx_inner)`."""

    class Wrong(PostNorm):
        def vjp(self, x, *others, **constants):
            r, inner_pullback = self.inner.vjp(x, *others, **constants)
            y, norm_pullback = self.norm.vjp(x + r)

            def pullback(dy):
                d_norm, dz = norm_pullback(dy)
                d_inner, dx_inner, *dothers = inner_pullback(dz)
                return self.cotangent(norm=d_norm, inner=d_inner), wrong(dy, dz, dx_inner), *dothers

            return y, pullback

    return Wrong


@pytest.mark.parametrize(
    "wrong",
    [
        planted_pre(lambda dy, dn, norm_pullback: norm_pullback(dn)),
        planted_post(lambda dy, dz, dx_inner: dx_inner),
    ],
    ids=["pre", "post"],
)
def test_skip_gradient_not_added_is_caught(caught, rng, wrong):
    caught({"x"}, around_linear(rng, wrong), rng.normal(size=(2, 3, 8)))
    cross = around(rng, wrong, MultiHeadAttention.init(rng, 8, 4))
    caught({"x"}, cross, rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8)))


@pytest.mark.parametrize(
    "wrong",
    [
        planted_pre(lambda dy, dn, norm_pullback: (norm_pullback(dn)[0], dy)),
        planted_post(lambda dy, dz, dx_inner: dz),
    ],
    ids=["pre", "post"],
)
def test_inner_path_forgotten_is_caught(caught, rng, wrong):
    caught({"x"}, around_linear(rng, wrong), rng.normal(size=(2, 3, 8)))


def test_skip_around_the_norm_is_caught(caught, rng):
    wrong = planted_post(lambda dy, dz, dx_inner: dy + dx_inner)
    caught({"x"}, around_linear(rng, wrong), rng.normal(size=(2, 3, 8)))


def test_skip_from_the_normed_input_is_caught(caught, rng):
    wrong = planted_pre(lambda dy, dn, norm_pullback: norm_pullback(dn + dy))
    caught(NORM | {"x"}, around_linear(rng, wrong), rng.normal(size=(2, 3, 8)))


def test_a_consistent_skip_from_the_normed_input_breaks_the_shift(prove, rng):
    class Normed(Layer):
        """y = n + inner(n) with its own right gradient: no check of gradients can object."""

        norm: LayerNorm
        inner: Linear

        def vjp(self, x):
            n, norm_pullback = self.norm.vjp(x)
            r, inner_pullback = self.inner.vjp(n)

            def pullback(dy):
                d_inner, dn = inner_pullback(dy)
                d_norm, dx = norm_pullback(dn + dy)
                return self.cotangent(norm=d_norm, inner=d_inner), dx

            return n + r, pullback

    layer, x = around_linear(rng, Normed), rng.normal(size=(2, 3, 8))
    prove(layer, x)
    same(layer(x + 3), layer(x))  # where pre-norm would have passed the 3 on


@BOTH
def test_exchanged_cotangents_of_x_and_memory_are_caught(caught, rng, residual):
    class Wrong(residual):
        def vjp(self, x, *others, **constants):
            y, residual_pullback = super().vjp(x, *others, **constants)

            def pullback(dy):
                d_self, dx, dmemory = residual_pullback(dy)
                return d_self, dmemory, dx

            return y, pullback

    layer = around(rng, Wrong, MultiHeadAttention.init(rng, 8, 4))
    caught({"x", "others[0]"}, layer, *rng.normal(size=(2, 2, 3, 8)))


def test_skip_added_in_place_is_caught(rng):
    def wrong(dy, dn, norm_pullback):
        d_norm, dx_norm = norm_pullback(dn)
        dy += dx_norm
        return d_norm, dy

    report = gradcheck.check(around_linear(rng, planted_pre(wrong)), rng.normal(size=(2, 3, 8)))
    assert report.verdict == "fail" and "mutation" in {finding.kind for finding in report.findings}, str(report)


@BOTH
def test_a_drop_forgotten_in_the_backward_is_caught(caught, rng, residual):
    layer = around_linear(rng, residual)
    wrong = residual(layer.norm, layer.inner, WithoutMask(0.4))
    names = {"inner.w", "inner.b", "x"} | (NORM if residual is PreNorm else set())
    caught(names, wrong, rng.normal(size=(2, 3, 8)), rng=np.random.default_rng(5))


def test_a_drop_on_the_skip_is_caught(caught, rng):
    class Wrong(PreNorm):
        def vjp(self, x, *, rng=None):
            n, norm_pullback = self.norm.vjp(x)
            r, inner_pullback = self.inner.vjp(n)
            r, drop_pullback = self.drop.vjp(r, rng=rng)

            def pullback(dy):
                d_drop, dr = drop_pullback(dy)
                d_inner, dn = inner_pullback(dr)
                d_norm, dx = norm_pullback(dn)
                return self.cotangent(norm=d_norm, inner=d_inner, drop=d_drop), dr + dx

            return x + r, pullback

    layer = around_linear(rng, PreNorm)
    wrong = Wrong(layer.norm, layer.inner, Dropout(0.4))
    caught({"x"}, wrong, rng.normal(size=(2, 3, 8)), rng=np.random.default_rng(5))


@BOTH
def test_a_lost_auxiliary_cotangent_is_caught(caught, rng, residual):
    layer = around(rng, residual, Unheard(Linear.init(rng, 8, 8)))
    names = {"inner.inner.w", "inner.inner.b", "x"} | (NORM if residual is PreNorm else set())
    caught(names, layer, rng.normal(size=(2, 3, 8)))


@BOTH
def test_an_inner_layer_of_another_shape_is_one_clear_line(rng, residual):
    layer = around(rng, residual, Linear.init(rng, 8, 1))
    message = rf"^{residual.__name__}: inner must return the shape of x, \(2, 3, 8\), got \(2, 3, 1\)$"
    with pytest.raises(ValueError, match=message):
        layer.vjp(np.zeros((2, 3, 8)))


@BOTH
def test_a_drop_that_would_broadcast_is_one_clear_line(rng, residual):
    class Narrow(Linear):
        def vjp(self, x, *, rng=None):
            return super().vjp(x)

    layer = residual(LayerNorm.init(8), Linear.init(rng, 8, 8), Narrow.init(rng, 8, 1))
    message = rf"^{residual.__name__}: drop must return the shape of x, \(2, 3, 8\), got \(2, 3, 1\)$"
    with pytest.raises(ValueError, match=message):
        layer.vjp(np.zeros((2, 3, 8), np.float32))
