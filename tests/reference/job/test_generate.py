import io
import os
import re
from pathlib import Path

import pytest

from reference.job import commands
from reference.job.errors import JobError, UsageError
from reference.job.files import OUT, Folder
from reference.training import families, loop
from reference.training.checkpoint import save
from reference.training.errors import CheckpointError
from reference.training.settings import Run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(given, kind=UsageError):
    with pytest.raises(kind) as error:
        commands.generate(given)
    return str(error.value)


def test_generate_answers_what_is_asked(saved, capsys):
    saved()
    assert commands.generate({"symbols": ["3", "1", "/", "2", "2", "2", "/"]}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines[2:]] == ["3 1  ", "2 2 2"]


def test_sequences_come_from_a_prompt_a_file_or_standard_input_and_their_speed_is_told(saved, capsys, monkeypatch):
    path = {"checkpoint": Folder(OUT).checkpoint}
    saved()
    assert commands.generate({"symbols": ["3", "1", "/", "2", "2", "2"]}) == 0
    asked = capsys.readouterr()
    assert re.fullmatch(r"5 tokens, \S+ a second\n", asked.err)
    Path("two.txt").write_text("3 1\n\n2 2 2\n")
    for where in ({"prompt": "3 1\n2 2 2"}, {"prompt_file": Path("two.txt")}, {"prompt_file": Path("-")}):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"3 1\r\n2 2 2\n")))
        assert commands.generate(path | where) == 0
        shown = capsys.readouterr()
        assert shown.out == asked.out and shown.err.startswith("5 tokens, ")


@pytest.mark.parametrize(("given", "message"), [
    ({"prompt": "3 1", "tokens": 3}, "tokens must be for a model of text, got one of copy"),
    ({"prompt": "3 1", "top_p": 0.5}, "top-p must be for a model of text, got one of copy"),
    ({"prompt": "3 1", "end": [2]}, "end must be for a model of text, got one of copy"),
    ({"prompt": "3 4"}, "a symbol must be one of 1 to 3, got '4'"),
    ({"prompt": " \n"}, "a sequence must have at least one symbol, got none"),
    ({"prompt": "3", "symbols": ["1"]}, "a prompt must come without symbols, got both"),
])  # fmt: skip
def test_a_prompt_of_no_sequences_is_one_clear_line(saved, given, message):
    saved()
    assert refused({"checkpoint": Folder(OUT).checkpoint} | given) == message


def test_each_answer_is_shown_as_soon_as_it_is_said(saved, capsys, monkeypatch):
    saved()
    seen, greedy = [], families.greedy

    def heard(*inputs, **options):
        seen.append(len(capsys.readouterr().out.splitlines()))
        return greedy(*inputs, **options)

    monkeypatch.setattr(families, "greedy", heard)
    assert commands.generate({"symbols": ["3", "/", "2", "/", "1"]}) == 0
    assert seen == [2, 1, 1]  # the head of the table, then a line before each next sequence is read


def test_generate_takes_held_out_sequences_by_itself(saved, capsys):
    settings, _ = saved()
    _, held_out = loop.data(settings)
    seen = [" ".join(map(str, row)) for row in held_out.source]
    shown = []
    for seed in (0, 0, 1):
        assert commands.generate({"count": 4, "seed": seed}) == 0
        shown.append([line[:5] for line in capsys.readouterr().out.splitlines()[2:]])
    assert shown[0] == shown[1] != shown[2]
    assert len(set(shown[0])) == 4
    assert set(shown[0]) <= set(seen)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"symbols": ["3", "4"]}, "a symbol must be one of 1 to 3, got '4'"),
        ({"symbols": ["0"]}, "a symbol must be one of 1 to 3, got '0'"),
        ({"symbols": ["-1"]}, "a symbol must be one of 1 to 3, got '-1'"),
        ({"symbols": ["x"]}, "a symbol must be one of 1 to 3, got 'x'"),
        ({"symbols": ["/"]}, "a sequence must have at least one symbol, got none"),
        ({"symbols": ["1" * 5000]}, f"a symbol must be one of 1 to 3, got '{'1' * 20}'"),
        ({"symbols": ["1"], "count": 3}, "count must come without symbols, got count 3 and symbols"),
        ({"symbols": ["1"], "seed": 3}, "seed must come without symbols, got seed 3 and symbols"),
        ({"count": 0}, "count must be a whole number of at least 1, got 0"),
        ({"seed": -2}, "seed must be a whole number of at least 0, got -2"),
    ],
)
def test_generate_refuses_what_the_model_does_not_know(saved, given, message):
    saved()
    assert refused(given) == message


