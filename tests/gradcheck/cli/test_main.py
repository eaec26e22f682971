"""The command from outside: exit status, streams, errors."""

import json
import os
import subprocess
import sys

import pytest

import gradcheck
from gradcheck.cli.main import main


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
        ([], "the following arguments are required: THING"),
        (["layers:wrong", "--seed", "x"], "argument --seed: must be a whole number of up to 18 digits, got 'x'"),
        (["layers:wrong", "--seed", "-1"], "seed must not be negative, got -1"),
        (
            ["layers:wrong", "--workers", "0", "--input", "x=3"],
            "layers:wrong: workers must be at least 1, or -1 for all cores, got 0",
        ),
        (["layers:wrong", "--see", "1"], "unrecognized arguments: --see 1"),
        (["layers:wrong", "--html", "no/page.html"], "--html no/page.html: there is no folder no"),
        (["layers:wrong", "--html", "."], "--html .: is a folder"),
        (["demo", "--html", "no/page.html"], "--html no/page.html: there is no folder no"),
        (["layers:wrong", "--input", "x"], "--input must be a name and a value, such as x=2,8,64, got 'x'"),
        (["layers:wrong", "--param", "x"], "--param must be a name and a value, such as width=64, got 'x'"),
    ],
)
def test_usage_is_said_in_one_line(run, words, message):
    status, out, err = run(*words)
    assert (status, out, err) == (3, "", f"gradcheck: {message}\n")


def test_a_wrong_layer_is_shown_with_its_map(run):
    status, out, _ = run("layers:wrong", "--input", "x=3,4")
    assert status == 1
    assert "where x is wrong: 12 of 12 entries" in out and "\x1b" not in out


def test_several_things_share_their_inputs_and_the_worst_counts(run):
    inputs = ["--input", "x=3", "--input", "a=2", "--input", "b=2"]
    status, out, _ = run("layers:powers", "layers:noisy", "layers:product", *inputs)
    assert status == 2
    assert [x.split()[1:3] for x in out.splitlines() if x.startswith("gradcheck")] == [
        ["powers:", "pass"], ["noisy:", "inconclusive"], ["product:", "pass"],
    ]
    assert "\n\ngradcheck noisy" in out


def test_an_error_of_one_thing_does_not_stop_the_others(run):
    status, out, err = run("layers:breaks", "layers:powers", "--input", "x=3", "--json")
    data = json.loads(out)
    assert status == 1 and "RuntimeError: no forward here" in err
    assert [r["thing"] for r in data["reports"]] == ["layers:powers"]
    assert data["errors"] == [{"thing": "layers:breaks", "message": "RuntimeError: no forward here"}]
    assert data["verdict"] == "fail"


def test_an_error_while_a_thing_is_made_leaves_names_unused(run):
    status, _, err = run("layers:broken_factory", "--input", "x=3")
    assert status == 1 and "takes" not in err


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


def test_another_error_of_python_is_not_taken_for_usage(run, monkeypatch):
    def broken(*_, **__):
        raise ValueError("a mistake of the checker's own")

    monkeypatch.setattr("gradcheck.cli.check.Checker", broken)
    with pytest.raises(ValueError, match=r"^a mistake"):
        run("layers:powers", "--input", "x=3")


def test_a_reader_that_goes_away_is_no_error_to_talk_about(folder):
    script = f"{sys.executable} -m gradcheck layers:powers layers:wrong --input x=20,30 | true"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.stderr == ""


def test_the_seed_draws_other_inputs(run):
    first, second = (run("layers:wrong", "--input", "x=3", "--seed", seed)[1] for seed in "12")
    assert "seed 1" in first and "seed 2" in second and first.splitlines()[1] != second.splitlines()[1]


def test_processes_share_the_work_and_change_no_number(run):
    words = ["layers:powers", "--input", "x=2,3", "--json"]
    assert run(*words, "--workers", "2")[1] == run(*words)[1]


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
        assert process.wait(timeout=60) == 1
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!")
