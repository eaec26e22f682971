import math
import re

import numpy as np
import pytest
from optimizers import linear, vector

from reference.core import tree
from reference.optimizers.clipping import clip_by_norm, clip_by_value

EXACT = {"rtol": 1e-13, "atol": 1e-14}  # a few roundings of numbers near 1


def model(rng, scale=1.0, dtype=np.float64):
    return tree.map(lambda g: g * scale, (linear(rng, dtype), (linear(rng, dtype),)))


def norm(gradients):
    return math.sqrt(math.fsum(float(number) ** 2 for number in vector(gradients)))


def clips(clip, rng):
    """Whether `clip` is what is written: all numbers by one factor, from their norm down to the most."""
    for most in (0.5, 2.0, 50.0):
        g = model(rng)
        expected = min(1.0, most / norm(g)) * vector(g)
        if not np.allclose(vector(clip(g, most)), expected, **EXACT):
            return False
    return True


def test_by_norm_all_numbers_get_one_factor(rng):
    assert clips(lambda g, most: clip_by_norm(g, most)[0], rng)


def test_the_norm_before_is_returned(rng):
    g = model(rng)
    for most in (0.5, 50.0):
        found = clip_by_norm(g, most)[1]
        np.testing.assert_allclose(found, norm(g), **EXACT)
        assert type(found) is float


# Laws


@pytest.mark.parametrize("most", [0.5, 50.0])
def test_norm_after_is_the_least_of_both(rng, most):
    g = model(rng)
    np.testing.assert_allclose(norm(clip_by_norm(g, most)[0]), min(norm(g), most), **EXACT)


def test_what_is_short_enough_is_let_through(rng):
    g = model(rng)
    assert np.array_equal(vector(clip_by_norm(g, 50.0)[0]), vector(g))
    assert np.array_equal(vector(clip_by_value(g, 50.0)), vector(g))
    nothing = tree.map(np.zeros_like, g)
    assert clip_by_norm(nothing, 1.0)[1] == 0 and not vector(clip_by_norm(nothing, 1.0)[0]).any()


def test_clipped_twice_is_clipped_once(rng):
    once, _ = clip_by_norm(model(rng), 0.5)
    twice, _ = clip_by_norm(once, 0.5)
    np.testing.assert_allclose(vector(twice), vector(once), **EXACT)
    once = clip_by_value(model(rng), 0.5)
    assert np.array_equal(vector(clip_by_value(once, 0.5)), vector(once))


def test_direction_is_kept(rng):
    g = model(rng)
    shares = vector(clip_by_norm(g, 0.5)[0]) / vector(g)
    np.testing.assert_allclose(shares, shares[0], **EXACT)


def test_norm_is_that_of_all_numbers(rng):
    g = model(rng)
    np.testing.assert_allclose(clip_by_norm(g, 1.0)[1], clip_by_norm(vector(g), 1.0)[1], **EXACT)


@pytest.mark.parametrize("clip", [lambda g: clip_by_norm(g, 1.0)[0], lambda g: clip_by_value(g, 0.3)])
def test_two_gradients_are_brought_no_further_apart(rng, clip):
    for _ in range(50):
        g, h = model(rng, 0.5), model(rng, 0.5)
        before, after = (np.linalg.norm(vector(a) - vector(b)) for a, b in ((g, h), (clip(g), clip(h))))
        assert after <= before * (1 + 1e-14)


def test_by_value_no_number_is_larger(rng):
    g = model(rng)
    for most in (0.5, 50.0):
        clipped = vector(clip_by_value(g, most))
        assert abs(clipped).max() == min(abs(vector(g)).max(), most)
        assert np.array_equal(clipped, np.where(abs(vector(g)) <= most, vector(g), most * np.sign(vector(g))))


@pytest.mark.parametrize(("dtype", "powers"), [(np.float64, (-960, -500, 500, 1000)), (np.float32, (-100, 100, 120))])
def test_the_whole_range_of_a_dtype_is_clipped(rng, dtype, powers):
    g = model(rng, 1.0, dtype)
    clipped, length = clip_by_norm(g, 0.5)
    for power in powers:
        scaled, scaled_length = clip_by_norm(tree.map(lambda a, p=power: np.ldexp(a, p), g), math.ldexp(0.5, power))
        assert scaled_length == math.ldexp(length, power)
        assert np.array_equal(vector(scaled), np.ldexp(vector(clipped), power))


