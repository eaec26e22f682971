"""Tokenizers in the layout in which others publish them: a `tokenizer.json`, as the package `tokenizers` reads it."""

import json
from typing import Any

from reference.data.tokenizer import Bytes, Characters, Tokenizer


def tokenizer_json(tokenizer: Tokenizer) -> str:
    """Return the text of a `tokenizer.json` whose ids are those of `tokenizer`, without special tokens around a text.

    Bytes are byte pairs of which none is merged, characters are words of one each; a character that is unknown is an
    error there too, since there is no token for what is unknown.
    """
    if isinstance(tokenizer, Bytes):
        model = {"type": "BPE", "vocab": _letters(), "merges": []}
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        return _described(model, level, level)
    if isinstance(tokenizer, Characters):
        ids = {character: i for i, character in enumerate(tokenizer.known)}
        each = {"type": "Split", "pattern": {"Regex": "(?m:.)"}, "behavior": "Isolated", "invert": False}
        return _described({"type": "WordLevel", "vocab": ids, "unk_token": "unknown"}, each, {"type": "Fuse"})
    return json.dumps(json.loads(tokenizer.line) | {"post_processor": None})


def _described(model: dict[str, Any], before: dict[str, Any], decoder: dict[str, Any]) -> str:
    found = {"version": "1.0", "added_tokens": [], "pre_tokenizer": before, "decoder": decoder, "model": model}
    return json.dumps(found)


def _letters() -> dict[str, int]:
    """Return the letter of each byte: itself where it can be printed, else one of those from 256 on.

    Source: Radford et al. 2019, "Language models are unsupervised multitask learners", in their code only.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte if byte in printable else 256 + others.index(byte)): byte for byte in range(256)}
