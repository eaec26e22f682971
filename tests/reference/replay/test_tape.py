import numpy as np
import pytest

from reference.replay import tape as tapes
from reference.replay.tape import Line, Method, MissedError, Name, RefusedError, Tape, expect_shape, expect_truth


def test_a_view_lies_where_its_owner_does_and_a_new_array_where_it_is():
    tape, x = Tape(), np.zeros((3, 4))
    first = tape.give(x)
    part = tape.name(x[1:, 2:], [(first, x)])
    other = tape.name(x + 1, [(first, x)])
    assert [tape.kind(name).owner for name in (first, part, other)] == [first, first, other]
    assert [tape.kind(name).offset for name in (first, part, other)] == [0, 6 * x.itemsize, 0]
    assert tape.given == [first]


def test_memory_of_a_constant_is_nobodys():
    tape, table = Tape(), np.zeros((3, 4))
    x = np.ones(3)
    name = tape.name(table[0], [(tape.give(x), x), (None, table)])
    assert tape.kind(name).owner is None


def test_a_number_lies_nowhere():
    tape, x = Tape(), np.ones(3)
    name = tape.name(x.sum(), [(tape.give(x), x)])
    assert tape.kind(name).owner == name
    assert tape.kind(name).is_number
    assert not tape.kind(tape.name(np.ones(()), [])).is_number


def test_an_array_in_the_memory_of_two_is_refused():
    tape, x = Tape(), np.zeros(6)
    one, other = tape.give(x), tape.give(x)
    with pytest.raises(RefusedError, match="must lie in the memory of one other, got several"):
        tape.name(x[:2], [(one, x), (other, x)])


def test_a_tape_ends(monkeypatch):
    monkeypatch.setattr(tapes, "LINES", 2)
    tape = Tape()
    for _ in range(2):
        tape.write(Line(np.add, (), {}))
    with pytest.raises(RefusedError, match="calls must be at most 2, got more"):
        tape.write(Line(np.add, (), {}))


def test_the_names_of_a_line_are_those_within_its_arguments():
    a, b, c = map(Name, range(3))
    line = Line(np.concatenate, ([a, (b, 1)],), {"out": c, "axis": 0}, made=(Name(7),))
    assert line.names() == [a, b, c]


def test_a_method_is_one_of_numbers_too():
    total = Method("sum")
    assert total(np.ones(3)) == 3
    assert total(np.float64(2)) == 2
    assert Method("sum") == total != Method("max")


@pytest.mark.parametrize(
    ("expect", "value", "was", "other"),
    [(expect_truth, np.float64(2), True, False), (expect_shape, np.ones((2, 3)), (2, 3), (3, 2))],
)
def test_a_guard_says_that_an_answer_is_another(expect, value, was, other):
    expect(value, was)
    with pytest.raises(MissedError):
        expect(value, other)
