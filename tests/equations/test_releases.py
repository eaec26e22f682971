"""Tags outlive releases: those of the last one are all there, in their order, and a new one comes behind them."""

import pytest
from equations import pages
from website import releases


def grown(root):
    """The release whose tags are no longer the first ones of the file; None where all are."""
    names = releases.tags(root)
    for version, count, digest in releases.released(root):
        if releases.digest(names[:count]) != digest or len(names) < count:
            return version
    return None


@pytest.fixture
def root(tmp_path):
    (tmp_path / "specs").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.3.0"\n')
    tags = ["one.1", "one.2", "one.a"]
    lines = [f"0.1.0 2 {releases.digest(tags[:2])}", f"0.2.0 3 {releases.digest(tags)}"]
    (tmp_path / "specs/releases.txt").write_text("# header\n" + "\n".join(lines) + "\n")
    (tmp_path / "specs/tags.txt").write_text("one.1\none.2\none.a\ntwo.1\n")
    return tmp_path


def test_no_tag_of_a_release_is_gone():
    assert grown(pages.ROOT) is None


def test_a_file_that_only_grew_is_accepted(root):
    assert grown(root) is None


@pytest.mark.parametrize(
    ("tags", "version"),
    [("one.1\none.a\ntwo.1\n", "0.1.0"), ("one.1\none.2\n", "0.2.0"), ("one.1\none.2\ntwo.1\none.a\n", "0.2.0")],
    ids=["gone", "the last one gone", "another in its place"],
)
def test_a_tag_that_is_gone_or_replaced_is_noticed(root, tags, version):
    (root / "specs/tags.txt").write_text(tags)
    assert grown(root) == version


def test_a_tag_has_the_version_in_which_it_first_stood(root):
    assert releases.first(root) == {"one.1": "0.1.0", "one.2": "0.1.0", "one.a": "0.2.0", "two.1": "0.3.0"}


def test_errata_are_read_by_equation(root):
    (root / "specs/errata.txt").write_text("# header\none.1: 0.1.0: the sign: it was minus\n")
    assert releases.errata(root) == {"one.1": [("0.1.0", "the sign: it was minus")]}


def test_every_erratum_is_of_an_equation_that_was_published():
    assert set(releases.errata(pages.ROOT)) <= set(releases.tags(pages.ROOT))
