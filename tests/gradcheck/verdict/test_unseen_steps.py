"""When steps are sought that small differences do not show, and how often."""

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.verdict import unseen_steps as module
from gradcheck.verdict.ground import Known
from gradcheck.verdict.own_jumps import undecided
from gradcheck.verdict.unseen_steps import looked_for

WHOLE, JOINT = Probe(0, seed=1), Probe(None, seed=1)
WAYS = "forgotten", "forgotten_afar", "forgotten_all_along", "forgotten_by_all"


@pytest.fixture
def ways(monkeypatch):
    """ways(**answers): what each way of looking gives, or what it was given; it returns which were asked."""

    def ways(hides=False, departs=False, **answers):
        asked = []
        for name in WAYS:

            def look(ground, c, rng, name=name):
                asked.append(name)
                return answers.get(name, c)

            monkeypatch.setattr(module, name, look)
        monkeypatch.setattr(module, "hides_steps", lambda c: hides)
        monkeypatch.setattr(module, "departs_farther", lambda ground, c: departs)
        return asked

    return ways


@pytest.fixture
def place(ground):
    return lambda size=3, **changes: ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(size), **changes)


@pytest.mark.parametrize("name", WAYS)
def test_what_any_way_finds_is_returned_at_once(ways, place, comparison, rng, name):
    other = comparison(1.0, 1.5)
    asked = ways(hides=name == "forgotten", departs=True, **{name: other})
    found, known = looked_for(place(64), Known(), comparison(1.0, 1.0, probe=WHOLE), rng)
    assert found is other and asked[-1] == name and not known.common


def test_where_an_entry_was_looked_for_it_is_known_whether_f_is_smooth_there(ways, place, comparison, rng):
    c, other = comparison(1.0, 1.0, probe=WHOLE), comparison(1.0, 1.5)
    ways(hides=True)
    assert looked_for(place(), Known(), c, rng)[1].smooth
    ways(hides=True, forgotten=other)
    assert not looked_for(place(), Known(), c, rng)[1].smooth


@pytest.mark.parametrize(("size", "last"), [(63, []), (64, ["forgotten_by_all"])])
def test_a_whole_array_is_asked_once_all_along_and_a_large_one_once_where_all_grow(
    ways, place, comparison, rng, size, last
):
    asked, c = ways(), comparison(1.0, 1.0, probe=WHOLE)
    found, known = looked_for(place(size), Known(), c, rng)
    assert found is c and asked == ["forgotten_all_along", *last] and known.integrated == {0}
    assert looked_for(place(size), known, c, rng) == (c, known) if last else True
    assert asked == ["forgotten_all_along", *last]
    joint = comparison(1.0, 1.0, probe=JOINT)
    asked.clear()
    _, known = looked_for(place(size), Known(), joint, rng)
    looked_for(place(size), known, c, rng)
    assert asked == ["forgotten_all_along", *last, "forgotten_all_along"], "what is not in all together is in none"


def test_of_an_array_that_was_asked_once_no_wider_difference_is_asked_either(ways, place, comparison, rng):
    asked, c = ways(departs=True), comparison(1.0, 1.0, probe=WHOLE)
    _, known = looked_for(place(), Known(), c, rng)
    assert asked == ["forgotten_afar", "forgotten_all_along"]
    looked_for(place(), known, c, rng)
    assert asked == ["forgotten_afar", "forgotten_all_along"]


@pytest.mark.parametrize("probe", [Probe(0, start=1), Probe(0, stop=3), Probe(0, held=(1,))])
def test_a_part_of_an_array_is_asked_neither(ways, place, comparison, rng, probe):
    asked = ways()
    looked_for(place(64), Known(), comparison(1.0, 1.0, probe=probe), rng)
    assert not asked


@pytest.mark.parametrize("changes", [{"exact": True}, {"measures_noise": False}])
def test_where_complex_numbers_are_tried_or_at_the_given_point_claims_are_not_integrated(
    ways, place, comparison, rng, changes
):
    asked = ways(departs=True)
    looked_for(place(64, **changes), Known(), comparison(1.0, 1.0, probe=WHOLE), rng)
    assert asked == ["forgotten_by_all"]


def test_what_is_undecided_at_an_entry_may_be_told_where_all_entries_grow(ways, place, comparison, rng):
    c, wrong = comparison(1.0, 1.0, probe=WHOLE), comparison(1.0, 1.5)
    at_entry = undecided(wrong)
    for by_all, expected in ((wrong, wrong), (c, at_entry)):
        ways(hides=True, forgotten=at_entry, forgotten_by_all=by_all)
        assert looked_for(place(64), Known(), c, rng)[0] is expected
