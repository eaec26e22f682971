"""What reads a command line, and complains in one line."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any, NoReturn

from reference.core.words import cut

LONGEST = 300  # characters of a complaint


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **options)

    def error(self, message: str) -> NoReturn:
        text = re.sub(r"\S{61,}", lambda word: cut(word[0]), " ".join(message.split()))
        self.exit(2, f"{self.prog}: {text if len(text) <= LONGEST else f'{text[:LONGEST]}...'}\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        for word in sys.argv[1:] if args is None else args:
            if word.startswith("--") and word.endswith("=--"):  # argparse would read an empty list
                error = argparse.ArgumentError(None, f"argument {word[:-3]}: must have a value, got --")
                if self.exit_on_error:
                    self.error(str(error))
                raise error
        return super().parse_known_args(args, namespace)


def place(word: str) -> Path:
    """Read a path; of nothing, as an unset variable of a shell leaves it, it would be the folder in which one is.

    Raises:
        ArgumentTypeError: it is empty.
    """
    if not word:
        raise argparse.ArgumentTypeError("must be a path, got nothing")
    return Path(word)
