import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.functions.gelu import gelu_vjp
from reference.functions.sigmoid import sigmoid_vjp
from reference.functions.silu import silu, silu_vjp
from reference.functions.tanh import tanh_vjp
from reference.layers.gated import GatedFeedForward, examples
from reference.layers.linear import Linear

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, sums of at most 7 products of three numbers of a few units
SHAPE = (2, 3, 5)
GATE, VALUE = {"gate.w", "gate.b"}, {"value.w", "value.b"}


def random_layer(rng, activation=silu_vjp, width=5, hidden_width=7):
    layer = GatedFeedForward.init(rng, width, hidden_width, activation, np.float64)
    return tree.map(lambda p: rng.normal(size=p.shape), layer)


def replaced(layer, **parts):
    """Return `layer` with other parts."""
    names = ("gate", "value", "output", "activation")
    return type(layer)(**({name: getattr(layer, name) for name in names} | parts))


def identity_vjp(x):
    return x.copy(), lambda dy: dy.copy()


def constant_vjp(c):
    """Return the activation that is c everywhere."""
    return lambda x: (np.full_like(x, c), np.zeros_like)


def derivative(activation, x):
    return activation(x)[1](np.ones_like(x))


def forward(layer, x):
    """Return g, a, v and h in einsum."""
    g, v = (np.einsum("btd,df->btf", x, part.w) + part.b for part in (layer.gate, layer.value))
    a, _ = layer.activation(g)
    return g, a, v, a * v


def backward(layer, x, dy, wrong=lambda g, a, v, dh: {}):
    """The backward pass in einsum; `wrong` replaces some of dv, dg, and what dw_o and each part of dx are made of."""
    g, a, v, h = forward(layer, x)
    dh = np.einsum("bti,fi->btf", dy, layer.output.w)
    use = {"dv": a * dh, "dg": derivative(layer.activation, g) * v * dh, "h": h} | wrong(g, a, v, dh)
    use = {"to_value": use["dv"], "to_gate": use["dg"]} | use
    d = {
        name: part.cotangent(w=np.einsum("btd,btf->df", x, into), b=np.einsum("btf->f", into))
        for name, part, into in (("value", layer.value, use["dv"]), ("gate", layer.gate, use["dg"]))
    }
    d_output = layer.output.cotangent(w=np.einsum("btf,bti->fi", use["h"], dy), b=np.einsum("bti->i", dy))
    dx = np.einsum("btf,df->btd", use["to_value"], layer.value.w) + np.einsum(
        "btf,df->btd", use["to_gate"], layer.gate.w
    )
    return layer.cotangent(**d, output=d_output), dx


def planted(layer, wrong):
    """Return `layer` with `backward(..., wrong)` for its pullback."""

    class Wrong(GatedFeedForward):
        def vjp(self, x):
            y, _ = super().vjp(x)
            return y, lambda dy: backward(self, x, dy, wrong)

    return Wrong(layer.gate, layer.value, layer.output, layer.activation)


def small(rng, wrong):
    """Return a wrong layer and its input, of few numbers: each of them is found wrong or right."""
    return planted(random_layer(rng, width=3, hidden_width=4), wrong), rng.normal(size=(2, 5, 3))


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("i", range(4))
def test_examples_are_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    prove(layer, *inputs, **constants)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (1, 1, 5)])
def test_backward_is_proved(prove, rng, shape):
    prove(random_layer(rng), rng.normal(size=shape))


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, seed):
    rng = np.random.default_rng(seed)
    batch, length, width, hidden_width = shape
    layer = random_layer(rng, gelu_vjp, width, hidden_width)
    gradcheck.assert_gradients(layer, rng.normal(size=(batch, length, width)))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Around(Layer):
        before: Linear
        inner: GatedFeedForward

        def vjp(self, x):
            h, before_pullback = self.before.vjp(x)
            y, inner_pullback = self.inner.vjp(h)

            def pullback(dy):
                d_inner, dh = inner_pullback(dy)
                d_before, dx = before_pullback(dh)
                return self.cotangent(before=d_before, inner=d_inner), dx

            return y, pullback

    before = Linear(w=rng.normal(size=(4, 5)), b=rng.normal(size=5))
    prove(Around(before, random_layer(rng, tanh_vjp, hidden_width=6)), rng.normal(size=(2, 3, 4)))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    layer, x, dy = random_layer(rng), *rng.normal(size=(2, 3, 5))
    gate, value, output = layer.gate, layer.value, layer.output
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    expected_y, expected_dx, dwg = np.tile(output.b, (3, 1)), np.zeros((3, 5)), np.zeros((5, 7))
    for n in range(3):
        for f in range(7):
            g = sum(x[n, d] * gate.w[d, f] for d in range(5)) + gate.b[f]
            v = sum(x[n, d] * value.w[d, f] for d in range(5)) + value.b[f]
            sigma = 1 / (1 + np.exp(-g))
            dh = sum(dy[n, i] * output.w[f, i] for i in range(5))
            dg = v * dh * sigma * (1 + g * (1 - sigma))
            for d in range(5):
                expected_y[n, d] += g * sigma * v * output.w[f, d]
                expected_dx[n, d] += dg * gate.w[d, f] + g * sigma * dh * value.w[d, f]
                dwg[d, f] += x[n, d] * dg
    for got, expected in ((y, expected_y), (dx, expected_dx), (d_layer.gate.w, dwg)):
        same(got, expected)


