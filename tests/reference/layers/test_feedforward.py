import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.functions.gelu import gelu, gelu_vjp
from reference.functions.gelu_tanh import gelu_tanh_vjp
from reference.functions.relu import relu, relu_vjp
from reference.functions.silu import silu_vjp
from reference.functions.tanh import tanh_vjp
from reference.layers.feedforward import FeedForward, examples
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 7 products of numbers near 1
HIDDEN, OUTPUT = {"hidden.w", "hidden.b"}, {"output.w", "output.b"}


def random_layer(rng, width=5, hidden_width=7, **constants):
    layer = FeedForward.init(rng, width, hidden_width, dtype=np.float64, **constants)
    return tree.map(lambda p: rng.normal(size=p.shape), layer)


def backward(layer, x, dy, active=None, into_output=None):
    """The backward pass with relu in einsum; `active` and `into_output` replace phi'(a) and h of the specification."""
    a = np.einsum("btd,df->btf", x, layer.hidden.w) + layer.hidden.b
    active = a > 0 if active is None else active
    into_output = np.where(a > 0, a, 0) if into_output is None else into_output(a)
    da = active * np.einsum("bti,fi->btf", dy, layer.output.w)
    d_hidden = layer.hidden.cotangent(w=np.einsum("btd,btf->df", x, da), b=np.einsum("btf->f", da))
    d_output = layer.output.cotangent(w=np.einsum("btf,bti->fi", into_output, dy), b=np.einsum("bti->i", dy))
    return layer.cotangent(hidden=d_hidden, output=d_output), np.einsum("btf,df->btd", da, layer.hidden.w)


def planted(layer, wrong):
    """Return `layer` with `wrong(layer, x, dy) -> (d_layer, dx)` for its pullback."""

    class Wrong(FeedForward):
        def vjp(self, x):
            y, _ = super().vjp(x)
            return y, lambda dy: wrong(self, x, dy)

    return Wrong(layer.hidden, layer.output, layer.activation)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("shape", [(2, 3, 5), (4, 5), (5,), (1, 1, 5)])
def test_backward_is_proved(prove, rng, shape):
    prove(random_layer(rng), rng.normal(size=shape))


@pytest.mark.parametrize("i", range(7))
def test_examples_are_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    prove(layer, *inputs, **constants)


