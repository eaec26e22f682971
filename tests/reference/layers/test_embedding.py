import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core.layer import Layer
from reference.layers.embedding import Embedding, examples
from reference.layers.layernorm import LayerNorm

EXACT = {"rtol": 1e-13, "atol": 1e-13}  # float64, sums of at most 12 numbers near 1 in another order
IDS = np.array([[2, 0, 2, 3], [5, 2, 6, 0]])  # 2 three times, 0 twice; 1 and 4 nowhere
ABSENT = [1, 4]


class Normed(Layer):
    """Two embeddings of the same places, added and normed."""

    tokens: Embedding
    kinds: Embedding
    norm: LayerNorm

    def vjp(self, *, ids, kinds):
        e, tokens_pullback = self.tokens.vjp(ids=ids)
        k, kinds_pullback = self.kinds.vjp(ids=kinds)
        y, norm_pullback = self.norm.vjp(e + k)

        def pullback(dy):
            d_norm, d_sum = norm_pullback(dy)
            (d_kinds,), (d_tokens,) = kinds_pullback(d_sum), tokens_pullback(d_sum)
            return (self.cotangent(tokens=d_tokens, kinds=d_kinds, norm=d_norm),)

        return y, pullback


def planted(wrong):
    """Return an Embedding with `wrong(ids, dy, right) -> dtable` for its gradient."""

    class Wrong(Embedding):
        def vjp(self, *, ids):
            y, embedding_pullback = super().vjp(ids=ids)

            def pullback(dy):
                (d_self,) = embedding_pullback(dy)
                return (self.cotangent(table=wrong(ids, dy, d_self.table)),)

            return y, pullback

    return Wrong


def embedding(rng, kind=Embedding, vocabulary=7, width=5):
    return kind(table=rng.normal(size=(vocabulary, width)))


def run(layer, ids, dy):
    """Return y and dtable."""
    y, pullback = layer.vjp(ids=ids)
    (d_layer,) = pullback(dy)
    return y, d_layer.table


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def test_backward_is_proved(prove, rng):
    for _, subject, inputs, constants in examples(rng):
        prove(subject, *inputs, **constants)


@pytest.mark.parametrize("ids", [np.array(3), np.array([3, 3]), np.array([[[6, 0], [6, 6], [1, 2]]]), IDS])
def test_backward_is_proved_for_ids_of_any_rank(prove, rng, ids):
    prove(embedding(rng), ids=ids)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(
    st.lists(st.integers(1, 4), max_size=3), st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**32 - 1)
)
def test_backward_is_proved_at_any_shape(shape, vocabulary, width, seed):
    rng = np.random.default_rng(seed)
    ids = np.asarray(rng.integers(vocabulary, size=shape))
    gradcheck.assert_gradients(embedding(rng, vocabulary=vocabulary, width=width), ids=ids)


def test_backward_is_proved_inside_a_composite(prove, rng):
    norm = LayerNorm(gamma=rng.normal(size=5), beta=rng.normal(size=5))
    layer = Normed(tokens=embedding(rng), kinds=embedding(rng, vocabulary=2), norm=norm)
    prove(layer, ids=IDS, kinds=np.array([[0, 1, 1, 0], [1, 1, 1, 0]]))


def test_forward_and_backward_equal_their_loop_oracle(rng):
    layer, dy = embedding(rng), rng.normal(size=(2, 4, 5))
    y, dtable = run(layer, IDS, dy)
    expected = np.zeros((7, 5))
    for place in np.ndindex(IDS.shape):
        np.testing.assert_array_equal(y[place], layer.table[IDS[place]])
        expected[IDS[place]] += dy[place]
    same(dtable, expected)


def test_absent_ids_have_no_gradient(rng):
    _, dtable = run(embedding(rng), IDS, rng.normal(size=(2, 4, 5)))
    assert not dtable[ABSENT].any()
    assert np.delete(dtable, ABSENT, axis=0).all()


def test_gradients_add_up(rng):
    dy = rng.normal(size=(2, 4, 5))
    same(run(embedding(rng), IDS, dy)[1].sum(axis=0), dy.sum(axis=(0, 1)))


def test_gradient_of_ones_counts_ids(rng):
    _, dtable = run(embedding(rng), IDS, np.ones((2, 4, 5)))
    np.testing.assert_array_equal(dtable, np.bincount(IDS.ravel(), minlength=7)[:, None] * np.ones(5))


