"""The learning rates that settings name, of a run of so many steps."""

from reference.core.words import many
from reference.optimizers.schedules import (
    Schedule,
    constant,
    cosine,
    inverse_square_root,
    linear,
    one_cycle,
    step_decay,
    warm_up,
    warmup_stable_decay,
)

FALLS = ("cosine", "linear", "one-cycle", "warmup-stable-decay")  # those that go to a last rate
USED = {"end-rate": FALLS, "fall": ("warmup-stable-decay",), "factor": ("step",), "every": ("step",)}  # entries


def schedule(
    name: str, steps: int, *, rate: float, end_rate: float, warmup: int, fall: int | None, factor: float, every: int
) -> Schedule:
    """Return the learning rate as a function of the step; a `warmup` of 0 is none.

    It rises in equal strides, the first of them already above zero, in front of what falls in the steps that are left.

    Raises:
        ValueError: the warm-up is not shorter than the run, what falls does not fit behind it, or it would rise.
    """
    run = f"the run of {many(steps, 'step')}"
    if warmup >= steps:
        raise ValueError(f"schedule: warmup must be shorter than {run}, got {warmup:,}")
    if name in FALLS and end_rate > rate:
        raise ValueError(f"schedule: end-rate must not be above the rate, {rate:g}, got {end_rate:g}")
    start, left = rate / (warmup + 1), steps - warmup
    if name == "inverse-square-root":
        return inverse_square_root(rate, max(warmup, 1))
    if name == "one-cycle":
        if max(warmup, 1) + 1 >= steps:
            want = f"warmup, of a step or more, must end before the last step of {run}"
            raise ValueError(f"schedule: {want}, got {warmup:,}")
        return one_cycle(start, rate, end_rate, max(warmup, 1), steps)
    if name == "warmup-stable-decay":
        last = max(steps // 5, 1) if fall is None else fall
        if max(warmup, 1) + last >= steps:
            want = f"warmup, of a step or more, and fall must be shorter together than {run}"
            raise ValueError(f"schedule: {want}, got {warmup:,} and {last:,}")
        return warmup_stable_decay(start, rate, end_rate, max(warmup, 1), last, steps)
    then = {
        "constant": lambda: constant(rate),
        "linear": lambda: linear(rate, end_rate, left),
        "cosine": lambda: cosine(rate, end_rate, left),
        "step": lambda: step_decay(rate, factor, every),
    }[name]()
    return warm_up(start, warmup, then) if warmup else then
