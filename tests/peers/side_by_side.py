"""Six gradient checkers on the whole corpus, side by side in one run, and the page that tells.

    python tests/peers/side_by_side.py [--write] [WORD ...]

Every checker gets every case afresh, so that no state of a case travels, and at most `SECONDS` for it. With words only
the cases whose names contain one of them are run. The page is printed; with --write, and no words, it is written over
the published one. The exit status is 1 if this project's checker misses a wrong gradient or rejects a right one, or if
all cases were run and cost it more evaluations than they may, or the published page said something else of it: times
and other people's releases change, these facts do not.
"""

import argparse
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from checkers import CHECKERS, SCIPY_BAR, Answer, Counted
from page import facts, written

sys.path.insert(0, str(Path(__file__).parents[1] / "gradcheck"))
from corpus_loader import load

SECONDS = 20
DEAREST = 250  # evaluations of this project's checker, in the median
PUBLISHED = Path(__file__).parents[2] / "specs/guides/peers.md"


@dataclass
class Result:
    """What one checker made of one case."""

    case: object
    checker: str
    answer: Answer  # its verdict may also be "crash" or "time out"
    seconds: float
    cost: int
    error: str = ""


class TimeOut(BaseException):
    """No Exception, so that no checker takes it for one of the user's."""


def ring(*_):
    raise TimeOut


def run(checker, case):
    start, counted, error = time.perf_counter(), None, ""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        counted = Counted(case)
        answer = CHECKERS[checker](counted)
    except TimeOut:
        answer = Answer("time out")
    except Exception as crash:
        answer, error = Answer("crash"), f"{type(crash).__name__}: {str(crash).splitlines()[0] if str(crash) else ''}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return Result(case, checker, answer, time.perf_counter() - start, counted.cost if counted else 0, error)


def main(write, words):
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    torch.set_num_threads(1)
    signal.signal(signal.SIGALRM, ring)
    start, results = time.perf_counter(), []
    fresh = {checker: load() for checker in CHECKERS}
    for checker, cases in fresh.items():  # the first call of each pays for its imports
        run(checker, next(case for case in cases if case.kind == "right"))
    fresh = {checker: load() for checker in CHECKERS}
    for same in zip(*fresh.values(), strict=True):
        if not words or any(word in same[0].name for word in words):
            results += [run(checker, case) for checker, case in zip(fresh, same, strict=True)]
    bad = [r for r in results if r.checker == "gradcheck" and not_as_it_should_be(r)]
    for result in [r for r in results if r.answer.verdict in ("crash", "time out")] + bad:
        print(f"{result.checker:11} {result.answer.verdict:12} {result.case.kind:6} {result.case.name}: {result.error}")
    text = written(results, list(CHECKERS), time.perf_counter() - start, SECONDS, SCIPY_BAR)
    print(text)
    published = PUBLISHED.read_text(encoding="utf-8")
    stale = not words and not write and facts(published) != facts(text)
    if stale:
        print(f"specs/guides/peers.md must say what tox -e peers measures, {facts(text)}, it said {facts(published)}")
    if write:
        PUBLISHED.write_text(text, encoding="utf-8")
    ours = [r.cost for r in results if r.checker == "gradcheck" and not r.case.contract]  # as the table counts
    dear = not words and np.median(ours) > DEAREST
    if dear:
        print(f"a case must cost gradcheck at most {DEAREST} evaluations in the median, see the table")
    return 1 if bad or stale or dear else 0


def not_as_it_should_be(result):
    if result.case.kind == "wrong":
        return result.answer.verdict != "fail"
    return result.answer.verdict not in ("pass", "inconclusive")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="write the published page")
    parser.add_argument("words", nargs="*", metavar="WORD", help="only cases whose names contain one of them")
    chosen = parser.parse_args()
    if chosen.write and chosen.words:
        parser.error(f"--write must come without words, a part is no page, got {' '.join(chosen.words)}")
    sys.exit(main(chosen.write, chosen.words))
