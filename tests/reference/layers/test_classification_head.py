import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.layers.classification_head import ClassificationHead, examples
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 5 products of numbers near 1
DENSE, OUTPUT = {"dense.w", "dense.b"}, {"output.w", "output.b"}


def random_head(rng, width=5, classes=4, dropout=0.0):
    layer = ClassificationHead.init(rng, width, classes, np.float64, dropout)
    return tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), layer)


def seeded():
    return np.random.default_rng(7)


def kept(layer, batch):
    """Return the factor of every entry that the generator of `seeded` draws: 0 or 1 / (1 - dropout)."""
    return (seeded().random((batch, len(layer.dense.w)), np.float32) >= layer.dropout) / (1 - layer.dropout)


def backward(layer, x, dlogits, factor=1.0, slope=None, way_back=None, into_output=None, spread=None):
    """The backward pass in einsum; what follows `factor` replaces parts of it by wrong ones."""
    a = np.einsum("bd,de->be", x[:, 0], layer.dense.w) + layer.dense.b
    p = np.tanh(a)
    h = factor * p
    slope = 1 - p**2 if slope is None else slope(a, h)
    way_back = factor if way_back is None else way_back
    da = slope * way_back * np.einsum("bc,ec->be", dlogits, layer.output.w)
    into_output = h if into_output is None else into_output(p)
    d_output = Linear(np.einsum("be,bc->ec", into_output, dlogits), np.einsum("bc->c", dlogits))
    d_dense = Linear(np.einsum("bd,be->de", x[:, 0], da), np.einsum("be->e", da))
    spread = np.eye(1, x.shape[1])[0] if spread is None else spread
    return layer.cotangent(dense=d_dense, output=d_output), np.einsum("s,be,de->bsd", spread, da, layer.dense.w)


def planted(layer, **wrong):
    """Return `layer` with a pullback that is wrong in the way that `wrong` says."""

    class Wrong(ClassificationHead):
        def vjp(self, x, *, rng=None):
            y, _ = super().vjp(x, rng=rng)
            factor = 1.0 if rng is None else kept(self, len(x))
            return y, lambda dlogits: backward(self, x, dlogits, factor, **wrong)

    return Wrong(layer.dense, layer.output, layer.dropout)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 3, 5), (4, 1, 5), (1, 1, 5)])
def test_backward_is_proved(prove, rng, shape):
    prove(random_head(rng), rng.normal(size=shape))


def test_examples_are_proved(prove, rng):
    for _, layer, inputs, constants in examples(rng):
        prove(layer, *inputs, **constants)


@settings(deadline=None, max_examples=5, derandomize=True)
@given(st.tuples(*[st.integers(1, 4)] * 4), st.sampled_from([0.0, 0.5]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, dropout, seed):
    rng = np.random.default_rng(seed)
    *inputs, classes = shape
    layer, x = random_head(rng, inputs[2], classes, dropout), rng.normal(size=inputs)
    report = gradcheck.check(layer, x, rng=seeded())
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Normalised(Layer):
        norm: LayerNorm
        head: ClassificationHead

        def vjp(self, x, *, rng=None):
            n, norm_pullback = self.norm.vjp(x)
            y, head_pullback = self.head.vjp(n, rng=rng)

            def pullback(dy):
                d_head, dn = head_pullback(dy)
                d_norm, dx = norm_pullback(dn)
                return self.cotangent(norm=d_norm, head=d_head), dx

            return y, pullback

    norm = LayerNorm(gamma=rng.normal(size=5), beta=rng.normal(size=5))
    prove(Normalised(norm, random_head(rng, dropout=0.3)), rng.normal(size=(2, 3, 5)), rng=seeded())


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_forward_and_backward_equal_their_einsum_oracle(rng, dropout):
    layer, x, dlogits = random_head(rng, dropout=dropout), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4))
    factor = kept(layer, 2)
    assert dropout == 0 or 0 < (factor == 0).sum() < factor.size
    h = factor * np.tanh(np.einsum("bd,de->be", x[:, 0], layer.dense.w) + layer.dense.b)
    logits, pullback = layer.vjp(x, rng=seeded())
    same(logits, np.einsum("be,ec->bc", h, layer.output.w) + layer.output.b)
    d_layer, dx = pullback(dlogits)
    expected, dx_expected = backward(layer, x, dlogits, factor)
    same(dx, dx_expected)
    same_tree(d_layer, expected)


def test_the_first_position_stands_for_the_sequence(rng):
    layer, (x, other) = random_head(rng), rng.normal(size=(2, 2, 3, 5))
    other[:, 0] = x[:, 0]
    logits, pullback = layer.vjp(x)
    np.testing.assert_array_equal(layer(other), logits)
    _, dx = pullback(rng.normal(size=(2, 4)))
    assert dx[:, 0].all() and not dx[:, 1:].any()


def test_length_does_not_matter(rng):
    layer, x, dlogits = random_head(rng), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 4))
    (logits, pullback), (short, short_pullback) = layer.vjp(x), layer.vjp(x[:, :1])
    (d_layer, dx), (d_short, dx_short) = pullback(dlogits), short_pullback(dlogits)
    np.testing.assert_array_equal(short, logits)
    np.testing.assert_array_equal(dx_short, dx[:, :1])
    same_tree(d_short, d_layer)


def test_sequences_do_not_meet(rng):
    layer, x, dlogits, order = random_head(rng), rng.normal(size=(3, 2, 5)), rng.normal(size=(3, 4)), [2, 0, 1]
    (logits, pullback), (moved, moved_pullback) = layer.vjp(x), layer.vjp(x[order])
    same(moved, logits[order])
    same(moved_pullback(dlogits[order])[1], pullback(dlogits)[1][order])
    dlogits[[0, 2]] = 0
    _, dx = pullback(dlogits)
    assert dx[1, 0].all() and not dx[[0, 2]].any()


