import functools
import subprocess

import pytest

import reference.__main__ as module
from reference.job import cli
from reference.training import process


def test_the_process_is_settled_before_numpy_is_loaded(monkeypatch):
    order = []
    monkeypatch.setattr(process, "settle", lambda: order.append("settled"))
    monkeypatch.setattr(cli, "main", lambda: order.append("main") or 3)
    assert module.start() == 3
    assert order == ["settled", "main"]


def test_ctrl_c_while_modules_are_loaded_is_one_line(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupted)
    monkeypatch.setattr(process, "settle", lambda: None)
    assert module.start() == 130
    assert capsys.readouterr() == ("", "python -m reference: interrupted\n")


def test_the_module_is_the_command(command):
    done = command("generate", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m reference generate")


def test_ctrl_c_while_the_first_module_is_loaded_is_one_line(command, tmp_path, untraced, heard):
    code = (
        "import builtins, signal, sys; load = builtins.__import__\n"
        "def slow(name, *rest):\n"
        "    if name == 'reference.job': signal.raise_signal(signal.SIGINT)\n"
        "    return load(name, *rest)\n"
        "builtins.__import__ = slow; from reference.__main__ import start; sys.exit(start())"
    )
    done = command(code=("-c", code))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "python -m reference: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_page_is_printed_in_whatever_the_terminal_has(command, monkeypatch, encoding):
    whole = command("spec", "layernorm").stdout
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = command("spec", "layernorm", start=functools.partial(subprocess.run, encoding=encoding))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == whole.encode(encoding, "backslashreplace").decode(encoding) != whole


@pytest.mark.parametrize("backend", ["nonsense", "module://matplotlib_inline.backend_inline"])
def test_pictures_are_drawn_whatever_window_is_named(command, monkeypatch, tmp_path, tiny_entries, backend):
    monkeypatch.setenv("MPLBACKEND", backend)
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    options = [word for name, value in tiny_entries.items() for word in (f"--{name}", value)]
    done = command("train", *options, "--out", "here")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "here" / "curves.png").read_bytes().startswith(b"\x89PNG")
