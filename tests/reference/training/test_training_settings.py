import typing

import pytest

from reference.training.optimizers import OPTIMIZERS
from reference.training.training_settings import OWN, TrainingSettings


def test_every_optimizer_that_settings_name_is_there():
    assert set(typing.get_args(typing.get_type_hints(TrainingSettings)["optimizer"])) == set(OPTIMIZERS)
    assert set(OWN) < set(TrainingSettings.names())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"seed": 2**32}, "seed must be at most 4,294,967,295, got 4294967296"),  # two words: the second is a use
        ({"rate": 0.0}, "rate must be positive and finite, got 0.0"),
        ({"rate": float("nan")}, "rate must be positive and finite, got nan"),
        ({"clip": float("inf")}, "clip must be positive and finite, got inf"),
        ({"decay": 1.0}, "decay must lie in [0, 1), got 1.0"),
        ({"decay": -0.1}, "decay must lie in [0, 1), got -0.1"),
        ({"warmup": -1}, "warmup must be at least 0, got -1"),
        ({"factor": 1.5}, "factor must lie in [0, 1], got 1.5"),
        ({"momentum": 0.5}, "momentum must come with an optimizer that has it (momentum, muon), got adam"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(given, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        TrainingSettings(**given)
    assert str(error.value) == f"TrainingSettings: {message}"


def test_a_schedule_is_that_of_a_run_of_so_many_steps():
    rate = TrainingSettings(rate=0.5, end_rate=0.25).schedule_of(11)
    assert (rate(0), rate(10)) == (0.5, 0.25)
