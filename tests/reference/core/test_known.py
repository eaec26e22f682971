import copy
import gc
import sys
import weakref

from reference.core.known import Known


class Thing:
    """Equal to every other thing, so of no use as a key."""

    def __eq__(self, other):
        return True


def test_what_is_known_is_known_of_one_object_and_of_none_that_is_equal_or_a_copy():
    known, thing = Known(), Thing()
    known.keep(thing, "a fact")
    assert known.get(thing) == "a fact"
    assert known.get(Thing()) is known.get(copy.copy(thing)) is known.get(None) is known.get(7) is None


def test_a_fact_ends_with_its_object_and_keeps_it_no_longer():
    known, thing = Known(), Thing()
    alive = weakref.ref(thing)
    known.keep(thing, "a fact")
    assert len(known) == 1
    del thing
    gc.collect()
    assert alive() is None and len(known) == 0


def test_an_object_in_the_place_of_one_that_is_gone_is_another():
    known = Known()
    for _ in range(1000):  # CPython gives the place of one to the next
        thing = Thing()
        assert known.get(thing) is None
        known.keep(thing, "a fact")


def test_a_later_fact_takes_the_place_of_the_one_before():
    known, thing = Known(), Thing()
    known.keep(thing, 1)
    known.keep(thing, 2)
    gc.collect()
    assert known.get(thing) == 2 and len(known) == 1


def test_the_end_of_an_object_runs_no_line_in_which_a_ctrl_c_would_be_lost():
    """What is raised while a weak reference calls back is ignored."""
    known, thing, ran = Known(), Thing(), []
    known.keep(thing, "a fact")
    sys.setprofile(lambda _, event, __: ran.append(event))
    del thing
    sys.setprofile(None)
    assert "call" not in ran and len(known) == 0
