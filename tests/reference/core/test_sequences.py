import numpy as np
import pytest

from reference.core import sequences
from reference.core.masks import causal, padding
from reference.core.sequences import few_at_a_time
from reference.functions.attend import attend_vjp
from reference.functions.blockwise import blockwise_vjp

MASKS = {"all": None, "one of all": causal(4, 6), "each its own": padding(np.array([6, 3, 0, 2, 5]), 6)}


def inputs(rng, groups=4):
    q, k = rng.normal(size=(5, 4, 4, 3)), rng.normal(size=(5, groups, 6, 3))
    return q, k, rng.normal(size=k.shape)


@pytest.fixture(autouse=True)
def two_at_a_time(monkeypatch):
    for name in ("ENTRIES", "FEWER"):
        monkeypatch.setattr(sequences, name, 2 * 4 * 4 * 6 + 1)


def counted(kernel, sizes):
    def call(q, *rest, **options):
        sizes.append(len(q))
        return kernel(q, *rest, **options)

    return call


@pytest.mark.parametrize("kernel", [attend_vjp, blockwise_vjp])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("options", [{}, {"causal": True, "window": 2}, {"slopes": np.array([1, 0.5, 0.3, 0.1])}])
def test_parts_give_what_the_whole_batch_gives(rng, kernel, mask, options):
    for groups in (4, 2):
        given, sizes = inputs(rng, groups), []
        do = rng.normal(size=(5, 4, 4, 3))
        o, pullback = few_at_a_time(counted(kernel, sizes), *given, mask=mask, **options)
        whole, of_whole = kernel(*given, mask=mask, **options)
        assert sizes == [2, 2, 1]
        np.testing.assert_allclose(o, whole, rtol=0, atol=1e-14)  # a few roundings of numbers of size 1
        for _ in range(2):  # a pullback may be called again
            for got, expected in zip(pullback(do), of_whole(do), strict=True):
                np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13)


def test_what_comes_is_merged_without_a_copy(rng):
    o, pullback = few_at_a_time(attend_vjp, *inputs(rng))
    for z in (o, *pullback(np.ones(o.shape))):
        assert np.shares_memory(z, z.swapaxes(1, 2).reshape(5, z.shape[2], 12))


@pytest.mark.parametrize("options", [{"bias": 1}, {"dropout": 0.4}])
def test_a_bias_or_dropout_takes_the_batch_whole(rng, options):
    sizes, bias = [], [rng.normal(size=(1, 1, 4, 6))] * options.pop("bias", 0)
    if options:
        options["rng"] = np.random.default_rng(1)
    o, _ = few_at_a_time(counted(attend_vjp, sizes), *(given := inputs(rng)), *bias, **options)
    if options:
        options["rng"] = np.random.default_rng(1)
    assert sizes == [5]
    np.testing.assert_array_equal(o, attend_vjp(*given, *bias, **options)[0])


def test_a_batch_that_fits_and_an_empty_one_are_taken_whole(rng):
    for count in (0, 1, 2):
        sizes = []
        few_at_a_time(counted(attend_vjp, sizes), *(z[:count] for z in inputs(rng)))
        assert sizes == [count]


def test_a_batch_is_one_part_up_to_more_scores_than_a_part_of_a_larger_one_has(rng, monkeypatch):
    sizes: list[int] = []
    monkeypatch.setattr(sequences, "FEWER", 4 * 4 * 6)
    for count in (2, 3):
        few_at_a_time(counted(attend_vjp, sizes), *(z[:count] for z in inputs(rng)))
    assert sizes == [2, 1, 1, 1]


def test_dtypes_are_kept(rng):
    for dtype in (np.float32, np.complex128):
        o, pullback = few_at_a_time(attend_vjp, *(z.astype(dtype) for z in inputs(rng)))
        assert {z.dtype for z in (o, *pullback(o))} == {np.dtype(dtype)}
