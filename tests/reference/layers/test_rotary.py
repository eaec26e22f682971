import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.functions.attend import attend_vjp
from reference.layers import rotary
from reference.layers.rotary import Rotary, examples

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, angles of at most 200 rounded to 1 part in 10^16
SHAPE = (2, 4, 3, 6)
NEIGHBOURS = [0, 2, 4, 1, 3, 5]  # Pi of (rotary.f)


class TurnedAttention(Layer):
    """Attention of turned queries and keys."""

    rotary: Rotary

    def vjp(self, q, k, v):
        (a, q_pullback), (b, k_pullback) = self.rotary.vjp(q, start=2), self.rotary.vjp(k)
        o, attend_pullback = attend_vjp(a, b, v)

        def pullback(do):
            da, db, dv = attend_pullback(do)
            (d_rotary, dq), (_, dk) = q_pullback(da), k_pullback(db)
            return self.cotangent(rotary=d_rotary), dq, dk, dv

        return o, pullback


def planted(wrong):
    """Return a Rotary with `wrong(dy by halves, cos, sin, at start 0) -> dx by halves`."""

    class Wrong(Rotary):
        def vjp(self, x, *, start=0):
            y, _ = super().vjp(x, start=start)
            half = x.shape[-1] // 2
            tables = turns(x.shape[2], half, start), turns(x.shape[2], half, 0)

            def pullback(dy):
                dx = wrong(dy[..., :half], dy[..., half:], *tables)
                return self.cotangent(), np.concatenate(dx, axis=-1)

            return y, pullback

    return Wrong()


def turns(length, half, start):
    """Return cosines and sines by the formula of the paper."""
    angles = [[(start + t) / 10000 ** (2 * i / (2 * half)) for i in range(half)] for t in range(length)]
    return np.cos(angles), np.sin(angles)


def run(x, dy, start=0, base=10000.0):
    y, pullback = Rotary(base).vjp(x, start=start)
    return y, pullback(dy)[1]


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


@pytest.mark.parametrize("i", range(9))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@settings(deadline=None, max_examples=12, derandomize=True)
@given(st.tuples(*[st.integers(1, 4)] * 4), st.integers(0, 100), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, start, seed):
    x = np.random.default_rng(seed).normal(size=(*shape[:3], 2 * shape[3]))
    gradcheck.assert_gradients(Rotary(), x, start=start)


def test_backward_is_proved_inside_a_composite(prove, rng):
    q, k, v = rng.normal(size=(2, 2, 3, 6)), *rng.normal(size=(2, 2, 2, 5, 6))
    prove(TurnedAttention(rotary=Rotary(base=10.0)), q, k, v)


@pytest.mark.parametrize(("base", "start"), [(10000.0, 0), (10000.0, 7), (100.0, 3), (2, 1)])
def test_forward_and_backward_equal_their_loop_oracle(rng, base, start):
    x, dy = rng.normal(size=(2, *SHAPE))
    y, dx = np.zeros(SHAPE), np.zeros(SHAPE)
    for b, h, t, i in np.ndindex(2, 4, 3, 3):
        angle = (start + t) * base ** (-2 * i / 6)
        c, s = math.cos(angle), math.sin(angle)
        y[b, h, t, i] = c * x[b, h, t, i] - s * x[b, h, t, i + 3]
        y[b, h, t, i + 3] = s * x[b, h, t, i] + c * x[b, h, t, i + 3]
        dx[b, h, t, i] = c * dy[b, h, t, i] + s * dy[b, h, t, i + 3]
        dx[b, h, t, i + 3] = c * dy[b, h, t, i + 3] - s * dy[b, h, t, i]
    got, dx_got = run(x, dy, start, base)
    same(got, y)
    same(dx_got, dx)


def test_all_pairs_are_slowed_alike_without_a_length(rng):
    x = rng.normal(size=(2, 4, 1, 6))
    for t in (1, 3, 50):
        same(Rotary(factor=4.0)(x, start=4 * t), Rotary()(x, start=t))


