import importlib.util
import io
import json
import re

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import EncoderOnlySettings
from reference.generation.sampling import Sampling
from reference.generation.stream import stream
from reference.job import published
from reference.job.cli import main
from reference.job.errors import JobError, UsageError
from reference.job.files import OUT, Folder
from reference.models.encoder_only import EncoderOnly
from reference.published import library
from reference.published.config import Config
from reference.published.t5 import T5
from reference.training.checkpoint import save


@pytest.fixture
def folder(model, tmp_path):
    library.save(model, tmp_path / "model")
    return tmp_path / "model"


def said(model, prompt, length):
    return " ".join(str(int(token[0])) for token in stream(model, np.array([prompt]), length=length)) + "\n"


def test_a_model_goes_on_from_ids(model, folder, capsys):
    assert main(["generate", "--model", str(folder), "--prompt", "3 1 4", "--tokens", "5"]) == 0
    assert capsys.readouterr().out == said(model, [3, 1, 4], 5)


def test_tokens_are_drawn_as_the_options_say_from_the_seed_and_their_speed_is_told(model, folder, capsys):
    words = ["--prompt", "3 1 4", "--tokens", "5", "--temperature", "0.7", "--top-k", "4", "--min-p", "0.1"]
    assert main(["generate", "--model", str(folder), *words, "--seed", "3"]) == 0
    sampling, rng = Sampling(temperature=0.7, k=4, min_p=0.1), np.random.default_rng(3)
    drawn = stream(model, [[3, 1, 4]], length=5, sampling=sampling, rng=rng)
    shown = capsys.readouterr()
    assert shown.out == " ".join(str(int(token[0])) for token in drawn) + "\n"
    assert re.fullmatch(r"5 tokens, \S+ a second\n", shown.err)


def test_a_file_of_tensors_speaks_as_its_folder_does(model, folder):
    out = io.StringIO()
    published.speak(folder / "model.safetensors", "3 1 4", 5, out)
    assert out.getvalue() == said(model, [3, 1, 4], 5)


def test_one_token_is_told_as_one(folder, capsys):
    assert main(["generate", "--model", str(folder), "--prompt", "3", "--tokens", "1"]) == 0
    assert capsys.readouterr().err.startswith("1 token, ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompt", "a word"], "a prompt must be ids without a tokenizer.json, got 'a word'"),
        (["--prompt", " "], "a prompt must have at least one token, got none"),
        (["--prompt", "3", "--tokens", "0"], "tokens must be a whole number of at least 1, got 0"),
        ([], "a prompt must be given by --prompt or --prompt-file, got none"),
        (["--prompt", "3", "--count", "1"], "published weights take a --prompt, got count"),
        (["--prompt", "3", "--top-k", "2"], "top-k must come with a temperature above 0, got 0"),
        (["--prompt", "3", "--temperature", "1", "--top-p", "0"], "top-p must lie in (0, 1], got 0.0"),
        (["--prompt", "3", "--temperature", "-1"], "temperature must be finite and at least 0, got -1.0"),
    ],
)
def test_what_makes_no_sense_is_one_line(folder, capsys, words, message):
    assert main(["generate", "--model", str(folder), *words]) == 2
    assert capsys.readouterr().err == f"python -m reference generate: {message}\n"


@pytest.mark.parametrize(
    ("prompt", "tokens", "message"),
    [
        ("3 11", [], "a prompt must have ids in [0, 11), got 11"),
        ("3 -1", [], "a prompt must have ids in [0, 11), got -1"),
        (f"3 {10**30}", [], f"a prompt must have ids in [0, 11), got {10**30}"),
        ("1 " * 10, [], "a prompt must have at most 9 tokens, its positions, got 10"),
        ("1 2 3", ["--tokens", "8"], "tokens must be at most 7 behind a prompt of 3, since it has 9 positions, got 8"),
    ],
)
def test_an_id_or_a_length_that_the_model_does_not_know_is_one_line(folder, capsys, prompt, tokens, message):
    assert main(["generate", "--model", str(folder), "--prompt", prompt, *tokens]) == 1
    assert capsys.readouterr().err == f"python -m reference generate: {folder}: {message}\n"


@pytest.mark.parametrize("length", [1, 3, 9])
def test_it_says_no_more_than_it_has_positions_for_unless_asked_to(model, folder, length):
    out, prompt = io.StringIO(), list(range(length))
    published.speak(folder, " ".join(map(str, prompt)), None, out)
    assert out.getvalue() == said(model, prompt, 10 - length)


