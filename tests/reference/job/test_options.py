import os

import pytest

from reference.job import options
from reference.job.errors import JobError, UsageError
from reference.job.options import add_settings, kind_of, named, unknown_option
from reference.job.parser import Parser
from reference.tasks import task as tasks
from reference.tasks.columns import Columns
from reference.training.families import FAMILIES
from reference.training.settings import SGD, Run, known

EVERY = pytest.mark.parametrize(
    ("task", "model"), [(name, model) for name, task in tasks.every().items() for model in task.families]
)


def parser_of(task="copy", model="encoder-decoder"):
    parser = Parser(prog="prog")
    add_settings(parser, tasks.find(task), FAMILIES[model])
    return parser


@EVERY
def test_every_setting_is_an_option_with_its_default(task, model, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "2000")
    text = parser_of(task, model).format_help()
    (tmp_path / "table").write_text("a\tb\nc\td\n")
    files = {"files": (str(tmp_path / "table"),)} if issubclass(tasks.find(task), Columns) else {}
    entries = Run.of({"task": task, "model": model, **files}).entries()
    read_off = {*tasks.find(task).follow, "files"}
    assert not any(f"--{name} " in text for name in read_off - {"training", "held-out"})
    for name in set(known(tasks.find(task), FAMILIES[model])) - read_off:
        assert f"--{name} " in text
        if entries[name] is not None and name not in ("task", "model"):
            with_sgd = f"; with sgd {SGD[name]}" if name in SGD else ""
            shown = str(entries[name]).lower() if isinstance(entries[name], bool) else entries[name]
            assert f"(default: {shown}{with_sgd})" in text


def test_every_task_is_in_the_help():
    text = " ".join(parser_of().format_help().split())
    for name, task in tasks.every().items():
        assert f"{name}: {task.title}" in text


