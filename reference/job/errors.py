"""What the command says in one line instead of a traceback."""

from reference.training.errors import RunError


class JobError(RunError):
    """The command cannot do its work."""


class UsageError(JobError):
    """What was asked for makes no sense: exit status 2, before any work."""

    status = 2