@pytest.fixture
def translator(rng, tmp_path):
    """A model that encodes, and the folder in which it is published with its special tokens."""
    sizes = {
        "model_type": "t5", "vocab_size": 11, "d_model": 8, "d_kv": 3, "num_heads": 4, "d_ff": 6, "num_layers": 2,
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 5,
    }  # fmt: skip
    blank = T5.blank(Config("config.json", sizes))
    model = tree.map(lambda p: rng.normal(size=p.shape).astype(np.float32), blank)
    library.save(model, tmp_path / "translator", {"decoder_start_token_id": 2, "eos_token_id": 1})
    return model, tmp_path / "translator"


def edited(path, **entries):
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def translated(model, source, start, length, **options):
    said = stream(model, [[start]], length=length, source=np.array([source]), **options)
    return " ".join(str(int(token[0])) for token in said) + "\n"


def test_a_model_that_encodes_reads_the_prompt_and_begins_with_its_start_token(translator, capsys):
    model, folder = translator
    assert main(["generate", "--model", str(folder), "--prompt", "3 1 4", "--tokens", "5"]) == 0
    assert capsys.readouterr().out == translated(model, [3, 1, 4], 2, 5, end=1)


def test_the_start_token_may_be_that_of_padding_and_stand_in_a_file_of_its_own(translator):
    model, folder = translator
    edited(folder, decoder_start_token_id=None)
    (folder / "generation_config.json").write_text('{"pad_token_id": 7, "eos_token_id": 1}')
    out = io.StringIO()
    published.speak(folder, "3 1 4", 5, out)
    assert out.getvalue() == translated(model, [3, 1, 4], 7, 5, end=1)


def test_words_of_one_token_that_must_not_be_said_are_not_said(translator):
    model, folder = translator
    first = int(translated(model, [3, 1, 4], 2, 1))
    edited(folder, bad_words_ids=[[first], [3, 4]])
    out = io.StringIO()
    published.speak(folder, "3 1 4", 5, out)
    said = out.getvalue()
    banned = Sampling(temperature=0, banned=(first,))
    assert said == translated(model, [3, 1, 4], 2, 5, end=1, sampling=banned) and str(first) not in said.split()


@pytest.fixture
def free(model, folder):
    """What the model says after 3 1 4 where nothing ends it."""
    return [int(token) for token in said(model, [3, 1, 4], 5).split()]


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("several", [False, True])
def test_it_stops_at_each_of_the_end_tokens_that_the_folder_names(folder, free, file, several):
    path = folder / file
    entries = json.loads(path.read_text()) if path.exists() else {}
    unsaid = next(token for token in range(11) if token not in free)
    ends = [unsaid, free[2]] if several else free[2]
    path.write_text(json.dumps(entries | {"eos_token_id": ends}))
    out = io.StringIO()
    published.speak(folder, "3 1 4", 5, out)
    stop = free.index(free[2]) + 1
    assert out.getvalue().split() == [str(token) for token in free[:stop]]


def test_ends_on_the_command_line_come_before_those_of_the_folder(folder, free, capsys):
    edited(folder, eos_token_id=free[0])
    unsaid = next(token for token in range(11) if token not in free)
    words = ["--prompt", "3 1 4", "--tokens", "5", "--end", str(unsaid), str(free[3])]
    assert main(["generate", "--model", str(folder), *words]) == 0
    stop = free.index(free[3]) + 1
    assert capsys.readouterr().out.split() == [str(token) for token in free[:stop]]
    assert main(["generate", "--model", str(folder), "--prompt", "3", "--end", "2", "11"]) == 1
    assert capsys.readouterr().err.endswith(r"end[1] must lie in [0, 11), got 11" + "\n")


@pytest.mark.parametrize("ends", ["2", 2.5, [2, "3"], [True], {"id": 2}])
def test_end_tokens_that_are_none_are_one_line(folder, ends):
    edited(folder, eos_token_id=ends)
    must = rf"model: 'eos_token_id' must be an id or a list of ids, got {re.escape(repr(ends))}$"
    with pytest.raises(JobError, match=must):
        published.speak(folder, "3", 2, io.StringIO())


