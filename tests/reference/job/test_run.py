import io
import json
import multiprocessing
import signal

import numpy as np
import pytest
from rich.console import Console

from reference.job import metrics, plots, run
from reference.job.files import Folder
from reference.training import checkpoint, loop
from reference.training.errors import DivergedError, RunError, WriteError
from reference.training.settings import Run
from reference.training.state import begin
from reference.training.training_settings import TrainingSettings


@pytest.fixture
def go(tiny, tmp_path):
    """go(settings, state=None): run in a folder of its own; return the folder and what was shown."""

    def go(settings, state=None, terminal=False):
        folder = Folder(tmp_path)
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
        run.carry_out(settings, state or begin(settings), folder, console)
        return folder, console.file.getvalue()

    return go


EVERY = {
    "checkpoint.safetensors", "best.safetensors", "metrics.jsonl", "curves.png", "attention.png", "report.html",
}  # fmt: skip


def names(folder):
    return {path.name for path in folder.path.iterdir()}


def break_off(monkeypatch, after, error=KeyboardInterrupt):
    """Let the loop be broken off after that many steps."""
    whole = loop.train

    def broken(*arguments):
        for state in whole(*arguments):
            yield state
            if state.step == after:
                raise error

    monkeypatch.setattr(run, "train", broken)


def test_a_run_writes_its_files_and_nothing_else(go, tiny, trained):
    settings = tiny()
    folder, text = go(settings)
    assert names(folder) == EVERY
    assert all(name in text for name in names(folder))
    records = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert tuple(records) == checkpoint.load(folder.checkpoint)[1].records == trained(settings).records


def test_a_run_shows_accuracy_and_samples_of_sequences_that_were_held_out(go, tiny, sketchy):
    settings = tiny()
    _, text = go(settings)
    _, held_out = loop.data(settings)
    assert "held-out: 6 sequences kept out of training" in text
    for row in held_out.source[:5]:
        assert f"\n{' '.join(map(str, row))}" in text


def test_a_run_of_text_shows_bits_a_byte_beside_compressors_and_writes_its_samples(go, text):
    folder, shown = go(text())
    assert names(folder) == EVERY | {"a.txt"}
    assert [line.split()[0] for line in shown.splitlines() if line.startswith(("gzip", "bzip2", "xz"))] == [
        "gzip", "bzip2", "xz",
    ]  # fmt: skip
    records = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert tuple(records) == checkpoint.load(folder.checkpoint)[1].records
    assert len({record["sample"] for record in records}) == 2
    assert "Samples by step" in folder.report.read_text()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_of_text_goes_on_to_the_same_bits(go, text, monkeypatch, sketchy, after):
    run_ = text()
    folder, shown = go(run_)
    plain = {path: path.read_bytes() for path in folder.files}
    with monkeypatch.context() as patch:
        break_off(patch, after)
        with pytest.raises(run.Interrupted):
            go(run_)
    settings, state = checkpoint.load(folder.checkpoint)
    assert (settings, state.step) == (run_, after)
    assert go(settings, state)[1] == shown
    assert {path: path.read_bytes() for path in folder.files} == plain


def test_a_text_that_changes_while_it_is_trained_on_is_one_clear_line_at_the_end(go, text, tmp_path, monkeypatch):
    run_, whole = text(), loop.train

    def changed(*arguments):
        yield from whole(*arguments)
        (tmp_path / "a.txt").write_text("another text\n" * 40)

    monkeypatch.setattr(run, "train", changed)
    with pytest.raises(RunError) as error:
        go(run_)
    assert "a.txt: must be the text of the run, " in str(error.value)
    assert str(error.value).endswith("checkpoint.safetensors is whole, of step 4")


@pytest.mark.parametrize("kind", ["pairs", "classify"])
def test_a_run_on_a_table_is_shown_like_one_on_sequences(go, tmp_path, kind):
    (tmp_path / "a.tsv").write_text("".join(f"word {i}\t{'xy'[i % 2]}\n" for i in range(30)))
    sizes = {"width": 8, "heads": 2, "hidden": 5, "epochs": 1}
    folder, shown = go(Run.of({"task": kind, "files": (str(tmp_path / "a.tsv"),), **sizes}))
    assert names(folder) == EVERY | {"a.tsv"}
    assert "\nword 0 " in shown and "held-out: 3 sequences kept out of training" in shown


@pytest.mark.parametrize("model", ["encoder-decoder", "decoder-only", "encoder-only"])
def test_what_says_all_at_once_is_judged_in_one_way_and_what_reads_its_own_output_in_two(go, tiny, monkeypatch, model):
    drawn, curves = [], plots.curves
    monkeypatch.setattr(plots, "curves", lambda *given: drawn.append(curves(*given)) or drawn[-1])
    folder, shown = go(tiny(model=model))
    said = shown + folder.report.read_text() + "".join(
        text.get_text() for axes in drawn[0].axes for text in axes.get_legend().get_texts()
    )
    once, twice = ("all at once", "the source alone"), ("autoregressive", "teacher-forced", "its own output")
    at_once = model == "encoder-only"
    assert all((word in said) == at_once for word in once)
    assert all((word in said) != at_once for word in twice)


