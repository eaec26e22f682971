import numpy as np
import pytest

from reference.core.layer import Layer
from reference.layers.linear import Linear, examples


class NoBiasGradient(Linear):
    def vjp(self, x):
        y, linear_pullback = super().vjp(x)

        def pullback(dy):
            d_self, dx = linear_pullback(dy)
            return self.cotangent(w=d_self.w, b=np.zeros_like(d_self.b)), dx

        return y, pullback


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


def layer_and_input(rng, shape=(2, 3, 7)):
    return Linear(w=rng.normal(size=(7, 5)), b=rng.normal(size=5)), rng.normal(size=shape)


@pytest.mark.parametrize("shape", [(2, 3, 7), (4, 7), (7,), (1, 1, 7)])
def test_backward_is_proved(prove, rng, shape):
    prove(*layer_and_input(rng, shape))


def test_backward_is_proved_inside_a_composite(prove, rng):
    (_, first, (x,), _), = examples(rng)
    prove(Twice(first=first, second=Linear(w=rng.normal(size=(5, 4)), b=rng.normal(size=4))), x)


def test_forward_and_backward_equal_their_einsum_oracle(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=(2, 3, 5))
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    exact = {"rtol": 1e-13, "atol": 1e-13}  # sums of at most 7 products of numbers near 1
    np.testing.assert_allclose(y, np.einsum("btd,dk->btk", x, layer.w) + layer.b, **exact)
    np.testing.assert_allclose(dx, np.einsum("btk,dk->btd", dy, layer.w), **exact)
    np.testing.assert_allclose(d_layer.w, np.einsum("btd,btk->dk", x, dy), **exact)
    np.testing.assert_allclose(d_layer.b, np.einsum("btk->k", dy), **exact)


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    layer, x = layer_and_input(rng, (0, 3, 7))
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(y)
    assert y.shape == (0, 3, 5) and dx.shape == x.shape
    assert not d_layer.w.any() and not d_layer.b.any()


def test_missing_bias_gradient_is_caught(caught, rng):
    right, x = layer_and_input(rng)
    caught({"b"}, NoBiasGradient(w=right.w, b=right.b), x)


def test_wrong_width_is_one_clear_line(rng):
    layer, _ = layer_and_input(rng)
    with pytest.raises(ValueError, match=r"^Linear: x must have shape \(\.\.\., 7\), got \(2, 6\)$"):
        layer.vjp(np.zeros((2, 6)))
