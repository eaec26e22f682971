import io
import json
import signal

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from reference.job import checkpoint, plots, run, train
from reference.job.files import Folder


@pytest.fixture
def go(tiny, tmp_path):
    """go(settings, state=None): run in a folder of its own; return the folder and what was shown."""

    def go(settings, state=None, terminal=False):
        folder = Folder(tmp_path)
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
        run.run(settings, state or train.begin(settings), folder, console)
        return folder, console.file.getvalue()

    return go


@pytest.fixture
def sketchy(monkeypatch):
    """Draw nothing on the pictures, which takes the time of the rest a hundred times."""
    monkeypatch.setattr(plots, "curves", lambda *_: Figure())
    monkeypatch.setattr(plots, "attention", lambda *_: Figure())


def names(folder):
    return {path.name for path in folder.path.iterdir()}


def break_off(monkeypatch, after, error=KeyboardInterrupt):
    """Let the loop be broken off after that many steps."""
    whole = train.train

    def broken(*arguments):
        for state in whole(*arguments):
            yield state
            if state.step == after:
                raise error

    monkeypatch.setattr(run, "train", broken)


def test_a_run_writes_its_four_files_and_nothing_else(go, tiny, trained):
    settings = tiny()
    folder, text = go(settings)
    assert names(folder) == {"checkpoint.safetensors", "metrics.jsonl", "curves.png", "attention.png"}
    assert all(name in text for name in names(folder))
    records = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert tuple(records) == checkpoint.load(folder.checkpoint)[1].records == trained(settings).records


def test_a_run_shows_accuracy_and_samples_of_sequences_that_were_held_out(go, tiny, sketchy):
    settings = tiny()
    _, text = go(settings)
    _, held_out = train.data(settings)
    assert "held-out: 6 sequences that do not occur in training" in text
    for row in held_out.source[:5]:
        assert f"\n{' '.join(map(str, row))}" in text


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
    assert names(folder) == {"checkpoint.safetensors", "metrics.jsonl"}
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


def test_a_second_ctrl_c_does_not_break_off_what_the_first_one_asked_for(go, tiny, tmp_path, monkeypatch):
    seen, save = [], checkpoint.save

    def saved(*arguments):
        seen.append(signal.getsignal(signal.SIGINT))
        save(*arguments)

    break_off(monkeypatch, 2)
    monkeypatch.setattr(checkpoint, "save", saved)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(run.Interrupted):
        go(tiny())
    assert seen == [before, signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) is before


def test_another_error_comes_through_and_leaves_the_last_checkpoint(go, tiny, tmp_path, monkeypatch):
    break_off(monkeypatch, 4, ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        go(tiny())
    assert checkpoint.load(Folder(tmp_path).checkpoint)[1].step == 3
