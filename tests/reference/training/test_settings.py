import pytest

from reference.core.families import DecoderOnlySettings, TransformerSettings
from reference.tasks import task as tasks
from reference.tasks.copy import Copy
from reference.training.families import FAMILIES
from reference.training.settings import Run, known
from reference.training.training_settings import TrainingSettings

SIZES = ["training", "held-out", "width", "heads", "hidden", "encoder-layers", "decoder-layers", "batch", "epochs"]


def test_defaults_are_those_of_the_copy_task():
    run = Run.of({})
    assert (run.task_name, run.family_name) == ("copy", "encoder-decoder")
    assert (run.task.vocabulary, run.task.length, run.task.training, run.task.held_out) == (3, 8, 1000, 1000)
    sizes = {"width": 64, "heads": 4, "hidden": 128, "encoder_layers": 1, "decoder_layers": 1}
    assert run.model == TransformerSettings(vocabulary=4, **sizes)
    training = run.training
    assert (training.batch, training.epochs, training.optimizer, training.schedule) == (16, 10, "adam", "linear")
    assert (training.rate, training.end_rate, training.seed) == (2e-3, 1e-5, 0)


def test_sgd_brings_its_own_rates_and_epochs():
    training = Run.of({"optimizer": "sgd"}).training
    assert (training.schedule, training.rate, training.end_rate, training.epochs) == ("linear", 5e-3, 1e-3, 60)


def test_what_is_given_goes_before_what_sgd_brings():
    training = Run.of({"optimizer": "sgd", "epochs": 3, "rate": 0.1}).training
    assert (training.rate, training.epochs, training.end_rate) == (0.1, 3, 1e-3)


def test_what_follows_from_the_task_is_no_setting_of_the_model():
    run = Run.of({"model": "decoder-only", "vocabulary": 5, "length": 7})
    assert isinstance(run.model, DecoderOnlySettings)
    assert (run.model.vocabulary, run.model.length) == (6, 14)


def test_a_last_batch_that_is_not_full_is_a_step():
    run = Run.of({"training": 1000, "batch": 16, "epochs": 2})
    assert (run.steps_per_epoch, run.steps) == (63, 126)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1])
def test_a_size_below_1_is_one_clear_line(name, value):
    with pytest.raises(ValueError, match=rf"^\w+: {name} must be at least 1, got {value}$"):
        Run.of({name: value})


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [2.0, True, "3"])
def test_a_size_that_is_no_whole_number_is_one_clear_line(name, value):
    with pytest.raises(TypeError, match=rf"^\w+: {name} must be a whole number, got "):
        Run.of({name: value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"vocabulary": 10**29}, f"Copy: vocabulary must be at most 100,000,000, got {10**29}"),
        (
            {"vocabulary": 10**8},
            "Copy: vocabulary 100000000 must make at most 100,000,000 token ids, got 100,000,001",
        ),
        (
            {"model": "decoder-only", "length": 60_000_000},
            "Copy: length 60000000 must make at most 100,000,000 positions, got 120,000,000",
        ),
        (
            {"task": "addition", "digits": 50_000_000},
            "Addition: digits 50000000 must make at most 100,000,000 positions, got 150,000,002",
        ),
        (
            {"task": "recall", "keys": 99_999_999, "values": 7},
            "Recall: keys 99999999 and values 7 must make at most 100,000,000 token ids, got 100,000,007",
        ),
        (
            {"task": "path-star", "model": "decoder-only", "arms": 10_000, "length": 9999, "nodes": 10**8 - 1},
            "PathStar: arms 10000 and length 9999 must make at most 100,000,000 positions, got 199,990,002",
        ),
        ({"seed": -1}, "TrainingSettings: seed must be at least 0, got -1"),
        ({"warmup": 630}, "schedule: warmup must be shorter than the run of 630 steps, got 630"),
        ({"heads": 5}, "TransformerSettings: heads must divide the width 64, got 5"),
        ({"norm": "mid"}, "TransformerSettings: norm must be 'pre' or 'post', got 'mid'"),
        ({"embeddings": "one"}, "TransformerSettings: embeddings must be 'separate' or 'tied', got 'one'"),
        ({"rate": 0.0}, "TrainingSettings: rate must be positive and finite, got 0.0"),
        ({"rate": float("nan")}, "TrainingSettings: rate must be positive and finite, got nan"),
        ({"end-rate": float("inf")}, "TrainingSettings: end-rate must be positive and finite, got inf"),
        ({"task": "cop"}, "task: a task must be a known one, such as copy, got 'cop'"),
        (
            {"model": "classifier"},
            "model: a family for copy must be encoder-decoder or decoder-only or encoder-only, got classifier",
        ),
        ({"model": "decoder"}, "model: a family of models must be a known one, such as decoder-only, got 'decoder'"),
        ({"widt": 8}, "settings: an entry must be a known one, such as width, got 'widt'"),
        ({"end_rate": 8}, "settings: an entry must be a known one, such as end-rate, got 'end_rate'"),
        (
            {"length": 6},
            "Copy: training and held-out must add up to at most 729, as many sequences as there are, got 2,000",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(given, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        Run.of(given)
    assert str(error.value) == message


@pytest.mark.parametrize("model", Copy.families)
def test_a_run_can_be_written_down_and_read_again(model):
    run = Run.of({"optimizer": "sgd", "seed": 3, "model": model})
    assert Run.of(run.entries()) == run
    assert list(run.entries()) == known(type(run.task), run.family)


@pytest.mark.parametrize("task", tasks.every())
@pytest.mark.parametrize("model", FAMILIES)
def test_no_two_entries_of_a_run_have_one_name(task, model):
    names = known(tasks.find(task), FAMILIES[model])
    assert len(set(names)) == len(names)
    assert set(TrainingSettings.names()) < set(names)
