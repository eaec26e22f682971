import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.functions.softmax import softmax, softmax_vjp
from reference.layers.relative import RelativePositions, examples

EXACT = {"rtol": 1e-12, "atol": 1e-13}  # float64, sums of at most 60 numbers near 1 in another order
N, H, FAR = 8, 3, 6


class Weights(Layer):
    """Softmax of the biases, twice as steep in one sequence."""

    relative: RelativePositions

    def vjp(self, *, length):
        at = range(length)
        a, relative_pullback = self.relative.vjp(queries=at, keys=at)
        steep = np.array([1.0, 2.0])[:, None, None, None]
        p, softmax_pullback = softmax_vjp(steep * a)

        def pullback(dp):
            da = (steep * softmax_pullback(dp)).sum(axis=0, keepdims=True)
            return (self.cotangent(relative=relative_pullback(da)[0]),)

        return p, pullback


def layer(rng, buckets=N, both=True, far=FAR):
    return RelativePositions(rng.normal(size=(buckets, H)), both, far)


def planted(collect):
    """Return the layer with `collect(bucket, da) -> dphi` for its gradient."""

    class Wrong(RelativePositions):
        def vjp(self, *, queries, keys):
            a, _ = super().vjp(queries=queries, keys=keys)
            bucket = self._buckets(self._offsets(queries, keys, None))
            return a, lambda da: (self.cotangent(table=collect(bucket, da)),)

    return Wrong


def published(offset, both, buckets, far, kind):
    """The bucket as in the code of Raffel et al., with logarithms in the dtype `kind`."""
    ahead, n = 0, buckets
    if both:
        n //= 2
        ahead = n * (offset > 0)
        distance = abs(offset)
    else:
        distance = -np.minimum(offset, 0)
    exact = n // 2
    ratio = np.log(np.maximum(distance, 1).astype(kind) / kind(exact)) / kind(math.log(far / exact))
    large = np.minimum(exact + (ratio * kind(n - exact)).astype(int), n - 1)
    return ahead + np.where(distance < exact, distance, large)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=10, derandomize=True)
@given(st.tuples(*[st.integers(1, 5)] * 2, st.integers(4, 9), st.integers(5, 9)), st.booleans(), st.integers(0, 99))
def test_backward_is_proved_at_any_shape(shape, both, seed):
    rng = np.random.default_rng(seed)
    queries, keys, buckets, far = shape
    gradcheck.assert_gradients(layer(rng, buckets, both, far), queries=range(2, 2 + queries), keys=range(keys))


def test_backward_is_proved_inside_a_composite(prove, rng):
    prove(Weights(layer(rng)), length=5)


def test_forward_and_backward_equal_their_loop_oracle(rng):
    subject, da = layer(rng), rng.normal(size=(1, H, 4, 9))
    a, pullback = subject.vjp(queries=range(3, 7), keys=range(9))
    dphi = np.zeros((N, H))
    for h, t, j in np.ndindex(H, 4, 9):
        bucket = int(published(np.array(j - (3 + t)), True, N, FAR, np.float64))
        same(a[0, h, t, j], subject.table[bucket, h])
        dphi[bucket, h] += da[0, h, t, j]
    same(pullback(da)[0].table, dphi)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize(("buckets", "far"), [(32, 128), (32, 256), (64, 128), (16, 64), (8, 20)])
def test_buckets_are_those_of_the_published_code(buckets, far, both, kind):
    subject = RelativePositions(np.zeros((buckets, 1)), both, far)
    got = subject._buckets(np.arange(1300) - 600)
    np.testing.assert_array_equal(got, published(np.arange(1300) - 600, both, buckets, far, kind))


def test_a_shift_of_all_positions_changes_nothing(rng):
    subject = layer(rng)
    moved = subject(queries=range(102, 106), keys=range(100, 109))
    np.testing.assert_array_equal(moved, subject(queries=range(2, 6), keys=range(9)))


def test_a_block_is_part_of_the_whole(rng):
    subject = layer(rng)
    whole = subject(queries=range(9), keys=range(9))
    np.testing.assert_array_equal(subject(queries=range(7, 9), keys=range(2, 6)), whole[:, :, 7:, 2:6])


