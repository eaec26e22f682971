"""The complex step is believed where real differences confirm it, and nowhere else."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.constants import EVIDENCE
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


def test_a_step_whose_noise_was_not_measured_is_not_believed():
    assert sharpened(slopes(), dataclasses.replace(STEP, noise=None), SPOT, PROBE) is None


def test_a_bar_that_is_better_already_stays():
    found = slopes(bar=1e-18)
    noisy = dataclasses.replace(STEP, noise=np.array([1e-12]))
    assert sharpened(found, noisy, SPOT, PROBE).bar == 1e-18


def test_its_noise_is_the_same_whenever_it_is_measured():
    x, d = np.linspace(0.1, 3, 50), np.ones(50)
    plain, probe = Plain(lambda x: np.exp(np.sin(7 * x)), x, "jacobian"), Along(None, vectors=(d,))
    first, second = (exact(plain, dataclasses.replace(SPOT, point=plain.point), probe).noise for _ in range(2))
    assert np.array_equal(first, second) and first.any()


def test_the_step_is_told_in_units_of_the_given_direction():
    plain, noises = Plain(np.sin, 0.3, "derivative"), []
    for unit in (1.0, 2.0**-8):
        spot = dataclasses.replace(SPOT, point=plain.point)
        step = exact(plain, spot, Along(None, vectors=(np.array(1.0),), unit=unit))
        assert np.allclose(step.value, np.cos(0.3), rtol=1e-15, atol=0) and step.size == step.value
        noises.append(step.noise[0])
    assert 0 < noises[0] < 1e-15 and noises[0] == noises[1]


def test_a_step_that_has_been_taken_is_not_taken_again():
    plain = Plain(np.sin, 0.3, "derivative")
    spot = dataclasses.replace(SPOT, point=plain.point)
    once = exact(plain, spot, PROBE)
    before = plain.count["complex forward"]
    again = exact(plain, spot, PROBE, np.array([0.5]))
    assert before == 4 and plain.count["complex forward"] - before == 3, "three times a few roundings away"
    assert again.value == again.size == 0.5 and once.noise < 1e-15 < again.noise


@pytest.mark.parametrize("unit", [1.0, 0.25, 4.0])
@pytest.mark.parametrize(("value", "y"), [(2.0, 0.5), (0.5, 2.0)])
def test_a_bar_is_evidence_that_is_a_thousandth_of_the_derivative_or_of_the_output_along_the_direction(value, y, unit):
    step = Exact(np.array([value]), np.array([0.0]), np.array([0.0]))
    spot, probe = dataclasses.replace(SPOT, y=np.array([y])), dataclasses.replace(PROBE, unit=unit)
    most = EVIDENCE * max(value, y / unit)
    assert sharpened(slopes(value, most), step, spot, probe) is not None
    assert sharpened(slopes(value, 1.001 * most), step, spot, probe) is None


def both(value, bar, kink=(False, False)):
    no = np.zeros(2, bool)
    return Slopes(np.array(value), np.array(bar), np.array(value), np.array(value), np.array(kink), no, no, no)


TWO = Exact(np.array([2.0, 3.0]), np.array([0.0, 0.0]), np.array([2.0**-42, 2.0**-42]))  # bars of 2^-40
SPOTS = dataclasses.replace(SPOT, y=np.ones(2))


def test_one_output_that_contradicts_is_enough_to_believe_none():
    assert sharpened(both([2.0, 3.0], [1e-9, 1e-9]), TWO, SPOTS, PROBE) is not None
    assert sharpened(both([2.0, 3.1], [1e-9, 1e-9]), TWO, SPOTS, PROBE) is None
    assert sharpened(both([2.0, 3.0], [1e-9, 1e-2]), TWO, SPOTS, PROBE) is None


def test_a_kink_of_one_output_leaves_the_others_to_be_sharpened():
    found = sharpened(both([2 + 2.0**-31, 7.0], [2.0**-30, 2.0**-30], (False, True)), TWO, SPOTS, PROBE)
    assert found.value.tolist() == [2, 7] and found.bar.tolist() == [2.0**-40, 2.0**-30]


def test_what_lies_exactly_within_both_bars_agrees_and_the_smaller_bar_is_kept():
    found = both([2 + 2.0**-30 + 2.0**-40, 3 - 2.0**-41], [2.0**-30, 2.0**-40])
    sharp = sharpened(found, TWO, SPOTS, PROBE)
    assert sharp.value.tolist() == [2, 3 - 2.0**-41] and sharp.bar.tolist() == [2.0**-40, 2.0**-40]
