import numpy as np
import pytest

from reference.data.errors import DataError
from reference.data.tokenizer import Bytes, Characters, pieces, shown, utf8

TEXT = "Straße, 日本語\U0001f600\n"
EVERY = pytest.mark.parametrize("tokenizer", [Bytes(), Characters(TEXT)], ids=["bytes", "characters"])


@EVERY
def test_text_comes_back_from_its_ids(tokenizer):
    ids = tokenizer.encode(TEXT.encode(), "here")
    assert ids.dtype == np.uint16 and ids.max() < tokenizer.vocabulary
    assert tokenizer.decode(ids.tolist()) == TEXT
    assert tokenizer.data(ids.tolist()) == TEXT.encode()


def test_bytes_take_what_is_no_text():
    data = bytes(range(256))
    ids = Bytes().encode(data, "here")
    assert ids.tolist() == list(range(256))
    assert Bytes().data(ids.tolist()) == data


def test_a_token_of_characters_is_a_character():
    tokenizer = Characters("banana")
    assert (tokenizer.known, tokenizer.vocabulary) == ("abn", 3)
    assert tokenizer.encode(b"nab", "here").tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"abc", "here: characters must be those of the tokenizer, got 'c'"),
        (b"ab~", "here: characters must be those of the tokenizer, got '~'"),
        (b"a\xffb", "here: must be UTF-8, got byte 0xff; with --tokenizer bytes any file will do"),
        (b"\xc3", "here: must be UTF-8, got byte 0xc3; with --tokenizer bytes any file will do"),
    ],
)
def test_what_characters_do_not_know_is_one_clear_line(data, message):
    with pytest.raises(DataError) as error:
        Characters("ab").encode(data, "here")
    assert str(error.value) == message


def test_a_character_is_shown_when_all_its_bytes_are_there():
    assert list(pieces(Bytes().decode, "aé".encode() + b"b")) == ["a", "é", "b", ""]
    assert "".join(pieces(Bytes().decode, b"a\xc3")) == "a\ufffd"


def test_what_was_shown_is_not_shown_again_where_a_decoder_joins_words_anew():
    """As one does that writes marks of punctuation to the word before them."""
    said = ["he", "he '", "he's", "he's here"]
    assert list(pieces(lambda ids: said[len(ids) - 1], range(4))) == ["he", " '", "'s", " here", ""]


def test_nothing_that_moves_a_cursor_is_shown():
    assert shown("a\n\x1b[2J é\u2028") == "a\\n\\x1b[2J é\\u2028"


def test_text_that_is_whole_is_read():
    assert utf8(TEXT.encode(), "here") == TEXT
