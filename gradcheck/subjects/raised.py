"""What the user's code raises: let through with a word on where, but for a write to what is protected."""

import contextlib
from collections.abc import Iterator

import numpy as np

from gradcheck.subjects.adapted import Broken

NOTE = "gradcheck: raised by"


@contextlib.contextmanager
def during(call: str) -> Iterator[None]:
    """Let errors of the user's code through, with a note that says in which call they arose.

    How NumPy handles floating-point errors is afterwards what it was: what a layer sets must not stop the checker.
    """
    try:
        with np.errstate():
            yield
    except Broken:
        raise
    except Exception as error:
        if not str(error).startswith("gradcheck: "):  # a refusal is none of the user's code
            error.add_note(f"{NOTE} {call} of the subject under check")
        raise


def is_of_subject(error: BaseException) -> bool:
    """Whether an error arose in the user's code, as `during` notes."""
    return any(note.startswith(NOTE) for note in getattr(error, "__notes__", ()))


def is_write(error: BaseException) -> bool:
    """Whether an error is NumPy's refusal to write to a read-only array."""
    return isinstance(error, ValueError) and "read-only" in str(error)


def in_one_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of its message."""
    text = str(error).splitlines()[0] if str(error) else "no message"
    return f"{type(error).__name__}: {text}"
