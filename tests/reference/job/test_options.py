import pytest

from reference.job import options
from reference.job.errors import JobError, UsageError
from reference.job.options import Parser, add_settings, kind_of
from reference.tasks import task as tasks
from reference.training.families import FAMILIES
from reference.training.settings import SGD, Run, known

EVERY = pytest.mark.parametrize(("task", "model"), [(task, model) for task in tasks.every() for model in FAMILIES])


def parser_of(task="copy", model="encoder-decoder"):
    parser = Parser(prog="prog")
    add_settings(parser, tasks.find(task), FAMILIES[model])
    return parser


@EVERY
def test_every_setting_is_an_option_with_its_default(task, model, monkeypatch):
    monkeypatch.setenv("COLUMNS", "2000")
    text = parser_of(task, model).format_help()
    entries = Run.of({"task": task, "model": model}).entries()
    for name in known(tasks.find(task), FAMILIES[model]):
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
        ('task = "copi"', UsageError, "task: an entry must be a known one, such as copy, got 'copi'"),
        ("[model]\nwidth = 3", UsageError, "model must be a number, a word, true or false, got dict"),
        ("width = [3]", UsageError, "width must be a number, a word, true or false, got list"),
        ("width = ", JobError, "not a TOML file ("),
        ("width = 3\nwidth = 4", JobError, "not a TOML file ("),
    ],
)
def test_a_file_that_makes_no_sense_is_one_clear_line(file, text, kind, message):
    with pytest.raises(kind) as error:
        kind_of(["--config", file(text)])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    path = tmp_path / "none.toml"
    with pytest.raises(JobError) as error:
        kind_of(["--config", str(path)])
    assert str(error.value) == f"{path}: cannot be read (No such file or directory)"


def test_an_option_without_its_value_is_left_to_the_parser():
    assert options.chosen(["--task"]) == {}
