"""What a float64 layer keeps for the way back in float32 is off by 2^-25 of each entry, and that contradicts."""

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair


def kept(x):
    return x.astype(np.float32).astype(np.float64)


PRODUCT = pair(lambda x, w: x @ w, lambda x, w, dy: (dy @ w.T, kept(x).T @ dy))
GAIN = pair(lambda x, g: x * g, lambda x, g, dy: (dy * g, (dy * kept(x)).sum(0)))
SQUARE = pair(lambda x: x * x, lambda x, dy: 2 * dy * kept(x))
CASES = {
    "product": (PRODUCT, (60, 40), (40, 20)),
    "product of many rows": (PRODUCT, (500, 6), (6, 3)),
    "gain": (GAIN, (100, 30), (30,)),
    "square": (SQUARE, (40, 30)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(4))
def test_it_fails(name, seed):
    rng = np.random.default_rng(0)
    subject, *shapes = CASES[name]
    report = gradcheck.Checker(seed=seed)(subject, *(rng.normal(size=shape) for shape in shapes))
    assert report.verdict == "fail", report