@settings(deadline=None, max_examples=5, derandomize=True)
@given(st.tuples(*[st.integers(1, 4)] * 4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    rng = np.random.default_rng(seed)
    batch, length, width, hidden_width = shape
    report = gradcheck.check(random_layer(rng, width, hidden_width), rng.normal(size=(batch, length, width)))
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Twice(Layer):
        first: FeedForward
        second: FeedForward

        def vjp(self, x):
            h, first_pullback = self.first.vjp(x)
            y, second_pullback = self.second.vjp(h)

            def pullback(dy):
                d_second, dh = second_pullback(dy)
                d_first, dx = first_pullback(dh)
                return self.cotangent(first=d_first, second=d_second), dx

            return y, pullback

    prove(Twice(random_layer(rng), random_layer(rng, hidden_width=4)), rng.normal(size=(2, 3, 5)))


@pytest.mark.parametrize("activation", [tanh_vjp, silu_vjp, gelu_vjp])
def test_forward_and_backward_with_any_activation_equal_their_loop_oracle(rng, activation):
    layer, x, dy = random_layer(rng, activation=activation), *rng.normal(size=(2, 3, 5))
    (w1, b1), (w2, b2) = (layer.hidden.w, layer.hidden.b), (layer.output.w, layer.output.b)
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    expected, expected_dx, dw1 = np.zeros((3, 5)), np.zeros((3, 5)), np.zeros((5, 7))
    for n in range(3):
        for f in range(7):
            a = np.array([sum(x[n, d] * w1[d, f] for d in range(5)) + b1[f]])
            h, slope_of = activation(a)
            expected[n] += h * w2[f]
            da = slope_of(np.ones(1)) * sum(dy[n, i] * w2[f, i] for i in range(5))
            dw1[:, f] += x[n] * da
            expected_dx[n] += w1[:, f] * da
    same(y, expected + b2)
    same(dx, expected_dx)
    same(d_layer.hidden.w, dw1)


def test_forward_and_backward_equal_their_einsum_oracle(rng):
    layer, x, dy = random_layer(rng), *rng.normal(size=(2, 2, 3, 5))
    a = np.einsum("btd,df->btf", x, layer.hidden.w) + layer.hidden.b
    y, pullback = layer.vjp(x)
    same(y, np.einsum("btf,fi->bti", np.where(a > 0, a, 0), layer.output.w) + layer.output.b)
    d_layer, dx = pullback(dy)
    expected, dx_expected = backward(layer, x, dy)
    same(dx, dx_expected)
    same_tree(d_layer, expected)


@pytest.mark.parametrize("activation", [relu_vjp, gelu_vjp])
def test_rows_do_not_see_each_other(rng, activation):
    layer, (x, dy), order = random_layer(rng, activation=activation), rng.normal(size=(2, 2, 4, 5)), [3, 1, 0, 2]
    (y, pullback), (moved, moved_pullback) = layer.vjp(x), layer.vjp(x[:, order])
    same(moved, y[:, order])
    same(moved_pullback(dy[:, order])[1], pullback(dy)[1][:, order])
    dy[:, :2], dy[:, 3:] = 0, 0
    _, dx = pullback(dy)
    assert dx[:, 2].all() and not dx[:, :2].any() and not dx[:, 3:].any()


def test_hidden_units_are_interchangeable(rng):
    layer, x, order = random_layer(rng), rng.normal(size=(2, 3, 5)), [4, 0, 6, 2, 5, 1, 3]
    moved = FeedForward(
        Linear(layer.hidden.w[:, order], layer.hidden.b[order]), Linear(layer.output.w[order], layer.output.b)
    )
    same(moved(x), layer(x))


def test_output_is_affine_in_the_output_map(rng):
    for activation in (tanh_vjp, gelu_vjp):
        layer, (x, dy) = random_layer(rng, activation=activation), rng.normal(size=(2, 2, 3, 5))
        y, pullback = layer.vjp(x)
        d, _ = pullback(dy)
        same(np.vdot(d.output.w, layer.output.w) + np.vdot(d.output.b, layer.output.b), np.vdot(dy, y))


def test_a_silent_unit_has_no_gradient(rng):
    layer, x = random_layer(rng), rng.normal(size=(2, 3, 5))
    layer.hidden.b[2] = -1e3
    y, pullback = layer.vjp(x)
    d_layer, _ = pullback(rng.normal(size=y.shape))
    assert not d_layer.hidden.w[:, 2].any() and d_layer.hidden.b[2] == 0 and not d_layer.output.w[2].any()


def test_every_unit_is_balanced(rng):
    layer, (x, dy) = random_layer(rng), rng.normal(size=(2, 2, 3, 5))
    d, _ = layer.vjp(x)[1](dy)
    entering = (layer.hidden.w * d.hidden.w).sum(axis=0) + layer.hidden.b * d.hidden.b
    same(entering, (layer.output.w * d.output.w).sum(axis=1))
    c = rng.uniform(0.5, 2, size=7)
    scaled = FeedForward(
        Linear(layer.hidden.w * c, layer.hidden.b * c), Linear(layer.output.w / c[:, None], layer.output.b)
    )
    same(scaled(x), layer(x))


def test_without_biases_it_is_homogeneous(rng):
    layer, (x, dy) = random_layer(rng), rng.normal(size=(2, 2, 3, 5))
    layer.hidden.b[:], layer.output.b[:] = 0, 0
    y, pullback = layer.vjp(x)
    same(layer(3 * x), 3 * y)
    same((x * pullback(dy)[1]).sum(axis=-1), (y * dy).sum(axis=-1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    y, pullback = random_layer(rng).astype(dtype).vjp(rng.normal(size=(2, 3, 5)).astype(dtype))
    d_layer, dx = pullback(y)
    assert {z.dtype for z in (y, dx, *(leaf for _, leaf in tree.leaves(d_layer)))} == {np.dtype(dtype)}


def test_init_takes_the_widths_and_the_dtype_asked_for(rng):
    shapes = {path: leaf.shape for path, leaf in tree.leaves(FeedForward.init(rng, 5, 7))}
    assert shapes == {"hidden.w": (5, 7), "hidden.b": (7,), "output.w": (7, 5), "output.b": (5,)}
    for layer, dtype in ((FeedForward.init(rng, 5, 7), np.float32), (random_layer(rng), np.float64)):
        assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(dtype)}


def test_the_activation_is_relu_unless_another_is_asked_for(rng):
    layer = FeedForward.init(rng, 5, 7)
    assert repr(layer).endswith("activation=relu_vjp)")
    layer = FeedForward.init(rng, 5, 7, gelu_vjp)
    assert repr(layer).endswith("activation=gelu_vjp)")
    assert layer.astype(np.float64).activation is layer.cotangent(hidden=layer.hidden, output=layer.output).activation
    assert tree.map(np.negative, layer).activation is gelu_vjp


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    y, pullback = random_layer(rng).vjp(np.zeros((0, 3, 5)))
    d_layer, dx = pullback(y)
    assert y.shape == dx.shape == (0, 3, 5)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_relu_decided_by_the_cotangent_is_caught(caught, rng):
    def wrong(layer, x, dy):
        return backward(layer, x, dy, active=dy @ layer.output.w.T > 0)

    caught(HIDDEN | {"x"}, planted(random_layer(rng), wrong), rng.normal(size=(2, 3, 5)))


def test_relu_skipped_in_the_backward_is_caught(caught, rng):
    def wrong(layer, x, dy):
        return backward(layer, x, dy, active=1)

    caught(HIDDEN | {"x"}, planted(random_layer(rng), wrong), rng.normal(size=(2, 3, 5)))


def test_output_gradient_from_before_the_relu_is_caught(caught, rng):
    def wrong(layer, x, dy):
        return backward(layer, x, dy, into_output=lambda a: a)

    caught({"output.w"}, planted(random_layer(rng), wrong), rng.normal(size=(2, 3, 5)))


def test_slope_of_another_activation_is_caught(caught, rng):
    def wrong(layer, x, dy):
        _, slope_of = gelu_tanh_vjp(layer.hidden(x))
        return backward(layer, x, dy, active=slope_of(np.ones((2, 5, 4))), into_output=gelu)

    caught(HIDDEN | {"x"}, planted(random_layer(rng, 3, 4, activation=gelu_vjp), wrong), rng.normal(size=(2, 5, 3)))


def test_slope_at_the_activated_units_is_caught(caught, rng):
    def wrong(layer, x, dy):
        _, slope_of = gelu_vjp(gelu(layer.hidden(x)))
        return backward(layer, x, dy, active=slope_of(np.ones((2, 5, 4))), into_output=gelu)

    caught(HIDDEN | {"x"}, planted(random_layer(rng, 3, 4, activation=gelu_vjp), wrong), rng.normal(size=(2, 5, 3)))


@pytest.mark.parametrize(("name", "names"), [("hidden", HIDDEN), ("output", OUTPUT)])
def test_a_map_without_gradient_is_caught(caught, rng, name, names):
    def wrong(layer, x, dy):
        d_layer, dx = backward(layer, x, dy)
        maps = {"hidden": d_layer.hidden, "output": d_layer.output}
        maps[name] = tree.map(np.zeros_like, maps[name])
        return layer.cotangent(**maps), dx

    caught(names, planted(random_layer(rng), wrong), rng.normal(size=(2, 3, 5)))


def test_mean_over_rows_is_caught(caught, rng):
    def wrong(layer, x, dy):
        d_layer, dx = backward(layer, x, dy)
        d_hidden = layer.hidden.cotangent(w=d_layer.hidden.w, b=d_layer.hidden.b / 6)
        return layer.cotangent(hidden=d_hidden, output=d_layer.output), dx

    caught({"hidden.b"}, planted(random_layer(rng), wrong), rng.normal(size=(2, 3, 5)))


def test_wrong_width_is_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^FeedForward: x must have shape \(\.\.\., 5\), got \(2, 6\)$"):
        random_layer(rng).vjp(np.zeros((2, 6)))


def test_maps_that_do_not_fit_are_one_clear_line(rng):
    hidden = Linear.init(rng, 5, 7, np.float64)
    with pytest.raises(ValueError, match=r"^FeedForward: output\.w must have shape \(7, D\), got \(6, 5\)$"):
        FeedForward(hidden=hidden, output=Linear.init(rng, 6, 5, np.float64))(np.zeros((2, 5)))


def test_integers_are_one_clear_line(rng):
    with pytest.raises(TypeError, match=r"^FeedForward: x must be floating or complex, got int64$"):
        random_layer(rng).vjp(np.zeros((2, 5), np.int64))


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("gelu", r"activation must be callable, such as relu_vjp, got str$"),
        (relu, r"activation must return \(y, pullback\), got ndarray from relu$"),
        (np.float64, r"activation must return \(y, pullback\), got ndarray from float64$"),
    ],
)
def test_what_is_no_activation_is_one_clear_line(rng, activation, message):
    with pytest.raises(TypeError, match=r"^FeedForward\.init: " + message):
        FeedForward.init(rng, 5, 7, activation)
    with pytest.raises(TypeError, match=r"^FeedForward: " + message):
        FeedForward(Linear.init(rng, 5, 7), Linear.init(rng, 7, 5), activation)(np.zeros((2, 5)))