@pytest.mark.parametrize("both", [True, False])
def test_buckets_grow_with_the_distance(both):
    bucket = RelativePositions(np.zeros((32, 1)), both)._buckets(np.arange(401) - 200)
    behind, ahead = bucket[200::-1], bucket[201:]
    n = 16 if both else 32
    np.testing.assert_array_equal(behind[: n // 2], np.arange(n // 2))
    assert (np.diff(behind) >= 0).all() and set(behind) == set(range(n))
    if both:
        np.testing.assert_array_equal(ahead, n + behind[1:])


def test_far_keys_share_the_last_bucket():
    bucket = RelativePositions(np.zeros((32, 1)), False)._buckets(np.arange(1000) - 999)
    assert (bucket[:872] == 31).all() and bucket[999 - 112] == 30  # the last begins a little before 128


def test_without_a_side_of_their_own_keys_ahead_are_at_distance_0(rng):
    a = layer(rng, both=False)(queries=range(3), keys=range(8))
    for t in range(3):
        np.testing.assert_array_equal(a[0, :, t, t:], np.repeat(a[0, :, t, t : t + 1], 8 - t, axis=1))


def test_biases_are_linear_in_the_table(rng):
    subject, da = layer(rng), rng.normal(size=(1, H, 5, 5))
    a, pullback = subject.vjp(queries=range(5), keys=range(5))
    same(np.vdot(da, a), np.vdot(pullback(da)[0].table, subject.table))
    np.testing.assert_array_equal(RelativePositions(2 * subject.table, far=FAR)(queries=range(5), keys=range(5)), 2 * a)


def test_equal_rows_change_no_weight(rng):
    subject, s = layer(rng), rng.normal(size=(2, H, 5, 5))
    at = {"queries": range(5), "keys": range(5)}
    shifted = RelativePositions(subject.table + rng.normal(size=H), far=FAR)
    same(softmax(s + shifted(**at)), softmax(s + subject(**at)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    a, pullback = layer(rng).astype(dtype).vjp(queries=range(3), keys=range(5))
    assert a.dtype == pullback(a)[0].table.dtype == dtype


def test_init_draws_the_sizes_and_the_dtype_asked_for(rng):
    subject = RelativePositions.init(rng, 3, 16, both=False, far=50)
    assert subject.table.shape == (16, 3) and subject.table.dtype == np.float32
    assert (subject.both, subject.far) == (False, 50)
    assert RelativePositions.init(rng, 3, dtype=np.float64).table.dtype == np.float64
    assert 0.4 < RelativePositions.init(rng, 300).table.std() < 0.6  # a deviation of 9600 draws: 0.5 to 1 part in 100


@pytest.mark.parametrize(("queries", "keys"), [(range(0), range(5)), (range(3), range(0)), (range(0), range(0))])
def test_no_positions_have_no_biases_and_no_gradient(rng, queries, keys):
    a, pullback = layer(rng).vjp(queries=queries, keys=keys)
    assert a.shape == (1, H, len(queries), len(keys))
    assert not any(leaf.any() for _, leaf in tree.leaves(pullback(a)[0]))


def test_nothing_received_is_written(rng):
    subject, da = layer(rng), rng.normal(size=(1, H, 5, 5))
    subject.table.flags.writeable = da.flags.writeable = False
    _, pullback = subject.vjp(queries=range(5), keys=range(5))
    np.testing.assert_array_equal(pullback(da)[0].table, pullback(da)[0].table)


PACKED = np.array([[0, 1, 2, 0, 1], [7, 0, 40, 1, 1]])


@pytest.mark.parametrize("both", [True, False])
def test_each_pair_has_the_bias_of_the_distance_of_its_ids(prove, rng, both):
    subject, da = layer(rng, both=both), rng.normal(size=(2, H, 5, 5))
    a, pullback = subject.vjp(position_ids=PACKED)
    dphi = np.zeros((N, H))
    for b, h, t, j in np.ndindex(a.shape):
        bucket = int(published(np.array(PACKED[b, j] - PACKED[b, t]), both, N, FAR, np.float64))
        assert a[b, h, t, j] == subject.table[bucket, h]
        dphi[bucket, h] += da[b, h, t, j]
    same(pullback(da)[0].table, dphi)
    usual, usual_pullback = subject.vjp(queries=range(5), keys=range(5))
    ids, ids_pullback = subject.vjp(position_ids=np.arange(5)[None] + 30)
    assert np.array_equal(ids, usual)
    same(ids_pullback(da[:1])[0].table, usual_pullback(da[:1])[0].table)
    prove(subject, position_ids=PACKED)


@pytest.mark.parametrize("shape", [(0, 5), (2, 0), (0, 0)])
def test_no_ids_have_no_biases_and_no_gradient(rng, shape):
    a, pullback = layer(rng).vjp(position_ids=np.zeros(shape, int))
    assert a.shape == (shape[0], H, shape[1], shape[1]) and not pullback(a)[0].table.any()


def test_the_gradient_of_the_first_sequence_for_all_is_caught(caught, rng):
    class Wrong(RelativePositions):
        def vjp(self, *, position_ids):
            a, _ = super().vjp(position_ids=position_ids)
            pullbacks = [super(Wrong, self).vjp(position_ids=position_ids[:1])[1] for _ in position_ids]
            return a, lambda da: (tree.map(np.add, *[p(da[i : i + 1])[0] for i, p in enumerate(pullbacks)]),)

    caught({"table"}, Wrong(rng.normal(size=(N, H)), far=FAR), position_ids=PACKED)


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"position_ids": PACKED * 1.0}, TypeError, "position_ids must be an integer array, got float64"),
    ({"position_ids": PACKED[0]}, ValueError, r"position_ids must have shape \(B, T\), got \(5,\)"),
    ({"position_ids": PACKED - 1}, ValueError, r"position_ids must lie in \[0, 100000000\), got -1 at \(0, 0\)"),
    ({"position_ids": PACKED, "keys": range(5)}, ValueError,
     "queries and keys must be None where there are position_ids, got both"),
])  # fmt: skip
def test_ids_that_are_none_are_one_clear_line(rng, given, error, message):
    with pytest.raises(error, match=f"^RelativePositions: {message}$"):
        layer(rng)(**given)


