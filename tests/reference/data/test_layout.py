import json

import pytest
import tokenizers

from reference.data.byte_pair import BytePair
from reference.data.layout import tokenizer_json
from reference.data.tokenizer import Bytes, Characters

TEXT = "ab\n\n\r\t é漢😀 a\x00\x7f\xad"


def same(tokenizer, text):
    there = tokenizers.Tokenizer.from_str(tokenizer_json(tokenizer))
    ids = there.encode(text).ids
    assert ids == tokenizer.encode(text.encode(), "the text").tolist()
    assert there.decode(ids) == tokenizer.decode(ids) == text
    assert there.get_vocab_size() == tokenizer.vocabulary


def test_bytes_and_characters_are_the_same_ids_there():
    same(Bytes(), TEXT)
    same(Characters(TEXT), TEXT)
    same(Characters("unknow"), "unknown")


def test_every_byte_has_its_id_there():
    there = tokenizers.Tokenizer.from_str(tokenizer_json(Bytes()))
    assert sorted(there.get_vocab().values()) == list(range(256))
    assert there.decode([0xC3, 0xA9]) == "é"


def test_byte_pairs_are_as_they_are_but_for_special_tokens_around_a_text():
    plain = BytePair.trained([("a text", TEXT.encode() * 9)], 262)
    same(plain, TEXT)
    first = {"SpecialToken": {"id": "a", "type_id": 0}}
    around = {
        "type": "TemplateProcessing", "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"a": {"id": "a", "ids": [3], "tokens": ["a"]}},
    }  # fmt: skip
    wrapped = BytePair(json.dumps(json.loads(plain.line) | {"post_processor": around}))
    assert tokenizers.Tokenizer.from_str(wrapped.line).encode(TEXT).ids[0] == 3  # which the model never saw
    same(wrapped, TEXT)


def test_a_character_that_is_unknown_is_an_error_there_too():
    there = tokenizers.Tokenizer.from_str(tokenizer_json(Characters("ab")))
    with pytest.raises(Exception, match="UNK"):
        there.encode("abc")
