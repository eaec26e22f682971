import io

import pytest
import tokenizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import ByteLevel, WhitespaceSplit

from reference.core import tree
from reference.core.families import DecoderOnlySettings
from reference.generation.stream import stream
from reference.job import published
from reference.job.errors import JobError, UsageError
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.published import library


@pytest.fixture
def model(rng):
    sizes = {"vocabulary": 256, "length": 40, "width": 8, "heads": 4, "layers": 2, "embeddings": "tied"}
    drawn = TiedDecoderOnly.init(rng, DecoderOnlySettings.gpt(**sizes))
    return tree.map(lambda p: rng.normal(size=p.shape).astype(p.dtype), drawn)


@pytest.fixture
def folder(model, tmp_path):
    library.save(model, tmp_path)
    return tmp_path


class Pieces(io.StringIO):
    """Text, and the pieces in which it came."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)
        return super().write(text)


def test_text_goes_in_and_out_by_the_tokenizer_of_the_folder_piece_by_piece(model, folder):
    vocabulary = {piece: i for i, piece in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), tokenizers.decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    prompt = tokenizer.encode("a word").ids
    ids = [int(token[0]) for token in stream(model, [prompt], length=20)]
    assert len(prompt) == 6 and len(set(ids)) > 1
    out = Pieces()
    published.speak(folder, "a word", 20, out)
    assert out.getvalue() == tokenizer.decode(ids) + "\n" and len(out.pieces) > 2


def test_a_prompt_without_a_token_is_one_line(folder):
    tokenizer = tokenizers.Tokenizer(WordLevel({"known": 3}))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(UsageError, match=r"^a prompt must have at least one token, got none that the tokenizer knows$"):
        published.speak(folder, "", 2, io.StringIO())


def test_what_the_tokenizer_does_not_know_of_what_is_said_is_one_line(model, folder):
    tokenizer = tokenizers.Tokenizer(WordLevel({"known": 3}))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    first = int(next(stream(model, [[3]], length=1))[0])
    assert first != 3
    must = rf"tokenizer\.json: must be a tokenizer that knows what the model says, got {first}$"
    with pytest.raises(JobError, match=must):
        published.speak(folder, "known", 2, io.StringIO())


def test_a_tokenizer_that_is_none_is_one_line(folder):
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(JobError, match=r"tokenizer\.json: must be a tokenizer, got [^\n]+$"):
        published.speak(folder, "a word", 2, io.StringIO())
