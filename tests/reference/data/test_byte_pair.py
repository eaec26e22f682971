import importlib.util
import json

import pytest
import tokenizers

from reference.data.byte_pair import BytePair
from reference.data.errors import DataError
from reference.data.line import read
from reference.data.tokenizer import MOST

TEXT = "the cat sat on the mat, the bat on the hat; Straße 日本語\n" * 20


@pytest.fixture
def trained():
    return BytePair.trained([("here", TEXT.encode())], 280)


def test_text_comes_back_from_fewer_tokens_than_it_has_bytes(trained):
    ids = trained.encode(TEXT.encode(), "here")
    assert trained.vocabulary == 280 and ids.max() < 280
    assert len(ids) < len(TEXT.encode()) / 2
    assert trained.decode(ids.tolist()) == TEXT
    assert trained.data(ids.tolist()) == TEXT.encode()


def test_text_that_it_never_saw_comes_back_too(trained):
    other = "Zażółć \U0001f600 \x00\r\n  end"
    assert trained.decode(trained.encode(other.encode(), "here").tolist()) == other


def test_it_is_made_again_of_its_line(trained):
    again = read(trained.line)
    assert again.encode(TEXT.encode(), "here").tolist() == trained.encode(TEXT.encode(), "here").tolist()


def test_the_same_text_makes_the_same_encoding(trained):
    assert BytePair.trained([("there", TEXT.encode())], 280).line == trained.line


@pytest.mark.parametrize("vocabulary", [255, MOST + 1])
def test_a_vocabulary_that_bytes_or_files_have_no_room_for_is_one_clear_line(vocabulary):
    message = rf"^a vocabulary of byte pairs must have 256 to {MOST:,} tokens, got {vocabulary:,}$"
    with pytest.raises(DataError, match=message):
        BytePair.trained([("here", b"text")], vocabulary)


def test_a_vocabulary_of_a_file_that_is_too_large_is_one_clear_line():
    words = {f"w{i}": i for i in range(MOST + 1)}
    line = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w0")).to_str()
    with pytest.raises(DataError, match=rf"^a vocabulary must have 1 to {MOST:,} tokens, got 65,536$"):
        BytePair(line)


@pytest.mark.parametrize("line", ["{}", json.dumps({"model": {"type": "BPE", "vocab": 3}})])
def test_what_the_package_cannot_read_is_one_clear_line(line):
    with pytest.raises(DataError, match=r"^a tokenizer must be one that tokenizers reads, got '.+'$"):
        read(line)


def test_a_text_that_is_not_utf8_is_one_clear_line(trained):
    for work in (lambda: BytePair.trained([("here", b"\xff")], 300), lambda: trained.encode(b"\xff", "here")):
        with pytest.raises(DataError, match=r"^here: must be UTF-8, got byte 0xff; with --tokenizer bytes"):
            work()


def test_the_package_is_named_where_it_is_missing(monkeypatch, trained):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for work in (lambda: BytePair(trained.line), lambda: BytePair.trained([], 300)):
        with pytest.raises(DataError, match=r"^tokenizers must be installed: pip install 'backproof\[text\]'$"):
            work()
