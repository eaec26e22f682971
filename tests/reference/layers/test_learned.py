import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.layers.layernorm import LayerNorm
from reference.layers.learned import LearnedPositions, examples
from reference.layers.sinusoidal import SinusoidalPositions, sinusoidal

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # float64, sums of at most 60 products of numbers near 1
SHAPE = (2, 3, 7)


class Placed(Layer):
    """Positions, then a norm that mixes them with the input."""

    positions: LearnedPositions
    norm: LayerNorm

    def vjp(self, x):
        h, positions_pullback = self.positions.vjp(x)
        y, norm_pullback = self.norm.vjp(h)

        def pullback(dy):
            d_norm, dh = norm_pullback(dy)
            d_positions, dx = positions_pullback(dh)
            return self.cotangent(positions=d_positions, norm=d_norm), dx

        return y, pullback


def planted(wrong):
    """Return LearnedPositions with `wrong(dy, right dtable) -> dtable`."""

    class Wrong(LearnedPositions):
        def vjp(self, x):
            y, positions_pullback = super().vjp(x)

            def pullback(dy):
                d_self, dx = positions_pullback(dy)
                return self.cotangent(table=wrong(dy, d_self.table)), dx

            return y, pullback

    return Wrong


def layer_and_input(rng, shape=SHAPE, positions=5, kind=LearnedPositions):
    return kind(table=rng.normal(size=(positions, shape[-1]))), rng.normal(size=shape)


