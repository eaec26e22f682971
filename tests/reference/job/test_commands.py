import contextlib
import importlib.util

import pytest

from reference.job import catalogue, commands, proofs, run, table
from reference.job.errors import JobError, UsageError
from reference.job.files import OUT, Folder
from reference.training.errors import CheckpointError, RunError
from reference.training.loop import data
from reference.training.settings import Run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def calls(monkeypatch):
    """What verify and train were asked to do; verify's answer is calls.proved."""

    class Calls(list):
        proved = True

    calls = Calls()
    monkeypatch.setattr(commands, "workers", lambda _: contextlib.nullcontext(map))

    def show(_, seed, mapper, names, order):
        calls.append(("verify", seed, names, order))
        return calls.proved

    monkeypatch.setattr(table, "show_verdicts", show)
    monkeypatch.setattr(proofs, "show_proofs", lambda _, *asked: calls.append(("exact", *asked)) or calls.proved)
    monkeypatch.setattr(run, "carry_out", lambda settings, state, folder, *_: calls.append((settings, state, folder)))
    return calls


def refused(work, given, kind=UsageError):
    with pytest.raises(kind) as error:
        work(given)
    return str(error.value)


def test_without_a_command_the_model_is_trained_if_every_backward_pass_is_proved(calls):
    assert commands.everything({}) == 0
    assert calls[0] == ("verify", 0, [], 1)
    settings, state, folder = calls[1]
    assert (settings, state.step, folder) == (Run.of({}), 0, Folder(OUT))


def test_without_a_command_nothing_is_trained_if_one_is_not_proved(calls):
    calls.proved = False
    assert refused(commands.everything, {}, JobError) == "nothing is trained before every backward pass is proved"
    assert calls == [("verify", 0, [], 1)]


def test_without_a_command_nothing_is_begun_that_could_not_be_written(calls):
    OUT.parent.write_bytes(b"")
    assert refused(commands.everything, {}, JobError) == "runs/copy: cannot be written to (Not a directory)"
    assert calls == []


def test_ctrl_c_while_backward_passes_are_proved_leaves_no_folder(calls, monkeypatch, tmp_path):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(table, "show_verdicts", fail)
    with pytest.raises(KeyboardInterrupt):
        commands.everything({})
    assert list(tmp_path.iterdir()) == []


def test_verify_says_by_its_status_whether_all_is_proved(calls):
    assert commands.verify({"seed": 7}) == 0
    calls.proved = False
    assert commands.verify({}) == 1
    assert calls == [("verify", 7, [], 1), ("verify", 0, [], 1)]


def test_verify_proves_the_modules_that_are_named(calls):
    commands.verify({"names": ["layers.linear", "attend", "linear"]})
    assert calls == [("verify", 0, ["functions.attend", "layers.linear"], 1)]


def test_verify_proves_to_the_order_that_is_asked_for(calls):
    commands.verify({"order": 2, "names": ["linear"]})
    assert calls == [("verify", 0, ["layers.linear"], 2)]


def test_verify_proves_on_balls_where_asked(calls):
    assert commands.verify({"exact": True, "seed": 3}) == 0
    calls.proved = False
    assert commands.verify({"exact": True, "accuracy": True, "names": ["linear"]}) == 1
    assert calls == [("exact", 3, map, [], False), ("exact", 0, map, ["layers.linear"], True)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"accuracy": True}, "accuracy must come with exact, got accuracy alone"),
        ({"exact": True, "order": 2}, "order must be 1 with exact, got 2"),
    ],
)
def test_options_that_do_not_go_together_are_one_clear_line(calls, given, message):
    assert refused(commands.verify, given) == message
    assert calls == []


def test_without_python_flint_proofs_on_balls_are_one_clear_line(calls, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "flint" else find(name))
    message = "python-flint must be installed: pip install 'backproof[exact]'"
    assert refused(commands.verify, {"exact": True}, JobError) == message and calls == []
    assert commands.verify({}) == 0


def test_verify_asks_the_workers(monkeypatch, capsys):
    used = []
    mapper = lambda f, xs: used.append(1) or map(f, xs)  # noqa: E731
    monkeypatch.setattr(commands, "workers", lambda _: contextlib.nullcontext(mapper))
    example = next(e for e in catalogue.examples() if e.module == "layers.linear")
    monkeypatch.setattr(catalogue, "examples", lambda *_: iter([example]))
    assert commands.verify({}) == 0
    assert used == [1]
    assert "1 of 1 examples of 1 module proved" in capsys.readouterr().out


def test_a_negative_seed_is_one_clear_line(calls):
    assert refused(commands.verify, {"seed": -1}) == "seed must be a whole number of at least 0, got -1"


