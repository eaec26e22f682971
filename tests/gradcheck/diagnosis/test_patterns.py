"""gradcheck.diagnosis.patterns: their list."""

import inspect

from gradcheck.diagnosis.evidence import Evidence
from gradcheck.diagnosis.patterns import PATTERNS, WEAKER


def test_each_pattern_is_tried_once():
    assert len(set(PATTERNS)) == len(PATTERNS)


def test_a_pattern_takes_the_evidence_alone():
    assert all(len(inspect.signature(pattern).parameters) == 1 for pattern in PATTERNS)
    assert Evidence.__name__ == "Evidence"


def test_weaker_patterns_are_patterns():
    assert set(PATTERNS) > WEAKER