def test_fast_pairs_keep_their_speed_and_slow_ones_are_slowed(rng):
    x = rng.normal(size=(1, 1, 5, 16))  # 8 pairs, which turn 31.8, 10, 3.18, 1, 0.318 ... times within 200 positions
    layer, plain, slow = Rotary(100.0, 3.0, 200, 0.5, 5.0), Rotary(100.0), Rotary(100.0, 3.0)
    pairs = lambda z: np.moveaxis(np.stack([z[..., :8], z[..., 8:]], axis=-1), -2, 0)  # noqa: E731
    y, fast, slowed = pairs(layer(x)), pairs(plain(x)), pairs(slow(x))
    turns = [200 * 100.0 ** (-i / 8) / (2 * math.pi) for i in range(8)]
    for i, times in enumerate(turns):
        assert (y[i] == fast[i]).all() == (times > 5)
        assert (y[i] == slowed[i]).all() == (times < 0.5)
        kept = min(max((times - 0.5) / 4.5, 0), 1)
        angle = np.arange(5) * 100.0 ** (-i / 8) * (kept + (1 - kept) / 3)
        same(y[i, 0, 0, :, 0], np.cos(angle) * x[0, 0, :, i] - np.sin(angle) * x[0, 0, :, i + 8])
    assert sum(0.5 <= times <= 5 for times in turns) > 1


@pytest.mark.parametrize(("ends", "begin", "end"), [((2.0, 15.0), 1, 5), ((0.001, 40.0), 0, 15), ((20.0, 21.0), 0, 1)])
def test_by_pairs_the_share_falls_from_one_pair_to_the_next(rng, ends, begin, end):
    x = rng.normal(size=(1, 1, 5, 16))  # 8 pairs, which turn 31.8, 17.9, 10.1, 5.66, 3.18, 1.79, 1.01 and 0.57 times
    layer, plain, slow = Rotary(100.0, 3.0, 200, *ends, by_pairs=True), Rotary(100.0), Rotary(100.0, 3.0)
    pairs = lambda z: np.moveaxis(np.stack([z[..., :8], z[..., 8:]], axis=-1), -2, 0)  # noqa: E731
    y, fast, slowed = pairs(layer(x)), pairs(plain(x)), pairs(slow(x))
    for i in range(8):
        assert (y[i] == fast[i]).all() == (i <= begin)
        assert np.allclose(y[i], slowed[i], **EXACT) == (i >= end)
        kept = min(max((end - i) / (end - begin), 0), 1)
        angle = np.arange(5) * 100.0 ** (-i / 8) * (kept + (1 - kept) / 3)
        same(y[i, 0, 0, :, 0], np.cos(angle) * x[0, 0, :, i] - np.sin(angle) * x[0, 0, :, i + 8])


def test_by_pairs_one_pair_may_be_both_ends(rng):
    """A length within which no pair turns often: the first keeps its speed, all others are slowed."""
    x = rng.normal(size=(1, 1, 5, 16))
    y, fast, slowed = (Rotary(100.0, **of)(x) for of in (
        {"factor": 3.0, "length": 6, "low": 1.0, "high": 32.0, "by_pairs": True}, {}, {"factor": 3.0}))
    np.testing.assert_array_equal(y[..., ::8], fast[..., ::8])
    for i in range(1, 8):
        same(y[..., i::8], slowed[..., i::8])


