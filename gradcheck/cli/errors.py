"""What the user can mend on the command line, in one line."""


class UsageError(Exception):
    """The command was not given what it needs; the message is one line."""


PASS, FAIL, INCONCLUSIVE, USAGE, INTERRUPTED = 0, 1, 2, 3, 130
STATUS = {"pass": PASS, "inconclusive": INCONCLUSIVE, "fail": FAIL}
