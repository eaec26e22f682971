"""Claims in what a much larger number absorbs are not contradicted; those in what stands still otherwise are."""

import numpy as np
import pytest

import gradcheck
import gradcheck.numeric.wider as wider
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.absorbed import DOUBT, allowing_for_what_is_absorbed, beside_absorbed

SHAPE = 4, 5
ALONG, ENTRY = Probe(0, seed=1), Probe(0, coordinate=0)


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def slope(p, dy):
    return p * (dy - (p * dy).sum(-1, keepdims=True))


def real(x):
    if np.iscomplexobj(x):
        raise TypeError("real numbers alone")
    return x


def masked(change=lambda d: d, way_in=lambda x: x, dtype=np.float64):
    """A softmax under a mask, whose way back is changed."""

    def layer(s, *, mask):
        p = softmax(way_in(s).astype(dtype if s.dtype == np.float64 else s.dtype) + mask.astype(dtype))
        return p.astype(np.result_type(p, np.float64)), lambda dy: change(slope(p, dy))

    return layer


def rows_hidden(rows, size=-1e30):
    mask = np.zeros(SHAPE)
    mask[rows] = size
    return mask


def found(subject, *inputs, seed=0, **constants):
    (gradient,) = gradcheck.Checker(seed=seed)(subject, *inputs, **constants).gradients
    return gradient.verdict, gradient.reason


def drawn(seed, shape=SHAPE):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("size", "rows", "seed"), [
    (-1e17, 0, 0), (-1e30, 0, 1), (-1e30, slice(0, 3), 2), (-3e38, slice(0, 3), 1), (np.finfo(np.float64).min, 0, 3),
])  # fmt: skip
def test_a_right_softmax_under_a_mask_that_absorbs_rows_does_not_fail(size, rows, seed):
    x, mask = drawn(seed), rows_hidden(rows, size)
    assert found(masked(), x, mask=mask, seed=seed) == ("pass", "")
    assert found(masked(way_in=real), x, mask=mask, seed=seed) == ("inconclusive", DOUBT)


@pytest.mark.parametrize("size", [-1e9, -1e30])
def test_nor_does_one_in_float32(size):
    """Where -1e9 absorbs what is smaller than 32."""
    assert found(masked(way_in=real, dtype=np.float32), drawn(0), mask=rows_hidden(1, size))[0] == "inconclusive"


def test_what_is_told_of_one_that_passes():
    report = gradcheck.check(masked(), drawn(1), mask=rows_hidden(0))
    assert report.verdict == "pass" and any(DOUBT in f.message for f in report.findings)


@pytest.mark.parametrize("way_in", [lambda x: x, real])
def test_one_that_is_wrong_in_other_rows_fails_and_is_shown_there(way_in):
    def change(d):
        d = d.copy()
        d[3] *= 1.1
        return d

    (gradient,) = gradcheck.check(masked(change, way_in), drawn(1), mask=rows_hidden(slice(0, 2))).gradients
    assert gradient.verdict == "fail" and {index[0] for index in gradient.wrong} == {3}


def test_a_wrong_one_never_passes_in_the_rows_that_are_absorbed():
    def change(d):
        d = d.copy()
        d[0] *= 1.1
        return d

    for way_in in (lambda x: x, real):
        assert found(masked(change, way_in), drawn(2), mask=rows_hidden(0))[0] == "inconclusive"


@pytest.mark.parametrize("c", [1e17, 1e18, 1e30])
def test_sums_with_a_large_number_that_is_taken_away_again_do_not_fail(c):
    assert found(lambda x: ((real(x) + c) - c, lambda dy: dy), drawn(0)) == ("inconclusive", DOUBT)
    assert found(lambda x: (((x + c) - c) ** 2, lambda dy: 2 * x * dy), drawn(1)) == ("inconclusive", DOUBT)


def test_a_sum_over_rows_does_not_fail_for_one_that_is_absorbed():
    def layer(factor):
        def layer(x, *, mask, t):
            p = softmax(real(x) + mask)
            scale = np.where(np.arange(4) > 1, factor, 1.0)[:, None]
            return np.array((p * t).sum()), lambda dy: scale * slope(p, dy * t)

        return layer

    for factor, verdict in ((1.0, "inconclusive"), (1.2, "fail")):
        assert found(layer(factor), drawn(3), mask=rows_hidden(0), t=drawn(4))[0] == verdict


@pytest.mark.parametrize("forward", [
    lambda x: np.maximum(x, 0),
    lambda x: np.where(x > 50, x, 0),
    lambda x: np.where(np.abs(x) > 50, x, 0),
    lambda x: np.where(np.arange(20).reshape(SHAPE) % 2 == 0, x, 0),
    lambda x: np.round(x),
    lambda x: np.round(4 * x) / 4 @ np.arange(5.0)[:, None],
    lambda x: np.sign(x),
    lambda x: softmax(np.where(np.arange(4)[:, None] == 0, -1e30, x)),
    lambda x: softmax(x + np.where(np.arange(5) == 2, -1e30, 0)),
])  # fmt: skip
def test_a_slope_where_the_output_does_not_depend_on_an_entry_still_fails(forward):
    assert found(lambda x: (forward(real(x)), lambda dy: dy + np.zeros(SHAPE)), drawn(5))[0] == "fail"


