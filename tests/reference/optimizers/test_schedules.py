import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.optimizers import schedules
from reference.optimizers.schedules import (
    constant,
    cosine,
    inverse_square_root,
    linear,
    one_cycle,
    step_decay,
    warm_up,
    warmup_stable_decay,
)

START, END, STEPS = 5e-3, 1e-3, 10
ROUNDED = {"rtol": 1e-12, "atol": 1e-15}  # differences of rates that are rounded at 1e-18, ten of them

rates = st.floats(0, 10)
drawn = settings(max_examples=25, deadline=None, derandomize=True)
PEAK, WARMUP, DECAY = 2e-2, 3, 4
EVERY_ONE = {
    "constant": constant(PEAK),
    "linear": linear(START, END, STEPS),
    "cosine": cosine(START, END, STEPS),
    "inverse_square_root": inverse_square_root(PEAK, WARMUP),
    "warm_up": warm_up(START, WARMUP, cosine(PEAK, END, STEPS)),
    "step_decay": step_decay(PEAK, 0.5, WARMUP),
    "one_cycle": one_cycle(START, PEAK, END, WARMUP, STEPS),
    "warmup_stable_decay": warmup_stable_decay(START, PEAK, END, WARMUP, DECAY, STEPS),
}
every_schedule = pytest.mark.parametrize("at", EVERY_ONE.values(), ids=EVERY_ONE)


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


def test_every_schedule_of_the_module_is_here():
    made = {name for name, value in vars(schedules).items() if getattr(value, "__module__", "") == schedules.__name__}
    assert {name for name in made if not name.startswith("_")} == set(EVERY_ONE)


@every_schedule
def test_rates_are_python_floats(at):
    assert all(type(at(step)) is float for step in (0, 2, 9, np.int64(5)))


def test_rates_of_numpy_numbers_are_python_floats():
    one, two = np.float64(1), np.float64(2)
    made = constant(one), constant(1), linear(one, two, 5), linear(1, 2, 5), cosine(one, two, 5), step_decay(one, 1, 2)
    assert all(type(at(t)) is float for at, t in itertools.product(made, (0, 2, 9)))


@every_schedule
def test_no_schedule_leaves_the_range_of_its_rates(at):
    assert all(0 <= at(t) <= PEAK for t in [*range(3 * STEPS), 10**6])


@every_schedule
def test_a_step_must_be_a_whole_number_of_at_least_0(at):
    with pytest.raises(ValueError, match=r"^\w+: step must be at least 0, got -1$"):
        at(-1)
    with pytest.raises(TypeError, match=r"^\w+: step must be a whole number, got float$"):
        at(2.0)


# The cosine


@given(start=rates, end=rates, steps=st.integers(2, 50))
@drawn
def test_cosine_starts_at_start_and_ends_at_end(start, end, steps):
    assert starts_and_ends(cosine(start, end, steps), start, end, steps)


@given(start=rates, end=rates, steps=st.integers(2, 50))
@drawn
def test_cosine_adds_up_like_a_line(start, end, steps):
    curve, line = cosine(start, end, steps), linear(start, end, steps)
    total, of_the_line = (math.fsum(at(t) for t in range(steps)) for at in (curve, line))
    np.testing.assert_allclose(total, of_the_line, **ROUNDED)


def is_half_a_cosine(at):
    expected = [END + (START - END) * (1 + math.cos(math.pi * t / (STEPS - 1))) / 2 for t in range(STEPS)]
    return np.allclose([at(t) for t in range(STEPS)], expected, **ROUNDED)


def test_cosine_is_half_a_cosine_and_a_single_step_is_at_the_end():
    assert is_half_a_cosine(cosine(START, END, STEPS))
    assert cosine(START, END, 1)(0) == END


# The inverse square root


def is_eq_3(at, width=64, warmup=7):
    """Whether it is eq. 3 of Vaswani et al., where steps are counted from 1."""
    expected = [width**-0.5 * min(s**-0.5, s * warmup**-1.5) for s in range(1, 100)]
    return np.allclose([at(s - 1) for s in range(1, 100)], expected, **ROUNDED)


def test_inverse_square_root_is_that_of_the_paper():
    assert is_eq_3(inverse_square_root((64 * 7) ** -0.5, 7))
    assert inverse_square_root(PEAK, WARMUP)(WARMUP - 1) == PEAK