def run(layer, x, dy):
    """Return y, dtable and dx."""
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    return y, d_layer.table, dx


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(4))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize(("shape", "positions"), [((1, 3, 7), 5), ((2, 1, 7), 5), ((1, 1, 1), 1), ((3, 3, 3), 3)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, shape, positions):
    prove(*layer_and_input(rng, shape, positions))


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.tuples(*[st.integers(1, 4)] * 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, more, seed):
    gradcheck.assert_gradients(*layer_and_input(np.random.default_rng(seed), shape, shape[1] + more))


def test_backward_is_proved_inside_a_composite(prove, rng):
    layer, x = layer_and_input(rng)
    prove(Placed(positions=layer, norm=LayerNorm(gamma=rng.normal(size=7), beta=rng.normal(size=7))), x)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dtable = np.zeros(SHAPE), np.zeros((5, 7))
    for b, t, i in np.ndindex(SHAPE):
        y[b, t, i] = x[b, t, i] + layer.table[t, i]
        dtable[t, i] += dy[b, t, i]
    for got, expected in zip(run(layer, x, dy), (y, dtable, dy), strict=True):
        same(got, expected)


def test_positions_beyond_the_sequence_have_no_gradient(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dtable, _ = run(layer, x, dy)
    assert dtable[:3].all() and not dtable[3:].any()
    other = layer.table.copy()
    other[3:] = np.nan
    np.testing.assert_array_equal(LearnedPositions(table=other)(x), y)


def test_positions_are_added_and_gradients_pass(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, _, dx = run(layer, x, dy)
    np.testing.assert_array_equal(y, x + np.stack([layer.table[:3]] * 2))
    np.testing.assert_array_equal(dx, dy)


def test_a_shorter_sequence_gets_the_beginning(rng):
    layer, x = layer_and_input(rng)
    np.testing.assert_array_equal(layer(x[:, :2]), layer(x)[:, :2])


def test_a_batch_is_the_sum_of_its_sequences(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dtable, dx = run(layer, x, dy)
    (y_0, dtable_0, dx_0), (y_1, dtable_1, dx_1) = (run(layer, x[b : b + 1], dy[b : b + 1]) for b in range(2))
    for got, expected in ((y, [*y_0, *y_1]), (dtable, dtable_0 + dtable_1), (dx, [*dx_0, *dx_1])):
        same(got, expected)


def test_gradient_of_ones_counts_sequences(rng):
    layer, x = layer_and_input(rng)
    np.testing.assert_array_equal(run(layer, x, np.ones(SHAPE))[1], np.repeat([[2], [0]], [3, 2], axis=0) * np.ones(7))


def test_euler_identity_of_the_table(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    y, dtable, _ = run(layer, x, dy)
    same(np.vdot(dy, y - x), np.vdot(dtable, layer.table))


def test_a_table_of_sines_gives_sinusoidal_positions(rng):
    x = rng.normal(size=SHAPE)
    layer = LearnedPositions(table=sinusoidal(5, 7, np.float64))
    np.testing.assert_array_equal(layer(x), SinusoidalPositions()(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer, x = layer_and_input(rng)
    arrays = run(layer.astype(dtype), x.astype(dtype), np.ones(SHAPE, dtype))
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize("shape", [(0, 3, 7), (2, 0, 7)])
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, shape):
    layer, x = layer_and_input(rng, shape)
    y, dtable, dx = run(layer, x, np.zeros(shape))
    assert y.shape == dx.shape == shape and dtable.shape == (5, 7) and not dtable.any()


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    (layer, x), dy = layer_and_input(rng), rng.normal(size=SHAPE)
    for array in (x, dy, layer.table):
        array.flags.writeable = False
    _, pullback = layer.vjp(x)
    (first, _), (second, _) = pullback(dy), pullback(dy)
    assert not np.shares_memory(first.table, second.table)
    np.testing.assert_array_equal(first.table, second.table)


def test_init_draws_entries_of_one_over_root_width(rng):
    layer = LearnedPositions.init(rng, 100, 64)
    assert layer.table.shape == (100, 64) and layer.table.dtype == np.float32
    # 6,400 draws: the deviation is known to about 0.9 %, four of its standard deviations are 0.036
    np.testing.assert_allclose(layer.table.std(), 1 / 8, rtol=0.036, atol=0)  # a sample, see above
    assert LearnedPositions.init(rng, 2, 3, np.float64).table.dtype == np.float64


PACKED = np.array([[0, 1, 2], [4, 1, 1]])


def test_ids_of_the_usual_positions_change_nothing(rng):
    layer, x = layer_and_input(rng)
    dy, usual = rng.normal(size=SHAPE), np.arange(3)[None]
    for ids in (usual, np.repeat(usual, 2, axis=0)):
        y, pullback = layer.vjp(x, position_ids=ids)
        (d, dx), (wanted, dtable, dwanted) = pullback(dy), run(layer, x, dy)
        assert np.array_equal(y, wanted) and np.array_equal(dx, dwanted)
        same(d.table, dtable)


def test_each_place_has_the_vector_of_its_id(rng):
    layer, x = layer_and_input(rng)
    y, pullback = layer.vjp(x, position_ids=PACKED)
    dtable, dy = np.zeros((5, 7)), rng.normal(size=SHAPE)
    for b, t in np.ndindex(2, 3):
        assert np.array_equal(y[b, t], x[b, t] + layer.table[PACKED[b, t]])
        dtable[PACKED[b, t]] += dy[b, t]
    same(pullback(dy)[0].table, dtable)
    assert layer(x[:0], position_ids=PACKED[:1]).shape == (0, 3, 7)
    assert layer(np.zeros((2, 8, 7)), position_ids=np.zeros((1, 8), int)).shape == (2, 8, 7)  # more than P places


def test_gradient_of_the_last_place_only_is_caught(caught, rng):
    class Wrong(LearnedPositions):
        def vjp(self, x, *, position_ids):
            y, positions_pullback = super().vjp(x, position_ids=position_ids)

            def pullback(dy):
                dtable = np.zeros_like(self.table)
                dtable[position_ids] = dy
                return self.cotangent(table=dtable), positions_pullback(dy)[1]

            return y, pullback

    caught({"table"}, *layer_and_input(rng, kind=Wrong), position_ids=PACKED)


@pytest.mark.parametrize(("ids", "error", "message"), [
    (np.zeros((3, 3), int), ValueError, r"position_ids must have shape \(2 or 1, 3\), got \(3, 3\)"),
    (np.zeros(3, int), ValueError, r"position_ids must have shape \(2 or 1, 3\), got \(3,\)"),
    (np.array([[0, 5, 1]]), ValueError, r"position_ids must lie in \[0, 5\), got 5 at \(0, 1\)"),
    (np.array([[0, -1, 1]]), ValueError, r"position_ids must lie in \[0, 5\), got -1 at \(0, 1\)"),
    (np.zeros((1, 3)), TypeError, "position_ids must be an integer array, got float64"),
    ([[0, 1, 2]], TypeError, "position_ids must be an integer array, got list"),
])  # fmt: skip
def test_ids_that_are_none_are_one_clear_line(rng, ids, error, message):
    layer, x = layer_and_input(rng)
    with pytest.raises(error, match=f"^LearnedPositions: {message}$"):
        layer(x, position_ids=ids)


def test_mean_over_the_batch_is_caught(caught, rng):
    caught({"table"}, *layer_and_input(rng, kind=planted(lambda dy, dtable: dtable / 2)))


def test_gradient_of_one_sequence_is_caught(caught, rng):
    def first(dy, dtable):
        return np.concatenate([dy[0], np.zeros((2, 7))])

    caught({"table"}, *layer_and_input(rng, kind=planted(first)))


def test_missing_table_gradient_is_caught(caught, rng):
    caught({"table"}, *layer_and_input(rng, kind=planted(lambda dy, dtable: np.zeros((5, 7)))))


def test_gradient_at_the_end_of_the_table_is_caught(caught, rng):
    caught({"table"}, *layer_and_input(rng, kind=planted(lambda dy, dtable: np.roll(dtable, 2, axis=0))))


def test_gradient_of_the_used_rows_only_is_an_error(rng):
    layer, x = layer_and_input(rng, kind=planted(lambda dy, dtable: dy.sum(axis=0)))
    with pytest.raises(ValueError, match=r"^Wrong\.cotangent: 'table' must have shape \(5, 7\), got \(3, 7\)$"):
        run(layer, x, rng.normal(size=SHAPE))


def test_bad_input_is_one_clear_line(rng):
    layer, _ = layer_and_input(rng)
    with pytest.raises(ValueError, match=r"^LearnedPositions: x must have at most 5 positions, got 6$"):
        layer(np.zeros((2, 6, 7)))
    with pytest.raises(ValueError, match=r"^LearnedPositions: x must have shape \(B, T, 7\), got \(2, 3, 6\)$"):
        layer(np.zeros((2, 3, 6)))
    with pytest.raises(TypeError, match=r"^LearnedPositions: x must be floating or complex, got int64$"):
        layer(np.zeros(SHAPE, np.int64))
    with pytest.raises(ValueError, match=r"^LearnedPositions\.init: positions must be at least 1, got 0$"):
        LearnedPositions.init(rng, 0, 7)
    with pytest.raises(ValueError, match=r"^LearnedPositions\.init: width must be at least 1, got 0$"):
        LearnedPositions.init(rng, 5, 0)
    with pytest.raises(TypeError, match=r"^LearnedPositions\.init: dtype must be floating or complex, got int64$"):
        LearnedPositions.init(rng, 5, 7, np.int64)
    with pytest.raises(ValueError, match=r"^LearnedPositions: table must have shape \(P, D\), got \(7,\)$"):
        LearnedPositions(np.ones(7))(np.zeros((2, 3, 7)))