def test_what_is_not_given_is_left_out():
    assert vars(parser_of().parse_args([])) == {}
    given = vars(parser_of().parse_args(["--held-out", "5", "--rate", "1e-2", "--norm", "post"]))
    assert given == {"held-out": 5, "rate": 0.01, "norm": "post"}
    given = vars(parser_of(model="decoder-only").parse_args(["--bias", "false", "--window", "3", "--base", "5"]))
    assert given == {"bias": False, "window": 3, "base": 5.0}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--width", "x"], "argument --width: invalid int value: 'x'"),
        (["--width", "1.5"], "argument --width: invalid int value: '1.5'"),
        (["--width"], "argument --width: expected one argument"),
        (["--depth", "3"], "unrecognized arguments: --depth 3"),
        (["--wid", "3"], "unrecognized arguments: --wid 3"),
        (["--depth\n\n", "3"], "unrecognized arguments: --depth 3"),
        (["--window", "3"], "unrecognized arguments: --window 3"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line_and_status_2(capsys, words, message):
    with pytest.raises(SystemExit) as exit_:
        parser_of().parse_args(words)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"prog: {message}\n"


def test_a_flag_is_true_or_false(capsys):
    with pytest.raises(SystemExit):
        parser_of(model="decoder-only").parse_args(["--bias", "no"])
    assert capsys.readouterr().err == "prog: argument --bias: must be true or false, got 'no'\n"


@pytest.mark.parametrize(
    ("words", "names", "rest"),
    [
        ("text a.txt b.txt --depth 2", "text a.txt b.txt", "--depth 2"),
        ("--depth 2 text a.txt --resume b.txt", "text a.txt b.txt", "--depth 2 --resume"),
        ("--depth=2 text", "text", "--depth=2"),
        ("--depth --out a text", "text", "--depth --out a"),
        ("text --seed -1 -h", "text", "--seed -1 -h"),
        ("--depth", "", "--depth"),
        ("", "", ""),
    ],
)
def test_a_task_and_files_may_stand_before_options_behind_them_and_between(words, names, rest):
    assert named(words.split()) == (names.split(), rest.split())


def test_a_task_that_is_named_brings_its_options_and_files():
    task, family, found = kind_of(["--depth", "2"], ["text", "a.txt", "b.txt"])
    assert (task, family) == (tasks.find("text"), FAMILIES["decoder-only"])
    assert found == {"task": "text", "files": ("a.txt", "b.txt")}
    assert kind_of(["--task", "reverse"], ["reverse"])[2] == {"task": "reverse"}


@pytest.mark.parametrize(
    ("words", "names", "message"),
    [
        ([], ["tex"], "task: a task must be a known one, such as text, got 'tex'"),
        ([], ["copy", "a.txt"], "files must come with a task that is learned from them, got copy a.txt"),
        (["--task", "copy"], ["text"], "task must be one, got text and copy"),
        (["--model", "encoder-only"], ["text"], "model: a family for text must be decoder-only, got encoder-only"),
    ],
)
def test_names_that_make_no_sense_are_one_clear_line(words, names, message):
    with pytest.raises(UsageError) as error:
        kind_of(words, names)
    assert str(error.value) == message


def test_what_follows_from_a_file_is_no_option():
    for word in ("--digest", "--line", "--files"):
        assert word not in unknown_option(word, tasks.find("text"), FAMILIES["decoder-only"]).split(",")[1]


@pytest.fixture
def file(tmp_path):
    """file(text): the path of a file of settings."""

    def file(text):
        path = tmp_path / "run.toml"
        path.write_text(text)
        return str(path)

    return file


def test_a_file_says_which_options_there_are_and_the_command_line_overrides_it(file):
    path = file('model = "decoder-only"\nwindow = 3\nrate = 0.5\nbias = false\n')
    task, family, found = kind_of(["--config", path, "--width", "8"])
    assert (task, family) == (tasks.find("copy"), FAMILIES["decoder-only"])
    assert found == {"model": "decoder-only", "window": 3, "rate": 0.5, "bias": False}
    with pytest.raises(UsageError, match="such as width"):
        kind_of([f"--config={path}", "--model", "encoder-decoder", "--window", "3"])


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("widht = 3", UsageError, "an entry must be a known one, such as width, got 'widht'"),
        ("held_out = 3", UsageError, "an entry must be a known one, such as held-out, got 'held_out'"),
        ('out = "here"', UsageError, "run.toml: out is no setting: it must stand on the command line, as --out"),
        ("workers = 2", UsageError, "run.toml: workers is no setting: it must stand on the command line, as --workers"),
        ('task = "copi"', UsageError, "task: a task must be a known one, such as copy, got 'copi'"),
        ("[model]\nwidth = 3", UsageError, "model must be a number, a word, true or false, got a table"),
        ("width = [3]", UsageError, "width must be a number, a word, true or false, got an array"),
        ("width = ", JobError, "not a TOML file ("),
        ("width = 3\nwidth = 4", JobError, "not a TOML file ("),
    ],
)
def test_a_file_that_makes_no_sense_is_one_clear_line(file, text, kind, message):
    with pytest.raises(kind) as error:
        kind_of(["--config", file(text)])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("written", ['"a.txt"', '["a.txt"]'])
def test_a_file_of_settings_names_what_it_is_learned_from(file, written):
    assert kind_of(["--config", file(f'task = "text"\nfiles = {written}')])[2]["files"] == ("a.txt",)
    with pytest.raises(UsageError, match="files must be a number, a word, true or false, got an array"):
        kind_of(["--config", file('task = "text"\nfiles = [[3]]')])
    with pytest.raises(UsageError, match="an entry must be a known one, such as "):
        kind_of(["--config", file('task = "text"\ndigest = "3"')])


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    path = tmp_path / "none.toml"
    with pytest.raises(JobError) as error:
        kind_of(["--config", str(path)])
    assert str(error.value) == f"{path}: cannot be read (No such file or directory)"


def test_settings_are_not_waited_for_at_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "run.toml")
    with pytest.raises(JobError, match=r"run\.toml: must be a file, got something else$"):
        kind_of(["--config", str(tmp_path / "run.toml")])


def test_an_option_without_its_value_is_left_to_the_parser():
    assert options.chosen(["--task"]) == options.chosen(["--task=--"]) == {}
