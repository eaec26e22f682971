"""The command line: its options, and one line for whatever the user can mend."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from gradcheck.cli.errors import INTERRUPTED, UNREAD, USAGE, UsageError, short
from gradcheck.cli.streams import give_up_stdout, present
from gradcheck.version import __version__

ABOUT = """\
Check hand-written backward passes against numeric derivatives.  There is no step
size and no tolerance to choose: the checker measures its own error bar.

A THING is an import path, package.module:name, or a file, path/to/file.py:name, of
  a layer                an object with vjp(*inputs, **constants) -> (y, pullback),
                         or whatever gradcheck.adapters makes of layers of other kinds
  a class                made by its classmethod init, if there is one, or called
  a function             f(*inputs, **constants) that returns (y, pullback)
  a function             without inputs, that returns one of these

Inputs and parameters go by name to whatever takes them: the class, the function,
the layer's vjp.  What is required and called rng gets a random generator."""

EXAMPLES = """\
examples:
  gradcheck layers:softmax --input x=4,7
  gradcheck layers:LayerNorm --param width=64 --input x=2,8,64 --html report.html
  gradcheck layers:Embedding --param vocabulary=50 --param width=8 --input 'ids=2,8<50'
  gradcheck layers:attend --input q=2,5,8 --input k=2,7,8 --input v=2,7,8 --input mask=2,5,7:bool
  gradcheck demo

exit status: 0 pass, 1 fail (or an error of the thing's own), 2 inconclusive, 3 usage
What a report means, and what to do about it: specs/guides/my_check_fails.md"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(" ".join(message.split()))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        for word in sys.argv[1:] if args is None else args:
            if word.startswith("--") and word.endswith("=--"):  # argparse would read an empty list
                self.error(f"argument {word[:-3]}: must have a value, got --")
        return super().parse_known_args(args, namespace)


def whole(text: str) -> int:
    """Read a whole number of up to 18 digits.

    Raises:
        ArgumentTypeError: it is none.
    """
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number of up to 18 digits, got {short(text)}")


def parser() -> Parser:
    kind = argparse.RawDescriptionHelpFormatter
    main = Parser(prog="gradcheck", description=ABOUT, epilog=EXAMPLES, formatter_class=kind, allow_abbrev=False)
    main.add_argument("things", nargs="*", metavar="THING", help="what to check, or: demo")
    main.add_argument("--input", action="append", default=[], metavar="NAME=SHAPE", help=(
        "a random array: x=2,8,64 of normal numbers, ids=2,8<50 of whole numbers below 50; "
        "with a dtype: x=2,8:float32, mask=2,1,8,8:bool; without axes: t=()"))
    main.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help=(
        "a value: a Python literal, or else a string"))
    main.add_argument("--json", action="store_true", help="print the reports as JSON")
    main.add_argument("--html", type=Path, metavar="FILE", help="write a page with heat maps and convergence")
    main.add_argument("--seed", type=whole, default=0, metavar="N", help="of inputs and checker (default: 0)")
    main.add_argument("--workers", type=whole, default=1, metavar="N", help="processes, -1 for all cores (default: 1)")
    main.add_argument("--exact", action="store_true", help=(
        "run the subject on balls as well, where a difference of one part in 10^18 is seen (extra: exact)"))
    main.add_argument("--version", action="version", version=f"gradcheck {__version__}")
    return main


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    with present():
        try:
            status = _checked(argv)
            sys.stdout.flush()
            return status
        except UsageError as error:
            return _say(str(error), USAGE)
        except BrokenPipeError:  # whoever read the output has had enough
            give_up_stdout()
            return UNREAD
        except OSError as error:
            give_up_stdout()
            return _say(f"{error.filename}: {error.strerror}" if error.filename else str(error), USAGE)
        except KeyboardInterrupt:
            return _say("interrupted", INTERRUPTED)


def _checked(argv: Sequence[str] | None) -> int:
    options = parser().parse_args(argv)
    if not options.things:
        raise UsageError("a THING to check must be named, or: demo; gradcheck --help tells more")
    if options.things == ["demo"]:
        from gradcheck.cli.demo import demo

        return demo(options.html)
    from gradcheck.cli.check import check_things

    return check_things(options)


def _say(text: str, status: int) -> int:
    print(f"gradcheck: {text}", file=sys.stderr)
    return status