def test_last_write_wins_is_caught(caught, rng):
    def wrong(bucket, da):
        dphi = np.zeros((N, H))
        dphi[bucket] += da[0].transpose(1, 2, 0)
        return dphi

    caught({"table"}, planted(wrong)(rng.normal(size=(N, H)), far=FAR), queries=range(5), keys=range(5))


def test_mean_over_the_places_is_caught(caught, rng):
    def wrong(bucket, da):
        places = np.arange(N) == bucket[..., None]
        return np.einsum("tjn,htj->nh", places / np.maximum(places.sum(axis=(0, 1)), 1), da[0])

    caught({"table"}, planted(wrong)(rng.normal(size=(N, H)), far=FAR), queries=range(5), keys=range(5))


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        (np.zeros((3, H)), {}, ValueError, "table must have at least 4 buckets, got 3"),
        (np.zeros((1, H)), {"both": False}, ValueError, "table must have at least 2 buckets, got 1"),
        (np.zeros((32, H)), {"far": 8}, ValueError, "far must be above 8, the distances with a bucket each, got 8"),
        (np.zeros(N), {}, ValueError, r"table must have shape \(N, H\), got \(8,\)"),
        (np.zeros((N, H), int), {}, TypeError, "table must be floating or complex, got int64"),
        (np.zeros((N, H)), {"far": 0}, ValueError, "far must be at least 1, got 0"),
        (np.zeros((N, H)), {"both": 1}, TypeError, "both must be True or False, got int"),
    ],
)
def test_a_bad_table_is_one_clear_line(table, options, error, message):
    with pytest.raises(error, match=f"^RelativePositions: {message}$"):
        RelativePositions(table, **options)(queries=range(3), keys=range(3))


def test_bad_positions_are_one_clear_line(rng):
    with pytest.raises(TypeError, match=r"^RelativePositions: keys must be a range, got int$"):
        layer(rng)(queries=range(3), keys=3)