@pytest.mark.parametrize(
    ("work", "extras"),
    [
        (commands.everything, ["rich", "matplotlib", "safetensors"]),
        (commands.verify, ["rich"]),
        (commands.train, ["rich", "matplotlib", "safetensors"]),
        (commands.generate, ["rich", "safetensors"]),
    ],
)
def test_missing_extras_are_named_with_what_to_install(calls, work, extras, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert refused(work, {}, JobError) == f"{' and '.join(extras)} must be installed: pip install 'backproof[train]'"
    assert calls == []


def test_train_begins_with_what_is_given(calls, tmp_path):
    assert commands.train({"out": tmp_path / "a", "width": 8, "optimizer": "sgd"}) == 0
    ((settings, state, folder),) = calls
    assert settings == Run.of({"width": 8, "optimizer": "sgd"})
    assert state.step == 0
    assert folder == Folder(tmp_path / "a")


def test_an_end_of_a_rate_that_never_falls_is_one_clear_line(calls):
    falls = "cosine or linear or one-cycle or warmup-stable-decay"
    message = f"end-rate must come with schedule {falls}, got schedule constant"
    assert refused(commands.train, {"schedule": "constant", "end-rate": 1e-4}) == message
    assert calls == []


def test_each_task_has_a_folder_of_its_own(calls):
    commands.train({"task": "copy", "width": 8})
    assert calls[0][2] == Folder(OUT.parent / "copy")


def test_settings_that_do_not_fit_stop_it_before_any_work(calls, tmp_path):
    assert refused(commands.train, {"width": 7, "out": tmp_path / "a"}) == "heads must divide the width 7, got 4"
    assert list(tmp_path.iterdir()) == []


def test_a_new_run_leaves_an_earlier_one_until_it_has_something_to_put_in_its_place(calls, saved):
    saved()
    before = Folder(OUT).checkpoint.read_bytes()
    commands.train({"width": 8})
    assert Folder(OUT).checkpoint.read_bytes() == before


@pytest.mark.parametrize(
    "given", [{"length": 10**7, "held-out": 10**8}, {"encoder-layers": 10**8}, {"width": 10**8}, {"hidden": 10**8}]
)
def test_a_run_that_does_not_fit_in_memory_is_refused_and_leaves_an_earlier_one(saved, given):
    saved()
    assert refused(commands.train, given).startswith("a run must fit in memory, ")
    assert Folder(OUT).checkpoint.exists()


def test_a_folder_in_the_place_of_a_file_stops_it_before_any_work(calls, tmp_path):
    (tmp_path / "a" / "metrics.jsonl").mkdir(parents=True)
    expected = f"{tmp_path / 'a' / 'metrics.jsonl'}: must be a file, got a folder"
    assert refused(commands.train, {"out": tmp_path / "a"}, JobError) == expected
    assert calls == []


def test_resume_goes_on_with_the_settings_of_the_run(calls, saved):
    settings, state = saved()
    commands.train({"resume": True, "width": settings.model.width})
    ((found, begun, _),) = calls
    assert (found, begun.step) == (settings, state.step)


def test_resume_can_add_epochs_where_the_rate_does_not_depend_on_their_number(calls, saved):
    settings, _ = saved(schedule="constant")
    commands.train({"resume": True, "epochs": 5})
    ((found, _, _),) = calls
    assert (found.training.epochs, found.model.width) == (5, settings.model.width)


@pytest.mark.parametrize(
    ("changes", "given", "message"),
    [
        ({}, {"width": 16}, "width must be 8 as in runs/copy/checkpoint.safetensors, got 16"),
        ({}, {"held-out": 3}, "held-out must be 6 as in runs/copy/checkpoint.safetensors, got 3"),
        ({"schedule": "constant"}, {"epochs": 1}, "epochs must be 2 as in runs/copy/checkpoint.safetensors, got 1"),
        ({}, {"epochs": 9}, "epochs must be 2 as in runs/copy/checkpoint.safetensors, got 9"),
    ],
)
def test_resume_with_other_settings_is_one_clear_line(calls, saved, changes, given, message):
    saved(**changes)
    assert refused(commands.train, {"resume": True} | given) == message
    assert calls == []


def test_resume_without_a_checkpoint_is_one_clear_line_and_makes_no_folder(calls, tmp_path):
    message = "runs/copy/checkpoint.safetensors: no such checkpoint"
    assert refused(commands.train, {"resume": True}, CheckpointError) == message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "data", "more", "message"),
    [
        ("a.txt", b"", {}, "a.txt: must have some text, got an empty file"),
        (
            "a.txt",
            b"\xff" * 900,
            {"tokenizer": "characters"},
            "a.txt: must be UTF-8, got byte 0xff; with --tokenizer bytes any file will do",
        ),
        ("a.txt", b"text" * 30, {}, "context must be shorter than the text: 12 tokens held out, got 64"),
        (
            "a.txt",
            b"text" * 900,
            {"tokenizer": "byte-pairs", "vocabulary": 65_536},
            "a vocabulary of byte pairs must have 256 to 65,535 tokens, got 65,536",
        ),
        ("b.txt", b"text", {}, "a.txt: cannot be read (No such file or directory)"),
    ],
)
def test_what_cannot_be_learned_from_is_one_clear_line_before_any_work(calls, tmp_path, name, data, more, message):
    (tmp_path / name).write_bytes(data)
    assert refused(commands.train, {"task": "text", "files": ("a.txt",), **more}, JobError) == message
    assert calls == [] and [path.name for path in tmp_path.iterdir()] == [name]


