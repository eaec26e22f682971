"""What is found of the second order is told in its own words and under its own names."""

import dataclasses
from collections import Counter

import pytest

from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.second import NOTHING, ORDER, SecondOrder, second_order_of, unchecked
from gradcheck.verdict.verdicts import Verdicts

CALLS = Counter({"forward": 7, "pullback": 2})


def said(*findings, first=()):
    return [f.message for f in second_order_of(Verdicts((), findings), (), None, first, CALLS).findings]


def test_gradients_have_names_and_an_order_of_their_own():
    gradient = Gradient("x", (2,), "inconclusive", reason="the forward pass jumps", diagnosis="the pullback forgets x")
    (found,) = second_order_of(Verdicts((gradient,), ()), (), None, (), CALLS).gradients
    assert (found.name, found.order, gradient.order) == ("second order, x", 2, 1)
    assert (found.reason, found.diagnosis) == ("the pullback jumps", "the second pullback forgets x")


def test_the_forward_pass_of_the_second_order_is_the_pullback():
    words = {
        "the pullback gives 1": "the second pullback gives 1",
        "the forward pass writes to x": "the pullback writes to x",
        "after another forward pass the pullback gives 2": "after another forward pass the second pullback gives 2",
        "the output of vjp differs from that of the plain forward pass": (
            "the gradients of the pullback's vjp differ from those of the pullback"
        ),
    }
    assert said(*(Finding("kind", text) for text in words)) == [f"second order: {text}" for text in words.values()]


def test_findings_are_of_the_arrays_of_the_second_order():
    found = second_order_of(Verdicts((), (Finding("shape", "text", array="dy"),)), (), None, (), CALLS)
    assert found.findings[0].array == "second order, dy"


def test_a_note_that_the_first_order_has_is_not_told_again():
    moved, other = Finding("moved", "w is all ones", "note", "w"), Finding("moved", "b is all ones", "note", "b")
    assert said(moved, other, first=[moved]) == ["second order: b is all ones"]
    assert said(Finding("complex", "no complex step: not here", "note")) == []
    failing = Finding("moved", "w", "fail", "w")
    assert said(failing, first=[moved]) == ["second order: w"]
    assert said(moved, first=[failing]) == ["second order: w is all ones"], "a failure is no note"


def test_what_is_said_of_the_second_order_itself_keeps_its_words():
    found = second_order_of(Verdicts((), ()), [Finding("symmetry", "the pullback is fine", "note")], None, (), CALLS)
    assert [f.message for f in found.findings] == [f"{ORDER}: the pullback is fine"]


def test_a_forward_pass_of_the_second_order_counts_as_one_and_its_pullback():
    found = second_order_of(Verdicts((), ()), (), None, (), CALLS)
    assert found.calls == {"forward": 7, "pullback": 7, "second pullback": 2}


def test_what_is_not_checked_is_told():
    (finding,) = unchecked().findings
    assert finding.severity == "note"
    assert finding.message == "second order: not checked: the pullback breaks its contract"


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(SecondOrder).gradients = None


def test_of_a_check_of_first_order_nothing_is_found():
    assert SecondOrder((), (), None, Counter()) == NOTHING
