import itertools
import math
import re

import numpy as np
import pytest
from optimizers import linear, vector

from reference.core import tree
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.optimizers.accumulation import Accumulated, add, begin, mean
from reference.optimizers.sgd import SGD

EXACT = {"rtol": 1e-12, "atol": 1e-14}  # sums of some twenty numbers near 1
CUTS = [(0, 20), (0, 3, 20), (0, 1, 4, 9, 20)]
PADDING = 7  # of twenty terms, those that do not count


def task(rng):
    """A layer, inputs, and targets of which some are padding."""
    targets = rng.integers(2, size=20)
    counts = np.ones(20, bool)
    counts[rng.permutation(np.arange(1, 20))[:PADDING]] = False
    counts[[0, 1, 4, 9]] = True  # in every part one term counts
    return linear(rng), rng.normal(size=(20, 3)), targets, counts


def gradient(layer, x, targets, counts):
    """Of the mean loss over the terms that count."""
    y, pullback = layer.vjp(x)
    _, loss_pullback = cross_entropy_vjp(y, targets=np.where(counts, targets, -1), ignore=-1)
    d_layer, _ = pullback(loss_pullback(1.0))
    return d_layer


def parts(cut, layer, *data):
    for start, end in itertools.pairwise(cut):
        part = [array[start:end] for array in data]
        yield gradient(layer, *part), int(part[-1].sum()), end - start


def accumulated(cut, layer, *data):
    total = begin(layer)
    for d_layer, count, _ in parts(cut, layer, *data):
        total = add(total, d_layer, count)
    return mean(total)


def is_the_large_batch(combine, rng):
    """Whether the gradients of parts, combined, are that of the whole."""
    layer, *data = task(rng)
    whole = vector(gradient(layer, *data))
    return all(np.allclose(vector(combine(list(parts(cut, layer, *data)))), whole, **EXACT) for cut in CUTS)


@pytest.mark.parametrize("cut", CUTS)
def test_parts_give_the_gradient_of_the_large_batch(rng, cut):
    layer, *data = task(rng)
    np.testing.assert_allclose(vector(accumulated(cut, layer, *data)), vector(gradient(layer, *data)), **EXACT)


# Laws


def test_order_of_the_parts_does_not_matter(rng):
    gradients, weights = [linear(rng) for _ in range(5)], rng.uniform(1, 9, size=5)
    for order in (range(5), reversed(range(5))):
        total = begin(gradients[0])
        for k in order:
            total = add(total, gradients[k], weights[k])
        expected = sum(w * vector(g) for w, g in zip(weights, gradients, strict=True)) / weights.sum()
        np.testing.assert_allclose(vector(mean(total)), expected, **EXACT)


def test_a_single_part_is_the_whole(rng):
    g = linear(rng)
    assert np.array_equal(vector(mean(add(begin(g), g, 8))), vector(g))
    np.testing.assert_allclose(vector(mean(add(begin(g), g, 7))), vector(g), **EXACT)


def test_only_the_ratios_of_the_weights_matter(rng):
    one, two = linear(rng), linear(rng)
    made = [vector(mean(add(add(begin(one), one, 3 * scale), two, 5 * scale))) for scale in (1, 2.0**-9, 2.0**20)]
    assert np.array_equal(made[0], made[1]) and np.array_equal(made[0], made[2])


def test_nothing_given_is_written_to(rng):
    one, two = linear(rng), linear(rng)
    first = add(begin(one), one, 1)
    before = vector(first.s)
    for _, leaf in tree.leaves((one, two, first)):
        leaf.flags.writeable = False
    again = [vector(mean(add(first, two, 2))) for _ in range(2)]
    assert np.array_equal(*again) and np.array_equal(vector(first.s), before)


def test_float32_stays_float32(rng):
    g = linear(rng, np.float32)
    assert {leaf.dtype for _, leaf in tree.leaves(mean(add(begin(g), g, np.float64(3))))} == {np.dtype(np.float32)}


# Pitfalls


def scaled(c, g):
    return tree.map(lambda a: c * a, g)


def total(trees):
    return tree.map(lambda *a: sum(a), *trees)


def test_written_once_more_and_right_is_not_caught(rng):
    def right(parts):
        count = sum(n for _, n, _ in parts)
        return total([scaled(n / count, g) for g, n, _ in parts])

    assert is_the_large_batch(right, rng)


def test_mean_of_the_means_is_caught(rng):
    assert not is_the_large_batch(lambda parts: total([scaled(1 / len(parts), g) for g, _, _ in parts]), rng)


def test_sum_that_is_not_divided_is_caught(rng):
    assert not is_the_large_batch(lambda parts: total([g for g, _, _ in parts]), rng)


def test_padding_that_counts_is_caught(rng):
    assert not is_the_large_batch(lambda parts: total([scaled(size / 20, g) for g, _, size in parts]), rng)


def test_a_step_for_each_part_is_caught(rng):
    layer, *data = task(rng)
    state = SGD().init(layer)
    whole, _ = SGD().step(layer, accumulated(CUTS[2], layer, *data), state, 0.5)
    once, _ = SGD().step(layer, gradient(layer, *data), state, 0.5)
    wrong = layer
    for start, end in itertools.pairwise(CUTS[2]):
        part = [array[start:end] for array in data]
        wrong, state = SGD().step(wrong, scaled(part[-1].sum() / 13, gradient(wrong, *part)), state, 0.5)
    np.testing.assert_allclose(vector(whole), vector(once), **EXACT)
    assert abs(vector(wrong) - vector(once)).max() > 1e-3


def test_sum_that_is_not_begun_anew_is_caught(rng):
    one, two = linear(rng), linear(rng)
    first = add(begin(one), one, 4)
    anew, gone_on = mean(add(begin(one), two, 4)), mean(add(first, two, 4))
    assert np.array_equal(vector(anew), vector(two))
    np.testing.assert_allclose(vector(gone_on), (vector(one) + vector(two)) / 2, **EXACT)


# Errors


@pytest.mark.parametrize("weight", [0, -1.0, math.nan, math.inf])
def test_a_weight_must_be_positive_and_finite(rng, weight):
    g = linear(rng)
    with pytest.raises(ValueError, match=rf"^add: weight must be positive and finite, got {weight}$"):
        add(begin(g), g, weight)


def test_nothing_has_no_mean(rng):
    with pytest.raises(ValueError, match=r"^mean: accumulated\.weight must be positive and finite, got 0\.0$"):
        mean(begin(linear(rng)))


def test_what_does_not_fit_is_one_clear_line(rng):
    g = linear(rng)
    with pytest.raises(TypeError, match=r"^add: gradient of 'w' must be float64, got float32$"):
        add(begin(g), g.astype(np.float32), 1)
    with pytest.raises(ValueError, match=f"^{re.escape('add: gradient of ')}'model' must have shape .*, got .*$"):
        add(begin(np.zeros(3)), np.zeros(1), 1)
    for call, name in ((lambda: add(g, g, 1), "add"), (lambda: mean(g), "mean")):
        with pytest.raises(TypeError, match=rf"^{name}: accumulated must be an Accumulated, got Linear$"):
            call()
    with pytest.raises(ValueError, match=r"^add: accumulated\.weight must be finite and at least 0, got nan$"):
        add(Accumulated(s=g, weight=math.nan), g, 1)
