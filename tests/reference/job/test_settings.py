import dataclasses

import pytest

from reference.job.settings import Settings


def test_defaults_are_those_of_the_copy_task():
    settings = Settings.of()
    assert settings == Settings()
    assert (settings.vocabulary, settings.length, settings.width, settings.layers, settings.batch) == (3, 8, 64, 1, 16)
    assert (settings.training, settings.held_out, settings.epochs) == (1000, 1000, 10)
    assert (settings.norm, settings.embeddings) == ("pre", "separate")
    assert (settings.optimizer, settings.schedule, settings.rate, settings.end_rate) == ("adam", "linear", 2e-3, 1e-5)


def test_sgd_brings_its_own_rates_and_epochs():
    settings = Settings.of(optimizer="sgd")
    assert (settings.schedule, settings.rate, settings.end_rate, settings.epochs) == ("linear", 5e-3, 1e-3, 60)


def test_what_is_given_goes_before_what_sgd_brings():
    settings = Settings.of(optimizer="sgd", epochs=3, rate=0.1)
    assert (settings.schedule, settings.rate, settings.epochs) == ("linear", 0.1, 3)


def test_a_last_batch_that_is_not_full_is_a_step():
    settings = Settings(training=1000, batch=16, epochs=2)
    assert (settings.steps_per_epoch, settings.steps) == (63, 126)


@pytest.mark.parametrize(
    "name", ["vocabulary", "length", "training", "held_out", "width", "heads", "hidden", "layers", "batch", "epochs"]
)
@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3"])
def test_a_size_that_is_no_whole_number_of_at_least_1_is_one_clear_line(name, value):
    with pytest.raises(ValueError, match=rf"^{name.replace('_', '-')} must be a whole number of at least 1, got "):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vocabulary": 10**29}, f"vocabulary must be a whole number of at most 100,000,000, got {10**29:,}"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"heads": 5}, "heads must divide the width 64, got 5"),
        ({"norm": "mid"}, "norm must be pre or post, got 'mid'"),
        ({"embeddings": "one"}, "embeddings must be separate or tied, got 'one'"),
        ({"optimizer": "lion"}, "optimizer must be adam or adamw or muon or sgd, got 'lion'"),
        ({"schedule": "step"}, "schedule must be constant or cosine or linear, got 'step'"),
        ({"rate": 0.0}, "rate must be a positive number, got 0.0"),
        ({"rate": float("nan")}, "rate must be a positive number, got nan"),
        ({"end_rate": float("inf")}, "end-rate must be a positive number, got inf"),
        ({"schedule": "constant", "end_rate": 1e-4},
         "end-rate must come with schedule cosine or linear, got schedule constant"),
        (
            {"length": 6},
            "training and held-out must add up to at most 729, all sequences of length 6 from 3 symbols, got 2,000",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(given, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        Settings.of(**given)
    assert str(error.value) == message


def test_settings_can_be_written_down_and_read_again():
    settings = Settings.of(optimizer="sgd", seed=3)
    assert Settings(**dataclasses.asdict(settings)) == settings
