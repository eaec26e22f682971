import argparse
import io
import os
from pathlib import Path

import pytest

from reference.generation.sampling import Sampling
from reference.generation.stream import GREEDY
from reference.job import prompted
from reference.job.errors import JobError, UsageError


def options(*words):
    parser = argparse.ArgumentParser(argument_default=argparse.SUPPRESS)
    prompted.add_options(parser)
    return vars(parser.parse_args(words))


@pytest.mark.parametrize("word", ["--prompt=a", "--prompt-file=a", "--tokens=3", "--temperature=1", "--min-p=0.1"])
def test_each_option_asks_for_what_stands_behind_a_prompt(word):
    assert prompted.asked(options(word)) and not prompted.asked(options())


def test_a_prompt_is_what_was_written_but_for_the_end_of_its_last_line(tmp_path, monkeypatch):
    file = tmp_path / "prompt"
    for written, read in ((b"", ""), (b"a\nb\n", "a\nb"), (b"a\r\n", "a"), ("\u00fc\n\n".encode(), "\u00fc\n")):
        file.write_bytes(written)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(written)))
        assert prompted.text({"prompt_file": file}) == prompted.text({"prompt_file": Path("-")}) == read
    assert prompted.text({"prompt": "a\n"}) == "a\n"


def test_a_file_that_is_no_text_is_one_line(tmp_path):
    file = tmp_path / "prompt"
    with pytest.raises(JobError, match=r"prompt: cannot be read \(No such file or directory\)$"):
        prompted.text({"prompt_file": file})
    file.write_bytes(b"abc\xff")
    with pytest.raises(JobError, match=r"prompt: must be text in UTF-8, got byte 255 at 3$"):
        prompted.text({"prompt_file": file})
    with pytest.raises(JobError, match=r"^prompt: must be text in UTF-8, got byte 255 at 3$"):
        prompted.text({"prompt": os.fsdecode(b"abc\xff")})  # as the shell hands it over


def test_a_prompt_is_not_waited_for_at_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "prompt")
    with pytest.raises(JobError, match=r"prompt: must be a file, or - for standard input, got something else$"):
        prompted.text({"prompt_file": tmp_path / "prompt"})


def test_options_say_how_tokens_are_drawn_and_the_rest_is_as_by_default():
    given = options("--temperature=0.5", "--top-k=3", "--top-p=0.9", "--min-p=0.1", "--penalty=1.2")
    assert prompted.sampling(given, GREEDY) == Sampling(temperature=0.5, k=3, p=0.9, min_p=0.1, penalty=1.2)
    assert prompted.sampling({}, GREEDY) == GREEDY
    assert prompted.sampling({"top_k": 3}, Sampling(temperature=0.8)) == Sampling(temperature=0.8, k=3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"top_k": 3}, "top-k must come with a temperature above 0, got 0"),
        ({"top_p": 0.5, "temperature": 0}, "top-p must come with a temperature above 0, got 0"),
        ({"min_p": 0.5}, "min-p must come with a temperature above 0, got 0"),
        ({"temperature": -0.1}, "temperature must be finite and at least 0, got -0.1"),
        ({"temperature": float("nan")}, "temperature must be finite and at least 0, got nan"),
        ({"temperature": 1, "top_p": 1.5}, r"top-p must lie in \(0, 1\], got 1.5"),
        ({"temperature": 1, "top_k": 0}, "top-k must be at least 1, got 0"),
        ({"temperature": 1, "min_p": 2}, r"min-p must lie in \[0, 1\], got 2"),
        ({"penalty": 0}, "penalty must be positive and finite, got 0"),
    ],
)
def test_an_option_out_of_range_is_one_line_with_its_name(given, message):
    with pytest.raises(UsageError, match=rf"^{message}$"):
        prompted.sampling(given, GREEDY)


def test_tokens_are_written_as_they_come_and_their_number_is_told():
    out, told, seen = io.StringIO(), io.StringIO(), []

    def said():
        for token in (3, 1, 4):
            seen.append(out.getvalue())
            yield token

    prompted.say(said(), lambda ids: (f"{token} " for token in ids), out, told)
    assert seen == ["", "3 ", "3 1 "] and out.getvalue() == "3 1 4 \n"
    assert told.getvalue().startswith("3 tokens, ") and told.getvalue().endswith(" a second\n")
    one = io.StringIO()
    prompted.say(iter([3]), lambda ids: map(str, ids), out, one)
    assert one.getvalue().startswith("1 token, ")
    prompted.say(iter(()), lambda ids: (str(token) for token in ids), out, None)
