import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference.job import cli, commands
from reference.job.errors import JobError, UsageError
from reference.training import checkpoint


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def refused(done, status):
    """Assert that a command failed with one line and printed nothing else; return that line."""
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1
    return done.stderr[:-1]


def broken_off(command, tmp_path, number, epochs):
    """Start a run, send it a signal as soon as its first epoch is over, and return what it said."""
    process = command("train", *command.tiny, "--epochs", epochs, start=subprocess.Popen)
    metrics = tmp_path / "runs" / "copy" / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)  # a second is enough; one that hangs shall not hang the suite
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("words", [[], ["verify"], ["train"], ["scale"], ["generate"], ["spec"]])
def test_help_reads_well_at_80_columns(called, words):
    done = called(*words, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(" ".join(["usage: python -m reference", *words]))
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "SUPPRESS" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--width", "7"], "python -m reference train: heads must divide the width 7, got 4"),
        (["--epochs", "0"], "python -m reference train: epochs must be at least 1, got 0"),
        (
            ["--vocabulary", "100000000000000000000000000000"],
            f"python -m reference train: vocabulary must be at most 100,000,000, got {10**29}",
        ),
        (["--depth", "3"], "python -m reference train: an option must be a known one, such as --width, got '--depth'"),
        (["--warmup", "630"], "python -m reference train: warmup must be shorter than the run of 630 steps, got 630"),
        (["--decay", "1"], "python -m reference train: decay must lie in [0, 1), got 1.0"),
        (["--rate", "nan"], "python -m reference train: rate must be positive and finite, got nan"),
        (["--out", ""], "python -m reference train: argument --out: must be a path, got nothing"),
        (["--rate", "x"], "python -m reference train: argument --rate: invalid float value: 'x'"),
    ],
)
def test_wrong_options_are_one_line_and_status_2_before_any_work(called, tmp_path, words, message):
    assert refused(called("train", *words), 2) == message
    assert files(tmp_path) == set()


def test_a_run_that_diverges_is_one_line_and_status_1(command, tmp_path):
    done = command("train", *command.tiny, "--optimizer", "sgd", "--rate", "1e30")
    assert done.returncode == 1
    assert done.stderr == (
        "python -m reference train: the loss is not finite at step 2 of 6, with a learning rate of 8e+29: "
        "train again with a smaller --rate; runs/copy is as it was\n"
    )
    assert files(tmp_path) == set()


def test_an_unknown_command_is_one_line_and_status_2(command):
    assert refused(command("fly"), 2).startswith("python -m reference: argument COMMAND: invalid choice: 'fly'")