# Warm-up


def is_warmed_up(at, behind, warmup=WARMUP):
    """Whether `behind` starts after the warm-up, where a line has come to its first rate."""
    line = [START + (behind(0) - START) * t / warmup for t in range(warmup)]
    expected = [*line, *(behind(t) for t in range(2 * STEPS))]
    return np.allclose([at(t) for t in range(warmup + 2 * STEPS)], expected, **ROUNDED)


@every_schedule
def test_behind_a_warm_up_a_schedule_is_what_it_was(at):
    warmed = warm_up(START, WARMUP, at)
    assert is_warmed_up(warmed, at)
    assert warmed(0) == START and [warmed(WARMUP + t) for t in range(50)] == [at(t) for t in range(50)]


def test_warm_up_into_a_constant_is_a_line():
    warmed, line = warm_up(START, WARMUP, constant(PEAK)), linear(START, PEAK, WARMUP + 1)
    np.testing.assert_allclose([warmed(t) for t in range(20)], [line(t) for t in range(20)], **ROUNDED)


# Step decay


def falls_by_its_factor(at, factor=0.3, every=4):
    return np.allclose([at(t) for t in range(40)], [PEAK * factor ** (t // every) for t in range(40)], **ROUNDED)


def test_step_decay_falls_by_its_factor():
    assert falls_by_its_factor(step_decay(PEAK, 0.3, 4))
    assert [step_decay(PEAK, 1.0, 4)(t) for t in range(9)] == [PEAK] * 9
    assert [step_decay(PEAK, 0.0, 2)(t) for t in range(4)] == [PEAK, PEAK, 0, 0]


# Cycles


@given(start=rates, peak=rates, end=rates, warmup=st.integers(1, 20), flat=st.integers(0, 20), decay=st.integers(1, 20))
@drawn
def test_cycles_pass_through_their_points(start, peak, end, warmup, flat, decay):
    steps = warmup + flat + decay + 1
    stable = warmup_stable_decay(start, peak, end, warmup, decay, steps)
    cycle = one_cycle(start, peak, end, warmup, steps)
    for at, until in ((stable, warmup + flat), (cycle, warmup)):
        assert at(0) == start and at(steps - 1) == at(10 * steps) == end
        assert [at(t) for t in range(warmup, until + 1)] == [peak] * (until - warmup + 1)


def test_cycles_are_made_of_lines_and_cosines():
    cycle, up, down = EVERY_ONE["one_cycle"], cosine(START, PEAK, WARMUP + 1), cosine(PEAK, END, STEPS - WARMUP)
    expected = [up(t) if t < WARMUP else down(t - WARMUP) for t in range(2 * STEPS)]
    np.testing.assert_allclose([cycle(t) for t in range(2 * STEPS)], expected, **ROUNDED)
    assert follows_three_lines(EVERY_ONE["warmup_stable_decay"])


def follows_three_lines(at):
    up, down = linear(START, PEAK, WARMUP + 1), linear(PEAK, END, DECAY + 1)
    fall = STEPS - 1 - DECAY
    expected = [up(t) if t < fall else down(t - fall) for t in range(2 * STEPS)]
    return np.allclose([at(t) for t in range(2 * STEPS)], expected, **ROUNDED)


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


def test_wrong_cosine_is_caught():
    assert not is_half_a_cosine(line(lambda t: (1 - math.cos(2 * math.pi * t / (STEPS - 1))) / 2))
    assert not is_half_a_cosine(line(lambda t: (1 - math.cos(math.pi * t / STEPS)) / 2))
    assert is_half_a_cosine(line(lambda t: (1 - math.cos(math.pi * t / (STEPS - 1))) / 2))


def test_step_counted_from_zero_is_caught():
    peak = (64 * 7) ** -0.5
    root = lambda s: peak * (s / 7 if s <= 7 else math.sqrt(7 / s))  # noqa: E731
    assert is_eq_3(lambda t: root(t + 1)) and not is_eq_3(root)


def test_warm_up_that_does_not_shift_is_caught():
    behind = cosine(PEAK, END, STEPS)
    wrong = lambda t: linear(START, behind(0), WARMUP + 1)(t) if t < WARMUP else behind(t)  # noqa: E731
    assert not is_warmed_up(wrong, behind)


def test_warm_up_that_multiplies_is_caught():
    behind = cosine(PEAK, END, STEPS)
    wrong = lambda t: min((t + 1) / WARMUP, 1) * behind(t)  # noqa: E731
    assert not is_warmed_up(wrong, behind) and max(map(wrong, range(STEPS))) < PEAK


def test_stair_that_is_early_is_caught():
    assert not falls_by_its_factor(lambda t: PEAK * 0.3 ** ((t + 1) // 4))
    assert not falls_by_its_factor(lambda t: PEAK * 0.3 ** (t / 4))


def test_joint_in_the_wrong_place_is_caught():
    assert not follows_three_lines(warmup_stable_decay(START, PEAK, END, WARMUP - 1, DECAY, STEPS))
    assert not follows_three_lines(warmup_stable_decay(START, PEAK, END, WARMUP, DECAY - 1, STEPS))
    assert not follows_three_lines(warmup_stable_decay(START, PEAK, END, WARMUP, DECAY, STEPS + 1))


# Errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cosine(0.1, math.nan, 5), "cosine: end must be finite and at least 0, got nan"),
        (lambda: cosine(0.1, 0.1, 0), "cosine: steps must be at least 1, got 0"),
        (lambda: inverse_square_root(-1, 5), "inverse_square_root: rate must be finite and at least 0, got -1"),
        (lambda: inverse_square_root(1, 0), "inverse_square_root: warmup must be at least 1, got 0"),
        (lambda: warm_up(math.nan, 5, constant(1)), "warm_up: start must be finite and at least 0, got nan"),
        (lambda: warm_up(0, 0, constant(1)), "warm_up: warmup must be at least 1, got 0"),
        (lambda: step_decay(1, 1.5, 3), "step_decay: factor must lie in [0, 1], got 1.5"),
        (lambda: step_decay(1, 0.5, 0), "step_decay: every must be at least 1, got 0"),
        (lambda: one_cycle(0, -1, 0, 3, 10), "one_cycle: peak must be finite and at least 0, got -1"),
        (lambda: one_cycle(0, 1, 0, 9, 10), "one_cycle: warmup must be at most 8, got 9"),
        (lambda: one_cycle(0, 1, 0, 1, 2), "one_cycle: steps must be at least 3, got 2"),
        (lambda: warmup_stable_decay(0, math.inf, 0, 3, 4, 10),
         "warmup_stable_decay: peak must be finite and at least 0, got inf"),
        (lambda: warmup_stable_decay(0, 1, 0, 6, 4, 10),
         "warmup_stable_decay: warmup and decay must be at most 9 together, got 6 and 4"),
        (lambda: warmup_stable_decay(0, 1, 0, 0, 4, 10), "warmup_stable_decay: warmup must be at least 1, got 0"),
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
        (lambda: warm_up(0, 5, 0.1), "warm_up: schedule must be a function of the step, got float"),
        (lambda: warm_up(0, 2.5, constant(1)), "warm_up: warmup must be a whole number, got float"),
        (lambda: one_cycle(0, 1, 0, 2.5, 10), "one_cycle: warmup must be a whole number, got float"),
        (lambda: step_decay(1, "0.5", 3), "step_decay: factor must be a number, got str"),
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


@every_schedule
def test_a_step_of_any_class_is_counted_and_one_that_cannot_be_is_one_clear_line(at):
    assert at(np.uint64(2**53)) == at(np.int64(2**53)) == at(2**53)
    for step in (10**400, np.uint64(2**64 - 1), 2**53 + 1):
        with pytest.raises(ValueError, match=r"^\w+: step must be at most 9,007,199,254,740,992, got .{1,60}$"):
            at(step)


@pytest.mark.parametrize("steps", [10**400, np.uint64(2**64 - 1)], ids=["400 digits", "64 bits"])
def test_steps_that_cannot_be_counted_are_one_clear_line(steps):
    for make in (
        lambda: linear(START, END, steps), lambda: cosine(START, END, steps), lambda: inverse_square_root(PEAK, steps),
        lambda: warm_up(START, steps, constant(PEAK)), lambda: step_decay(PEAK, 0.5, steps),
        lambda: one_cycle(START, PEAK, END, WARMUP, steps),
        lambda: warmup_stable_decay(START, PEAK, END, steps, DECAY, STEPS),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"^\w+: (steps|warmup|every) must be at most 9,007,199,254,740,992, got "):
            make()
