"""Which format an output is made of, and what a bar may be there."""

import math

import numpy as np
import pytest

from gradcheck.precision.formats import LOW, fewest_digits, name, need, unit_roundoff

BFLOAT16, FLOAT16, FLOAT32, FLOAT64 = 2.0**-8, 2.0**-11, 2.0**-24, 2.0**-53


def of_bits(bits, size=24, seed=3):
    """Random numbers of so many significant bits."""
    mantissa, exponent = np.frexp(np.random.default_rng(seed).normal(size=size))
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def test_numbers_that_fit_a_narrow_format_were_computed_in_it():
    x = np.random.default_rng(3).normal(size=9)
    assert unit_roundoff([x]) == FLOAT64
    assert unit_roundoff([x.astype(np.float32).astype(float)]) == FLOAT32
    assert unit_roundoff([x.astype(np.float16).astype(float)]) == FLOAT16
    assert unit_roundoff([x.astype(np.float32)]) == FLOAT32


def test_all_outputs_must_fit():
    x = np.random.default_rng(3).normal(size=(3, 3))
    assert unit_roundoff([x.astype(np.float16).astype(float), x]) == FLOAT64
    assert unit_roundoff([x.astype(np.float16), x.astype(np.float32)]) == FLOAT32


@pytest.mark.parametrize("u", [BFLOAT16, FLOAT16, FLOAT32])
def test_a_narrow_format_is_seen_in_a_dozen_numbers_of_which_many_are_zero(u):
    y = of_bits(-int(np.log2(u)))
    assert unit_roundoff([np.where(y > 0, y, 0)]) == u


def test_whole_numbers_fit_anywhere_and_say_nothing():
    assert unit_roundoff([np.arange(5.0)]) == FLOAT64


def test_few_numbers_that_fit_a_narrow_format_by_chance_say_nothing():
    """Left over where terms of (x - 1)^7 cancel: roundings of 1, and small numbers of them have few bits."""
    left = np.array([10, 16, -28, -552, 38, -5, -19, 34, 4, -428, 86, -21]) * 2.0**-53
    assert unit_roundoff([left]) == FLOAT64


@pytest.mark.parametrize("outputs", [[], [np.zeros(0)], [np.zeros(3)], [np.full(3, np.nan)]])
def test_no_numbers_say_nothing(outputs):
    assert unit_roundoff(outputs) == FLOAT64


def test_what_is_not_finite_and_what_is_zero_says_nothing_beside_what_is():
    assert unit_roundoff([np.array([0, np.nan, np.inf, -np.inf, *of_bits(24)])]) == FLOAT32


@pytest.mark.parametrize(
    ("bits", "u"),
    [
        (6, FLOAT64),
        (7, BFLOAT16),
        (8, BFLOAT16),
        (9, FLOAT16),
        (11, FLOAT16),
        (12, FLOAT64),
        (16, FLOAT64),
        (17, FLOAT32),
        (24, FLOAT32),
        (25, FLOAT64),
    ],
)
def test_a_number_is_of_the_format_whose_bits_it_needs_but_for_a_third_that_may_be_zero(bits, u):
    y = 1 + 2.0 ** (1 - bits)
    assert unit_roundoff([np.array([y])]) == unit_roundoff([np.array([-y])]) == u


@pytest.mark.parametrize(("others", "u"), [(3, FLOAT32), (4, FLOAT64)])
def test_a_quarter_of_the_numbers_need_most_bits_or_it_is_chance(others, u):
    few = [1.0, 1.25, 1.5, 1.75][:others]
    assert unit_roundoff([np.array([1 + 2.0**-23, *few])]) == u


def test_a_number_counts_once_however_often_it_comes():
    assert unit_roundoff([np.array([1 + 2.0**-23] + [1.25] * 9)]) == FLOAT32


@pytest.mark.parametrize(
    ("bits", "power", "u"),
    [
        (11, 14, FLOAT16),
        (11, 17, FLOAT64),
        (11, -40, FLOAT64),
        (8, 100, BFLOAT16),
        (8, 200, FLOAT64),
        (24, 100, FLOAT32),
        (24, 200, FLOAT64),
    ],
)
def test_numbers_outside_the_range_of_a_format_are_not_of_it(bits, power, u):
    y = 1 + np.arange(1, 9) * 2.0 ** (1 - bits)  # between 1 and 2, the odd ones of all the bits
    assert unit_roundoff([y * 2.0**power]) == u


@pytest.mark.parametrize(
    ("small", "u"),
    [(0.25 + 2.0**-23, FLOAT64), (0.25 + 2.0**-24, FLOAT32), (0.5 + 2.0**-23, FLOAT32)],
)
def test_small_numbers_that_are_no_finer_than_large_ones_are_of_a_quantised_layer(small, u):
    """Within a factor of two the steps of a format are nearly equal, too."""
    assert unit_roundoff([np.array([1 + 2.0**-23, 1 + 3 * 2.0**-23, small])]) == u


@pytest.mark.parametrize(
    ("u", "part"),
    [(FLOAT64, 1e-4), (2.0**-36, 40 * 2.0**-18), (FLOAT32, 40 * 2.0**-12), (FLOAT16, 0.1), (BFLOAT16, 0.1)],
)
def test_a_bar_needs_to_be_small_as_far_as_differences_in_a_format_can_be(u, part):
    assert need(u) == part


@pytest.mark.parametrize(("u", "part"), [(FLOAT32, 40 * 2.0**-12), (FLOAT16, 0.1), (BFLOAT16, 0.25)])
def test_of_a_kernel_that_has_only_bfloat16_a_quarter_is_enough(u, part):
    assert need(u, is_own=True) == part


def test_a_digit_is_needed_but_of_a_narrow_format_a_factor_of_two():
    assert [fewest_digits(u) for u in (FLOAT64, FLOAT32, BFLOAT16)] == [1.0, math.log10(2), math.log10(2)]
    assert fewest_digits(LOW) == math.log10(2) and fewest_digits(LOW / 2) == 1.0, "from there on it is low"


def test_a_format_is_called_by_its_name():
    assert [name(u) for u in (FLOAT32, FLOAT16, BFLOAT16)] == ["float32", "float16", "bfloat16"]
    assert name(2.0**-30) == "the subject's precision"


def test_float32_is_of_low_precision_and_float64_is_not_by_thousands():
    assert 1000 * FLOAT64 < LOW < FLOAT32 / 1000