def test_forward_and_backward_equal_their_einsum_oracle(rng):
    layer, x, dy = random_layer(rng, gelu_vjp), *rng.normal(size=(2, *SHAPE))
    y, pullback = layer.vjp(x)
    same(y, np.einsum("btf,fi->bti", forward(layer, x)[-1], layer.output.w) + layer.output.b)
    same_tree(pullback(dy), backward(layer, x, dy))


def test_rows_do_not_see_each_other(rng):
    layer, (x, dy), order = random_layer(rng), rng.normal(size=(2, 2, 4, 5)), [3, 1, 0, 2]
    (y, pullback), (moved, moved_pullback) = layer.vjp(x), layer.vjp(x[:, order])
    same(moved, y[:, order])
    same(moved_pullback(dy[:, order])[1], pullback(dy)[1][:, order])
    dy[:, :2], dy[:, 3:] = 0, 0
    _, dx = pullback(dy)
    assert dx[:, 2].all() and not dx[:, :2].any() and not dx[:, 3:].any()


def test_hidden_units_are_interchangeable(rng):
    layer, x, order = random_layer(rng), rng.normal(size=SHAPE), [4, 0, 6, 2, 5, 1, 3]
    gate, value = (Linear(part.w[:, order], part.b[order]) for part in (layer.gate, layer.value))
    output = Linear(layer.output.w[order], layer.output.b)
    same(replaced(layer, gate=gate, value=value, output=output)(x), layer(x))


@pytest.mark.parametrize("activation", [silu_vjp, sigmoid_vjp])
def test_every_unit_is_balanced(rng, activation):
    layer, (x, dy) = random_layer(rng, activation), rng.normal(size=(2, *SHAPE))
    d, _ = layer.vjp(x)[1](dy)
    entering = (layer.value.w * d.value.w).sum(axis=0) + layer.value.b * d.value.b
    same(entering, (layer.output.w * d.output.w).sum(axis=1))
    c = rng.choice([-1, 1], size=7) * rng.uniform(0.5, 2, size=7)
    value, output = (
        Linear(layer.value.w * c, layer.value.b * c), Linear(layer.output.w / c[:, None], layer.output.b)
    )
    same(replaced(layer, value=value, output=output)(x), layer(x))


def test_an_open_gate_lets_the_value_pass_and_a_shut_one_nothing(rng):
    layer, (x, dy) = random_layer(rng, constant_vjp(1)), rng.normal(size=(2, *SHAPE))
    y, pullback = layer.vjp(x)
    d, dx = pullback(dy)
    same(y, layer.output(layer.value(x)))
    same(dx, dy @ layer.output.w.T @ layer.value.w.T)
    assert not d.gate.w.any() and not d.gate.b.any() and d.value.w.all()
    y, pullback = replaced(layer, activation=constant_vjp(0)).vjp(x)
    d, dx = pullback(dy)
    same(y, np.broadcast_to(layer.output.b, SHAPE))
    assert not dx.any() and not any(leaf.any() for part in (d.gate, d.value) for _, leaf in tree.leaves(part))
    assert not d.output.w.any() and d.output.b.all()


def test_gate_and_value_differ_by_the_activation_alone(rng):
    layer, (x, dy) = random_layer(rng, identity_vjp), rng.normal(size=(2, *SHAPE))
    exchanged = replaced(layer, gate=layer.value, value=layer.gate)
    (y, pullback), (y_exchanged, pullback_exchanged) = layer.vjp(x), exchanged.vjp(x)
    (d, dx), (d_exchanged, dx_exchanged) = pullback(dy), pullback_exchanged(dy)
    same(y_exchanged, y)
    same(dx_exchanged, dx)
    same_tree((d_exchanged.gate, d_exchanged.value), (d.value, d.gate))
    apart = replaced(layer, activation=silu_vjp)(x) - replaced(exchanged, activation=silu_vjp)(x)
    assert abs(apart).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    y, pullback = random_layer(rng).astype(dtype).vjp(rng.normal(size=SHAPE).astype(dtype))
    d_layer, dx = pullback(y)
    assert {z.dtype for z in (y, dx, *(leaf for _, leaf in tree.leaves(d_layer)))} == {np.dtype(dtype)}


