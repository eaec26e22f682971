"""Learning rates as functions of the step.  Specification: specs/optimizers/schedules.md."""

from collections.abc import Callable

from reference.core.shapes import expect_nonnegative, expect_positive, expect_whole


def constant(rate: float) -> Callable[[int], float]:
    """Return step -> rate.

    Raises:
        TypeError: the rate is not a number.
        ValueError: the rate is negative or not finite.
    """
    expect_nonnegative("constant", "rate", rate)

    def at(step: int) -> float:
        expect_whole("constant", "step", step, 0)
        return float(rate)                              # (schedules.1)

    return at


def linear(start: float, end: float, steps: int) -> Callable[[int], float]:
    """Return step -> rate: `start` at step 0, `end` at step `steps - 1` and ever after.

    Raises:
        TypeError: a rate is not a number, or `steps` not a whole one.
        ValueError: a rate is negative or not finite, or `steps` is less than 1.
    """
    expect_nonnegative("linear", "start", start)
    expect_nonnegative("linear", "end", end)
    expect_positive("linear", "steps", steps)

    def at(step: int) -> float:
        expect_whole("linear", "step", step, 0)
        f = step / (steps - 1) if step < steps - 1 else 1.0         # (schedules.2)
        return float((1 - f) * start + f * end)                     # (schedules.3)

    return at
