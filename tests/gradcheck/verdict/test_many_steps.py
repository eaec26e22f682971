"""Comparisons of few bits over many steps: each length of a line once, a contradiction twice, blocks at once."""

import numpy as np
import pytest
from narrow import half

from gradcheck.numeric.probe import Probe
from gradcheck.verdict import many_steps as module
from gradcheck.verdict.first_look import claimed
from gradcheck.verdict.many_steps import blocks_over_many_steps, over_many_steps

X = np.array([0.5, -1.0, 2.0, 1.5])
U = 2.0**-11


@pytest.fixture
def few(ground):
    """few(claim): the sine in float16, with a claim of its own, and what many steps show along all entries."""

    def few(claim=np.cos, u=U):
        place = ground(lambda x: half(np.sin(x)), lambda x, dy: claim(x) * dy, X, u=u)
        return over_many_steps(place, claimed(place, Probe(0, seed=1)), np.random.default_rng(3))

    return few


@pytest.fixture
def fake(monkeypatch):
    """fake(answers): what lines show one after another, and it returns how long each of them was."""

    def fake(*answers):
        asked, answers = [], list(answers)

        def averaged(line, u, rng, stretch):
            asked.append(stretch)
            more, bar = answers.pop(0)
            return np.broadcast_to(more, line.claimed.shape), np.broadcast_to(bar, line.claimed.shape)

        monkeypatch.setattr(module, "averaged", averaged)
        return asked

    return fake


def test_a_contradiction_over_many_steps_is_asked_twice(few, fake):
    asked = fake((9.0, 0.01), (0.0, 0.02), (9.0, 0.03), (9.0, 0.04))
    assert not few().outside().any() and len(asked) == 2
    assert few().outside().all() and len(asked) == 4


@pytest.mark.parametrize(
    ("u", "bars", "stretches", "why"),
    [
        (2.0**-8, [1.0, 0.5, 0.25], [1, 1 / 4, 1 / 16], "each shows more"),
        (2.0**-10, [1e-3], [1 / 2], "which is enough"),
        (2.0**-8, [0.5, 1.0], [1, 1 / 4], "shorter ones show less"),
    ],
)
def test_lines_are_shorter_for_float16_and_as_long_as_little_is_known_of_one_entry(
    few, fake, u, bars, stretches, why
):
    asked = fake(*((0.0, bar) for bar in bars))
    few(u=u)
    assert asked == stretches, why


@pytest.fixture
def blocks(ground):
    """blocks(spoil, forward): blocks of four of the rectifier of 80 numbers in float16, over many steps."""

    def blocks(spoil=1.0, forward=lambda x: half(np.maximum(x, 0)), most=128):
        x = np.random.default_rng(5).normal(size=80)
        place = ground(forward, lambda x, dy: spoil * dy * (x > 0), x, u=U)
        place.problem.count.clear()
        probes = [Probe(0, seed=7, start=i, stop=i + 4) for i in range(0, 80, 4)]
        found = blocks_over_many_steps(place, [claimed(place, p) for p in probes], most, np.random.default_rng(0))
        return *found, place.problem.count["forward"]

    return blocks


def test_blocks_with_outputs_of_their_own_are_one_group_and_cost_little_more_than_one(blocks):
    found, groups, are_all, evaluations = blocks()
    assert groups == 1 and are_all and len(found) == 20
    assert all(c.followed and not c.outside().any() for c in found)
    assert evaluations < 20 * 6 + 2 * 3 * 48 * 6


def test_of_blocks_with_a_common_output_each_is_a_group_and_what_is_left_over_stays_as_it_is(blocks):
    found, groups, are_all, _ = blocks(forward=lambda x: half(np.maximum(x, 0) + x.sum()), most=3)
    assert groups == 3 and not are_all
    assert [c.followed for c in found] == [True] * 3 + [False] * 17


def test_where_no_group_is_left_f_is_not_asked_either(blocks):
    found, groups, are_all, evaluations = blocks(most=0)
    assert not any(c.followed for c in found) and (groups, are_all, evaluations) == (0, False, 0)


@pytest.mark.parametrize("wrong", [[], [2], [2, 9, 11]])
def test_blocks_that_are_wrong_are_found_among_those_that_are_asked_at_once(blocks, wrong):
    found, *_ = blocks(np.where(np.isin(np.arange(80) // 4, wrong), 1.4, 1.0))
    assert [i for i, c in enumerate(found) if c.outside().any()] == wrong


def test_a_claim_that_is_wrong_everywhere_is_so_in_most_blocks(blocks):
    """But for those next to a kink, whose claims change nearby, and those in which all is still."""
    assert sum(c.outside().any() for c in blocks(1.4)[0]) > 14


def test_of_many_contradictions_six_are_asked_again_alone_and_if_these_stand_so_do_the_others(blocks, fake):
    asked = fake((9.0, 0.01), *[(9.0, 0.01)] * 6)
    assert all(c.outside().any() for c in blocks()[0]) and len(asked) == 7
    asked = fake((9.0, 0.01), *[(0.0, 0.0)] * 20, (0.0, 1.0))  # and shorter lines for the block of no slope
    assert not any(c.outside().any() for c in blocks()[0]) and len(asked) == 21


def test_where_no_line_stays_in_the_domain_the_comparisons_stay_as_they_are(blocks, fake):
    fake(*[(np.nan, np.inf)] * 3)
    assert not any(c.followed for c in blocks()[0])


def test_two_kinks_close_to_the_point_are_no_claim_of_the_point_alone_and_a_claim_that_differs_there_is(ground):
    """No step beside the point lies between them both; each entry's claim is that to one of its sides."""
    x = np.array([1e-3, -2e-3, 0.5, 0.75])

    def found(spoil):
        def backward(x, dy):
            return dy * (x > 0) * np.where(x == 0.5, spoil, 1)

        place = ground(lambda x: half(np.maximum(x, 0)), backward, x, u=U)
        return over_many_steps(place, claimed(place, Probe(0, seed=1)), np.random.default_rng(3))

    assert not found(1.0).outside().any() and found(1.5).outside().all()


def test_of_a_claim_whose_terms_cancel_each_may_be_off_by_a_rounding_of_dy(few, fake):
    """A kernel in float16 is handed dy in float16."""
    fake(*[(1e-3, 1e-9)] * 6)
    found = few()
    size = np.maximum(np.abs(found.claimed), found.terms)
    np.testing.assert_allclose(found.claimed_bar, U * size, rtol=1e-12, atol=0)
    assert (found.terms > 1.1 * np.abs(found.claimed)).any()
