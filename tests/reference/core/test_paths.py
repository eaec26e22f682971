import os

import pytest

from reference.core.paths import instead_of_file

MADE = {"a folder": lambda path: path.mkdir(), "something else": os.mkfifo}


@pytest.mark.parametrize("what", MADE)
def test_what_is_no_file_is_named(tmp_path, what):
    MADE[what](tmp_path / "a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert instead_of_file(tmp_path / "a") == instead_of_file(tmp_path / "link") == what


def test_a_file_a_link_to_one_and_nothing_are_not(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    assert {instead_of_file(tmp_path / name) for name in ("a", "link", "lost", "b")} == {None}