def test_euler_identity(rng):
    layer, dy = embedding(rng), rng.normal(size=(2, 4, 5))
    y, dtable = run(layer, IDS, dy)
    same(np.vdot(dy, y), np.vdot(dtable, layer.table))


def test_permuting_places(rng):
    layer, dy, order = embedding(rng), rng.normal(size=(8, 5)), rng.permutation(8)
    y, dtable = run(layer, IDS.ravel(), dy)
    permuted_y, permuted_dtable = run(layer, IDS.ravel()[order], dy[order])
    np.testing.assert_array_equal(permuted_y, y[order])
    same(permuted_dtable, dtable)


def test_renaming_ids(rng):
    layer, dy, name = embedding(rng), rng.normal(size=(2, 4, 5)), rng.permutation(7)
    old = np.argsort(name)  # the old id of a new one
    y, dtable = run(layer, IDS, dy)
    renamed_y, renamed_dtable = run(Embedding(table=layer.table[old]), name[IDS], dy)
    np.testing.assert_array_equal(renamed_y, y)
    same(renamed_dtable, dtable[old])


def test_padding_gives_zero_and_gets_no_gradient(rng):
    layer, dy = embedding(rng), rng.normal(size=(2, 4, 5))
    (y, dtable), (padded, dpadded) = run(layer, IDS, dy), run(Embedding(layer.table, padding=2), IDS, dy)
    np.testing.assert_array_equal(padded, np.where((IDS == 2)[..., None], 0, y))
    np.testing.assert_array_equal(dpadded, np.where((np.arange(7) == 2)[:, None], 0, dtable))
    spoilt = Embedding(np.where((np.arange(7) == 2)[:, None], np.nan, layer.table), padding=2)
    np.testing.assert_array_equal(spoilt(ids=IDS), padded)
    np.testing.assert_array_equal(spoilt.ready()(IDS), padded)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_padding_keeps_the_dtype(rng, dtype):
    layer = Embedding(embedding(rng).table.astype(dtype), padding=2)
    y, dtable = run(layer, IDS, np.ones((2, 4, 5), dtype))
    assert y.dtype == dtable.dtype == layer.ready()(IDS).dtype == dtype


def test_padding_looked_up_without_its_gradient_is_caught(caught, prove, rng):
    class LookedUp(Embedding):
        def vjp(self, *, ids):
            _, embedding_pullback = super().vjp(ids=ids)
            return self.table[ids], embedding_pullback

    table = rng.normal(size=(7, 5))
    caught({"table"}, LookedUp(table, padding=2), ids=IDS)
    prove(LookedUp(table, padding=1), ids=IDS)  # which stands nowhere


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.uint64])
def test_dtype_in_is_dtype_out(rng, dtype, kind):
    y, dtable = run(embedding(rng).astype(dtype), IDS.astype(kind), np.ones((2, 4, 5), dtype))
    assert y.dtype == dtable.dtype == dtype


@pytest.mark.parametrize("shape", [(0,), (0, 4), (2, 0)])
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, shape):
    y, dtable = run(embedding(rng), np.zeros(shape, int), np.zeros((*shape, 5)))
    assert y.shape == (*shape, 5) and dtable.shape == (7, 5)
    assert not dtable.any()


def test_memory_layout_does_not_matter(rng):
    layer = embedding(rng)
    dy = np.broadcast_to(rng.normal(size=(1, 4, 5)), (2, 4, 5))
    for got, expected in zip(run(layer, np.asfortranarray(IDS), dy), run(layer, IDS, dy.copy()), strict=True):
        same(got, expected)


@pytest.mark.parametrize("ids", [np.array(3), np.arange(3)])
def test_output_is_a_copy(rng, ids):
    layer = embedding(rng)
    assert not np.shares_memory(layer(ids=ids), layer.table)


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    layer, dy, ids = embedding(rng), rng.normal(size=(2, 4, 5)), IDS.copy()
    for array in (layer.table, dy, ids):
        array.flags.writeable = False
    _, pullback = layer.vjp(ids=ids)
    np.testing.assert_array_equal(pullback(dy)[0].table, pullback(dy)[0].table)