def test_init_takes_the_widths_the_activation_and_the_dtype_asked_for(rng):
    layer = GatedFeedForward.init(rng, 5, 7, gelu_vjp)
    assert {path: leaf.shape for path, leaf in tree.leaves(layer) if path.endswith("w")} == {
        "gate.w": (5, 7), "value.w": (5, 7), "output.w": (7, 5)
    }
    assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(np.float32)}
    assert {leaf.dtype for _, leaf in tree.leaves(random_layer(rng))} == {np.dtype(np.float64)}
    assert repr(layer).endswith("activation=gelu_vjp)") and not np.array_equal(layer.gate.w, layer.value.w)


def test_init_without_bias_has_none(rng):
    layer = GatedFeedForward.init(rng, 5, 7, gelu_vjp, bias=False)
    assert [m.b for m in (layer.gate, layer.value, layer.output)] == [None, None, None]


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    y, pullback = random_layer(rng).vjp(np.zeros((0, 3, 5)))
    d_layer, dx = pullback(y)
    assert y.shape == dx.shape == (0, 3, 5)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    layer, (x, dy) = random_layer(rng), rng.normal(size=(2, *SHAPE))
    for array in (x, dy, *(leaf for _, leaf in tree.leaves(layer))):
        array.flags.writeable = False
    _, pullback = layer.vjp(x)
    (first, dx_first), (second, dx_second) = pullback(dy), pullback(dy)
    for (_, a), (_, b) in zip(tree.leaves((first, dx_first)), tree.leaves((second, dx_second)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.shares_memory(a, b)


def test_missing_use_of_the_input_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"to_gate": np.zeros_like(g)}

    caught({"x"}, *small(rng, wrong))


def test_product_rule_with_one_term_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"dg": np.zeros_like(g)}

    caught(GATE | {"x"}, *small(rng, wrong))


def test_factors_exchanged_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"dv": v * dh, "dg": derivative(silu_vjp, g) * a * dh}

    caught(GATE | VALUE | {"x"}, *small(rng, wrong))


def test_gate_and_value_exchanged_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"dv": derivative(silu_vjp, g) * v * dh, "dg": a * dh}

    caught(GATE | VALUE | {"x"}, *small(rng, wrong))


def test_slope_at_the_activated_gate_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"dg": derivative(silu_vjp, silu(g)) * v * dh}

    caught(GATE | {"x"}, *small(rng, wrong))


def test_slope_at_the_value_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"dg": derivative(silu_vjp, v) * v * dh}

    caught(GATE | {"x"}, *small(rng, wrong))


def test_gate_before_the_activation_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"dv": g * dh}

    caught(VALUE | {"x"}, *small(rng, wrong))


def test_output_gradient_without_the_gate_is_caught(caught, rng):
    def wrong(g, a, v, dh):
        return {"h": v}

    caught({"output.w"}, *small(rng, wrong))


def test_bad_input_is_one_clear_line(rng):
    layer = random_layer(rng)
    with pytest.raises(ValueError, match=r"^GatedFeedForward: x must have shape \(\.\.\., 5\), got \(2, 6\)$"):
        layer(np.zeros((2, 6)))
    with pytest.raises(TypeError, match=r"^GatedFeedForward: x must be floating or complex, got int64$"):
        layer(np.zeros((2, 5), np.int64))
    narrow = Linear(w=rng.normal(size=(5, 1)), b=rng.normal(size=1))
    with pytest.raises(ValueError, match=r"^GatedFeedForward: value\.w must have shape \(5, 7\), got \(5, 1\)$"):
        replaced(layer, value=narrow)(np.zeros((2, 5)))


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("silu", r"activation must be callable, such as relu_vjp, got str$"),
        (silu, r"activation must return \(y, pullback\), got ndarray from silu$"),
    ],
)
def test_what_is_no_activation_is_one_clear_line(rng, activation, message):
    with pytest.raises(TypeError, match=r"^GatedFeedForward\.init: " + message):
        GatedFeedForward.init(rng, 5, 7, activation)
    with pytest.raises(TypeError, match=r"^GatedFeedForward: " + message):
        replaced(random_layer(rng), activation=activation)(np.zeros((2, 5)))
