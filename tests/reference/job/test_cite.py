import re
import webbrowser
from pathlib import Path

import pytest

from reference.job import cite, commands
from reference.job.errors import JobError, UsageError

ROOT = Path(__file__).parents[3]


def test_an_entry_names_the_equation_its_page_and_the_version(monkeypatch):
    monkeypatch.setattr(cite, "release", lambda: "version 9.8.7")
    assert cite.bibtex("layernorm.9").splitlines() == [
        "@misc{backproof-layernorm-9,",
        "  author       = {{The backproof authors}},",
        "  title        = {Layer normalisation},",
        "  howpublished = {backproof, version 9.8.7},",
        "  note         = {Equation (layernorm.9)}",
        "}",
    ]
    assert cite.text("layernorm.9") == (
        "The backproof authors: Layer normalisation. backproof, version 9.8.7, Equation (layernorm.9)."
    )


@pytest.mark.parametrize("name", ["layernorm", "layers.layernorm", "layers/layernorm"])
def test_a_page_is_cited_under_one_key(name):
    assert cite.bibtex(name).startswith("@misc{backproof-layernorm,\n")
    assert "{Page layernorm}" in cite.bibtex(name)


def test_the_file_that_cites_the_whole_says_the_same():
    whole = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r"(?m)^  - name: (.*)$", whole)[1] == cite.AUTHOR
    assert re.search(r"(?m)^title: (.*)$", whole)[1] == "backproof"
    assert re.search(r"(?m)^version: (.*)$", whole)[1] == re.search(r'(?m)^version = "(.*)"$', project)[1]


@pytest.mark.parametrize("ask", [cite.bibtex, cite.text, cite.address])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layernorm.99", "an equation must be one of those of layernorm, got 'layernorm.99'"),
        ("layernrom.9", "a name must be that of a page, such as layernorm, got 'layernrom'"),
        ("layernrom", "a name must be that of a page, such as layernorm, got 'layernrom'"),
    ],
)
def test_what_there_is_not_is_refused(ask, name, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        ask(name)


def test_the_address_is_that_of_the_site_that_was_made_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(JobError, match=r"^the site must be made before .*, got no build.site.eq.layernorm\.9\.html$"):
        cite.address("layernorm.9")
    for page in ("eq/layernorm.9.html", "layers/layernorm.html"):
        path = tmp_path / "build/site" / page
        path.parent.mkdir(parents=True)
        path.touch()
    assert cite.address("layernorm.9") == (tmp_path / "build/site/eq/layernorm.9.html").as_uri()
    assert cite.address("layernorm") == (tmp_path / "build/site/layers/layernorm.html").as_uri()


def test_open_shows_the_address_in_a_browser_and_prints_it(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr(cite, "address", lambda name: f"file:///{name}")
    assert commands.spec({"page": "layernorm.9", "open": True}) == 0
    assert opened == ["file:///layernorm.9"]
    assert capsys.readouterr().out == "file:///layernorm.9\n"


def test_the_command_prints_the_entry(command):
    done = command("spec", "--cite", "layernorm.9")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{cite.bibtex('layernorm.9')}\n"
    done = command("spec", "--cite", "--open", "layernorm.9")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "python -m reference spec: argument --open: not allowed with argument --cite\n"