def test_an_unwritable_folder_is_one_line_and_leaves_nothing(command, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    done = command("train", *command.tiny, "--out", "file/runs")
    assert refused(done, 1) == "python -m reference train: file/runs: cannot be written to (Not a directory)"
    assert files(tmp_path) == {"file"}


def test_a_full_disk_is_one_line_and_nothing_is_half_written(command, tmp_path, untraced):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    code = f"import sys; {limit}; from reference.job.cli import main; sys.exit(main())"
    # Without -B, the limit would cut the bytecode that this process writes of what nobody has imported yet.
    done = command("train", *command.tiny, code=("-B", "-c", code))
    assert done.returncode == 1
    assert done.stderr == (
        "python -m reference train: runs/copy/checkpoint.safetensors: cannot be written (File too large); "
        "runs/copy is as it was\n"
    )
    assert files(tmp_path) == set()


def test_a_file_of_settings_is_read_and_an_unknown_entry_is_one_line_with_the_nearest(command, tmp_path):
    entries = command.entries | {"task": '"reverse"', "vocabulary": 4}
    (tmp_path / "run.toml").write_text("\n".join(f"{name} = {value}" for name, value in entries.items()))
    done = command("train", "--config", "run.toml", "--vocabulary", 3, "--epochs", 1)
    assert (done.returncode, done.stderr) == (0, "")
    run, _ = checkpoint.load(tmp_path / "runs" / "reverse" / "checkpoint.safetensors")
    assert (run.task_name, run.task.vocabulary, run.training.epochs, run.model.width) == ("reverse", 3, 1, 8)
    (tmp_path / "run.toml").write_text("widht = 8\n")
    message = "python -m reference train: run.toml: an entry must be a known one, such as width, got 'widht'"
    assert refused(command("train", "--config", "run.toml"), 2) == message


def test_missing_extras_are_one_line_that_says_what_to_install(command):
    code = "import sys; sys.modules['matplotlib'] = None; from reference.job.cli import main; sys.exit(main(['train']))"
    done = command(code=("-c", code))
    message = "python -m reference train: matplotlib must be installed: pip install 'backproof[train]'"
    assert refused(done, 1) == message


def test_train_then_generate_and_one_seed_gives_the_same_bits(command, tmp_path):
    for out in ("one", "other"):
        done = command("train", *command.tiny, "--out", out)
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout
    assert files(tmp_path / "one") == {
        "checkpoint.safetensors", "best.safetensors", "metrics.jsonl", "curves.png", "attention.png", "report.html",
    }
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()

    done = command("generate", "--checkpoint", "one/checkpoint.safetensors", 3, 1, "/", 2)
    assert done.returncode == 0
    assert re.fullmatch(r"3 tokens, \S+ a second\n", done.stderr)
    assert [line[:3] for line in done.stdout.splitlines()[2:]] == ["3 1", "2  "]


def test_a_checkpoint_that_cannot_be_used_is_one_line_and_stays_as_it_is(command, tmp_path, tiny, trained):
    path = tmp_path / "runs" / "copy" / "checkpoint.safetensors"
    path.parent.mkdir(parents=True)
    checkpoint.save(path, tiny(), trained(tiny(), steps=4))
    whole = path.read_bytes()
    message = "python -m reference train: width must be 8 as in runs/copy/checkpoint.safetensors, got 16"
    assert refused(command("train", "--resume", "--width", 16), 2) == message
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-1])
    for words in (["train", "--resume"], ["generate"]):
        line = refused(command(*words), 1)
        assert line.startswith(f"python -m reference {words[0]}: runs/copy/checkpoint.safetensors: not a whole checkp")
    assert path.read_bytes() == whole[:-1]


