import json

import pytest

from reference.data.errors import DataError
from reference.data.line import digest, read
from reference.data.tokenizer import MOST, Bytes, Characters

EVERY = pytest.mark.parametrize("tokenizer", [Bytes(), Characters("Straße, 日本語")], ids=["bytes", "characters"])


@EVERY
def test_a_tokenizer_is_made_again_of_its_line(tokenizer):
    again = read(tokenizer.line)
    assert (type(again), again.line, digest(again)) == (type(tokenizer), tokenizer.line, digest(tokenizer))
    assert "\n" not in tokenizer.line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "a tokenizer must be a JSON object, got ''"),
        ("[" * 100_000, f"a tokenizer must be a JSON object, got '{'[' * 40}'"),
        ("[3]", r"a tokenizer must be a JSON object, got '[3]'"),
        ('{"characters": ""}', f"a tokenizer must know 1 to {MOST:,} characters, got ''"),
        ('{"characters": 3}', f"a tokenizer must know 1 to {MOST:,} characters, got '3'"),
    ],
)
def test_a_line_that_describes_no_tokenizer_is_one_clear_line(line, message):
    with pytest.raises(DataError) as error:
        read(line)
    assert str(error.value) == message


def test_more_characters_than_two_bytes_tell_apart_are_one_clear_line():
    many = "".join(map(chr, range(0x10000, 0x10000 + MOST + 1)))
    assert read(json.dumps({"characters": many[1:]})).vocabulary == MOST
    with pytest.raises(DataError, match=rf"^a tokenizer must know 1 to {MOST:,} characters, got '"):
        read(json.dumps({"characters": many}))
