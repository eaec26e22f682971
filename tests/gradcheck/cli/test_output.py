"""JSON on stdout, a page in a file."""

import json
from pathlib import Path

import pytest

from gradcheck.cli import output


def test_json_is_all_there_is_on_stdout(run):
    status, out, err = run("layers:talks", "layers:wrong", "--input", "x=2,3", "--json")
    data = json.loads(out)
    assert (status, data["verdict"], data["schema_version"]) == (1, "fail", 1)
    assert [(r["thing"], r["verdict"]) for r in data["reports"]] == [("layers:talks", "pass"), ("layers:wrong", "fail")]
    assert "a word" in err


def test_a_page_is_written_whole(run, folder):
    status, out, _ = run("layers:wrong", "layers:powers", "--input", "x=2,3", "--html", "report.html")
    text = Path("report.html").read_text(encoding="utf-8")
    assert status == 1 and "gradcheck wrong: fail" in out
    assert text.startswith("<!doctype html>") and text.count("<article>") == 2
    assert sorted(path.name for path in folder.glob("*report*")) == ["report.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(run, folder, monkeypatch):
    Path("report.html").write_text("old", encoding="utf-8")

    def full(path, target):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(output.Path, "replace", full)
    status, _, err = run("layers:powers", "--input", "x=2,3", "--html", "report.html")
    assert status == 3 and err.endswith("No space left on device\n") and err.count("\n") == 1
    assert Path("report.html").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in folder.glob("*report*")) == ["report.html"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("sub/page.html", "--html sub/page.html: cannot be written: Permission denied"),
        ("p" * 300, f"--html {'p' * 300}: cannot be written: File name too long"),
        ("/dev/null", "--html /dev/null: is no file"),
        ("layers.py/page.html", "--html layers.py/page.html: there is no folder layers.py"),
    ],
)
def test_a_page_that_cannot_be_written_is_found_before_the_work(path, message, run, folder, monkeypatch):
    (folder / "sub").mkdir()
    touch = output.Path.touch

    def refuse(self, *args, **options):  # for an administrator no folder is read-only
        if self.parent.name == "sub":
            raise PermissionError(13, "Permission denied", str(self))
        touch(self, *args, **options)

    monkeypatch.setattr(output.Path, "touch", refuse)
    monkeypatch.setattr("gradcheck.cli.check.Checker", lambda **_: pytest.fail("the work was begun"))
    assert run("layers:wrong", "--input", "x=3", "--html", path) == (3, "", f"gradcheck: {message}\n")
    assert list((folder / "sub").iterdir()) == []


def test_no_page_is_written_where_nothing_was_checked(run):
    assert run("layers:breaks", "--input", "x=3", "--html", "report.html")[0] == 1
    assert not Path("report.html").exists()