def test_files_of_tokens_that_are_cut_short_or_of_another_tokenizer_are_one_clear_line(calls, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("text " * 200)
    given = {"files": [tmp_path / "a.txt"], "out": tmp_path / "data"}
    run = {"task": "text", "files": ("data",)}
    assert commands.prepare({**given, "tokenizer": "characters"}) == 0
    other = (tmp_path / "data" / "val.bin").read_bytes()
    assert commands.prepare(given) == 0
    assert "train.bin: 900 tokens of 256" in capsys.readouterr().out
    assert commands.train(run) == 0 and len(calls) == 1
    whole = (tmp_path / "data" / "train.bin").read_bytes()
    (tmp_path / "data" / "train.bin").write_bytes(whole[:-1])
    assert refused(commands.train, run, JobError) == (
        f"data/train.bin: must have {len(whole):,} bytes for its 900 tokens, got {len(whole) - 1:,}"
    )
    (tmp_path / "data" / "train.bin").write_bytes(whole)
    (tmp_path / "data" / "val.bin").write_bytes(other)
    assert refused(commands.train, run, JobError).startswith("data/val.bin: must be of the tokenizer in data/tokenizer")
    assert len(calls) == 1


def test_prepare_has_no_use_for_a_vocabulary_of_bytes(tmp_path):
    message = "vocabulary must come with tokenizer byte-pairs, got tokenizer bytes"
    assert refused(commands.prepare, {"vocabulary": 300, "out": tmp_path / "data"}) == message
    assert not (tmp_path / "data").exists()


def test_prepare_says_in_one_line_what_it_cannot_read(tmp_path):
    assert refused(commands.prepare, {"files": [tmp_path / "none"]}, JobError).endswith("(No such file or directory)")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"epochs": 4},
            "an epoch must have 2 steps as in runs/text/checkpoint.safetensors, got 1: steps and epochs grow together",
        ),
        ({"steps": 3}, "steps must be 4 as in runs/text/checkpoint.safetensors, got 3"),
    ],
)
def test_a_run_of_text_goes_on_with_its_own_settings(calls, spoken, given, message):
    spoken(schedule="constant")
    assert refused(commands.train, {"task": "text", "resume": True, **given}) == message
    assert calls == []


@pytest.mark.parametrize("change", ["", "one more"])
def test_a_run_goes_on_with_its_text_wherever_it_stands_now(calls, spoken, tmp_path, change):
    spoken()
    (tmp_path / "b.txt").write_text((tmp_path / "a.txt").read_text() + change)
    (tmp_path / "a.txt").unlink()
    commands.train({"task": "text", "files": ("b.txt",), "resume": True})
    ((found, _, _),) = calls
    with contextlib.nullcontext() if not change else pytest.raises(RunError, match=r"^b\.txt: must be the text of the"):
        data(found)


def test_a_run_of_text_grows_by_whole_epochs(calls, spoken):
    spoken(schedule="constant")
    commands.train({"task": "text", "resume": True, "epochs": 3, "steps": 6})
    ((found, begun, _),) = calls
    assert (found.steps, begun.step) == (6, 3)


def test_dask_must_be_installed(calls, monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "distributed" else there(name))
    message = "dask[distributed] must be installed: pip install 'backproof[dask]'"
    assert refused(commands.train, {"dask": "there"}, JobError) == message
    assert calls == []


@pytest.mark.parametrize("spread", [{"workers": 2}, {"threads": 2}, {"dask": "there"}, {"mpi": True}])
def test_a_card_has_no_workers(calls, monkeypatch, spread):
    monkeypatch.setattr(commands, "expect_extras", lambda *_: None)
    (name,) = spread
    assert refused(commands.train, {"device": "gpu", **spread}) == f"device gpu must come without {name}, got both"
    assert calls == []


@pytest.mark.parametrize(
    ("spread", "shards", "said"),
    [({"workers": 2}, 1, True), ({"workers": 2}, 8, False), ({"threads": 2}, 1, True), ({"threads": 1}, 1, False)],
)
def test_workers_without_shards_to_share_out_are_told(calls, capsys, spread, shards, said):
    commands.train({**spread, "shards": shards})
    text = "a batch has one shard, which one worker computes: --shards 8 has work for eight"
    assert (text in capsys.readouterr().out) == said
    assert len(calls) == 1
