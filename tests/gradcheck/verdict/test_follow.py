"""Where steps of a narrow format show too little, the claim along a segment decides."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.precision.segments import Line, integrated
from gradcheck.verdict import follow as module
from gradcheck.verdict.compare import glance
from gradcheck.verdict.follow import BELOW, followed
from gradcheck.verdict.ground import Known

NARROW, PART = 2.0**-24, 0.01
X = np.array([0.5, -1.0, 2.0, 1.5])
PROBE = Probe(0, seed=1)


@pytest.fixture
def at(ground):
    """The sine in float32, whose pullback is wrong by a factor."""

    def at(factor=1.0, u=NARROW, **changes):
        def forward(x):
            return np.sin(x).astype(np.float32).astype(np.float64)

        return ground(forward, lambda x, dy: factor * np.cos(x) * dy, X, u=u, **changes)

    return at


@pytest.fixture
def look(rng):
    def look(ground, known=None):
        (c,), _ = glance(ground, known or Known(), [PROBE], [True], rng)
        return c

    return look


def follow(ground, c, known=None, part=PART):
    (found,) = followed(ground, known or Known(), [c], [part], np.random.default_rng(3))
    return found


def test_a_wide_bar_of_a_narrow_format_is_replaced_by_an_integral(at, look):
    ground = at()
    c = look(ground)
    found = follow(ground, c, part=0)
    assert found.followed and not found.outside().any() and (found.real.bar < c.real.bar).all()
    assert np.array_equal(found.real.low, found.real.value) and np.array_equal(found.real.high, found.real.value)
    assert not found.real.kink.any() and found.sweep is c.sweep and np.array_equal(found.claimed, c.claimed)


def test_a_claim_wrong_by_a_factor_stays_wrong(at, look):
    ground = at(1.1)
    found = follow(ground, look(ground))
    assert found.followed and found.outside().all()


def test_in_a_wide_format_differences_stay_what_they_are(at, look):
    ground = at(1.1, u=2.0**-41)
    c = look(ground)
    assert follow(ground, c, part=0) is c
    edge = at(1.1, u=2.0**-40)
    assert follow(edge, look(edge), part=0).followed


def test_what_is_settled_and_tight_enough_is_left_alone(at, look):
    ground = at()
    c = look(ground)
    assert follow(ground, c) is c
    size = np.maximum(np.abs(c.claimed), np.abs(c.real.value))
    least = float((c.real_tolerance / size).max())
    assert follow(ground, c, part=least * (1 + 1e-12)) is c and follow(ground, c, part=least * (1 - 1e-12)).followed


@pytest.fixture
def changed(at, look):
    """changed(...): a right comparison with another estimate, and whether it was followed."""

    def changed(**estimate):
        ground = at()
        c = look(ground)
        shape = np.shape(c.claimed)
        rows = {k: np.broadcast_to(v, shape) for k, v in estimate.items()}
        return follow(ground, dataclasses.replace(c, real=dataclasses.replace(c.real, **rows))), c

    return changed


def test_what_is_open_or_contradicted_along_one_cotangent_is_followed(changed):
    assert changed(bar=[1e-6, np.inf])[0].followed
    assert changed(low=[-1e3, 1e3], high=[1e3, 1e3], bar=[1e-3, 1e-3])[0].followed
    assert changed(value=[0.0, 0.0], low=[1e3, 1e3], high=[1e3, 1e3])[0].followed


def test_a_jump_is_in_no_integral(changed):
    assert changed(bar=np.inf)[0].followed
    assert not changed(bar=np.inf, jump=[True, False])[0].followed


def test_nor_is_a_step_of_a_staircase_to_which_the_claim_is_zero(at, look):
    ground = at(0.0)
    c = look(ground)
    still = dataclasses.replace(c.real, still=np.array([True, False]))
    assert follow(ground, c).followed and not follow(ground, dataclasses.replace(c, real=still)).followed
    wrong = at(1.1)
    c = look(wrong)
    still = dataclasses.replace(c.real, still=np.array([True, True]))
    assert follow(wrong, dataclasses.replace(c, real=still)).followed, "a claim that is not zero is none of a step"


def test_without_differences_there_is_nothing_to_replace(at, comparison):
    ground = at()
    for c in (comparison([1.0, 1.0], probe=PROBE), comparison([2.0, 2.0], 1.0, probe=PROBE)):
        assert follow(ground, c) is c


def test_only_what_the_integral_knows_better_is_taken_from_it(changed):
    """The second cotangent's bar is open; the first one's is tighter than any integral, and at a kink."""
    found, c = changed(bar=[1e-9, np.inf], kink=[True, True], low=[-9.0, -9.0], high=[9.0, 9.0])
    assert found.real.bar[0] == 1e-9 and found.real.value[0] == c.real.value[0]
    assert (found.real.low[0], found.real.high[0]) == (-9.0, 9.0)
    assert np.isfinite(found.real.bar[1]) and found.real.low[1] == found.real.value[1] == found.real.high[1]
    assert found.real.kink.tolist() == [True, False]


def test_a_contradiction_with_a_tight_bar_is_replaced_too(changed):
    found, _ = changed(value=[5.0, 5.0], low=[5.0, 5.0], high=[5.0, 5.0], bar=[1e-9, 1e-9])
    assert not found.outside().any() and found.followed


@pytest.mark.parametrize(("level", "noise"), [(0.0, NARROW / 8), (2.0**-30, 2.0**-30)])
def test_the_rounding_of_its_ends_is_as_measured_or_an_eighth_of_the_roundoff(at, look, level, noise):
    ground = at(1.1)
    c = look(ground)
    found = follow(ground, c, Known({0: level}))
    line = Line(ground.problem, ground.place, PROBE.direction([X]), c.claimed, noise * c.sweep.weight.max(axis=0))
    value, bar = integrated(line, np.random.default_rng(3))
    np.testing.assert_array_equal((found.real.value, found.real.bar), (value, bar))
    assert BELOW == 8
    coarse = dataclasses.replace(c, sweep=dataclasses.replace(c.sweep, coarse=np.full_like(c.sweep.weight, 2.0**10)))
    assert (follow(ground, coarse, Known({0: level})).real.bar > 2.0**10 * NARROW).all(), "or that of what cancels"


@pytest.mark.parametrize(("part", "taken"), [(1.0, False), (1 - 2.0**-50, True)])
def test_what_it_knows_no_better_than_differences_do_is_left_to_them(at, look, monkeypatch, part, taken):
    ground = at()
    c = look(ground)
    monkeypatch.setattr(module, "integrated", lambda *_: (c.claimed, part * c.real.bar))
    found = follow(ground, c, part=0)
    assert found.followed and np.array_equal(found.real.value, c.claimed if taken else c.real.value)


def test_a_comparison_without_its_part_is_refused(at, look):
    ground = at()
    with pytest.raises(ValueError, match="shorter"):
        followed(ground, Known(), [look(ground)], [], np.random.default_rng(3))


@pytest.fixture
def few(ground, look):
    """few(claim): the sine in float16, with a claim of its own, and what follows of it along all entries."""

    def few(claim=np.cos, u=2.0**-11):
        def forward(x):
            return np.sin(x).astype(np.float16).astype(np.float64)

        place = ground(forward, lambda x, dy: claim(x) * dy, X, u=u)
        c = look(place)
        return c, follow(place, c)

    return few


def test_of_few_bits_lines_beside_a_point_are_always_asked_and_show_more_than_differences(few):
    c, found = few()
    assert found.followed and not found.outside().any() and (found.real_tolerance < c.real_tolerance).all()
    assert few(lambda x: 1.05 * np.cos(x))[1].outside().any()
    assert (few(u=2.0**-12.5)[1].real_tolerance > found.real_tolerance).all(), "of more bits one difference is"


def test_a_claim_that_none_beside_it_has_is_wrong_at_the_point_alone(few):
    _, found = few(lambda x: np.where(x == X, 3, 1) * np.cos(x))
    assert found.outside().all()
