import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.optimizers.schedules import constant, linear

START, END, STEPS = 5e-3, 1e-3, 10
ROUNDED = {"rtol": 1e-12, "atol": 1e-15}  # differences of rates that are rounded at 1e-18, ten of them

rates = st.floats(0, 10)
drawn = settings(max_examples=25, deadline=None, derandomize=True)


def line(way):
    """A decay from START to END by `way(t)`, the share behind step t: what `linear` must not be."""
    return lambda t: (1 - way(t)) * START + way(t) * END


def starts_and_ends(at, start=START, end=END, steps=STEPS):
    return at(0) == start and at(steps - 1) == at(steps) == at(10 * steps) == end


def is_straight(at, start=START, end=END, steps=STEPS):
    all_rates = [at(t) for t in range(steps)]
    return np.allclose(np.diff(all_rates), (end - start) / (steps - 1), rtol=1e-12, atol=1e-14)  # rates up to 10


@given(rate=rates, step=st.integers(0, 10**9))
@drawn
def test_constant_is_the_rate_at_every_step(rate, step):
    assert constant(rate)(step) == rate


@given(start=rates, end=rates, steps=st.integers(2, 50))
@drawn
def test_linear_starts_at_start_and_ends_at_end(start, end, steps):
    assert starts_and_ends(linear(start, end, steps), start, end, steps)


@given(start=rates, end=rates, steps=st.integers(2, 50))
@drawn
def test_linear_is_a_straight_line(start, end, steps):
    assert is_straight(linear(start, end, steps), start, end, steps)


@given(start=rates, end=rates, steps=st.integers(2, 50))
@drawn
def test_rates_add_up(start, end, steps):
    at = linear(start, end, steps)
    total = math.fsum(at(t) for t in range(steps))
    np.testing.assert_allclose(total, steps * (start + end) / 2, **ROUNDED)


def test_linear_reversed_is_read_backwards():
    there, back = linear(START, END, STEPS), linear(END, START, STEPS)
    np.testing.assert_allclose([there(t) for t in range(STEPS)], [back(STEPS - 1 - t) for t in range(STEPS)], **ROUNDED)


def test_linear_between_equal_rates_is_constant():
    at = linear(START, START, STEPS)
    np.testing.assert_allclose([at(t) for t in range(2 * STEPS)], constant(START)(0), **ROUNDED)


def test_single_step_is_at_the_end():
    assert [linear(START, END, 1)(t) for t in range(3)] == [END] * 3
    assert [linear(END, START, 1)(t) for t in range(3)] == [START] * 3  # not the same line read backwards


def test_two_steps_are_the_two_ends():
    assert [linear(START, END, 2)(t) for t in range(3)] == [START, END, END]


def test_rates_are_python_floats():
    schedules = constant(np.float64(1)), constant(1), linear(np.float64(1), np.float64(2), 5), linear(1, 2, 5)
    assert all(type(at(t)) is float for at, t in itertools.product(schedules, (0, 2, 9)))


# Pitfalls


def test_decay_that_ends_one_step_early_or_late_is_caught():
    at = linear(START, END, STEPS)
    first, last = 0, STEPS - 1
    short = line(lambda t: min(t / STEPS, 1))
    ahead = line(lambda t: min((t + 1) / STEPS, 1))
    early = line(lambda t: min(t / (STEPS - 2), 1))
    assert short(last) > at(last) == END == ahead(last) == early(last)
    assert ahead(first) < at(first) == START == short(first) == early(first)
    assert early(last - 1) == END < at(last - 1)


def test_decay_that_goes_on_is_caught():
    at, on = linear(START, END, STEPS), line(lambda t: t / (STEPS - 1))
    assert at(STEPS - 1) == on(STEPS - 1) == END
    assert on(STEPS) < at(STEPS) == END
    assert on(3 * STEPS) < 0 < at(3 * STEPS) == END


# Errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(-0.1), "constant: rate must be finite and at least 0, got -0.1"),
        (lambda: constant(math.nan), "constant: rate must be finite and at least 0, got nan"),
        (lambda: linear(math.inf, 0.1, 5), "linear: start must be finite and at least 0, got inf"),
        (lambda: linear(0.1, -1, 5), "linear: end must be finite and at least 0, got -1"),
        (lambda: linear(0.1, 0.1, 0), "linear: steps must be at least 1, got 0"),
        (lambda: constant(0.1)(-1), "constant: step must be at least 0, got -1"),
        (lambda: linear(0.1, 0.1, 5)(-1), "linear: step must be at least 0, got -1"),
    ],
)
def test_wrong_values_are_one_clear_line(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: linear(0.1, 0.1, 2.5), "linear: steps must be a whole number, got float"),
        (lambda: linear(0.1, 0.1, 5)(2.5), "linear: step must be a whole number, got float"),
        (lambda: constant(0.1)("2"), "constant: step must be a whole number, got str"),
        (lambda: constant("0.1"), "constant: rate must be a number, got str"),
        (lambda: linear("0.1", 0.1, 5), "linear: start must be a number, got str"),
        (lambda: linear(0.1, None, 5), "linear: end must be a number, got NoneType"),
    ],
)
def test_wrong_types_are_one_clear_line(make, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        make()
