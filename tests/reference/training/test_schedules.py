import typing

import numpy as np
import pytest

from reference.training.schedules import FALLS, USED, schedule
from reference.training.training_settings import TrainingSettings

NAMES = typing.get_args(typing.get_type_hints(TrainingSettings)["schedule"])
REST = {"rate": 0.5, "end_rate": 0.25, "warmup": 0, "fall": None, "factor": 0.5, "every": 4}


def rates(name, steps=20, **changes):
    rate = schedule(name, steps, **REST | changes)
    return np.array([rate(step) for step in range(steps)])


@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_reaches_its_rate_and_only_those_that_fall_to_it_end_at_the_last(name):
    seen = rates(name)
    np.testing.assert_allclose(seen.max(), 0.5, rtol=1e-12, atol=0)
    assert (abs(seen[-1] - 0.25) < 1e-12) == (name in FALLS)


@pytest.mark.parametrize("name", NAMES)
def test_a_warm_up_stands_in_front_of_every_schedule_and_takes_no_step_at_zero(name):
    seen = rates(name, warmup=4)
    assert (seen > 0).all() and (np.diff(seen[:4]) > 0).all()
    assert seen[:3].max() < 0.5
    np.testing.assert_allclose(seen.max(), 0.5, rtol=1e-12, atol=0)
    if name in ("constant", "cosine", "linear", "step"):
        np.testing.assert_allclose(seen[:5], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-12, atol=0)
        np.testing.assert_allclose(seen[4:], rates(name, 16), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [20, 21, 10**6])
def test_a_warm_up_that_is_not_shorter_than_the_run_is_one_clear_line(name, warmup):
    with pytest.raises(ValueError, match=f"shorter than the run of 20 steps, got {warmup:,}$"):
        rates(name, warmup=warmup)


def test_steps_and_the_last_line_are_where_they_are_told():
    assert rates("step", 10, factor=0.5, every=4).tolist() == [0.5] * 4 + [0.25] * 4 + [0.125] * 2
    seen = rates("warmup-stable-decay", 20, warmup=2, fall=5)
    assert (seen[2:15] == 0.5).all() and (np.diff(seen[14:]) < 0).all()


def test_what_is_of_use_to_some_schedules_only_is_a_setting_of_theirs():
    assert set(USED) < set(TrainingSettings.names())
    assert {word for words in USED.values() for word in words} < set(NAMES)


@pytest.mark.parametrize("name", FALLS)
def test_a_rate_that_would_rise_to_its_end_is_one_clear_line(name):
    with pytest.raises(ValueError, match=r"^schedule: end-rate must not be above the rate, 0\.5, got 0\.6$"):
        rates(name, end_rate=0.6)
    assert rates(name, end_rate=0.5)[-1] == 0.5


@pytest.mark.parametrize(("warmup", "steps"), [(0, 1), (0, 2), (5, 6), (18, 19)])
def test_one_cycle_without_a_step_behind_its_highest_is_one_clear_line(warmup, steps):
    message = rf"^schedule: warmup, .* before the last step of the run of {steps} steps?, got {warmup}$"
    with pytest.raises(ValueError, match=message):
        rates("one-cycle", steps, warmup=warmup)
    assert len(rates("one-cycle", steps + 2, warmup=warmup)) == steps + 2


@pytest.mark.parametrize(("warmup", "fall"), [(0, 19), (0, 10**6), (4, 16), (19, None)])
def test_a_fall_that_has_no_room_behind_the_warm_up_is_one_clear_line(warmup, fall):
    got = f"{warmup} and {fall or 4:,}"
    message = rf"^schedule: warmup, of a step or more, and fall must be .* than the run of 20 steps, got {got}$"
    with pytest.raises(ValueError, match=message):
        rates("warmup-stable-decay", warmup=warmup, fall=fall)
    assert len(rates("warmup-stable-decay", warmup=4, fall=15)) == 20
