"""A finding is a value."""

import dataclasses

import pytest

from gradcheck.subjects.findings import Finding


def test_a_finding_is_a_failure_of_no_array_unless_it_is_said():
    assert Finding("kind", "message") == Finding("kind", "message", "fail", None)


def test_a_finding_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Finding("kind", "message").severity = "note"