def test_initial_rows_have_length_one_on_average(rng):
    layer = Embedding.init(rng, 500, 400)
    assert layer.table.shape == (500, 400) and layer.table.dtype == np.float32
    # 200,000 draws: the standard deviation is known to 0.16 %, four of its own are 0.0064
    np.testing.assert_allclose(layer.table.std(dtype=float) * math.sqrt(400), 1, rtol=0.0064, atol=0)  # see above
    half = Embedding.init(rng, 500, 400, size=0.5)
    np.testing.assert_allclose(half.table.std(dtype=float) * math.sqrt(400), 0.5, rtol=0.0064, atol=0)  # see above
    assert Embedding.init(rng, 3, 2, np.float64).table.dtype == np.float64


def test_last_write_wins_is_caught(caught, rng):
    def overwrite(ids, dy, right):
        dtable = np.zeros_like(right)
        dtable[ids] += dy
        return dtable

    caught({"table"}, embedding(rng, planted(overwrite)), ids=IDS)
    gradcheck.assert_gradients(embedding(rng, planted(overwrite)), ids=np.array([3, 1, 4]))


def test_mean_over_places_is_caught(caught, rng):
    def mean(ids, dy, right):
        return right / np.maximum(np.bincount(ids.ravel(), minlength=7), 1)[:, None]

    caught({"table"}, embedding(rng, planted(mean)), ids=IDS)


def test_row_without_gradient_is_caught(caught, rng):
    wrong = planted(lambda ids, dy, right: right * (np.arange(7) != 0)[:, None])
    report = caught({"table"}, embedding(rng, wrong), ids=IDS)
    assert report.gradients[0].worst_index[0] == 0


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (np.array([[2, 0], [1, 7]]), ValueError, r"^Embedding: ids must lie in \[0, 7\), got 7 at \(1, 1\)$"),
        (np.array([3, -1, 9]), ValueError, r"^Embedding: ids must lie in \[0, 7\), got -1 at \(1,\)$"),
        (np.array(8), ValueError, r"^Embedding: ids must lie in \[0, 7\), got 8 at \(\)$"),
    ],
)
def test_ids_out_of_range_are_named(rng, ids, error, message):
    with pytest.raises(error, match=message):
        embedding(rng)(ids=ids)


def test_bad_input_is_one_clear_line(rng):
    with pytest.raises(TypeError, match=r"^Embedding: ids must be an integer array, got float64$"):
        embedding(rng)(ids=np.zeros(3))
    with pytest.raises(TypeError, match=r"^Embedding: ids must be an integer array, got list$"):
        embedding(rng)(ids=[1, 2])
    with pytest.raises(ValueError, match=r"^Embedding\.init: vocabulary must be at least 1, got 0$"):
        Embedding.init(rng, 0, 5)
    with pytest.raises(TypeError, match=r"^Embedding\.init: width must be a whole number, got float$"):
        Embedding.init(rng, 7, 5.0)
    with pytest.raises(TypeError, match=r"^Embedding\.init: dtype must be floating or complex, got int64$"):
        Embedding.init(rng, 7, 5, np.int64)
    for padding in (-1, 7):
        with pytest.raises(ValueError, match=rf"^Embedding: padding must lie in \[0, 7\), got {padding}$"):
            Embedding(np.zeros((7, 5)), padding=padding)(ids=IDS)
        with pytest.raises(ValueError, match=rf"^Embedding\.init: padding must lie in \[0, 7\), got {padding}$"):
            Embedding.init(rng, 7, 5, padding=padding)
    with pytest.raises(TypeError, match=r"^Embedding: padding must be a whole number or None, got float$"):
        Embedding(np.zeros((7, 5)), padding=2.0)
    with pytest.raises(ValueError, match=r"^Embedding: table must have shape \(V, D\), got \(7,\)$"):
        Embedding(table=np.zeros(7))(ids=IDS)


@pytest.mark.parametrize(("size", "dtype"), [(1e308, np.float32), (1e308, np.float64), (1e37, np.float32), (1e4, "f2")])
def test_a_size_at_which_numbers_would_overflow_is_refused_before_anything_is_drawn(size, dtype):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"^Embedding\.init: size must be one at which float\d\d holds what is drawn"):
        Embedding.init(rng, 5, 3, dtype, size=size)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    assert np.isfinite(Embedding.init(rng, 5, 3, dtype, size=float(np.finfo(dtype).max) / 100).table).all()
