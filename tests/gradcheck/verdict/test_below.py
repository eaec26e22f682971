"""Claims that change within the smallest step, or that small steps show: wide ones contradict them not."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.below import DOUBT, HIDDEN, allowing_for_what_steps_miss


def hilbert(n):
    return 1 / (1.0 + np.add.outer(range(n), range(n)))


def log_det(a):
    return np.linalg.slogdet(a)[1]


def inverse(a, dy):
    b = np.linalg.inv(a)
    return -b.T @ dy @ b.T


@pytest.mark.parametrize(
    ("n", "size", "seed", "made"),
    [
        (8, 7, 3, "det"),  # of a smooth f beside a pole one entry looked like a kink nearer than all steps
        (10, 7, 0, "det"),
        (12, 1, 2, "det"),
        (9, 7, 4, "inverse"),
        (11, 1, 1, "inverse"),
        (10, 1, 2, "inverse"),  # only steps beyond the pole showed more than noise
        (11, 1e4, 0, "inverse"),
    ],
)
def test_no_right_entry_of_a_nearly_singular_matrix_fails(n, size, seed, made):
    subject = pair(log_det, lambda a, dy: dy * np.linalg.inv(a).T) if made == "det" else pair(np.linalg.inv, inverse)
    assert gradcheck.Checker(seed=seed)(subject, size * hilbert(n)).verdict == "inconclusive"


@pytest.mark.parametrize("n", [8, 9, 10])
def test_a_right_slope_near_a_singular_matrix_does_not_fail(n):
    subject = pair(log_det, lambda a, dy: dy * np.linalg.inv(a).T)
    verdicts = {gradcheck.Checker(seed=seed)(subject, hilbert(n)).verdict for seed in range(3)}
    assert verdicts == {"inconclusive"}
    report = gradcheck.check(subject, hilbert(9))
    assert report.gradients[0].reason == DOUBT


def test_a_right_inverse_of_a_nearly_singular_matrix_does_not_fail():
    assert gradcheck.check(pair(np.linalg.inv, inverse), hilbert(9)).verdict != "fail"


@pytest.mark.parametrize("factor", [1 + 1e-7, 1e6])
def test_a_wrong_one_fails_where_the_matrix_is_none(factor):
    subject = pair(log_det, lambda a, dy: factor * dy * np.linalg.inv(a).T)
    assert gradcheck.check(subject, hilbert(8) + np.eye(8)).verdict == "fail"


# By numbers made by hand

ALONG = Probe(0, coordinate=0)


@pytest.fixture
def at(ground):
    """at(backward): a place at x = 1, where the output is x and the claim is made of x."""
    return lambda backward: ground(lambda x: x.copy(), backward, np.ones(1))


def wide(place, comparison, sweep, claimed=None, **more):
    """The claim beside a slope of 1 that all steps show."""
    claimed = place.claim.values[0][:, 0] if claimed is None else claimed
    line = sweep(lambda t: t, lambda t: t)
    more = {"sweep": line, **more}
    return comparison(claimed, [1.0, 1.0], bar=1e-6, probe=ALONG, **more)


def bent(x, dy, size=1e6, width=1e-10):
    """Of a size at x = 1, and largest beside it."""
    return dy * size * 1.09 / (1 + ((x - 1) / width - 0.3) ** 2)


@pytest.mark.parametrize(
    ("size", "width"),
    [
        (1e6, 1e-10),  # much more than differences show
        (8, 1e-10),
        (1e6, 8e-9),  # a part of it, where only four steps or five are as small as its width
    ],
)
def test_a_claim_that_changes_by_much_within_the_smallest_step_is_not_contradicted(at, comparison, sweep, size, width):
    place = at(lambda x, dy: bent(x, dy, size, width))
    c = wide(place, comparison, sweep)
    assert c.outside().all()
    (found,) = allowing_for_what_steps_miss(place, [c])
    assert not found.outside().any() and found.doubt == DOUBT and np.isinf(found.real.bar).all()


@pytest.mark.parametrize("noise", [1e-14, 1e-2])
def test_where_noise_hides_small_steps_the_smallest_that_contradicts_counts(at, comparison, sweep, noise):
    """One that changes over steps of a hundredth is contradicted by smaller ones, if these are to be believed."""
    place = at(lambda x, dy: bent(x, dy, 8, 3e-3))
    line = sweep(lambda t: t, lambda t: t, steps=STEPS)
    c = dataclasses.replace(wide(place, comparison, sweep), sweep=line, bounds=np.full(line.steps.shape, noise))
    (found,) = allowing_for_what_steps_miss(place, [c])
    assert c.outside().all() and found.outside().any() == (noise < 1e-2)


@pytest.mark.parametrize(("part", "excused"), [(1e-4, True), (0.1, False)])
def test_what_changes_by_a_part_is_not_contradicted_by_what_is_off_by_its_square(at, comparison, sweep, part, excused):
    place = at(lambda x, dy: bent(x, dy, 1.0, 5e-9))  # by 6 % and 8 %
    claimed = place.claim.values[0][:, 0]
    c = comparison(claimed, (1 + part) * claimed, bar=1e-6, probe=ALONG, sweep=sweep(lambda t: t, lambda t: t))
    (found,) = allowing_for_what_steps_miss(place, [c])
    assert c.outside().all() and found.outside().any() != excused


@pytest.mark.parametrize(
    "backward",
    [
        lambda x, dy: dy * 0,  # nothing
        lambda x, dy: dy * 1e6,  # as large, and the same everywhere
        lambda x, dy: bent(x, dy, width=1e-7),  # changes over larger steps only
        lambda x, dy: bent(x, dy, 8, 1e-8),  # by a part whose square is less than what it is off
        lambda x, dy: dy * np.where(x > 1, 8, 8.001),  # to one side only
        lambda x, dy: dy * 1e6 * (1 + np.sin(x * 1e16)),  # changes with every rounding
    ],
)
def test_another_one_is(at, comparison, sweep, backward):
    place = at(backward)
    c = wide(place, comparison, sweep)
    assert c.outside().any() and allowing_for_what_steps_miss(place, [c]) == [c]


def test_what_is_no_contradiction_or_a_kink_or_has_no_ladder_stays(at, comparison, sweep):
    place = at(bent)
    right = wide(place, comparison, sweep, claimed=[1.0, 1.0])
    bare = dataclasses.replace(right, claimed=np.array([1e6, 1e6]), sweep=None)
    for c in (right, bare, comparison(np.nan)):
        assert allowing_for_what_steps_miss(place, [c]) == [c]
    straight = at(lambda x, dy: 1e6 * dy)
    kink = wide(straight, comparison, sweep, ends=(0.0, 1.0))
    assert kink.outside().all() and allowing_for_what_steps_miss(straight, [kink]) == [kink]


def test_what_bends_near_by_is_taken_for_no_kink(at, comparison, sweep):
    place = at(bent)
    (found,) = allowing_for_what_steps_miss(place, [wide(place, comparison, sweep, ends=(0.0, 1.0))])
    assert not found.outside().any() and found.doubt == DOUBT


def slopes(small, large, until):
    return lambda t: np.where(np.abs(t) < until, small * t, large * t)


@pytest.mark.parametrize(("until", "excused"), [(1e-3, True), (1e-8, False)])
def test_nor_is_a_claim_that_smaller_steps_show_again_and_again(at, comparison, sweep, until, excused):
    """Five at least, of which none shows what is held against the claim."""
    place = at(lambda x, dy: dy)
    shown = sweep(slopes(100.0, 1.0, until), slopes(100.0, 1.0, until))
    c = comparison([100.0, 100.0], [1.0, 1.0], bar=1e-6, probe=ALONG, sweep=shown)
    (found,) = allowing_for_what_steps_miss(place, [c])
    assert found.outside().any() is not excused and (found is c) is not excused


@pytest.mark.parametrize("until", [1e-6, 3e-9])
def test_what_wide_steps_show_and_small_ones_contradict_is_contradicted(at, comparison, sweep, until):
    place = at(lambda x, dy: dy)
    shown = sweep(slopes(1.0, 100.0, until), slopes(1.0, 100.0, until), steps=STEPS)
    c = comparison([100.0, 100.0], [1.0, 1.0], bar=1e-6, probe=ALONG, sweep=shown)
    assert allowing_for_what_steps_miss(place, [c]) == [c]


def test_each_cotangent_is_judged_by_itself(at, comparison, sweep):
    place = at(lambda x, dy: np.where(dy > 0, bent(x, dy), 1e6 * dy))
    (found,) = allowing_for_what_steps_miss(place, [wide(place, comparison, sweep)])
    assert found.outside().tolist() == (place.place.g[:, 0] < 0).tolist() and found.outside().sum() == 1


@pytest.mark.parametrize(("exact", "moves", "hidden"), [(2e-9, 0, True), (0.5e-9, 0, False), (2e-9, 1, False)])
def test_differences_of_zero_contradict_no_claim_where_complex_numbers_have_a_slope(
    at, comparison, sweep, exact, moves, hidden
):
    """As of (1 - cos x) / x near 1e-10; not where some step changes the output."""
    flat = sweep(lambda t: 0 * t, lambda t: 0 * t)
    flat.right[0] = moves
    claimed, more = [3.0, 3.0], {"exact": exact, "exact_bar": 1e-9}
    c = comparison(claimed, [0.0, 0.0], bar=1e-6, probe=ALONG, sweep=flat, **more)
    (found,) = allowing_for_what_steps_miss(at(lambda x, dy: 3.0 * dy), [c])
    assert (found.doubt == HIDDEN) == hidden and found.outside().any() != hidden
