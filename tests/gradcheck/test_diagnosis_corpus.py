"""The names that are allowed of wrong backward passes tell something: `test_corpus.py` judges each case by them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from corpus_loader import load
from corpus_names import MISLEADING, NAMES, UNNAMED

RIGHT, WRONG = 0.85, 0.03  # of the wrong cases: named rightly at least, named wrongly at most

CASES = [case for case in load() if case.kind == "wrong"]


def test_nearly_all_must_be_named_rightly_and_hardly_any_may_be_named_wrongly():
    assert len(UNNAMED | MISLEADING) <= (1 - RIGHT) * len(CASES)
    assert len(MISLEADING) <= WRONG * len(CASES)


def test_every_exception_is_one_of_a_case():
    assert {case.name for case in CASES} >= UNNAMED | MISLEADING


def test_every_class_of_bug_has_its_names():
    assert {case.bug_class for case in CASES} == set(NAMES)


def test_each_class_is_told_from_most_others():
    """A table in which every name is right for every class would judge nothing."""
    every = set().union(*NAMES.values())
    assert all(len(names) <= len(every) / 2 for names in NAMES.values())
