import io
import math
from collections import deque

import numpy as np
import pytest
from rich.console import Console

from reference.data.errors import DataError
from reference.job.prepare import prepare
from reference.training.checkpoint import written
from reference.training.loop import data, train
from reference.training.settings import Run
from reference.training.state import begin

WORDS = "the cat sat on the mat and the bat on the hat\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(WORDS * 40)
    return path


@pytest.fixture
def text(file):
    """text(**entries): the task of a run on a small file."""
    return lambda **entries: Run.of({"task": "text", "files": (str(file),), "held-out": 5, **entries}).task


def test_a_tenth_is_held_out_and_none_of_it_is_trained_on(text):
    task = text()
    training, held_out = task.draw(np.random.default_rng(0))
    whole = [*training.ids.tolist(), *held_out.every.ids.tolist()]
    assert bytes(whole).decode() == WORDS * 40
    assert task.training == len(training.ids) == pytest.approx(0.9 * len(whole), abs=1)
    assert len(held_out[:]) == min(5, (len(held_out.every.ids) - 1) // 64)


def test_its_entries_are_all_that_a_checkpoint_needs_to_say(text, file):
    run = Run.of({"task": "text", "files": (str(file),), "tokenizer": "characters"})
    entries = run.entries()
    file.unlink()
    assert Run.of(entries) == run
    assert Run.of({**entries, "files": list(entries["files"])}) == run


def test_a_text_that_has_changed_since_is_one_clear_line(text, file):
    task = text()
    file.write_text(WORDS * 41)
    with pytest.raises(DataError, match=r"a.txt: must be the text of the run, \w{16}, got \w{16}$"):
        task.draw(np.random.default_rng(0))


@pytest.mark.parametrize(("context", "part"), [(64, "held out"), (2000, "to train on")])
def test_a_context_longer_than_the_text_is_one_clear_line(text, file, context, part):
    file.write_text(WORDS * 4)
    message = rf"^context must be shorter than the text: \d+ tokens ({part}|to train on), got {context:,}$"
    with pytest.raises(DataError, match=message):
        text(context=context)


def test_a_folder_that_was_prepared_has_a_tokenizer_of_its_own(file, tmp_path):
    prepare([file], tmp_path / "data", "characters", 1, Console(file=io.StringIO()))
    entries = {"task": "text", "files": (str(tmp_path / "data"),)}
    assert Run.of(entries).task.encoder.vocabulary < 30
    with pytest.raises(DataError, match=r"^tokenizer must be left out for .*/data, which has its own, got bytes$"):
        Run.of({**entries, "tokenizer": "bytes"})


def test_bits_a_byte_are_of_the_text_whatever_a_token_is(text):
    for tokenizer in ("bytes", "characters", "byte-pairs"):
        task = text(tokenizer=tokenizer, vocabulary=270, context=8)
        _, held_out = task.draw(np.random.default_rng(0))
        tokens, size = len(held_out.every.ids), len(WORDS) * 40 - math.floor(len(WORDS) * 40 * 0.9)
        nats = math.log(2) * size / tokens  # of each token, so that a byte has one bit
        assert task.bits_a_byte(nats) == pytest.approx(1.0, rel=1e-12)  # a few roundings


def test_all_follows_from_the_depth_and_each_can_be_given():
    small = Run.of({"task": "text"})
    assert (small.model.layers, small.model.width, small.model.heads, small.model.length) == (4, 128, 4, 64)
    assert (small.training.batch, small.steps) == (12, 2000)
    large = Run.of({"task": "text", "depth": 8, "heads": 4, "steps": 100})
    assert (large.model.layers, large.model.width, large.model.heads, large.model.length) == (8, 256, 4, 128)
    assert (large.training.batch, large.steps, large.training.warmup) == (24, 100, 5)
    assert large.training.rate == small.training.rate / 2


def test_tokens_to_read_grow_as_the_parameters_of_the_blocks_do():
    read = [Run.of({"task": "text", "depth": depth}) for depth in (2, 4)]
    sizes = [run.steps * run.training.batch * run.task.context for run in read]
    blocks = [run.model.layers * run.model.width**2 for run in read]
    assert sizes[1] / sizes[0] == blocks[1] / blocks[0] == 8


@pytest.mark.parametrize(("steps", "epochs", "each"), [(2000, 10, 200), (25, 10, 3), (3, 10, 1), (7, 2, 4)])
def test_steps_are_filled_up_to_whole_epochs(text, steps, epochs, each):
    assert text(steps=steps).steps_of(12, epochs) == each


@pytest.mark.parametrize(
    ("entries", "kind", "message"),
    [
        ({"depth": 0}, ValueError, "Text: depth must be at least 1, got 0"),
        ({"depth": 200_001}, ValueError, "Text: depth must be at most 200,000, got 200001"),
        ({"depth": "4"}, TypeError, "Text: depth must be a whole number, got str"),
        ({"steps": 0}, ValueError, "Text: steps must be at least 1, got 0"),
        ({"files": "a.txt"}, TypeError, "Text: files must be a tuple, got str"),
        ({"model": "encoder-only"}, ValueError, "model: a family for text must be decoder-only, got encoder-only"),
        ({"width": 30}, ValueError, "DecoderOnlySettings: heads must divide the width 30, got 4"),
    ],
)
def test_what_makes_no_sense_is_one_clear_line(text, entries, kind, message):
    with pytest.raises(kind, match=f"^{message}$"):
        text(**entries)


def test_a_token_is_shown_without_moving_a_cursor(text):
    assert [text().name_of(token) for token in b"a\n \xff"] == ["a", "\\n", " ", "\ufffd"]


def test_a_sequence_of_symbols_is_none_of_text(text):
    with pytest.raises(ValueError, match=r"^a model of text must have a --prompt to go on with, got symbols$"):
        text().asked(["a"])


def test_it_says_what_there_is(text):
    assert text(context=16).about == "1,656 tokens to train on, 5 passages of 16 held out"
    assert text(context=16).judges == "5 passages kept out of training"
    assert text().choices == text().tokens == 256


@pytest.mark.parametrize("most", [1, 2, 3, 400])
def test_passages_that_are_told_are_those_that_are_judged_by(text, most):
    task = text(**{"held-out": most})
    _, held_out = task.draw(np.random.default_rng(0))
    assert task.passages == len(held_out) == len(held_out[:]) == min(most, 2)  # 184 tokens are held out
    said = {1: "1 passage", 2: "2 passages"}[task.passages]
    assert f" {said} of 64 " in task.about and task.judges.startswith(f"{said} ")


def test_shards_of_a_text_go_anywhere_to_the_same_bits(text, file):
    sizes = {"width": 8, "heads": 2, "layers": 1, "context": 8, "steps": 2, "epochs": 1, "batch": 4, "held-out": 2}
    run = Run.of({"task": "text", "files": (str(file),), "shards": 2, **sizes})
    ends = []
    for workers in (1, lambda function, tasks: [function(task) for task in reversed(tasks)]):
        (last,) = deque(train(run, begin(run), *data(run), workers=workers), maxlen=1)
        ends.append(written(run, last))
    assert ends[0] == ends[1]