@pytest.mark.parametrize("options", [{}, {"width": 4}, {"interleaved": True, "width": 4}])
def test_a_gain_is_a_factor_of_what_turns_alone(prove, rng, options):
    x, dy, z = rng.normal(size=(3, *SHAPE))
    plain, layer = Rotary(**options), Rotary(**options, gain=1.3)
    factor = np.where(np.arange(6) < options.get("width", 6), 1.3, 1)
    angles = rng.normal(size=(2, 3, options.get("width", 6) // 2))
    for at in ({"start": 4}, {"position_ids": PACKED}, {"angles": angles}):
        (y, pullback), (one, one_pullback) = layer.vjp(x, **at), plain.vjp(x, **at)
        same(y, factor * one)
        same(pullback(dy)[1], factor * one_pullback(dy)[1])
        if not options:
            score = functools.partial(np.einsum, "bhtk,bhsk->bhts")
            same(score(y, layer(z, **at)), 1.69 * score(one, plain(z, **at)))
    assert layer(x.astype(np.float32)).dtype == np.float32
    prove(layer, x, start=2)


def test_a_gain_forgotten_in_the_backward_is_caught(caught, rng):
    class Wrong(Rotary):
        def vjp(self, x, *, start=0):
            return super().vjp(x, start=start)[0], Rotary(width=self.width).vjp(x, start=start)[1]

    for width in (None, 4):
        caught({"x"}, Wrong(gain=1.3, width=width), rng.normal(size=SHAPE))


def test_lengths_are_kept(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    y, dx = run(x, dy, 5)
    squares = lambda z: z[..., :3] ** 2 + z[..., 3:] ** 2  # noqa: E731
    same(squares(y), squares(x))
    same((dx * dx).sum(axis=-1), (dy * dy).sum(axis=-1))


def test_the_pullback_undoes_the_layer(rng):
    x = rng.normal(size=SHAPE)
    y, pullback = Rotary().vjp(x, start=5)
    same(pullback(y)[1], x)


def test_scores_depend_on_the_distance(rng):
    q, k = rng.normal(size=(2, 1, 1, 1, 6))
    layer = Rotary()
    score = lambda t, s: (layer(q, start=t) * layer(k, start=s)).sum()  # noqa: E731
    for distance in (-3, 0, 4):
        expected = score(3 + distance, 3)
        for s in (4, 20, 150):
            same(score(s + distance, s), expected)
    assert abs(score(3, 3) - score(4, 3)) > 0.1


def test_two_turns_are_one(rng):
    x, layer = rng.normal(size=(2, 4, 1, 6)), Rotary()
    same(layer(layer(x, start=9), start=4), layer(x, start=13))


def test_a_piece_with_its_start_is_a_piece_of_the_whole(rng):
    x, dy = rng.normal(size=(2, 2, 4, 7, 6))
    y, dx = run(x, dy)
    for t in range(7):
        y_piece, dx_piece = run(x[:, :, t : t + 2], dy[:, :, t : t + 2], t)
        np.testing.assert_array_equal(y_piece, y[:, :, t : t + 2])
        np.testing.assert_array_equal(dx_piece, dx[:, :, t : t + 2])


def test_position_zero_is_not_turned(rng):
    x = rng.normal(size=SHAPE)
    y = Rotary()(x)
    np.testing.assert_array_equal(y[:, :, 0], x[:, :, 0])
    assert (y[:, :, 1:] != x[:, :, 1:]).all()


def test_a_pair_is_a_complex_number(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    y, dx = run(x, dy, 5)
    cos, sin = turns(3, 3, 5)
    as_complex = lambda z: z[..., :3] + 1j * z[..., 3:]  # noqa: E731
    same(as_complex(y), (cos + 1j * sin) * as_complex(x))
    same(as_complex(dx), (cos - 1j * sin) * as_complex(dy))


def test_interleaved_pairs_are_those_of_the_paper(rng):
    x, dy, (cos, sin) = *rng.normal(size=(2, *SHAPE)), turns(3, 3, 5)
    y, pullback = Rotary(interleaved=True).vjp(x, start=5)
    _, dx = pullback(dy)
    for before, after, sign in ((x, y, 1), (dy, dx, -1)):
        same(after[..., ::2], cos * before[..., ::2] - sign * sin * before[..., 1::2])
        same(after[..., 1::2], cos * before[..., 1::2] + sign * sin * before[..., ::2])


@pytest.mark.parametrize("interleaved", [False, True])
def test_entries_beyond_the_width_are_left_as_they_are(rng, interleaved):
    x, dy = rng.normal(size=(2, 2, 4, 3, 9))
    part, whole = Rotary(width=6, interleaved=interleaved), Rotary(interleaved=interleaved)
    for (y, pullback), (y_part, pullback_part) in [(whole.vjp(x[..., :6], start=2), part.vjp(x, start=2))]:
        np.testing.assert_array_equal(y_part, np.concatenate([y, x[..., 6:]], axis=-1))
        _, dx = pullback_part(dy)
        np.testing.assert_array_equal(dx, np.concatenate([pullback(dy[..., :6])[1], dy[..., 6:]], axis=-1))


def test_pairs_of_neighbours_are_a_permutation_away(rng):
    x, (cos, sin) = rng.normal(size=SHAPE), turns(3, 3, 0)
    paper = np.zeros(SHAPE)  # eq. 34 of the paper: x cos + (-x_1, x_0, -x_3, x_2, ...) sin
    paper[..., ::2] = x[..., ::2] * cos - x[..., 1::2] * sin
    paper[..., 1::2] = x[..., 1::2] * cos + x[..., ::2] * sin
    same(paper[..., NEIGHBOURS], Rotary()(x[..., NEIGHBOURS]))
    same(paper, Rotary(interleaved=True)(x))


def test_sequences_and_heads_are_turned_alike(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    y, dx = run(x, dy)
    for b, h in np.ndindex(2, 4):
        y_one, dx_one = run(x[b : b + 1, h : h + 1], dy[b : b + 1, h : h + 1])
        np.testing.assert_array_equal(y_one[0, 0], y[b, h])
        np.testing.assert_array_equal(dx_one[0, 0], dx[b, h])


def test_tables_are_rounded_once(rng):
    x = rng.normal(size=SHAPE).astype(np.float32)
    cos, sin = (table.astype(np.float32) for table in turns(3, 3, 100_000))
    expected = np.concatenate((cos * x[..., :3] - sin * x[..., 3:], sin * x[..., :3] + cos * x[..., 3:]), axis=-1)
    np.testing.assert_allclose(Rotary()(x, start=100_000), expected, rtol=0, atol=5e-7)  # 2 roundings of 3 in float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    x = rng.normal(size=SHAPE).astype(dtype)
    assert [array.dtype for array in run(x, x)] == [dtype, dtype]


def test_the_layer_has_no_parameters(rng):
    assert tree.leaves(Rotary()) == []
    d_layer, _ = Rotary(base=10.0).vjp(rng.normal(size=SHAPE))[1](np.ones(SHAPE))
    assert isinstance(d_layer, Rotary) and d_layer.base == 10.0


def test_heads_as_views_are_taken_as_they_are(rng):
    x = rng.normal(size=(2, 3, 4, 6))
    view, dy = x.swapaxes(1, 2), np.broadcast_to(rng.normal(size=6), SHAPE)
    for got, expected in zip(run(view, dy), run(view.copy(), dy.copy()), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("shape", [(0, 4, 3, 6), (2, 4, 0, 6), (2, 0, 3, 6)])
def test_empty_batch_gives_empty_output(shape):
    y, dx = run(np.zeros(shape), np.zeros(shape))
    assert y.shape == dx.shape == shape


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    x.flags.writeable = dy.flags.writeable = False
    _, pullback = Rotary().vjp(x)
    (_, first), (_, second) = pullback(dy), pullback(dy)
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second)
    tables = rotary._turns((10.0, 1.0, None, 1.0, 4.0, None, False), 0, 3, 2, np.dtype(float))
    assert not any(table.flags.writeable for table in tables)


def test_backward_that_turns_the_same_way_is_caught(caught, rng):
    wrong = planted(lambda da, db, now, zero: (now[0] * da - now[1] * db, now[1] * da + now[0] * db))
    caught({"x"}, wrong, rng.normal(size=SHAPE))


@pytest.mark.parametrize("signs", [(-1, -1), (1, 1)])
def test_sign_of_one_sine_is_caught(caught, rng, signs):
    first, second = signs
    wrong = planted(
        lambda da, db, now, zero: (now[0] * da + first * now[1] * db, now[0] * db + second * now[1] * da)
    )
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_exchanged_sine_and_cosine_are_caught(caught, rng):
    wrong = planted(lambda da, db, now, zero: (now[1] * da + now[0] * db, now[1] * db - now[0] * da))
    caught({"x"}, wrong, rng.normal(size=SHAPE))


def test_pairs_forgotten_in_the_backward_are_caught(caught, rng):
    class Wrong(Rotary):
        def vjp(self, x, *, start=0):
            y, _ = super().vjp(x, start=start)
            _, pullback = Rotary(width=self.width).vjp(x, start=start)
            return y, lambda dy: (self.cotangent(), pullback(dy)[1])

    caught({"x"}, Wrong(interleaved=True), rng.normal(size=SHAPE))
    caught({"x"}, Wrong(interleaved=True, width=4), rng.normal(size=SHAPE))


def test_entries_beyond_the_width_without_a_gradient_are_caught(caught, rng):
    class Wrong(Rotary):
        def vjp(self, x, *, start=0):
            y, pullback = super().vjp(x, start=start)
            return y, lambda dy: (self.cotangent(), pullback(dy)[1] * (np.arange(x.shape[-1]) < self.width))

    caught({"x"}, Wrong(width=4), rng.normal(size=SHAPE))


PACKED = np.array([[0, 1, 2], [7, 1, 1]])


@pytest.mark.parametrize("layer", [Rotary(), Rotary(width=4, interleaved=True), Rotary(length=12, low=0.4, factor=3.0)])
def test_each_place_is_turned_by_its_id(prove, rng, layer):
    x, dy = rng.normal(size=SHAPE), rng.normal(size=SHAPE)
    y, pullback = layer.vjp(x, position_ids=PACKED)
    dx = pullback(dy)[1]
    for b, t in np.ndindex(PACKED.shape):
        at, here = int(PACKED[b, t]), (slice(b, b + 1), slice(None), slice(t, t + 1))
        alone, alone_pullback = layer.vjp(x[here], start=at)
        assert np.array_equal(y[here], alone) and np.array_equal(dx[here], alone_pullback(dy[here])[1])
    assert np.array_equal(layer(x, position_ids=PACKED[:1]), layer(x))
    assert layer(x.astype(np.float32), position_ids=PACKED).dtype == np.float32
    assert layer(x[:0], position_ids=PACKED[:1]).shape == (0, *SHAPE[1:])
    prove(layer, x, position_ids=PACKED)


def test_ids_of_the_first_sequence_for_all_are_caught(caught, rng):
    class Wrong(Rotary):
        def vjp(self, x, *, position_ids):
            y, _ = super().vjp(x, position_ids=position_ids)
            return y, super().vjp(x, position_ids=position_ids[:1])[1]

    caught({"x"}, Wrong(), rng.normal(size=SHAPE), position_ids=PACKED)


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"position_ids": PACKED[:, :2]}, ValueError, r"position_ids must have shape \(2 or 1, 3\), got \(2, 2\)"),
    ({"position_ids": PACKED - 1}, ValueError, r"position_ids must lie in \[0, 100000000\), got -1 at \(0, 0\)"),
    ({"position_ids": PACKED * 1.0}, TypeError, "position_ids must be an integer array, got float64"),
    ({"position_ids": PACKED, "start": 3}, ValueError, "start must be 0 where there are position_ids, got 3"),
])  # fmt: skip
def test_ids_that_are_none_are_one_clear_line(rng, given, error, message):
    with pytest.raises(error, match=f"^Rotary: {message}$"):
        Rotary()(rng.normal(size=SHAPE), **given)


def speeds(pairs, base=10000.0):
    return tuple((base ** (-np.arange(pairs) / pairs)).tolist())


@pytest.mark.parametrize("options", [
    {}, {"factor": 3.0}, {"factor": 3.0, "length": 12, "low": 0.4, "high": 1.5}, {"width": 4, "interleaved": True},
])  # fmt: skip
def test_speeds_of_the_callers_stand_in_place_of_those_of_the_base(rng, options):
    x, dy, pairs = *rng.normal(size=(2, *SHAPE)), options.get("width", 6) // 2
    one, other = Rotary(base=50.0, **options), Rotary(speeds=speeds(pairs, 50.0), **options)
    for at in ({}, {"start": 4}, {"position_ids": PACKED}):
        (y, pullback), (z, z_pullback) = one.vjp(x, **at), other.vjp(x, **at)
        assert np.array_equal(y, z) and np.array_equal(pullback(dy)[1], z_pullback(dy)[1])
    still = Rotary(speeds=(0,) * pairs, **options)
    assert np.array_equal(still(x, start=7), x)
    assert not list(tree.leaves(other)) and other.astype(np.float32).speeds == other.speeds
    assert other(x.astype(np.float32)).dtype == np.float32


def test_angles_of_the_callers_stand_in_place_of_positions(prove, rng):
    x, dy = rng.normal(size=(2, *SHAPE))
    angles = PACKED[:, :, None] * np.array(speeds(3))
    for layer in (Rotary(), Rotary(interleaved=True)):
        (y, pullback), (z, z_pullback) = layer.vjp(x, position_ids=PACKED), layer.vjp(x, angles=angles)
        assert np.array_equal(y, z) and np.array_equal(pullback(dy)[1], z_pullback(dy)[1])
        assert np.array_equal(layer(x, angles=angles[:1]), layer(x, position_ids=PACKED[:1]))
        assert layer(x[:0], angles=angles[:1]).shape == (0, *SHAPE[1:])
    narrow = Rotary()(x.astype(np.float32), angles=angles.astype(np.float32))
    assert narrow.dtype == np.float32
    q, k, shift = *rng.normal(size=(2, *SHAPE)), rng.normal(size=3)
    score = lambda a: np.einsum("bhtk,bhsk->bhts", Rotary()(q, angles=a), Rotary()(k, angles=a))  # noqa: E731
    same(score(angles + shift), score(angles))
    prove(Rotary(width=4), x, angles=rng.normal(size=(1, 3, 2)))


def test_angles_of_the_first_sequence_for_all_are_caught(caught, rng):
    class Wrong(Rotary):
        def vjp(self, x, *, angles):
            y, _ = super().vjp(x, angles=angles)
            return y, super().vjp(x, angles=angles[:1])[1]

    caught({"x"}, Wrong(), rng.normal(size=SHAPE), angles=rng.normal(size=(2, 3, 3)))


ANGLES = np.ones((2, 3, 3))


@pytest.mark.parametrize(("layer", "given", "error", "message"), [
    ({}, {"angles": ANGLES[:, :2]}, ValueError, r"angles must have shape \(2 or 1, 3, 3\), got \(2, 2, 3\)"),
    ({"width": 4}, {"angles": ANGLES}, ValueError, r"angles must have shape \(2 or 1, 3, 2\), got \(2, 3, 3\)"),
    ({}, {"angles": ANGLES[0]}, ValueError, r"angles must have shape \(B, T, R/2\), got \(3, 3\)"),
    ({}, {"angles": ANGLES.astype(int)}, TypeError, "angles must be floating or complex, got int64"),
    ({}, {"angles": ANGLES * 1j}, TypeError, "angles must be real, got complex128"),
    ({}, {"angles": ANGLES, "start": 2}, ValueError, "start must be 0 where there are angles, got 2"),
    ({}, {"angles": ANGLES, "position_ids": PACKED}, ValueError,
     "position_ids must be None where there are angles, got both"),
    ({"speeds": (1.0, 0.1)}, {}, ValueError, "rotary.speeds must be those of 3 pairs, got 2"),
    ({"speeds": (1.0, 0.1, 0.01), "width": 4}, {}, ValueError, "rotary.speeds must be those of 2 pairs, got 3"),
    ({"speeds": (1.0, 0.1, 0.01), "base": 5.0}, {}, ValueError,
     r"rotary.base must be 10000\.0 where there are speeds, got 5\.0"),
    ({"speeds": (1.0, 0.1, float("nan"))}, {}, ValueError, r"speeds\[2\] must be finite and at least 0, got nan"),
    ({"by_pairs": True}, {}, ValueError, "rotary.length must be given where it goes by pairs, got None"),
    ({"by_pairs": True, "length": 9, "base": 1.0}, {}, ValueError,
     r"rotary.base must be above 1 where it goes by pairs, got 1\.0"),
    ({"by_pairs": True, "length": 9, "low": 0.0}, {}, ValueError,
     r"rotary.low must be above 0 where it goes by pairs, got 0\.0"),
    ({"by_pairs": True, "length": 9, "speeds": (1.0, 0.1, 0.01)}, {}, ValueError,
     "rotary.speeds must be None where it goes by pairs, got 3"),
    ({"gain": 0.0}, {}, ValueError, r"gain must be positive and finite, got 0\.0"),
    ({"speeds": [1.0, 0.1, 0.01]}, {}, TypeError, "speeds must be a tuple or None, got list"),
])  # fmt: skip
def test_speeds_and_angles_that_are_none_are_one_clear_line(rng, layer, given, error, message):
    with pytest.raises(error, match=f"^Rotary: {message}$"):
        Rotary(**layer)(rng.normal(size=SHAPE), **given)


def test_start_ignored_in_the_backward_is_caught(caught, prove, rng):
    wrong = planted(lambda da, db, now, zero: (zero[0] * da + zero[1] * db, zero[0] * db - zero[1] * da))
    prove(wrong, rng.normal(size=SHAPE))
    caught({"x"}, wrong, rng.normal(size=SHAPE), start=1)


def test_other_pairs_in_the_backward_are_caught(caught, rng):
    def neighbours(da, db, now, zero):
        dy, (cos, sin) = np.concatenate((da, db), axis=-1), now
        dx = np.empty_like(dy)
        dx[..., ::2] = cos * dy[..., ::2] + sin * dy[..., 1::2]
        dx[..., 1::2] = cos * dy[..., 1::2] - sin * dy[..., ::2]
        return dx[..., :3], dx[..., 3:]

    caught({"x"}, planted(neighbours), rng.normal(size=SHAPE))


def test_bad_input_is_one_clear_line():
    layer, x = Rotary(), np.zeros(SHAPE)
    with pytest.raises(ValueError, match=r"^Rotary: the head width must be even, got 5$"):
        layer(x[..., :5])
    with pytest.raises(ValueError, match=r"^Rotary: x must have shape \(B, H, T, K\), got \(4, 3, 6\)$"):
        layer(x[0])
    with pytest.raises(TypeError, match=r"^Rotary: x must be floating or complex, got int64$"):
        layer(x.astype(np.int64))
    with pytest.raises(ValueError, match=r"^Rotary: start must be at least 0, got -1$"):
        layer(x, start=-1)
    with pytest.raises(TypeError, match=r"^Rotary: start must be a whole number, got float$"):
        layer(x, start=1.0)
    with pytest.raises(ValueError, match=r"^Rotary: base must be positive and finite, got 0\.0$"):
        Rotary(base=0.0)(x)
    with pytest.raises(ValueError, match=r"^Rotary: base must be positive and finite, got nan$"):
        Rotary(base=float("nan"))(x)
    with pytest.raises(TypeError, match=r"^Rotary: base must be a number, got str$"):
        Rotary(base="10")(x)
    with pytest.raises(ValueError, match=r"^Rotary: factor must be positive and finite, got 0\.0$"):
        Rotary(factor=0.0)
    with pytest.raises(ValueError, match=r"^Rotary: length must be at least 1, got 0$"):
        Rotary(length=0)
    for width in (5, 8):
        with pytest.raises(ValueError, match=rf"^Rotary: rotary.width must be even and at most .* 6, got {width}$"):
            Rotary(width=width)(x)
    with pytest.raises(ValueError, match=r"^Rotary: width must be at least 1, got 0$"):
        Rotary(width=0)
    with pytest.raises(TypeError, match=r"^Rotary: interleaved must be True or False, got int$"):
        Rotary(interleaved=1)
    with pytest.raises(ValueError, match=r"^Rotary: low must be below high, 2\.0, got 2\.0$"):
        Rotary(length=9, low=2.0, high=2.0)(x)
