import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.layers.linear import Linear, examples

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # float64, sums of at most 12 products of numbers near 1 in another order
SHAPE = (2, 3, 7)


class Twice(Layer):
    """A composite of two linear layers, one after the other."""

    first: Linear
    second: Linear

    def vjp(self, x):
        h, first_pullback = self.first.vjp(x)
        y, second_pullback = self.second.vjp(h)

        def pullback(dy):
            d_second, dh = second_pullback(dy)
            d_first, dx = first_pullback(dh)
            return self.cotangent(first=d_first, second=d_second), dx

        return y, pullback


def planted(wrong):
    """Return a Linear with `wrong(layer, x, dy, right) -> {"w" or "b" or "x": gradient}` in place of some gradients."""

    class Wrong(Linear):
        def vjp(self, x):
            y, linear_pullback = super().vjp(x)

            def pullback(dy):
                d_self, dx = linear_pullback(dy)
                got = {"w": d_self.w, "b": d_self.b, "x": dx}
                got |= wrong(self, x, dy, got)
                return self.cotangent(w=got["w"], b=got["b"]), got["x"]

            return y, pullback

    return Wrong


def layer_and_input(rng, shape=SHAPE, width_out=5, kind=Linear):
    return kind(w=rng.normal(size=(shape[-1], width_out)), b=rng.normal(size=width_out)), rng.normal(size=shape)


def run(layer, x, dy):
    """Return y, dw, db and dx."""
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    return y, d_layer.w, d_layer.b, dx


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("shape", [(2, 3, 7), (4, 7), (7,), (1, 1, 7), (2, 3, 4, 5)])
def test_backward_is_proved(prove, rng, shape):
    prove(*layer_and_input(rng, shape))


@pytest.mark.parametrize("i", range(2))
def test_examples_are_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    names = {gradient.name for gradient in prove(subject, *inputs, **constants).gradients}
    assert names == {"w", "x"} | (set() if subject.b is None else {"b"})


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, width_out, seed):
    gradcheck.assert_gradients(*layer_and_input(np.random.default_rng(seed), shape, width_out))


def test_backward_is_proved_inside_a_composite(prove, rng):
    _, first, (x,), _ = next(examples(rng))
    prove(Twice(first=first, second=Linear(w=rng.normal(size=(5, 4)), b=rng.normal(size=4))), x)


