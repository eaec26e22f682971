"""Learning rates as functions of the step.  Specification: specs/optimizers/schedules.md."""

import math
from collections.abc import Callable

from reference.core.shapes import expect_nonnegative, expect_unit, expect_whole
from reference.core.updates import STEPS
from reference.core.words import cut

Schedule = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Return step -> rate.

    Raises:
        TypeError: the rate is not a number.
        ValueError: the rate is negative or not finite.
    """
    expect_nonnegative("constant", "rate", rate)

    def at(step: int) -> float:
        expect_whole("constant", "step", step, 0, STEPS)
        return float(rate)                                                               # (schedules.1)

    return at


def linear(start: float, end: float, steps: int) -> Schedule:
    """Return step -> rate: `start` at step 0, `end` at step `steps - 1` and ever after.

    Raises:
        TypeError: a rate is not a number, or `steps` not a whole one.
        ValueError: a rate is negative or not finite, or `steps` is less than 1.
    """
    _expect_rates("linear", start=start, end=end)
    expect_whole("linear", "steps", steps, 1, STEPS)

    def at(step: int) -> float:
        expect_whole("linear", "step", step, 0, STEPS)
        f = _behind(step, steps)
        return float((1 - f) * start + f * end)                                          # (schedules.3)

    return at


def cosine(start: float, end: float, steps: int) -> Schedule:
    """Return step -> rate: `start` at step 0, `end` at step `steps - 1` and ever after, along half a cosine.

    Raises:
        TypeError, ValueError: as `linear` does.

    Source: Loshchilov & Hutter 2017, eq. 5, without restarts.
    """
    _expect_rates("cosine", start=start, end=end)
    expect_whole("cosine", "steps", steps, 1, STEPS)

    def at(step: int) -> float:
        expect_whole("cosine", "step", step, 0, STEPS)
        f = _behind(step, steps)
        c = (1 + math.cos(math.pi * f)) / 2                                              # (schedules.4)
        return float(c * start + (1 - c) * end)                                          # (schedules.5)

    return at


def inverse_square_root(rate: float, warmup: int) -> Schedule:
    """Return step -> rate: up to `rate` in `warmup` steps, the last of them at `rate`, then down like 1 / sqrt(step).

    Raises:
        TypeError: the rate is not a number, or `warmup` not a whole one.
        ValueError: the rate is negative or not finite, or `warmup` is less than 1.

    Source: Vaswani et al. 2017, eq. 3, with rate = (width warmup)^(-1/2).
    """
    expect_nonnegative("inverse_square_root", "rate", rate)
    expect_whole("inverse_square_root", "warmup", warmup, 1, STEPS)

    def at(step: int) -> float:
        expect_whole("inverse_square_root", "step", step, 0, STEPS)
        s = step + 1                                                                     # (schedules.6)
        return float(rate * (s / warmup if s <= warmup else math.sqrt(warmup / s)))      # (schedules.7)

    return at


def warm_up(start: float, warmup: int, schedule: Schedule) -> Schedule:
    """Return step -> rate: a line from `start` at step 0 to the first rate of `schedule` at step `warmup`; then that.

    Raises:
        TypeError: `start` is not a number, `warmup` not a whole one, or `schedule` no function.
        ValueError: `start` is negative or not finite, or `warmup` is less than 1.
    """
    expect_nonnegative("warm_up", "start", start)
    expect_whole("warm_up", "warmup", warmup, 1, STEPS)
    if not callable(schedule):
        raise TypeError(f"warm_up: schedule must be a function of the step, got {type(schedule).__name__}")

    def at(step: int) -> float:
        expect_whole("warm_up", "step", step, 0, STEPS)
        then = schedule(max(step - warmup, 0))
        return float((1 - step / warmup) * start + step / warmup * then if step < warmup else then)  # (schedules.8)

    return at


def step_decay(rate: float, factor: float, every: int) -> Schedule:
    """Return step -> rate: `rate` for `every` steps, `factor` times that for as many, and so on.

    Raises:
        TypeError: the rate or the factor is not a number, or `every` not a whole one.
        ValueError: the rate is negative or not finite, the factor outside [0, 1], or `every` less than 1.
    """
    expect_nonnegative("step_decay", "rate", rate)
    expect_unit("step_decay", "factor", factor)
    expect_whole("step_decay", "every", every, 1, STEPS)

    def at(step: int) -> float:
        expect_whole("step_decay", "step", step, 0, STEPS)
        return float(rate * factor ** (step // every))                                   # (schedules.9)

    return at


def one_cycle(start: float, peak: float, end: float, warmup: int, steps: int) -> Schedule:
    """Return step -> rate: half a cosine from `start` up to `peak` at step `warmup`, another down to `end` at the last.

    Raises:
        TypeError: a rate is not a number, or `warmup` or `steps` not a whole one.
        ValueError: a rate is negative or not finite, or there is no step before the peak, or none after it.

    Source: Smith & Topin 2019, with cosines for lines.
    """
    _expect_rates("one_cycle", start=start, peak=peak, end=end)
    expect_whole("one_cycle", "steps", steps, 3, STEPS)
    expect_whole("one_cycle", "warmup", warmup, 1, steps - 2)

    def at(step: int) -> float:
        expect_whole("one_cycle", "step", step, 0, STEPS)
        f = step / warmup if step < warmup else min((step - warmup) / (steps - 1 - warmup), 1)  # (schedules.10)
        c = (1 + math.cos(math.pi * f)) / 2                                              # (schedules.11)
        return float(c * start + (1 - c) * peak if step < warmup else c * peak + (1 - c) * end)  # (schedules.12)

    return at


def warmup_stable_decay(start: float, peak: float, end: float, warmup: int, decay: int, steps: int) -> Schedule:
    """Return step -> rate: a line from `start` up to `peak` at step `warmup`, then `peak`, then a line to `end`.

    The last line goes over the last `decay` steps, and ends at step `steps - 1`.

    Raises:
        TypeError: a rate is not a number, or `warmup`, `decay` or `steps` not a whole one.
        ValueError: a rate is negative or not finite, or the two lines do not fit into the steps.

    Source: Hu et al. 2024, sec. 4.1, with a line at the end.
    """
    where = "warmup_stable_decay"
    _expect_rates(where, start=start, peak=peak, end=end)
    for name, value in (("warmup", warmup), ("decay", decay), ("steps", steps)):
        expect_whole(where, name, value, 1, STEPS)
    if warmup + decay > steps - 1:
        must = f"warmup and decay must be at most {steps - 1} together"
        raise ValueError(f"{where}: {must}, got {cut(warmup)} and {cut(decay)}")

    def at(step: int) -> float:
        expect_whole(where, "step", step, 0, STEPS)
        f = step / warmup if step < warmup else min(max((step - steps + 1 + decay) / decay, 0), 1)  # (schedules.13)
        return float((1 - f) * start + f * peak if step < warmup else (1 - f) * peak + f * end)  # (schedules.14)

    return at


def _behind(step: int, steps: int) -> float:
    """Return how much of the way lies behind a step."""
    f = step / (steps - 1) if step < steps - 1 else 1.0                                  # (schedules.2)
    return f


def _expect_rates(where: str, **rates: float) -> None:
    for name, rate in rates.items():
        expect_nonnegative(where, name, rate)