def test_the_bar_of_a_terminal_changes_no_bit(go, tiny, monkeypatch, sketchy):
    monkeypatch.setattr(run, "LIVE_STEPS", 2)
    folder, _ = go(tiny(), terminal=False)
    plain = folder.checkpoint.read_bytes()
    folder, text = go(tiny(), terminal=True)
    assert folder.checkpoint.read_bytes() == plain
    assert "tokens" in text


def test_a_run_that_is_over_is_shown_again_to_the_same_bits(go, tiny, sketchy):
    folder, text = go(tiny())
    before = {path: path.read_bytes() for path in folder.files}
    settings, state = checkpoint.load(folder.checkpoint)
    assert go(settings, state)[1] == text
    assert {path: path.read_bytes() for path in folder.files} == before


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_ctrl_c_keeps_the_last_whole_step(go, tiny, trained, tmp_path, monkeypatch, after):
    settings, folder = tiny(), Folder(tmp_path)
    break_off(monkeypatch, after)
    with pytest.raises(run.Interrupted) as interrupt:
        go(settings)
    assert str(interrupt.value) == (
        f"interrupted at step {after} of 6: {folder.checkpoint} is whole, "
        f"go on with 'python -m reference train --resume --out {tmp_path}'"
    )
    assert names(folder) == {"checkpoint.safetensors", "metrics.jsonl"} | ({"best.safetensors"} if after > 2 else set())
    _, state = checkpoint.load(folder.checkpoint)
    checkpoint.save(tmp_path / "wanted", settings, trained(settings, after))
    assert (tmp_path / "wanted").read_bytes() == folder.checkpoint.read_bytes()
    assert len(folder.metrics.read_text().splitlines()) == len(state.records) == after // 3


def test_ctrl_c_while_the_pictures_are_drawn_keeps_the_whole_run(go, tiny, tmp_path, monkeypatch):
    def break_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(plots, "curves", break_off)
    with pytest.raises(run.Interrupted, match=r"^interrupted at step 6 of 6: "):
        go(tiny())
    assert checkpoint.load(Folder(tmp_path).checkpoint)[1].step == 6


def test_a_second_ctrl_c_does_not_break_off_what_the_first_one_asked_for(go, tiny, tmp_path, monkeypatch, heard):
    seen, written = [], checkpoint.written

    def saved(*arguments):  # no epoch is over: nothing was saved before
        seen.append(signal.getsignal(signal.SIGINT))
        return written(*arguments)

    break_off(monkeypatch, 2)
    monkeypatch.setattr(checkpoint, "written", saved)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(run.Interrupted):
        go(tiny())
    assert seen == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) is before