def test_forward_and_backward_equal_their_einsum_oracle(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    y, dw, db, dx = run(layer, x, dy)
    same(y, np.einsum("btd,dk->btk", x, layer.w) + layer.b)
    same(dw, np.einsum("btd,btk->dk", x, dy))
    same(db, np.einsum("btk->k", dy))
    same(dx, np.einsum("btk,dk->btd", dy, layer.w))


def test_output_is_affine_in_the_input(rng):
    layer, x = layer_and_input(rng)
    other = rng.normal(size=x.shape)
    same(layer(x + other) - layer(other), layer(x) - layer.b)
    np.testing.assert_array_equal(layer(np.zeros(7)), layer.b)


def test_euler_identities(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    y, dw, _, dx = run(layer, x, dy)
    expected = np.vdot(dy, y - layer.b)
    same(np.vdot(dx, x), expected)
    same(np.vdot(dw, layer.w), expected)


def test_permuting_rows(rng):
    (layer, x), order = layer_and_input(rng, (6, 7)), rng.permutation(6)
    dy = rng.normal(size=(6, 5))
    y, dw, db, dx = run(layer, x, dy)
    for got, expected in zip(run(layer, x[order], dy[order]), (y[order], dw, db, dx[order]), strict=True):
        same(got, expected)


def test_a_batch_is_the_sum_of_its_parts(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    y, dw, db, dx = run(layer, x, dy)
    (y_0, dw_0, db_0, dx_0), (y_1, dw_1, db_1, dx_1) = (run(layer, x[i], dy[i]) for i in range(2))
    for got, expected in ((y, [y_0, y_1]), (dw, dw_0 + dw_1), (db, db_0 + db_1), (dx, [dx_0, dx_1])):
        same(got, expected)


def test_leading_axes_are_rows(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    y, dw, db, dx = run(layer, x, dy)
    flat = run(layer, x.reshape(6, 7), dy.reshape(6, 5))
    for got, expected in zip(flat, (y.reshape(6, 5), dw, db, dx.reshape(6, 7)), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_no_bias_is_a_bias_of_zero_without_a_gradient(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    y, dw, _, dx = run(Linear(w=layer.w, b=np.zeros(5)), x, dy)
    got, dw_got, db_got, dx_got = run(Linear(w=layer.w, b=None), x, dy)
    for a, b in ((got, y), (dw_got, dw), (dx_got, dx)):
        np.testing.assert_array_equal(a, b)
    assert db_got is None
    assert [path for path, _ in tree.leaves(Linear(w=layer.w, b=None))] == ["w"]


def test_two_maps_are_one(rng):
    (first, x), second = layer_and_input(rng), Linear(w=rng.normal(size=(5, 4)), b=rng.normal(size=4))
    dy = rng.normal(size=(2, 3, 4))
    one = Linear(w=first.w @ second.w, b=first.b @ second.w + second.b)
    for layer in (one, Twice(first=first, second=second)):
        y, pullback = layer.vjp(x)
        same(y, one(x))
        same(pullback(dy)[1], one.vjp(x)[1](dy)[1])


def test_memory_layout_does_not_matter(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    turned = np.asfortranarray(x), np.broadcast_to(dy[:1, :1], dy.shape)
    plain = x.copy(), np.ascontiguousarray(turned[1])
    for got, expected in zip(run(layer, *turned), run(layer, *plain), strict=True):
        same(got, expected)


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    for array in (x, dy, layer.w, layer.b):
        array.flags.writeable = False
    _, pullback = layer.vjp(x)
    (first, dx_first), (second, dx_second) = pullback(dy), pullback(dy)
    for got, expected in ((first.w, second.w), (first.b, second.b), (dx_first, dx_second)):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("bias", [True, False])
def test_dtype_in_is_dtype_out(rng, dtype, bias):
    layer, x = Linear.init(rng, 7, 5, dtype, bias=bias), rng.normal(size=SHAPE).astype(dtype)
    arrays = run(layer, x, np.ones((2, 3, 5), dtype))
    assert {array.dtype for array in arrays if array is not None} == {np.dtype(dtype)}


def test_complex_backward_has_no_conjugate(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    for got, expected in zip(run(layer, 1j * x, 1j * dy)[1:], run(layer, x, dy)[1:], strict=True):
        same(got, expected * (-1 if expected.shape == layer.w.shape else 1j))


@pytest.mark.parametrize("shape", [(0, 7), (0, 3, 7), (2, 0, 7)])
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, shape):
    layer, x = layer_and_input(rng, shape)
    y, dw, db, dx = run(layer, x, np.zeros((*shape[:-1], 5)))
    assert y.shape == (*shape[:-1], 5) and dx.shape == shape
    assert dw.shape == (7, 5) and db.shape == (5,)
    assert not dw.any() and not db.any()


def test_initial_weights_have_the_variance_of_glorot_and_bengio(rng):
    layer = Linear.init(rng, 300, 200)
    limit = math.sqrt(6 / 500)
    assert layer.w.shape == (300, 200) and layer.w.dtype == layer.b.dtype == np.float32
    assert np.abs(layer.w).max() <= np.float32(limit) and not layer.b.any()
    # 60,000 draws: the variance is known to about 0.4 %, four of its standard deviations are 0.015
    np.testing.assert_allclose(layer.w.var(dtype=float), 2 / 500, rtol=0.015, atol=0)  # a sample, see above
    assert Linear.init(rng, 3, 2, np.float64).w.dtype == np.float64
    assert Linear.init(rng, 3, 2, bias=False).b is None


def test_input_gradient_without_transpose_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy, right: {"x": dy @ layer.w})
    caught({"x"}, *layer_and_input(rng, width_out=7, kind=wrong))


def test_transposed_weight_gradient_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy, right: {"w": right["w"].T.copy()})
    caught({"w"}, *layer_and_input(rng, width_out=7, kind=wrong))


def test_missing_bias_gradient_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy, right: {"b": np.zeros_like(layer.b)})
    caught({"b"}, *layer_and_input(rng, kind=wrong))


def test_gradient_of_an_absent_bias_is_an_error(rng):
    layer = Linear(w=rng.normal(size=(7, 5)), b=None)
    message = r"^Linear\.cotangent: only fields that hold parameters have gradients, got \['b'\]$"
    with pytest.raises(TypeError, match=message):
        layer.cotangent(w=layer.w, b=np.zeros(5))


def test_bias_gradient_summed_over_one_axis_is_an_error(rng):
    layer, x = layer_and_input(rng, kind=planted(lambda layer, x, dy, right: {"b": dy.sum(axis=0)}))
    with pytest.raises(ValueError, match=r"^Wrong\.cotangent: 'b' must have shape \(5,\), got \(3, 5\)$"):
        run(layer, x, rng.normal(size=(2, 3, 5)))


def test_bias_gradient_of_one_position_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy, right: {"b": dy.sum(axis=0)[-1]})
    caught({"b"}, *layer_and_input(rng, kind=wrong))


def test_mean_instead_of_sum_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy, right: {"w": right["w"] / 6, "b": right["b"] / 6})
    caught({"w", "b"}, *layer_and_input(rng, kind=wrong))


def test_weight_gradient_of_one_sequence_is_caught(caught, rng):
    wrong = planted(lambda layer, x, dy, right: {"w": x[-1].T @ dy[-1]})
    caught({"w"}, *layer_and_input(rng, kind=wrong))


def test_accumulating_gradient_is_caught(rng):
    buffer = np.zeros((7, 5))

    def accumulate(layer, x, dy, right):
        buffer[...] += right["w"]
        return {"w": buffer}

    layer, x = layer_and_input(rng, kind=planted(accumulate))
    report = gradcheck.check(layer, x)
    assert report.verdict == "fail" and report.findings, str(report)


def test_wrong_width_is_one_clear_line(rng):
    layer, _ = layer_and_input(rng)
    with pytest.raises(ValueError, match=r"^Linear: x must have shape \(\.\.\., 7\), got \(2, 6\)$"):
        layer.vjp(np.zeros((2, 6)))
    with pytest.raises(TypeError, match=r"^Linear: x must be floating or complex, got int64$"):
        layer.vjp(np.zeros((2, 7), np.int64))
    with pytest.raises(ValueError, match=r"^Linear\.init: width_out must be at least 1, got 0$"):
        Linear.init(rng, 7, 0)
    with pytest.raises(TypeError, match=r"^Linear\.init: width_in must be a whole number, got float$"):
        Linear.init(rng, 7.0, 5)
    with pytest.raises(TypeError, match=r"^Linear\.init: dtype must be floating or complex, got int64$"):
        Linear.init(rng, 7, 5, np.int64)


@pytest.mark.parametrize(
    ("w", "b", "error", "message"),
    [
        (np.ones((7, 5)), np.ones(7), ValueError, r"b must have shape \(5,\), got \(7,\)"),
        (np.ones((7, 5)), np.ones(1), ValueError, r"b must have shape \(5,\), got \(1,\)"),
        (np.ones(7), np.ones(7), ValueError, r"w must have shape \(D, K\), got \(7,\)"),
        (np.ones((7, 5), int), np.ones(5), TypeError, r"w must be floating or complex, got int64"),
    ],
)
def test_parameters_that_do_not_fit_are_one_clear_line(w, b, error, message):
    with pytest.raises(error, match=f"^Linear: {message}$"):
        Linear(w=w, b=b)(np.zeros((2, 7)))
