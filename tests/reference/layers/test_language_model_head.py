import numpy as np
import pytest
from composites import SkippedNorm, plant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.functions.gelu import gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.layers.language_model_head import LanguageModelHead, examples
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.rmsnorm import RMSNorm

EXACT = {"rtol": 1e-11, "atol": 1e-12}  # float64 through a norm of 5 numbers near 1, sums in another order
DENSE, NORM = {"dense.w", "dense.b"}, {"norm.gamma", "norm.beta"}


def random_head(rng, width=5, vocabulary=7):
    layer = LanguageModelHead.init(rng, width, vocabulary, np.float64)
    return tree.map(lambda p: rng.normal(size=p.shape), layer)


def backward(layer, x, dlogits, through_gelu=None, into_output=None):
    """The backward pass of the layers one by one; what follows replaces parts of it by wrong ones."""
    a, dense_pullback = layer.dense.vjp(x)
    h, gelu_pullback = gelu_vjp(a)
    n, norm_pullback = layer.norm.vjp(h)
    d_output, dn = layer.output.vjp(n)[1](dlogits)
    d_norm, dh = norm_pullback(dn)
    da = gelu_pullback(dh) if through_gelu is None else through_gelu(a, h, dh)
    d_dense, dx = dense_pullback(da)
    if into_output is not None:
        d_output, _ = layer.output.vjp(into_output(h))[1](dlogits)
    return layer.cotangent(dense=d_dense, norm=d_norm, output=d_output), dx


def planted(layer, **wrong):
    """Return `layer` with a pullback that is wrong in the way that `wrong` says."""

    class Wrong(LanguageModelHead):
        def vjp(self, x):
            logits, _ = super().vjp(x)
            return logits, lambda dlogits: backward(self, x, dlogits, **wrong)

    return Wrong(layer.dense, layer.norm, layer.output)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (1, 1, 5)])
def test_backward_is_proved(prove, rng, shape):
    prove(random_head(rng), rng.normal(size=shape))


def test_examples_are_proved(prove, rng):
    for _, layer, inputs, constants in examples(rng):
        prove(layer, *inputs, **constants)


def test_backward_is_proved_with_another_norm(prove, rng):
    layer = random_head(rng)
    prove(LanguageModelHead(layer.dense, RMSNorm(gamma=rng.normal(size=5)), layer.output), rng.normal(size=(2, 5)))


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 2, st.integers(2, 4), st.integers(1, 4)), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    rng = np.random.default_rng(seed)
    *inputs, vocabulary = shape
    report = gradcheck.check(random_head(rng, inputs[-1], vocabulary), rng.normal(size=inputs))
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Chosen(Layer):
        """The head at a few positions of a sequence, one of them twice."""

        head: LanguageModelHead

        def vjp(self, x, *, positions):
            logits, head_pullback = self.head.vjp(x[:, positions])

            def pullback(dlogits):
                d_head, dchosen = head_pullback(dlogits)
                dx = np.zeros(x.shape, dchosen.dtype)
                np.add.at(dx, (slice(None), positions), dchosen)
                return self.cotangent(head=d_head), dx

            return logits, pullback

    prove(Chosen(random_head(rng)), rng.normal(size=(2, 4, 5)), positions=np.array([3, 0, 3]))


def test_forward_and_backward_equal_their_einsum_oracle(rng):
    layer, x, dlogits = random_head(rng), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 7))
    a = np.einsum("bsd,de->bse", x, layer.dense.w) + layer.dense.b
    cumulative, density = (1 + erf(a / np.sqrt(2))) / 2, np.exp(-a * a / 2) / np.sqrt(2 * np.pi)
    h = a * cumulative
    rstd = 1 / np.sqrt(h.var(axis=-1, keepdims=True) + layer.norm.eps)
    hhat = rstd * (h - h.mean(axis=-1, keepdims=True))
    n = layer.norm.gamma * hhat + layer.norm.beta
    dn = np.einsum("bsv,ev->bse", dlogits, layer.output.w)
    jacobian = rstd[..., None] * (np.eye(5) - 1 / 5 - hhat[..., :, None] * hhat[..., None, :] / 5)
    da = (cumulative + a * density) * np.einsum("bsde,bse->bsd", jacobian, layer.norm.gamma * dn)
    logits, pullback = layer.vjp(x)
    d_layer, dx = pullback(dlogits)
    same(logits, np.einsum("bse,ev->bsv", n, layer.output.w) + layer.output.b)
    same(dx, np.einsum("bse,de->bsd", da, layer.dense.w))
    d_dense = Linear(np.einsum("bsd,bse->de", x, da), np.einsum("bse->e", da))
    d_norm = LayerNorm(np.einsum("bse,bse->e", dn, hhat), np.einsum("bse->e", dn))
    d_output = Linear(np.einsum("bse,bsv->ev", n, dlogits), np.einsum("bsv->v", dlogits))
    same_tree(d_layer, LanguageModelHead(d_dense, d_norm, d_output))


def test_it_is_its_four_layers(rng):
    layer, x, dlogits = random_head(rng), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 7))
    logits, pullback = layer.vjp(x)
    h, _ = gelu_vjp(layer.dense(x))
    np.testing.assert_array_equal(logits, layer.output(layer.norm(h)))
    for got, expected in zip(pullback(dlogits), backward(layer, x, dlogits), strict=True):
        for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
            np.testing.assert_array_equal(leaf, other, err_msg=path)


