"""The command from outside: exit status, streams, errors."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import typed

import gradcheck
from gradcheck.cli.main import main

COMMANDS = 60  # of each seed


def command(folder, *words, **environment):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gradcheck", *words],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["layers:product", "--input", "a=3", "--input", "b=3"], 0),
        (["layers:wrong", "--input", "x=3"], 1),
        (["layers:breaks", "--input", "x=3"], 1),
        (["layers:noisy", "--input", "x=3"], 2),
        (["layers:product"], 3),
        (["--nonsense"], 3),
        (["layers:wrong", "layers:noisy", "--input", "x=3"], 1),
        (["--help"], 0),
    ],
)
def test_the_exit_status_tells_the_verdict(folder, words, status):
    done = command(folder, *words)
    assert done.returncode == status, done.stdout + done.stderr
    assert status != 3 or (done.stderr.startswith("gradcheck: ") and done.stderr.count("\n") == 1)


def test_the_script_and_the_module_are_one(folder):
    from importlib.metadata import entry_points

    import gradcheck.__main__

    assert gradcheck.__main__.main is main
    for entry in entry_points(group="console_scripts", name="gradcheck"):
        assert entry.load() is main


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "a THING to check must be named, or: demo; gradcheck --help tells more"),
        (["layers:wrong", "--seed", "x"], "argument --seed: must be a whole number of up to 18 digits, got 'x'"),
        (["layers:wrong", "--seed", "-1"], "seed must not be negative, got -1"),
        (
            ["layers:wrong", "--workers", "0", "--input", "x=3"],
            "layers:wrong: workers must be at least 1, or -1 for all cores, got 0",
        ),
        (["layers:wrong", "--see", "1"], "unrecognized arguments: --see 1"),
        (["layers:wrong", "--html", "no/page.html"], "--html no/page.html: there is no folder no"),
        (["layers:wrong", "--html", "."], "--html .: is a folder"),
        (["layers:wrong", "--html=--"], "argument --html: must have a value, got --"),
        (["demo", "--html", "no/page.html"], "--html no/page.html: there is no folder no"),
        (["layers:wrong", "--input", "x"], "--input must be a name and a value, such as x=2,8,64, got 'x'"),
        (["layers:wrong", "--param", "x"], "--param must be a name and a value, such as width=64, got 'x'"),
    ],
)
def test_usage_is_said_in_one_line(run, words, message):
    status, out, err = run(*words)
    assert (status, out, err) == (3, "", f"gradcheck: {message}\n")


def test_an_error_of_the_system_without_a_file_is_one_line(run, monkeypatch):
    def full(**_):
        raise OSError("no more processes")

    monkeypatch.setattr("gradcheck.cli.check.Checker", full)
    assert run("layers:powers", "--input", "x=3") == (3, "", "gradcheck: no more processes\n")


def test_an_interrupt_is_one_line(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("gradcheck.cli.check.Checker", interrupt)
    assert run("layers:powers", "--input", "x=3") == (130, "", "gradcheck: interrupted\n")


def test_a_reader_that_goes_away_is_no_error_to_talk_about(folder):
    script = f"{sys.executable} -m gradcheck layers:powers layers:wrong --input x=20,30 | true"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert (leaving.value.code, capsys.readouterr().out) == (0, f"gradcheck {gradcheck.__version__}\n")


def test_help_costs_no_numpy(folder):
    code = (
        "import atexit, sys; from gradcheck.cli.main import main; "
        "atexit.register(lambda: print('numpy' in sys.modules)); main()"
    )
    words = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.splitlines()[-1] == "False" and "exit status: 0 pass, 1 fail" in done.stdout


def test_a_page_is_written_though_nobody_reads_the_output(folder):
    words = "-m", "gradcheck", "layers:wrong", "--input", "x=3", "--html", "page.html"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, *words], cwd=folder, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141, "as a shell says of it, and no verdict"
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!")


def of_the_users(err):
    """Whether what was told of errors is of those that the things themselves raised: no frame of ours comes first."""
    first = re.findall(r'Traceback \(most recent call last\):\n  File "([^"]+)"', err)
    return not any("/gradcheck/" in file and "/tests/" not in file for file in first)


def is_an_answer(status, out, err):
    """Whether it is a verdict, or one line, perhaps after the errors of things that were named before."""
    last = (err.splitlines(keepends=True) or [""])[-1]
    if status == 3:
        return re.fullmatch(r"gradcheck: [^\n]+\n", last) is not None and not out and of_the_users(err)
    verdict = re.search(r'(^gradcheck .*: |"verdict": ")(pass|fail|inconclusive)', out, re.MULTILINE)
    return status in (0, 1, 2) and of_the_users(err) and (verdict is not None or (status == 1 and err != ""))


@pytest.mark.parametrize("seed", range(4))
def test_any_command_ends_in_a_verdict_or_in_one_line(seed, run):
    rng = np.random.default_rng(seed)
    for _ in range(COMMANDS):
        words = typed.command(rng)
        assert is_an_answer(*run(*words)), words
