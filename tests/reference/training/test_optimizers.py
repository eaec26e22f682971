import typing

import pytest

from reference.training.optimizers import OPTIMIZERS, optimizer, schedule
from reference.training.settings import TrainingSettings


def words(name):
    return typing.get_args(typing.get_type_hints(TrainingSettings)[name])


@pytest.mark.parametrize("name", words("optimizer"))
def test_every_optimizer_that_settings_name_is_there(name):
    assert type(optimizer(TrainingSettings(optimizer=name))).__name__.lower() == name
    assert set(words("optimizer")) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", words("schedule"))
def test_every_schedule_that_settings_name_is_there(name):
    rate = schedule(TrainingSettings(schedule=name, rate=0.5, end_rate=0.25), 11)
    assert rate(0) == 0.5
    assert rate(10) == (0.5 if name == "constant" else 0.25)