@pytest.mark.parametrize("ends", [11, [2, -1]])
def test_end_tokens_that_the_model_does_not_know_are_one_line(folder, ends):
    edited(folder, eos_token_id=ends)
    must = rf"model: 'eos_token_id' must have ids in \[0, 11\), got {ends if isinstance(ends, int) else ends[-1]}$"
    with pytest.raises(JobError, match=must):
        published.speak(folder, "3", 2, io.StringIO())


def test_no_end_token_is_none(folder, free):
    edited(folder, eos_token_id=[])
    out = io.StringIO()
    published.speak(folder, "3 1 4", 5, out)
    assert out.getvalue().split() == [str(token) for token in free]


def test_a_model_that_encodes_without_a_start_token_is_one_line(translator):
    _, folder = translator
    edited(folder, decoder_start_token_id=None)
    with pytest.raises(JobError, match=r"translator: a model that encodes must have a 'decoder_start_token_id', got N"):
        published.speak(folder, "3", 2, io.StringIO())


@pytest.mark.parametrize(("entry", "value", "got"), [("decoder_start_token_id", 11, 11), ("bad_words_ids", [[-1]], -1)])
def test_special_tokens_that_the_model_does_not_know_are_one_line(translator, entry, value, got):
    _, folder = translator
    edited(folder, **{entry: value})
    with pytest.raises(JobError, match=rf"translator: '{entry}' must have ids in \[0, 11\), got {got}$"):
        published.speak(folder, "3", 2, io.StringIO())


def test_special_tokens_are_converted_too(translator, tmp_path):
    model, folder = translator
    (folder / "generation_config.json").write_text('{"bad_words_ids": [[4]]}')
    assert main(["convert", str(folder), str(tmp_path / "half"), "--dtype", "float16"]) == 0
    config = json.loads((tmp_path / "half" / "config.json").read_text())
    assert (config["decoder_start_token_id"], config["eos_token_id"]) == (2, 1)
    assert published.folder.special_of(tmp_path / "half")["bad_words_ids"] == [[4]]
    half = library.load(tmp_path / "half", "float32")
    for (_, one), (_, other) in zip(tree.leaves(model), tree.leaves(half), strict=True):
        assert np.array_equal(one.astype(np.float16), other)


def test_each_special_token_is_converted_in_the_file_in_which_it_stood(folder, tmp_path):
    """The two files may contradict each other, as published ones do: who reads one alone still reads what it said."""
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"eos_token_id": 3, "pad_token_id": 4}))
    other = {"eos_token_id": [7, 2], "bos_token_id": 1, "bad_words_ids": [[5]]}
    (folder / "generation_config.json").write_text(json.dumps(other))
    assert main(["convert", str(folder), str(tmp_path / "out")]) == 0
    out = json.loads((tmp_path / "out" / "config.json").read_text())
    assert {name: out[name] for name in out if "_token_id" in name} == {"eos_token_id": 3, "pad_token_id": 4}
    assert "bad_words_ids" not in out
    assert published.folder.special_of(tmp_path / "out") == published.folder.special_of(folder)


def test_what_is_no_model_or_does_not_speak_is_one_line(rng, tmp_path):
    sizes = {"vocabulary": 11, "length": 9, "width": 8, "heads": 4, "hidden": 6}
    library.save(EncoderOnly.init(rng, EncoderOnlySettings(**sizes)), tmp_path / "bert")
    with pytest.raises(JobError, match=r"bert: must be a model that speaks, got EncoderOnly$"):
        published.speak(tmp_path / "bert", "3", 2, io.StringIO())
    with pytest.raises(JobError, match=r"none: must be a folder or a \.safetensors file, got nothing there$"):
        published.speak(tmp_path / "none", "3", 2, io.StringIO())


def test_the_package_of_tokenizers_is_named_where_it_is_missing(folder, monkeypatch):
    (folder / "tokenizer.json").write_text("{}")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(JobError, match=r"^tokenizers must be installed: pip install 'backproof\[text\]'$"):
        published.speak(folder, "a word", 2, io.StringIO())


def test_published_weights_are_converted_to_another_dtype(model, folder, tmp_path):
    assert main(["convert", str(folder), str(tmp_path / "half"), "--dtype", "float16"]) == 0
    half = library.load(tmp_path / "half", "float32")
    for (_, one), (_, other) in zip(tree.leaves(model), tree.leaves(half), strict=True):
        assert np.array_equal(one.astype(np.float16), other)


