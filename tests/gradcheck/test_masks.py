"""Additive masks of the smallest number of a dtype, as an input: nothing can be said of them, and of the rest all."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict.verdicts import FIXED

SEEN = np.tril(np.ones((4, 5)), 1) > 0


def weights(s, mask):
    e = np.exp(s + mask - (s + mask).max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def backward(s, mask, dy):
    p = weights(s, mask)
    d = p * (dy - (p * dy).sum(-1, keepdims=True))
    return d, d


def doubled(s, mask, dy):
    d, d_mask = backward(s, mask, dy)
    return 2 * d, d_mask


def changing(change):
    """The way back with another gradient for the mask."""

    def way_back(s, mask, dy):
        d, d_mask = backward(s, mask, dy)
        return d, change(d_mask)

    return way_back


def checked(way_back, hidden, dtype, seed=0):
    s = np.random.default_rng(seed).normal(size=SEEN.shape).astype(dtype)
    report = gradcheck.Checker(seed=seed)(pair(weights, way_back), s, np.where(SEEN, 0, hidden).astype(dtype))
    return {g.name: (g.verdict, g.reason) for g in report.gradients}, report.verdict


@pytest.mark.parametrize(("hidden", "dtype"), [
    (np.finfo(np.float64).min, np.float64), (np.finfo(np.float32).min, np.float32), (-np.inf, np.float64)])  # fmt: skip
def test_scores_beside_a_mask_are_judged(hidden, dtype):
    for seed in range(3):
        assert checked(backward, hidden, dtype, seed)[0]["s"][0] == "pass"
        assert checked(doubled, hidden, dtype, seed)[0]["s"][0] == "fail"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("hidden", [-1e4, -1e9, -1e30])
def test_a_mask_that_can_be_moved_is_judged_as_well(hidden, dtype):
    """Its zeros move as far as zeros do elsewhere, not by what stands for infinity."""
    wrong = {
        "doubled": lambda d: 2 * d,
        "off": lambda d: 1.01 * d,
        "forgotten": np.zeros_like,
        "off in one entry": lambda d: d * np.where(np.arange(20) == 7, 1.5, 1).astype(dtype).reshape(4, 5),
    }
    for seed in range(4):
        assert checked(backward, hidden, dtype, seed) == ({"s": ("pass", ""), "mask": ("pass", "")}, "pass")
        for name, change in wrong.items():
            assert checked(changing(change), hidden, dtype, seed)[0]["mask"][0] == "fail", name


@pytest.mark.parametrize("hidden", [-1e9, -1e30])
def test_so_is_one_that_holds_scores_too(hidden):
    scores = np.where(SEEN, np.random.default_rng(5).normal(size=SEEN.shape), hidden)
    for factor, verdict in ((1.0, "pass"), (1.01, "fail")):
        off = pair(weights, changing(lambda d, factor=factor: factor * d))
        for size in (1e-8, 1.0):
            report = gradcheck.check(off, size * np.ones(SEEN.shape), scores)
            assert report.gradients[1].verdict == verdict, str(report)


def test_of_a_mask_that_cannot_be_moved_that_is_said():
    found, verdict = checked(backward, np.finfo(np.float64).min, np.float64)
    assert found["mask"] == ("inconclusive", FIXED) and verdict == "inconclusive"


def test_one_that_is_declared_straight_through_beside_it_leaves_nothing_to_compare():
    checker = gradcheck.Checker(straight_through=["s"])
    mask = np.where(SEEN, 0, np.finfo(np.float64).min)
    report = checker(pair(weights, backward), np.ones(SEEN.shape), mask)
    assert report.verdict == "inconclusive" and {g.reason for g in report.gradients} == {"not compared"}
