import io

import pytest
import tokenizers
from rich.console import Console

from reference.data.corpus import Corpus, text_of, tokenizer_of
from reference.data.errors import DataError
from reference.data.text import own, parts
from reference.data.tokenizer import Bytes
from reference.job.prepare import prepare

TEXT = "one two three, four five six: Straße 日本語.\n" * 30
WORDS = pytest.mark.parametrize("word", ["bytes", "characters", "byte-pairs"])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def prepared(file, tmp_path):
    """prepared(word): a folder of tokens, and the file that they are of."""

    def prepared(word="bytes"):
        prepare([file], tmp_path / "data", word, 300, Console(file=io.StringIO()))
        return tmp_path / "data", file

    return prepared


@WORDS
def test_a_folder_that_was_prepared_holds_what_the_file_does(prepared, word):
    folder, file = prepared(word)
    there, here = Corpus.of([str(folder)], "bytes", 1), Corpus.of([str(file)], word, 300)
    assert there.training.ids.tolist() == here.training.ids.tolist()
    assert there.held_out.ids.tolist() == here.held_out.ids.tolist()
    assert (there.digest, there.tokenizer.line) == (here.digest, here.tokenizer.line)
    assert there.training.size + there.held_out.size == len(TEXT.encode())
    for files, corpus in (([str(folder)], there), ([str(file)], here)):
        assert b"".join(text_of(files, corpus)).decode() == TEXT


@WORDS
def test_both_parts_together_are_the_text(file, word):
    corpus = Corpus.of([str(file)], word, 300)
    ids = [*corpus.training.ids.tolist(), *corpus.held_out.ids.tolist()]
    assert corpus.tokenizer.decode(ids) == TEXT
    assert corpus.held_out.size == pytest.approx(len(TEXT.encode()) / 10, abs=4)


def test_a_tokenizer_that_is_known_is_not_made_again(file):
    line = Corpus.of([str(file)], "characters", 1).tokenizer.line
    file.write_text("seen", encoding="utf-8")
    assert Corpus.of([str(file)], "characters", 1, line).tokenizer.line == line


def test_without_a_file_it_is_the_text_of_the_package():
    corpus = Corpus.of([], "bytes", 1)
    assert corpus.training.size + corpus.held_out.size == sum(path.stat().st_size for path in own())


def test_another_text_or_tokenizer_has_another_digest(file):
    before = {Corpus.of([str(file)], word, 300).digest for word in ("bytes", "characters")}
    file.write_text(TEXT[:-1] + "!", encoding="utf-8")
    assert len(before | {Corpus.of([str(file)], "bytes", 300).digest}) == 3


def test_a_tokenizer_of_a_file_is_read(file, tmp_path):
    path = tmp_path / "tokenizer.json"
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel({"one": 0, "two": 1, "?": 2}, unk_token="?"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    inner.save(str(path))
    corpus = Corpus.of([str(file)], str(path), 1)
    assert corpus.training.ids[:3].tolist() == [0, 1, 2] and corpus.tokenizer.vocabulary == 3


@pytest.mark.parametrize("name", ["train.bin", "val.bin"])
def test_a_file_of_tokens_is_no_text(prepared, name):
    folder, file = prepared()
    with pytest.raises(DataError, match=rf"/{name}: must be a text, or the folder .* wrote, got a file of tokens$"):
        Corpus.of([str(file), str(folder / name)], "bytes", 1)


@pytest.mark.parametrize("name", ["train.bin", "val.bin"])
def test_a_file_of_another_tokenizer_is_one_clear_line(prepared, name, tmp_path):
    folder, _ = prepared("bytes")
    other = (folder / name).read_bytes()
    prepared("characters")
    (folder / name).write_bytes(other)
    message = rf"/{name}: must be of the tokenizer in .*tokenizer.json, \w{{8}}, got \w{{8}}$"
    with pytest.raises(DataError, match=message):
        Corpus.prepared(folder)


@pytest.mark.parametrize("name", ["train.bin", "val.bin", "tokenizer.json"])
def test_a_folder_without_one_of_its_files_is_one_clear_line(prepared, name):
    folder, _ = prepared()
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"/data: must be a folder that 'prepare' wrote, got one without {name}$"):
        Corpus.prepared(folder)


@pytest.mark.parametrize("name", ["train.bin", "val.bin"])
@pytest.mark.parametrize(
    ("token", "message"),
    [
        (65_535, r"a token must be below 256, its vocabulary, got 65,535$"),
        (1, r"must hold the tokens that its header stands for, \w{8}, got \w{8}$"),
    ],
)
def test_a_file_whose_tokens_have_changed_is_one_clear_line(prepared, name, token, message):
    folder, _ = prepared()
    path = folder / name
    data = bytearray(path.read_bytes())
    data[-2:] = token.to_bytes(2, "little")
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"/{name}: {message}"):
        Corpus.prepared(folder)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must have some text, got an empty file"),
        (b"{", "a tokenizer must be a JSON object, got '{'"),
        (b"\xff{}", "must be UTF-8, got byte 0xff; that is how tokenizers are written down"),
    ],
)
def test_a_tokenizer_that_cannot_be_read_is_one_clear_line(prepared, data, message):
    folder, file = prepared()
    path = folder / "tokenizer.json"
    path.write_bytes(data)
    for work in (lambda: Corpus.prepared(folder), lambda: Corpus.of([str(file)], str(path), 1)):
        with pytest.raises(DataError) as error:
            work()
        assert str(error.value) == f"{path}: {message}"


def test_a_word_that_names_no_tokenizer_is_one_clear_line(file):
    message = r"^a tokenizer must be bytes, characters, .* or a tokenizer.json, got 'letters'$"
    with pytest.raises(DataError, match=message):
        tokenizer_of("letters", 1, *parts([file]))


def test_what_is_not_utf8_is_taken_as_bytes_and_refused_for_characters(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 4)
    corpus = Corpus.of([str(path)], "bytes", 1)
    assert isinstance(corpus.tokenizer, Bytes) and corpus.training.size + corpus.held_out.size == 1024
    for word in ("characters", "byte-pairs"):
        with pytest.raises(DataError, match=r"a.bin: must be UTF-8, got byte 0x80; with --tokenizer bytes any file"):
            Corpus.of([str(path)], word, 300)


def test_more_characters_than_two_bytes_tell_apart_are_one_clear_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(map(chr, range(0x10000, 0x20000))), encoding="utf-8")
    with pytest.raises(DataError, match=r"^a vocabulary must have at most 65,535 characters, got 65,536$"):
        Corpus.of([str(path)], "characters", 1)
