"""Why a run cannot go on, in one line."""


class RunError(Exception):
    """The work cannot be done: exit status 1."""

    status = 1


class WriteError(RunError):
    """A file could not be written; what stood there before still does."""


class CheckpointError(RunError):
    """A file is not there, not whole, not a checkpoint, or of another shape."""


class DivergedError(RunError):
    """A number of the run is not finite, and none after it will be."""
