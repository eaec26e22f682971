"""What the user can mend on the command line, in one line."""

LONGEST = 60  # characters of what was typed that are shown


class UsageError(Exception):
    """The command was not given what it needs; the message is one line."""


PASS, FAIL, INCONCLUSIVE, USAGE, INTERRUPTED, UNREAD = 0, 1, 2, 3, 130, 141  # the last two as a shell has them
STATUS = {"pass": PASS, "inconclusive": INCONCLUSIVE, "fail": FAIL}


def short(text: str) -> str:
    """Return what was typed in quotes, and the middle of a long one left out."""
    if len(text) <= LONGEST:
        return repr(text)
    return f"{text[: LONGEST // 2]!r}...{text[-LONGEST // 4 :]!r} ({len(text):,} characters)"