def test_signs_cancel(rng):
    layer, x = random_head(rng), rng.normal(size=(2, 3, 5))
    dense, output = layer.dense, layer.output
    turned = ClassificationHead(Linear(-dense.w, -dense.b), Linear(-output.w, output.b))
    same(turned(x), layer(x))


def test_dropout_is_there_with_a_generator_only(rng):
    layer, x = random_head(rng, dropout=0.4), rng.normal(size=(2, 3, 5))
    np.testing.assert_array_equal(layer(x), ClassificationHead(layer.dense, layer.output)(x))
    np.testing.assert_array_equal(layer(x, rng=seeded()), layer(x, rng=seeded()))
    assert (layer(x, rng=seeded()) != layer(x)).any()


def test_the_input_is_not_kept(rng):
    layer, x = random_head(rng, dropout=0.4), rng.normal(size=(2, 3, 5))
    logits, pullback = layer.vjp(x, rng=seeded())
    expected, gone = pullback(logits)[1], weakref.ref(x)
    del x
    assert gone() is None
    np.testing.assert_array_equal(pullback(logits)[1], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer, x = random_head(rng, dropout=0.4).astype(dtype), rng.normal(size=(2, 3, 5)).astype(dtype)
    logits, pullback = layer.vjp(x, rng=seeded())
    d_layer, dx = pullback(logits)
    assert {z.dtype for z in (logits, dx, *(leaf for _, leaf in tree.leaves(d_layer)))} == {np.dtype(dtype)}


def test_init_takes_the_widths_the_dtype_and_the_rate_asked_for(rng):
    layer = ClassificationHead.init(rng, 5, 4, dropout=0.1)
    shapes = {path: leaf.shape for path, leaf in tree.leaves(layer)}
    assert shapes == {"dense.w": (5, 5), "dense.b": (5,), "output.w": (5, 4), "output.b": (4,)}
    assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(np.float32)}
    assert layer.dropout == 0.1 and ClassificationHead.init(rng, 5, 4, np.float64).output.w.dtype == np.float64


def test_empty_batch_gives_empty_logits_and_zero_gradient(rng):
    logits, pullback = random_head(rng).vjp(np.zeros((0, 3, 5)))
    d_layer, dx = pullback(logits)
    assert logits.shape == (0, 4) and dx.shape == (0, 3, 5)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_gradient_at_every_position_is_caught(caught, rng):
    caught({"x"}, planted(random_head(rng), spread=np.ones(3)), rng.normal(size=(2, 3, 5)))


def test_gradient_of_a_mean_is_caught(caught, rng):
    caught({"x"}, planted(random_head(rng), spread=np.full(3, 1 / 3)), rng.normal(size=(2, 3, 5)))


def test_gradient_at_the_last_position_is_caught(caught, rng):
    caught({"x"}, planted(random_head(rng), spread=np.array([0, 0, 1])), rng.normal(size=(2, 3, 5)))


def test_slope_from_the_input_of_tanh_is_caught(caught, rng):
    wrong = planted(random_head(rng), slope=lambda a, h: 1 - a * a)
    caught(DENSE | {"x"}, wrong, rng.normal(size=(2, 3, 5)))


def test_slope_from_after_the_dropout_is_caught(caught, rng):
    wrong, x = planted(random_head(rng, dropout=0.3), slope=lambda a, h: 1 - h * h), rng.normal(size=(2, 3, 5))
    caught(DENSE | {"x"}, wrong, x, rng=seeded())
    assert gradcheck.check(wrong, x).verdict == "pass"  # without dropout it is right


def test_dropout_skipped_in_the_backward_is_caught(caught, rng):
    wrong = planted(random_head(rng, dropout=0.3), way_back=1.0)
    caught(DENSE | {"x"}, wrong, rng.normal(size=(2, 3, 5)), rng=seeded())


def test_output_gradient_from_before_the_dropout_is_caught(caught, rng):
    wrong = planted(random_head(rng, dropout=0.3), into_output=lambda p: p)
    caught({"output.w"}, wrong, rng.normal(size=(2, 3, 5)), rng=seeded())


def test_bad_input_is_one_clear_line(rng):
    layer, x = random_head(rng), np.zeros((2, 3, 5))
    where = "^ClassificationHead: "
    with pytest.raises(ValueError, match=where + r"x must have shape \(B, S, 5\), got \(2, 5\)$"):
        layer(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=where + r"x must have shape \(B, S, 5\), got \(2, 3, 6\)$"):
        layer(np.zeros((2, 3, 6)))
    with pytest.raises(ValueError, match=where + r"x must have at least one position, got \(2, 0, 5\)$"):
        layer(np.zeros((2, 0, 5)))
    with pytest.raises(TypeError, match=where + r"x must be floating or complex, got int64$"):
        layer(x.astype(np.int64))
    with pytest.raises(TypeError, match=where + r"rng must be a numpy\.random\.Generator or None, got int$"):
        layer(x, rng=1)
    with pytest.raises(ValueError, match=where + r"dropout must lie in \[0, 1\), got 1\.0$"):
        ClassificationHead(layer.dense, layer.output, 1.0)(x)
    with pytest.raises(ValueError, match=r"^ClassificationHead\.init: dropout must lie in \[0, 1\), got 1\.5$"):
        ClassificationHead.init(rng, 5, 4, dropout=1.5)
