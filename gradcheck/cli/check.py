"""`gradcheck package.module:thing ...`: check every thing and say what came out."""

import argparse
import contextlib
import importlib
import random
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from gradcheck.checker import Checker
from gradcheck.cli.errors import STATUS, UsageError
from gradcheck.cli.given import Given
from gradcheck.cli.memory import fits
from gradcheck.cli.output import document, writable, write_page
from gradcheck.cli.things import load, subject_of
from gradcheck.cli.values import array, parameter
from gradcheck.reports.data import to_json
from gradcheck.reports.report import Report
from gradcheck.reports.style import style_of
from gradcheck.reports.text import render
from gradcheck.subjects.kinds import adapt

NOT_THE_USERS = (str(Path(__file__).parents[1]), str(Path(importlib.__file__).parent), "<frozen importlib")


def check_things(options: argparse.Namespace) -> int:
    """Return the exit status: the worst of all verdicts.

    Raises:
        UsageError: something that the user can mend on the command line.
    """
    if options.html is not None:
        writable(options.html)
    with _own_errors(""):
        checker = Checker(seed=options.seed, workers=options.workers, exact=options.exact)
    errors: list[tuple[str, str]] = []
    ready = _prepared(options, errors)
    style = style_of(sys.stdout, shutil.get_terminal_size().columns)
    reports: list[tuple[str, Report]] = []
    for thing, check in ready:
        report = None
        with _user_code(thing, errors):
            report = check(checker)
        if report is None:
            continue
        reports.append((thing, report))
        if options.html is not None:  # before it is printed: whoever reads that may close the pipe
            write_page([report for _, report in reports], options.html)
        if not options.json:
            print("\n" * (len(reports) > 1) + render(report, style), flush=True)
    verdicts = {report.verdict for _, report in reports} | ({"fail"} if errors else set())
    verdict = next(v for v in ("fail", "inconclusive", "pass") if v in verdicts)
    if options.json:
        print(to_json(document(verdict, reports, errors), 2))
    return STATUS[verdict]


def _prepared(options: argparse.Namespace, errors: list[tuple[str, str]]) -> list[tuple[str, Callable]]:
    """Return for each thing what checks it; a misspelt name is found before any work is done."""
    arrays, values = [array(text) for text in options.input], [parameter(text) for text in options.param]
    for option, names in (("--input", [a.name for a in arrays]), ("--param", [name for name, _ in values])):
        twice = next((name for name, times in Counter(names).items() if times > 1), None)
        if twice is not None:
            raise UsageError(f"{option} {twice} must be given once, got it {names.count(twice)} times")
    parameters = dict(values)
    fits(arrays)
    ready: list[tuple[str, Callable]] = []
    taken: set[str] = set()
    known: dict[str, None] = {}
    for thing in options.things:
        given = Given(arrays, parameters, options.seed)
        with _user_code(thing, errors):
            ready.append((thing, _check_of(thing, given)))
        taken |= given.taken
        known |= given.known
    unused = sorted(({a.name for a in arrays} | set(parameters)) - taken)
    if unused and not errors:
        take = "takes" if len(options.things) == 1 else "take"
        raise UsageError(f"{' and '.join(options.things)} {take} {', '.join(known)}, got {', '.join(unused)}")
    return ready


def _check_of(thing: str, given: Given) -> Callable[[Checker], Report]:
    name = thing.rpartition(":")[2]
    _seed(given.seed)
    found = load(thing)
    _seed(given.seed)
    subject = adapt(subject_of(found, name, given))
    if subject.name == "<lambda>":
        subject.name = name
    inputs, constants = given.inputs_of(subject.signature(), name)
    return lambda checker: checker(subject, *inputs, **constants)


def _seed(seed: int) -> None:
    """Seed the global generators, from which many a layer draws its parameters: a run can be repeated."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


@contextlib.contextmanager
def _user_code(thing: str, errors: list[tuple[str, str]]) -> Iterator[None]:
    """Let an error of the user's code through with its own traceback, and go on with the next thing.

    What that code prints goes to stderr: it is no part of a report.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr), _own_errors(thing):
            yield
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(NOT_THE_USERS):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace, file=sys.stderr)  # a builtin has none of its own
        errors.append((thing, f"{type(error).__name__}: {error}"))


@contextlib.contextmanager
def _own_errors(thing: str) -> Iterator[None]:
    """Turn what the checker itself says about its arguments into one line."""
    try:
        yield
    except (ImportError, TypeError, ValueError) as error:
        if not str(error).startswith("gradcheck: "):
            raise
        message = str(error).removeprefix("gradcheck: ")
        raise UsageError(f"{thing}: {message}" if thing else message) from None