def test_rows_do_not_see_each_other(rng):
    layer, order = random_head(rng), [3, 1, 0, 2]
    x, dlogits = rng.normal(size=(4, 5)), rng.normal(size=(4, 7))
    (logits, pullback), (moved, moved_pullback) = layer.vjp(x), layer.vjp(x[order])
    same(moved, logits[order])
    same(moved_pullback(dlogits[order])[1], pullback(dlogits)[1][order])
    dlogits[[0, 1, 3]] = 0
    _, dx = pullback(dlogits)
    assert dx[2].all() and not dx[[0, 1, 3]].any()


def test_the_output_bias_passes_through(rng):
    layer, x, shift = random_head(rng), rng.normal(size=(2, 3, 5)), rng.normal(size=7)
    shifted = LanguageModelHead(layer.dense, layer.norm, Linear(layer.output.w, layer.output.b + shift))
    same(shifted(x), layer(x) + shift)


def test_the_norm_undoes_a_scale(rng):
    layer, x = random_head(rng), rng.normal(size=(2, 3, 5))
    far, norm = layer.dense.b + 1e3, LayerNorm(layer.norm.gamma, layer.norm.beta, 0.0)  # where gelu(a) = a
    one, three = (LanguageModelHead(Linear(c * layer.dense.w, c * far), norm, layer.output) for c in (1, 3))
    # The rows have mean 1e3 and deviation near 2: three digits are lost in the centring.
    np.testing.assert_allclose(three(x), one(x), rtol=1e-9, atol=1e-10)


def test_tokens_are_interchangeable(rng):
    layer, x, order = random_head(rng), rng.normal(size=(2, 3, 5)), rng.permutation(7)
    moved = LanguageModelHead(layer.dense, layer.norm, Linear(layer.output.w[:, order], layer.output.b[order]))
    same(moved(x), layer(x)[..., order])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    logits, pullback = random_head(rng).astype(dtype).vjp(rng.normal(size=(2, 3, 5)).astype(dtype))
    d_layer, dx = pullback(logits)
    assert {z.dtype for z in (logits, dx, *(leaf for _, leaf in tree.leaves(d_layer)))} == {np.dtype(dtype)}


def test_init_takes_the_widths_and_the_dtype_asked_for(rng):
    layer = LanguageModelHead.init(rng, 5, 7)
    assert layer.dense.w.shape == (5, 5) and layer.norm.gamma.shape == (5,) and layer.output.w.shape == (5, 7)
    assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(np.float32)}
    assert {leaf.dtype for _, leaf in tree.leaves(random_head(rng))} == {np.dtype(np.float64)}


def test_the_dense_map_may_change_the_width(prove, rng):
    layer = LanguageModelHead(
        dense=Linear(w=rng.normal(size=(5, 7)), b=rng.normal(size=7)),
        norm=LayerNorm(gamma=rng.normal(size=7), beta=rng.normal(size=7)),
        output=Linear(w=rng.normal(size=(7, 3)), b=rng.normal(size=3)),
    )
    x = rng.normal(size=(2, 5))
    assert layer(x).shape == (2, 3)
    prove(layer, x)
    with pytest.raises(ValueError, match=r"^LanguageModelHead: x must have shape \(\.\.\., 5\), got \(2, 7\)$"):
        layer(np.zeros((2, 7)))


def test_empty_batch_gives_empty_logits_and_zero_gradient(rng):
    logits, pullback = random_head(rng).vjp(np.zeros((0, 3, 5)))
    d_layer, dx = pullback(logits)
    assert logits.shape == (0, 3, 7) and dx.shape == (0, 3, 5)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_slope_of_the_other_gelu_is_caught(caught, rng):
    wrong = planted(random_head(rng), through_gelu=lambda a, h, dh: gelu_tanh_vjp(a)[1](dh))
    caught(DENSE | {"x"}, wrong, rng.normal(size=(2, 5)))


def test_slope_from_the_output_of_gelu_is_caught(caught, rng):
    wrong = planted(random_head(rng), through_gelu=lambda a, h, dh: gelu_vjp(h)[1](dh))
    caught(DENSE | {"x"}, wrong, rng.normal(size=(2, 5)))


def test_gelu_skipped_in_the_backward_is_caught(caught, rng):
    wrong = planted(random_head(rng), through_gelu=lambda a, h, dh: dh)
    caught(DENSE | {"x"}, wrong, rng.normal(size=(2, 5)))


def test_norm_skipped_in_the_backward_is_caught(caught, rng):
    caught(DENSE | NORM | {"x"}, plant(random_head(rng), LayerNorm, SkippedNorm), rng.normal(size=(2, 5)))


def test_output_gradient_from_before_the_norm_is_caught(caught, rng):
    caught({"output.w"}, planted(random_head(rng), into_output=lambda h: h), rng.normal(size=(2, 5)))


def test_bad_input_is_one_clear_line(rng):
    layer = random_head(rng)
    with pytest.raises(ValueError, match=r"^LanguageModelHead: x must have shape \(\.\.\., 5\), got \(2, 6\)$"):
        layer(np.zeros((2, 6)))
    with pytest.raises(TypeError, match=r"^LanguageModelHead: x must be floating or complex, got int64$"):
        layer(np.zeros((2, 5), np.int64))