@pytest.fixture
def checkpoint(tiny, trained, tmp_path):
    """checkpoint(kind): the model of a short run, and the file that holds it."""

    def checkpoint(kind):
        settings = tiny(model=kind)
        state = trained(settings, 2)
        save(tmp_path / "checkpoint.safetensors", settings, state)
        return state.model, tmp_path / "checkpoint.safetensors"

    return checkpoint


def test_a_trained_model_goes_out(checkpoint, tmp_path):
    model, file = checkpoint("decoder-only")
    assert main(["convert", str(file), str(tmp_path / "out")]) == 0
    for (_, one), (_, other) in zip(tree.leaves(model), tree.leaves(library.load(tmp_path / "out")), strict=True):
        assert np.array_equal(one, other)


def test_a_trained_model_that_nobody_publishes_stays(checkpoint, tmp_path):
    _, file = checkpoint("encoder-decoder")
    with pytest.raises(JobError, match=r"^GPT-2: must be .*; Llama: must be .*; BERT: must be "):
        published.convert(file, tmp_path / "out", None)
    assert not (tmp_path / "out").exists()


def test_a_converted_folder_speaks_as_the_original(folder, tmp_path, capsys):
    known = {"type": "WordLevel", "vocab": {word: i for i, word in enumerate("abcdefghijk")}, "unk_token": "a"}
    tokenizer = {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"}, "model": known}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "generation_config.json").write_text('{"eos_token_id": [7, 2], "temperature": 0.6}')
    converted = [tmp_path / "one", tmp_path / "two"]
    assert main(["convert", str(folder), str(converted[0]), "--dtype", "float64"]) == 0
    assert main(["convert", str(folder / "model.safetensors"), str(converted[1])]) == 0
    heard = []
    for path in (folder, *converted):
        assert main(["generate", "--model", str(path), "--prompt", "d b e", "--tokens", "5"]) == 0
        heard.append(capsys.readouterr().out)
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            assert (path / name).read_bytes() == (folder / name).read_bytes()
    assert heard[0] == heard[1] == heard[2] and re.fullmatch(r"[a-k ]+\n", heard[0])


@pytest.mark.parametrize("tokenizer", ["bytes", "characters", "byte-pairs"])
def test_a_model_of_text_trained_here_speaks_when_it_is_converted(spoken, tmp_path, capsys, monkeypatch, tokenizer):
    monkeypatch.chdir(tmp_path)
    spoken(tokenizer=tokenizer, vocabulary=260)
    file, out = Folder(OUT.with_name("text")).checkpoint, tmp_path / "out"
    words = ["--prompt", "the cat", "--tokens", "2", "--temperature", "0"]
    assert main(["generate", *words]) == 0
    heard = capsys.readouterr().out
    assert main(["convert", str(file), str(out)]) == 0
    assert main(["generate", "--model", str(out), *words]) == 0
    assert capsys.readouterr().out == heard
    if tokenizer == "characters":
        assert main(["generate", "--model", str(out), "--prompt", "the dog"]) == 1
        err = capsys.readouterr().err
        assert "tokenizer.json: must be a tokenizer that knows the prompt, got" in err and err.count("\n") == 1


@pytest.mark.parametrize("place", ["write", "copy_others"])
def test_a_conversion_that_fails_leaves_nothing(folder, tmp_path, monkeypatch, capsys, place):
    before = sorted(tmp_path.iterdir())

    def full(*given):
        (given[0] if place == "write" else given[1]).mkdir(parents=True, exist_ok=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(published.folder, place, full)
    assert main(["convert", str(folder), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "python -m reference convert: No space left on device\n"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth"])
def test_a_pickle_is_refused_in_one_line_that_says_what_to_do(tmp_path, capsys, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x04.")
    must = "must be .safetensors, got a pickle, which may run code: save it again where it was made, as .safetensors"
    for words in (["convert", str(path), str(tmp_path / "out")], ["generate", "--model", str(path), "--prompt", "1"]):
        assert main(words) == 1
        assert capsys.readouterr().err == f"python -m reference {words[0]}: {path}: {must}\n"
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(folder, tmp_path):
    with pytest.raises(JobError, match=r"model: must be a new folder, got one that is there$"):
        published.convert(folder, folder, None)
    with pytest.raises(JobError, match=r"out\.safetensors: must be a folder, got the name of a file of tensors$"):
        published.convert(folder, tmp_path / "out.safetensors", None)
    with pytest.raises(UsageError, match=r"^tokens must be"):
        published.speak(folder, "3", 0, io.StringIO())