def test_generate_refuses_symbols_that_are_no_text(saved):
    saved()
    given = {"symbols": [os.fsdecode(b"1\xff")]}
    assert refused(given, JobError) == "symbols: must be text in UTF-8, got byte 255 at 1"


def test_generate_reads_the_checkpoint_it_is_told(tmp_path):
    path = tmp_path / "none"
    assert refused({"checkpoint": path}, CheckpointError) == f"{path}: no such checkpoint"


def test_a_model_of_text_goes_on_from_a_prompt(spoken, capsys):
    spoken()
    shown = []
    for given in ({}, {"seed": 0}, {"seed": 1}, {"tokens": 9}):
        assert commands.generate({"prompt": "the cat", **given}) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]
    assert shown[0].startswith(shown[3][:5])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tokens": 3}, "a prompt must be given by --prompt or --prompt-file, got none"),
        ({"prompt": "a", "prompt_file": Path("b")}, "prompt must come without prompt-file, got both"),
        ({"prompt": "a", "top_k": 0}, "top-k must be at least 1, got 0"),
        ({"prompt": "a", "tokens": 0}, "tokens must be a whole number of at least 1, got 0"),
        ({"prompt": "a", "seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"prompt": "a", "symbols": ["b"]}, "a prompt must come without symbols, got both"),
        ({"prompt": "a", "count": 3}, "a prompt must come without count, got both"),
        ({"prompt": ""}, "a prompt must have at least one token, got none"),
        (
            {"checkpoint": Folder(OUT.with_name("text")).checkpoint},
            "a model of text must have a --prompt to go on from, got none",
        ),
    ],
)
def test_a_prompt_that_makes_no_sense_is_one_clear_line(spoken, given, message):
    spoken()
    assert refused(given) == message


def test_a_prompt_comes_from_a_file_or_from_standard_input_and_tokens_are_drawn_as_asked(spoken, capsys, monkeypatch):
    spoken()
    Path("prompt.txt").write_text("the cat\n")
    shown = []
    for where in ({"prompt": "the cat"}, {"prompt_file": Path("prompt.txt")}, {"prompt_file": Path("-")}):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the cat\n")))
        assert commands.generate({**where, "tokens": 9, "temperature": 0.0}) == 0
        shown.append(capsys.readouterr())
    assert len({one.out for one in shown}) == 1
    assert all(one.err.startswith("9 tokens, ") for one in shown)


def test_a_model_of_pairs_answers_what_it_is_asked(tmp_path, trained, capsys):
    (tmp_path / "a.tsv").write_text("one\teins\ntwo\tzwei\nthe end\tdas Ende\n")
    sizes = {"width": 8, "heads": 2, "hidden": 5, "epochs": 1}
    run = Run.of({"task": "pairs", "files": ("a.tsv",), **sizes})
    save(tmp_path / "checkpoint", run, trained(run, 1))
    (tmp_path / "a.tsv").unlink()
    assert commands.generate({"checkpoint": tmp_path / "checkpoint", "symbols": ["the", "end", "/", "two"]}) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line[:10].strip() for line in lines] == ["the end", "two"]
    message = "a text: characters must be those of the tokenizer, got '~'"
    assert refused({"checkpoint": tmp_path / "checkpoint", "symbols": ["~"]}) == message
