"""What a batch changes is told, and nothing else: not roundings, not refusals, not random numbers."""

import warnings

import numpy as np
import pytest
from narrow import to_bits

from gradcheck.adapters.batches import MOST, Trial, _in_steps, batched


@pytest.fixture
def arrays(rng):
    return [rng.normal(size=(3, 4)), rng.normal(size=4).astype(np.float32)]


def single(arrays, seed):
    """y = x w, with dy = the seed."""
    x, w = arrays
    return [x * w], [(1 + seed) * np.ones_like(x) * w, ((1 + seed) * x.sum(axis=0)).astype(w.dtype)]


def one_by_one(points, seeds):
    results = [single(*pair) for pair in zip(points, seeds, strict=True)]
    return [[np.stack(column) for column in zip(*(r[k] for r in results), strict=True)] for k in range(2)]


def changed(k, i, change):
    """The batch, with `change` of its i-th output (k = 0) or gradient (k = 1)."""

    def batch(points, seeds):
        found = one_by_one(points, seeds)
        found[k][i] = change(found[k][i])
        return found

    return batch


def told(arrays, cotangents=one_by_one, points=one_by_one, first=single, **constants):
    found = batched(Trial(["x", "w"], first, {"way": cotangents}, {"other": points}), arrays, constants)
    assert all((f.kind, f.severity, f.array) == ("batch", "fail", None) for f in found)
    return [f.message for f in found]


AT_ONE = "2 cotangents at once (way) give another {} than one after the other"
AT_OTHERS = "2 points at once (other) give another {} than one after the other"


def test_a_batch_that_changes_nothing_is_not_mentioned(arrays):
    assert told(arrays) == []


@pytest.mark.parametrize(("k", "i", "what"), [(0, 0, "output"), (1, 0, "gradient of x"), (1, 1, "gradient of w")])
@pytest.mark.parametrize("change", [lambda a: 1.05 * a, lambda a: a[:, :1], lambda a: a * np.nan])
def test_what_a_batch_changes_is_told(arrays, k, i, what, change):
    batch = changed(k, i, change)
    assert told(arrays, cotangents=batch) == [AT_ONE.format(what)]
    assert told(arrays, points=batch) == [AT_OTHERS.format(what)]


@pytest.mark.parametrize(("k", "i", "what"), [(0, 0, "output"), (1, 0, "gradient of x"), (1, 1, "gradient of w")])
def test_results_of_points_in_another_order_are_told(arrays, k, i, what):
    assert told(arrays, points=changed(k, i, lambda a: a[::-1])) == [AT_OTHERS.format(what)]


def test_what_is_not_finite_one_after_the_other_is_not_compared(arrays):
    arrays[0][0, 0] = np.inf
    assert told(arrays, cotangents=changed(1, 0, np.nan_to_num)) == []


def test_of_outputs_and_gradients_the_outputs_are_told_alone(arrays):
    def batch(points, seeds):
        ys, ds = one_by_one(points, seeds)
        return [2 * y for y in ys], [2 * d for d in ds]

    assert told(arrays, points=batch) == [AT_OTHERS.format("output")]


def test_both_gradients_are_told(arrays):
    def batch(points, seeds):
        ys, ds = one_by_one(points, seeds)
        return ys, [-d for d in ds]

    assert told(arrays, points=batch) == [AT_OTHERS.format("gradient of x"), AT_OTHERS.format("gradient of w")]


def test_what_a_narrow_format_rounds_is_not_told(arrays):
    assert told(arrays, points=changed(1, 0, lambda a: a * (1 + 2.0**-8))) == []  # bfloat16 inside


def test_what_changes_as_much_by_roundings_is_not_told(arrays):
    def rough(arrays, seed):
        ys, ds = single(arrays, seed)
        return ys, [ds[0] * (1 + 1e5 * np.sin(1e9 * arrays[0])), ds[1]]  # roundings are of the coarsest array, float32

    def batch(points, seeds):
        results = [rough(*pair) for pair in zip(points, seeds, strict=True)]
        ys, ds = ([np.stack(column) for column in zip(*(r[k] for r in results), strict=True)] for k in range(2))
        return ys, [ds[0] * 1.5, ds[1]]

    assert told(arrays, cotangents=batch, points=batch, first=rough) == []


def refuses(points, seeds):
    raise NotImplementedError("no batching rule")


def test_a_refusal_to_batch_is_not_told_and_the_other_way_is_tried(arrays):
    assert told(arrays, cotangents=refuses, points=changed(0, 0, lambda a: -a)) == [AT_OTHERS.format("output")]


