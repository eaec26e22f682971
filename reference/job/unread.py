"""Output of which nobody reads the end: whoever had a pipe opened has had enough."""

import os
import sys

STATUS = 141  # as a shell has it


def is_read() -> bool:
    """Whether all that was written could be handed on."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        give_up()
        return False
    return True


def give_up() -> None:
    """Let what is still to be written go nowhere: the end of the program would try once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
