"""What the command says in one line instead of a traceback."""


class JobError(Exception):
    """The work cannot be done: exit status 1."""

    status = 1


class WriteError(JobError):
    """A file could not be written; what stood there before still does."""


class UsageError(JobError):
    """What was asked for makes no sense: exit status 2, before any work."""

    status = 2
