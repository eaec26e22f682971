"""What was typed is quoted briefly, and every verdict has a status of its own."""

import pytest

from gradcheck.cli.errors import LONGEST, STATUS, UsageError, short


@pytest.mark.parametrize("text", ["", "x", "x y", "it's", "a\nb", "x" * LONGEST])
def test_what_is_short_is_quoted_whole(text):
    assert short(text) == repr(text)


def test_of_a_long_text_both_ends_are_shown_and_its_length():
    text = "a" * 30 + "-" * 5000 + "z" * 15
    assert short(text) == f"'{'a' * 30}'...'{'z' * 15}' (5,045 characters)"
    assert short("x" * (LONGEST + 1)).endswith(" (61 characters)")


def test_what_is_quoted_is_one_short_line():
    assert "\n" not in short("a\n" * 5000) and len(short("a\n" * 5000)) < 3 * LONGEST


def test_every_verdict_has_its_status():
    assert STATUS == {"pass": 0, "fail": 1, "inconclusive": 2}


def test_an_error_of_usage_is_none_of_the_code_that_is_checked():
    assert not issubclass(UsageError, ValueError | TypeError | OSError)