def test_float32_stays_float32(rng):
    g = model(rng, 1.0, np.float32)
    for clipped in (clip_by_norm(g, np.float64(0.5))[0], clip_by_value(g, np.float64(0.5))):
        assert {leaf.dtype for _, leaf in tree.leaves(clipped)} == {np.dtype(np.float32)}


def test_nothing_given_is_written_to_or_handed_on(rng):
    g = model(rng)
    for _, leaf in tree.leaves(g):
        leaf.flags.writeable = False
    for most in (0.5, 50.0):
        for clipped in (clip_by_norm(g, most)[0], clip_by_value(g, most)):
            pairs = zip(tree.leaves(clipped), tree.leaves(g), strict=True)
            assert not any(np.shares_memory(new, old) for (_, new), (_, old) in pairs)


def test_a_model_without_parameters_has_norm_0():
    assert clip_by_norm((), 1.0) == ((), 0.0) and clip_by_value((), 1.0) == ()
    empty, length = clip_by_norm((np.zeros((0, 3)), np.full(1, 2.0)), 1.0)
    assert length == 2 and empty[1] == 1


# Pitfalls


def by_one_factor(g, most, length):
    return tree.map(lambda a: min(1.0, most / length) * a, g)


def test_written_once_more_and_right_is_not_caught(rng):
    assert clips(lambda g, most: by_one_factor(g, most, norm(g)), rng)


def test_every_array_by_its_own_norm_is_caught(rng):
    assert not clips(lambda g, most: tree.map(lambda a: min(1.0, most / np.linalg.norm(a)) * a, g), rng)


def test_norms_added_up_are_caught(rng):
    assert not clips(lambda g, most: by_one_factor(g, most, sum(norm(leaf) for _, leaf in tree.leaves(g))), rng)


def test_short_gradients_made_longer_are_caught(rng):
    assert not clips(lambda g, most: tree.map(lambda a: most / norm(g) * a, g), rng)


def test_decay_that_is_clipped_is_caught(rng):
    g, theta = model(rng), model(rng)
    first = tree.map(lambda a, b: a + 0.3 * b, clip_by_norm(g, 0.5)[0], theta)
    wrong, _ = clip_by_norm(tree.map(lambda a, b: a + 0.3 * b, g, theta), 0.5)
    np.testing.assert_allclose(vector(first), 0.5 / norm(g) * vector(g) + 0.3 * vector(theta), **EXACT)
    assert abs(vector(wrong) - vector(first)).max() > 0.05


def test_parts_of_a_batch_that_are_clipped_are_caught(rng):
    parts = [model(rng) for _ in range(4)]
    whole, _ = clip_by_norm(tree.map(lambda *a: sum(a) / 4, *parts), 0.5)
    clipped = tree.map(lambda *a: sum(a) / 4, *(clip_by_norm(part, 0.5)[0] for part in parts))
    total = tree.map(lambda *a: sum(a), *(clip_by_norm(part, 0.5)[0] for part in parts))
    np.testing.assert_allclose(norm(whole), 0.5, **EXACT)
    assert norm(clipped) < 0.45 and norm(total) > 0.55


def test_squares_that_overflow_are_caught():
    g = np.full(4, 3e19, np.float32)
    with np.errstate(over="ignore"):
        wrong = by_one_factor(g, 1.0, np.sqrt((g * g).sum()))
    clipped, length = clip_by_norm(g, 1.0)
    assert not wrong.any() and (clipped == 0.5).all() and length == 2 * float(g[0])


# Errors


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
@pytest.mark.parametrize("most", [0, -1.0, math.nan, math.inf])
def test_the_most_must_be_positive_and_finite(clip, most):
    message = f"{clip.__name__}: most must be positive and finite, got {most}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        clip(np.ones(3), most)


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_is_named(clip, number, rng):
    g = model(rng)
    g[1][0].w[2, 1] = number
    message = f"{clip.__name__}: gradients must be finite, got {abs(number)} in '[1][0].w'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        clip(g, 1.0)
    with pytest.raises(ValueError, match=r"finite, got (nan|inf) in 'd_model'$"):
        clip(np.array([1.0, number]), 1.0)


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_the_most_must_be_a_number(clip):
    with pytest.raises(TypeError, match=rf"^{clip.__name__}: most must be a number, got str$"):
        clip(np.ones(3), "1")


@pytest.mark.parametrize("clip", [clip_by_norm, clip_by_value])
def test_a_complex_gradient_is_one_clear_line(clip):
    with pytest.raises(TypeError, match=rf"^{clip.__name__}: '\[1\]' must be real, got complex128$"):
        clip((np.ones(2), np.ones(3, complex)), 1.0)
