"""The complex step is believed where real differences confirm it, and nowhere else."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.plain import Plain
from gradcheck.numeric.probe import Along
from gradcheck.numeric.reading import Exact
from gradcheck.numeric.sharpen import exact, sharpened
from gradcheck.numeric.slopes import Slopes, Spot

NO = np.zeros(1)
SPOT = Spot([np.array(1.0)], np.ones(1), np.full(1, 2.0**-53), NO, exact=True)
PROBE = Along(None, vectors=(np.array(1.0),))
STEP = Exact(np.array([2.0]), np.array([2.0]), np.array([1e-16]))


def slopes(value=2.0, bar=1e-9, kink=False):
    v, no = np.array([value]), np.zeros(1, bool)
    return Slopes(v, np.array([bar]), v, v, np.array([kink]), no, no, no)


def test_what_agrees_has_the_value_and_the_bar_of_the_complex_step():
    found = sharpened(slopes(2 + 5e-10), STEP, SPOT, PROBE)
    assert found.value == found.right == found.left == 2.0
    assert found.bar == pytest.approx(16 * 2.0**-53 * 2 + 4e-16, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    "found",
    [slopes(2 + 1e-8), slopes(bar=np.inf), slopes(bar=1e-2), slopes(kink=True)],
    ids=["contradicts", "resolves nothing", "resolves too little", "has a kink"],
)
def test_what_real_differences_do_not_confirm_is_not_believed(found):
    assert sharpened(found, STEP, SPOT, PROBE) is None


def test_a_bar_that_is_better_already_stays():
    found = slopes(bar=1e-18)
    noisy = dataclasses.replace(STEP, noise=np.array([1e-12]))
    assert sharpened(found, noisy, SPOT, PROBE).bar == 1e-18


def test_the_step_is_told_in_units_of_the_given_direction():
    plain = Plain(np.sin, 0.3, "derivative")
    for unit in (1.0, 2.0**-8):
        spot = dataclasses.replace(SPOT, point=plain.point)
        step = exact(plain, spot, Along(None, vectors=(np.array(1.0),), unit=unit))
        assert np.allclose(step.value, np.cos(0.3), rtol=1e-15, atol=0) and step.size == step.value