def test_a_killed_run_goes_on_to_the_bits_of_a_run_in_one_piece(command, tmp_path, untraced):
    killed = broken_off(command, tmp_path, signal.SIGKILL, epochs=30)
    assert killed.returncode == -signal.SIGKILL
    settings, state = checkpoint.load(tmp_path / "runs" / "copy" / "checkpoint.safetensors")
    assert 0 < state.step < settings.steps
    done = command("train", "--resume")
    assert (done.returncode, done.stderr) == (0, "")
    whole = command("train", *command.tiny, "--epochs", 30, "--out", "whole")
    assert done.stdout.replace("runs/copy", "whole") == whole.stdout
    for name in files(tmp_path / "whole"):
        assert (tmp_path / "runs" / "copy" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_ctrl_c_leaves_a_usable_checkpoint_and_says_so_in_one_line(command, tmp_path, untraced, heard):
    done = broken_off(command, tmp_path, signal.SIGINT, epochs=10_000)
    assert done.returncode == 130
    assert done.stderr.startswith("python -m reference train: interrupted at step ")
    assert done.stderr.endswith("go on with 'python -m reference train --resume --out runs/copy'\n")
    assert done.stderr.count("\n") == 1
    folder = tmp_path / "runs" / "copy"
    assert files(folder) == {"checkpoint.safetensors", "best.safetensors", "metrics.jsonl"}
    settings, state = checkpoint.load(folder / "checkpoint.safetensors")
    assert 0 < state.step < settings.steps
    assert [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()] == [
        *range(1, state.step // 3 + 1)
    ]
    assert command("generate").returncode == 0


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (JobError("a: no"), 1, "a: no"),
        (UsageError("b must be c"), 2, "b must be c"),
        (OSError(28, "No space left on device", "a"), 1, "a: No space left on device"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (OSError("odd\nthing"), 1, "odd thing"),
        (MemoryError("Unable to allocate 9 TiB"), 1, "not enough memory (Unable to allocate 9 TiB)"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("interrupted at step 3"), 130, "interrupted at step 3"),
    ],
)
def test_what_the_user_can_mend_is_one_line(monkeypatch, capsys, error, status, message):
    def fail(_):
        raise error

    monkeypatch.setattr(commands, "verify", fail)
    assert cli.main(["verify"]) == status
    assert capsys.readouterr() == ("", f"python -m reference verify: {message}\n")


def test_what_the_user_cannot_mend_keeps_its_traceback(monkeypatch):
    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr(commands, "verify", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(["verify"])


def test_without_a_command_everything_is_done(monkeypatch):
    monkeypatch.setattr(commands, "everything", lambda given: 5 + len(given))
    assert cli.main([]) == 5


def test_options_reach_their_command(monkeypatch):
    given = []
    for name in ("verify", "train", "prepare", "generate"):
        monkeypatch.setattr(commands, name, lambda options: given.append(options) or 0)
    cli.main(["verify", "--seed", "3"])
    cli.main(["verify", "layernorm", "models.tied"])
    cli.main(["verify", "--order", "2"])
    cli.main(["verify", "--exact", "--accuracy"])
    cli.main(["train", "--resume", "--held-out", "4"])
    cli.main(["train", "--depth", "2", "text", "a.txt", "--resume"])
    cli.main(["prepare", "a.txt", "b.txt", "--tokenizer", "characters"])
    cli.main(["generate", "--count", "2"])
    cli.main(["generate", "3", "1"])
    assert given == [
        {"seed": 3},
        {"names": ["layernorm", "models.tied"]},
        {"order": 2},
        {"exact": True, "accuracy": True},
        {"resume": True, "held-out": 4},
        {"task": "text", "files": ("a.txt",), "depth": 2, "resume": True},
        {"files": [Path("a.txt"), Path("b.txt")], "tokenizer": "characters"},
        {"count": 2},
        {"symbols": ["3", "1"]},
    ]


@pytest.mark.parametrize("words", [["verify", "layernorm"], ["verify", "--exact", "layernorm"]])
def test_a_folder_that_is_gone_is_named(command, words):
    code = f"import os, sys; os.rmdir(os.getcwd()); sys.argv[1:] = {words!r}; from reference.job.cli import main; "
    done = command(code=("-c", f"{code} sys.exit(main())"))
    assert refused(done, 1) == "python -m reference verify: the current folder: No such file or directory"


@pytest.mark.parametrize("words", [
    ["train", "--seed", "7" * 5000], ["verify", "--seed", "7" * 5000], ["train", "7" * 5000], ["spec", "x" * 5000],
    ["train", f"--{'x' * 5000}"], ["verify", "x" * 5000], ["train", "--width", "7" * 4000],
])  # fmt: skip
def test_what_came_is_repeated_in_part(called, words):
    line = refused(called(*words), 2)
    assert len(line) < 300 and "7" * 61 not in line and "x" * 61 not in line


def test_a_value_that_is_forgotten_is_told_of_its_own_option(command):
    line = refused(command("train", "--norm", "--out", "w/q"), 2)
    assert line == "python -m reference train: argument --norm: expected one argument"


@pytest.mark.parametrize("words", ["spec layernorm", "verify --help", "verify layers.layernorm"])
def test_a_reader_that_has_had_enough_is_no_error_and_no_failed_proof(words):
    command = [sys.executable, "-m", "reference", *words.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b"" and process.wait(timeout=100) in (0, 141), "argparse passes over it in help"