def test_another_error_comes_through_and_leaves_the_last_checkpoint(go, tiny, tmp_path, monkeypatch):
    break_off(monkeypatch, 4, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        go(tiny())
    assert checkpoint.load(Folder(tmp_path).checkpoint)[1].step == 3


@pytest.fixture
def earlier(go, tiny, tmp_path, sketchy):
    """The bytes of all files of an earlier run in the folder."""
    go(tiny(seed=9))
    return contents(tmp_path)


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_earlier_run_stays_if_the_new_data_are_never_there(go, tiny, tmp_path, earlier, monkeypatch, error):
    def fail(_):
        raise error

    monkeypatch.setattr(run, "data", fail)
    with pytest.raises(error) as raised:
        go(tiny())
    assert contents(tmp_path) == earlier
    if error is KeyboardInterrupt:
        assert str(raised.value) == f"interrupted before the first step: {tmp_path} is as it was"


@pytest.mark.parametrize("full", ["fsync", "replace"])
def test_an_earlier_run_stays_if_the_first_checkpoint_of_the_new_one_cannot_be_written(
    go, tiny, tmp_path, earlier, monkeypatch, full
):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync" if full == "fsync" else "pathlib.Path.replace", fail)
    with pytest.raises(WriteError) as error:
        go(tiny())
    assert str(error.value) == (
        f"{tmp_path}/checkpoint.safetensors: cannot be written (No space left on device); {tmp_path} is as it was"
    )
    assert contents(tmp_path) == earlier


def test_an_earlier_run_is_gone_as_soon_as_the_new_one_has_a_checkpoint(go, tiny, tmp_path, earlier, monkeypatch):
    break_off(monkeypatch, 1)
    with pytest.raises(run.Interrupted):
        go(tiny())
    assert names(Folder(tmp_path)) == {"checkpoint.safetensors", "metrics.jsonl"}
    assert checkpoint.load(Folder(tmp_path).checkpoint)[0] == tiny()
    assert Folder(tmp_path).metrics.read_bytes() == b""


def test_metrics_of_an_earlier_run_never_stand_beside_the_new_checkpoint(go, tiny, tmp_path, earlier, monkeypatch):
    def fail(path, _):
        raise WriteError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr(metrics, "write", fail)
    with pytest.raises(WriteError, match=r"metrics.jsonl: cannot .*; .*/checkpoint.safetensors is whole, of step 3$"):
        go(tiny())
    assert names(Folder(tmp_path)) == {"checkpoint.safetensors", "best.safetensors"}


def test_a_full_disk_at_ctrl_c_says_what_is_kept(go, tiny, tmp_path, monkeypatch):
    whole, folder = checkpoint.written, Folder(tmp_path)

    def full(settings, state):
        if state.step == 5:
            raise WriteError(f"{folder.checkpoint}: cannot be written (No space left on device)")
        return whole(settings, state)

    break_off(monkeypatch, 5)
    monkeypatch.setattr(checkpoint, "written", full)
    with pytest.raises(WriteError, match=r"cannot be written \(No space left on device\); .* is whole, of step 3$"):
        go(tiny())
    assert checkpoint.load(Folder(tmp_path).checkpoint)[1].step == 3


def test_a_run_that_diverges_in_its_first_epoch_leaves_an_earlier_one(go, tiny, tmp_path, earlier, recwarn):
    with pytest.raises(DivergedError) as error:
        go(tiny(optimizer="sgd", rate=1e30))
    assert str(error.value) == (
        "the loss is not finite at step 2 of 6, with a learning rate of 8e+29: "
        f"train again with a smaller --rate; {tmp_path} is as it was"
    )
    assert contents(tmp_path) == earlier
    assert not recwarn.list


def test_a_run_that_diverges_later_keeps_its_last_finite_checkpoint(go, tiny, trained, tmp_path, monkeypatch):
    settings = tiny()
    rates = lambda training, steps: lambda step: 2e-3 if step < 3 else 1e30  # noqa: E731
    monkeypatch.setattr(TrainingSettings, "schedule_of", rates)
    with pytest.raises(DivergedError, match=r"; .*/checkpoint.safetensors is whole, of step 3$"):
        go(settings)
    state = checkpoint.load(Folder(tmp_path).checkpoint)[1]
    assert state.step == 3
    assert np.isfinite(state.losses).all()


def test_ctrl_c_saves_no_parameter_that_is_not_finite(go, tiny, tmp_path, monkeypatch):
    rates = lambda training, steps: lambda step: 2e-3 if step < 4 else 1e39  # noqa: E731 - more than float32 holds
    monkeypatch.setattr(TrainingSettings, "schedule_of", rates)
    break_off(monkeypatch, 5)
    with pytest.raises(DivergedError, match=r" is not finite at step 5 of 6, .* is whole, of step 3$"):
        go(tiny())
    assert checkpoint.load(Folder(tmp_path).checkpoint)[1].step == 3


def test_what_is_done_is_said_before_the_data_are_drawn(tiny, tmp_path, monkeypatch):
    console = Console(file=io.StringIO(), width=80)

    def fail(_):
        raise MemoryError

    monkeypatch.setattr(run, "data", fail)
    with pytest.raises(MemoryError):
        run.carry_out(tiny(), begin(tiny()), Folder(tmp_path), console)
    assert console.file.getvalue() == (
        "copy: to say a sequence again; 3 tokens to read and 3 to say, 10 sequences to train on, 6 held out\n\n"
    )


def test_workers_that_die_again_and_again_are_told_with_what_is_kept(tiny, tmp_path):
    def dying(function, tasks):
        if tasks[0][1].place == 0 and len(calls) == 4:
            raise RunError("worker processes must live")
        calls.append(1)
        return map(function, tasks)

    calls = []
    with pytest.raises(RunError, match=r"^worker processes must live; .*checkpoint\.safetensors is whole, of step 3$"):
        run.carry_out(tiny(), begin(tiny()), Folder(tmp_path), Console(file=io.StringIO()), workers=dying)


def test_processes_are_gone_before_it_is_said_that_a_run_was_broken_off(tiny, tmp_path, monkeypatch):
    def epoch(*_):
        assert multiprocessing.active_children()
        raise KeyboardInterrupt

    def interrupted(*_):
        assert not multiprocessing.active_children()
        return "over"

    monkeypatch.setattr(run.TrainingBoard, "epoch", epoch)
    monkeypatch.setattr(run.Place, "interrupted", interrupted)
    with pytest.raises(run.Interrupted, match=r"^over$"):
        run.carry_out(tiny(shards=2), begin(tiny()), Folder(tmp_path), Console(file=io.StringIO()), workers=2)
