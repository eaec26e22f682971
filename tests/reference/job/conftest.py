import subprocess

import pytest

from reference.core import tree
from reference.core.families import DecoderOnlySettings
from reference.job import cli, grid_fit
from reference.job.files import OUT, Folder
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.training.checkpoint import save
from reference.training.settings import Run


@pytest.fixture
def command(command, tiny_entries):
    """command(*words) as everywhere; command.tiny are the words of a tiny run."""
    command.entries = tiny_entries
    command.tiny = [word for name, value in tiny_entries.items() for word in (f"--{name}", str(value))]
    return command


@pytest.fixture
def called(tmp_path, monkeypatch, capsys):
    """called(*words): what `command` returns, without a process: for what is told before any work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def called(*words):
        try:
            status = cli.main(words)
        except SystemExit as leaving:  # of help
            status = leaving.code
        return subprocess.CompletedProcess(words, status, *capsys.readouterr())

    return called


@pytest.fixture
def text(tmp_path):
    """text(**changes): a run on a small text, of four steps in two epochs."""

    def text(**changes):
        (tmp_path / "a.txt").write_text("the cat sat on the mat, and the bat on the hat\n" * 40)
        sizes = {"width": 8, "heads": 2, "layers": 1, "context": 8, "steps": 4, "epochs": 2, "batch": 2, "held-out": 3}
        return Run.of({"task": "text", "files": (str(tmp_path / "a.txt"),), **sizes, **changes})

    return text


@pytest.fixture
def saved(tiny, trained):
    """saved(steps=4, **changes): settings and state of a checkpoint in the default folder."""

    def saved(steps=4, **changes):
        settings = tiny(**changes)
        state = trained(settings, steps)
        OUT.mkdir(parents=True)
        save(Folder(OUT).checkpoint, settings, state)
        return settings, state

    return saved


@pytest.fixture
def spoken(text, trained):
    """spoken(**changes): a run of text whose checkpoint is in the usual folder."""

    def spoken(**changes):
        run = text(**changes)
        folder = Folder(OUT.with_name("text"))
        folder.path.mkdir(parents=True)
        save(folder.checkpoint, run, trained(run, 3))
        return run

    return spoken


@pytest.fixture(autouse=True)
def few_refits(monkeypatch):
    """An interval of a few refits: what it is worth is tested where it is made."""
    monkeypatch.setattr(grid_fit, "REFITS", 12)


@pytest.fixture
def model(rng):
    """A small model like GPT-2, none of whose parameters is one of those it begins with."""
    sizes = {"vocabulary": 11, "length": 9, "width": 8, "heads": 4, "layers": 2}
    drawn = TiedDecoderOnly.init(rng, DecoderOnlySettings.gpt(**sizes, embeddings="tied"))
    return tree.map(lambda p: rng.normal(size=p.shape).astype(p.dtype), drawn)