def test_where_single_ones_fail_at_other_points_only_those_are_passed_over(arrays):
    x = arrays[0]

    def fixed(arrays, seed):
        if not np.allclose(arrays[0], x, rtol=1e-3, atol=0):  # a rounding of float32 is less
            raise ValueError("outside")
        return single(arrays, seed)

    wrong = changed(0, 0, lambda a: -a)
    assert told(arrays, cotangents=wrong, points=wrong, first=fixed) == [AT_ONE.format("output")]


def test_what_draws_random_numbers_is_not_judged(arrays):
    def dropped(arrays, seed):
        ys, ds = single(arrays, seed)
        return [y * (np.random.random(y.shape) < 0.5) for y in ys], ds  # noqa: NPY002

    wrong = changed(0, 0, lambda a: -a)
    assert told(arrays, cotangents=wrong, points=wrong, first=dropped) == []
    assert told(arrays, cotangents=wrong, points=wrong, rng=np.random.default_rng(0)) == []


def test_large_arrays_are_not_tried(rng):
    wrong = changed(0, 0, lambda a: -a)
    sizes = {MOST: [AT_OTHERS.format("output")], MOST + 4: []}
    for size, expected in sizes.items():
        arrays = [np.ones((size // 4 - 1, 4)), np.ones(4)]
        assert told(arrays, points=wrong) == expected


def test_the_points_of_a_batch_are_two_others(arrays):
    seen = []

    def batch(points, seeds):
        seen.append((points, list(seeds)))
        return one_by_one(points, seeds)

    told(arrays, cotangents=batch, points=batch)
    (same, seeds), (others, _) = seen
    assert seeds == [0, 1]
    assert all(x is y for point in same for x, y in zip(point, arrays, strict=True))
    assert [[x.dtype for x in point] for point in others] == [[np.float64, np.float32]] * 2
    one, two = (point[0] for point in others)
    assert all((a != b).all() for a, b in ((one, two), (one, arrays[0]), (two, arrays[0])))


def test_of_how_a_framework_batches_nobody_is_warned(arrays, recwarn):
    def slow(points, seeds):
        warnings.warn("there is a performance drop", stacklevel=1)
        return one_by_one(points, seeds)

    assert told(arrays, cotangents=slow, points=slow) == [] and not recwarn.list


def stepping(arrays, seed):
    """A unit that is on or off, of numbers of eight bits."""
    x, w = (to_bits(a.astype(float), 8) for a in arrays)
    on = to_bits(x @ w, 8) > 0
    return [to_bits(on * (x @ w), 8)], [to_bits((1 + seed) * on[:, None] * w, 8), to_bits((1 + seed) * on @ x, 8)]


def test_a_unit_that_a_rounding_turns_on_is_not_told_but_twice_its_gradient_is(rng):
    """The sum of six numbers is no more than a rounding of theirs."""
    x = rng.normal(size=(3, 4))
    x[0] = [1.0, -1.0, 1.0, -0.9999]
    arrays = [x, np.ones(4)]

    def turned(points, seeds, by):
        results = [stepping(*both) for both in zip(points, seeds, strict=True)]
        found = [[np.stack(column) for column in zip(*(r[k] for r in results), strict=True)] for k in range(2)]
        found[1][1] = found[1][1] + by * x[0]
        return found

    for by, expected in ((0.0, []), (-1.0, []), (10.0, [AT_ONE.format("gradient of w")])):
        assert told(arrays, cotangents=lambda *z, by=by: turned(*z, by), points=refuses, first=stepping) == expected


def test_numbers_that_depend_on_no_point_are_no_steps(arrays):
    """What a bias gets changes neither by roundings of few bits nor by less."""

    def linear(arrays, seed):
        x, w = arrays
        return [x * w], [(1 + seed) * np.ones_like(x) * w, (1 + seed) * np.ones_like(w)]

    def batch(points, seeds):
        results = [linear(*both) for both in zip(points, seeds, strict=True)]
        ys, ds = ([np.stack(column) for column in zip(*(r[k] for r in results), strict=True)] for k in range(2))
        return ys, [ds[0] * 1.02, ds[1]]

    assert told(arrays, cotangents=batch, points=refuses, first=linear) == [AT_ONE.format("gradient of x")]


def test_steps_are_where_most_entries_move_far_away_and_of_these_most_not_near_by():
    here = np.zeros(8)
    far, few = np.ones(8), np.array([1.0] * 4 + [0.0] * 4)
    assert _in_steps(here, here, far) and _in_steps(here, few * 0, far)
    assert not _in_steps(here, here, few) and not _in_steps(here, few, far) and not _in_steps(here, here, here)
