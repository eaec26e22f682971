"""What balls cannot take, and that python-flint is missing: each in one line."""

import importlib.util

EXTRA = "gradcheck: exact needs python-flint: pip install 'backproof[exact]'"


class NotFollowed(TypeError):
    """A call leaves the numbers that balls enclose; the message names the call."""


def expect_flint() -> None:
    """Raise unless python-flint is installed.

    Raises:
        ImportError: it is not.
    """
    if importlib.util.find_spec("flint") is None:
        raise ImportError(EXTRA)
