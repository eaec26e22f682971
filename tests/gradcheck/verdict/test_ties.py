"""Where more than two pieces meet, the claims of all of them are right; what lies far outside is not."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair

ORDERED = np.array([0.5, -1.2, 0.5, 2.0, 0.5, 0.1, 0.5, -0.4])  # four are equal
MIDDLE = np.array([0.1, 0.5, 0.5, 0.5, 0.9, -0.3, 0.2, 2.0, 3.0])
LARGEST = np.array([1.0, 3.0, 3.0, 3.0, 2.0])


def sort_backward(x, dy):
    dx = np.empty_like(dy)
    dx[np.argsort(x, kind="stable")] = dy
    return dx


def median_backward(x, dy):
    return dy * (np.arange(x.size) == np.argsort(x, kind="stable")[x.size // 2])


def shared(x, dy):
    top = x == x.max()
    return dy * top / np.count_nonzero(top)


RIGHT = {
    "sort": (np.sort, sort_backward, ORDERED),
    "sort, the last first": (np.sort, lambda x, dy: sort_backward(x[::-1], dy)[::-1], ORDERED),
    "median": (lambda x: np.median(x), median_backward, MIDDLE),
    "maximum": (lambda x: x.max(), lambda x, dy: dy * (np.arange(x.size) == x.argmax()), LARGEST),
    "maximum, shared": (lambda x: x.max(), shared, LARGEST),
}


@pytest.mark.parametrize("name", RIGHT)
def test_at_a_tie_of_several_the_claim_of_each_piece_is_right(name):
    forward, backward, x = RIGHT[name]
    report = gradcheck.check(pair(forward, backward), x)
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("factor", [-1.0, 8.0])
@pytest.mark.parametrize("name", ["sort", "median"])
def test_at_a_tie_of_several_what_is_far_from_every_piece_is_wrong(name, factor):
    forward, backward, x = RIGHT[name]

    def wrong(x, dy):
        tied = (x == 0.5) if np.count_nonzero(x == 0.5) > 1 else np.zeros(x.shape)
        return backward(x, dy) * np.where(tied, factor * 8, 1)

    assert gradcheck.check(pair(forward, wrong), x).verdict == "fail"


def hidden(slope, at_zero):
    """A rectifier of x w: at a row of zeros every unit has a kink of its own."""

    def mask(z):
        return np.where(z == 0, at_zero, np.where(z > 0, 1, slope))

    def forward(x, w):
        z = x @ w
        return np.where(np.real(z) > 0, z, slope * z)

    return pair(forward, lambda x, w, dy: ((dy * mask(x @ w)) @ w.T, x.T @ (dy * mask(x @ w))))


@pytest.mark.parametrize(("slope", "at_zero"), [(0.0, 0.0), (0.0, 1.0), (0.2, 0.2), (0.2, 1.0), (0.0, 0.5)])
@pytest.mark.parametrize("seed", range(3))
def test_behind_a_row_of_zeros_every_subgradient_of_every_unit_is_right(seed, slope, at_zero):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, 4))
    x[[0, 3]] = 0
    report = gradcheck.check(hidden(slope, at_zero), x, rng.normal(size=(4, 6)))
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("at_zero", [-9.0, 9.0])
def test_behind_a_row_of_zeros_what_no_unit_allows_is_wrong(rng, at_zero):
    x = rng.normal(size=(5, 4))
    x[[0, 3]] = 0
    assert gradcheck.check(hidden(0.0, at_zero), x, rng.normal(size=(4, 6))).verdict == "fail"


@pytest.mark.parametrize("at_zero", [-0.01, 1.01])
def test_where_two_pieces_meet_alone_they_decide(at_zero):
    f = pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * np.where(x == 0, at_zero, x > 0))
    assert gradcheck.check(f, np.array([0.0, 0.0, 0.0, 1.5, -2.0])).verdict == "fail"