# By numbers made by hand


def absorbing(c, shape=lambda z, x: z):
    return lambda x: shape((x + c) - c, x)


def at(ground, forward, x=None):
    x = np.array([1.0, -0.5, 2.0]) if x is None else x
    return ground(forward, lambda x, dy: dy + 0.0, x)


def contradicted(place, comparison, probe=ALONG, also=0.0):
    """A claim of all slopes beside differences of zero."""
    direction = probe.direction(place.place.point)
    claimed, *_ = place.claim.along(direction)
    return comparison(claimed + also, np.zeros(len(claimed)), bar=1e-9, probe=probe)


@pytest.mark.parametrize("probe", [ALONG, ENTRY])
@pytest.mark.parametrize("c", [1e18, 1e30, 2.0**100])
def test_a_contradiction_in_what_is_absorbed_is_none(ground, comparison, probe, c):
    place = at(ground, absorbing(c))
    c = contradicted(place, comparison, probe)
    assert c.outside().all()
    (seen,) = allowing_for_what_is_absorbed(place, [c])
    assert seen.doubt == DOUBT and not seen.outside().any() and np.isinf(seen.real.bar).all()


def test_what_is_contradicted_beside_that_stays_so(ground, comparison):
    place = at(ground, absorbing(1e30))
    c = contradicted(place, comparison, also=1.0)
    right = contradicted(place, comparison, ENTRY)
    assert allowing_for_what_is_absorbed(place, [c, right]) == [c, right], "an array that is wrong is asked no more"


@pytest.mark.parametrize("shape", [
    lambda z, x: np.where(x > 100, z, 0),  # changes to one side
    lambda z, x: np.where(np.abs(x) > 1e20, x, 0),  # does not stand still beyond
    lambda z, x: np.where(np.abs(x) > 5, 1.0, 0),  # as near as steps of the numbers' own
    lambda z, x: np.where(x > 1e20, 1.0, np.where(x < -1e9, -1.0, 0)),  # far farther to one side
    lambda z, x: 0 * z,  # never
    lambda z, x: np.where(np.abs(x) > 1e20, np.inf, 0),  # ends there
])  # fmt: skip
def test_what_stands_still_otherwise_is_not_absorbed(ground, comparison, shape):
    place = at(ground, absorbing(1e30, shape))
    c = contradicted(place, comparison)
    assert allowing_for_what_is_absorbed(place, [c]) == [c]


@pytest.mark.skipif(not wider.WIDER, reason="no format here is wider than float64")
def test_of_a_number_not_much_larger_a_wider_format_tells(ground, comparison, monkeypatch):
    place = at(ground, absorbing(1e17))
    c = contradicted(place, comparison)
    assert not allowing_for_what_is_absorbed(place, [c])[0].outside().any()
    monkeypatch.setattr(wider, "WIDER", False)
    assert allowing_for_what_is_absorbed(place, [c]) == [c]


def test_numbers_of_any_size_are_moved_as_far_as_there_are_numbers(ground, comparison):
    for size in (1e-300, 1e300):
        place = at(ground, lambda x: 0 * x, size * np.array([1.0, -0.5, 2.0]))
        c = contradicted(place, comparison)
        assert allowing_for_what_is_absorbed(place, [c]) == [c]


def test_what_needs_no_look_has_none(ground, comparison):
    place = at(ground, absorbing(1e30))
    before = dict(place.problem.count)
    right, all_arrays = comparison([0.0, 0.0], 0.0, probe=ALONG), comparison([1.0, 1.0], 0.0, probe=Probe(None))
    bare, nan = comparison([1.0, 1.0], probe=ALONG), comparison([np.nan, np.nan], 0.0, probe=ALONG)
    plain = comparison([2.0, 2.0], 1.0, bar=1e-9, exact=1.0, probe=ALONG)  # complex numbers show it as well
    assert plain.outside().all()
    for c in (right, all_arrays, bare, nan, plain):
        assert allowing_for_what_is_absorbed(place, [c]) == [c]
    assert dict(place.problem.count) == before


def test_entries_are_sought_beside_what_is_absorbed(ground, comparison):
    place = at(ground, lambda x: np.append((x[:1] + 1e30) - 1e30, x[1:]))
    rng = np.random.default_rng(0)
    beside = beside_absorbed(place, contradicted(place, comparison), rng)
    assert (beside.place.g[:, 0] == 0).all() and (beside.place.g[:, 1:] == place.place.g[:, 1:]).all()
    assert (beside.claim.values[0][:, 0] == 0).all()
    plain = at(ground, lambda x: 2 * x)
    assert beside_absorbed(plain, contradicted(plain, comparison), rng) is plain
