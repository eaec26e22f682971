"""What f changes by beside the integral of its claims, in pieces of a wide step."""

import numpy as np
import pytest
from narrow import brain, half

from gradcheck.numeric.probe import Probe
from gradcheck.precision.segments import Line
from gradcheck.verdict.integrals import WIDE, _are_alike, lacks_a_part

X = np.random.default_rng(0).normal(size=30)


@pytest.fixture
def asked(ground):
    """asked(forward, claim): whether a part is lacking where all entries grow, and how often f was computed."""

    def asked(forward, claim, x=X, seed=1):
        place = ground(forward, lambda x, dy: dy * claim(x), x)
        direction = Probe(0, seed=seed, one_sided=True).direction(place.place.point)
        claimed = np.sum(place.claim.values[0] * direction[0], axis=1)
        before = place.problem.count["forward"]
        lacks = lacks_a_part(Line(place.problem, place.place, direction, claimed, np.zeros(0)))
        return lacks, place.problem.count["forward"] - before

    return asked


@pytest.mark.parametrize("to", [half, brain])
@pytest.mark.parametrize("part", [np.mean, lambda x: np.log(np.exp(x).sum())])
def test_a_part_in_few_bits_that_the_claim_forgets_is_lacking(asked, to, part):
    found = [asked(lambda x: x + to(part(x)), np.ones_like, seed=seed)[0] for seed in range(6)]
    assert sum(found) > 3


@pytest.mark.parametrize(
    ("forward", "claim"),
    [(np.sin, np.cos), (np.exp, np.exp), (lambda x: 3 * x, lambda x: 3), (lambda x: half(2 * x), lambda x: 2)],
)
def test_of_a_right_claim_the_slope_from_end_to_end_is_enough(asked, forward, claim):
    assert asked(forward, claim) == (False, 2)


@pytest.mark.parametrize(
    ("forward", "claim"),
    [
        (lambda x: np.maximum(x, 0), lambda x: x > 0),
        (lambda x: np.sin(30 * x), lambda x: 30 * np.cos(30 * x)),
        (lambda x: x * np.floor(x), np.floor),
        (lambda x: np.abs(x - 0.3), lambda x: np.sign(x - 0.3)),
    ],
)
def test_kinks_waves_and_jumps_are_no_part_that_is_lacking(asked, forward, claim):
    for seed in range(6):
        lacks, evaluations = asked(forward, claim, seed=seed)
        assert not lacks and evaluations <= 2 + 4 * 3


@pytest.mark.parametrize("where", [-0.9, -0.3, 0.0, 0.3, 0.9])
def test_a_jump_is_in_one_piece_wherever_it_is(asked, where):
    bend = 1 + where * WIDE
    assert not asked(lambda x: x + (x > bend), np.ones_like, np.ones(3))[0]


def test_outside_the_domain_nothing_is_lacking(asked):
    assert not asked(lambda x: np.where(np.abs(x - X) < 0.01, x, np.nan), np.ones_like)[0]


@pytest.mark.parametrize(
    ("lacking", "are_alike"),
    [([2, 11.9], True), ([2, 12.1], False), ([-2, -5, -3], True), ([2, -2], False), ([2, 0.9], False), ([0, 0], False)],
)
def test_pieces_are_alike_that_lack_as_much_to_one_side_within_six_times_and_more_than_counts(lacking, are_alike):
    rows = [np.array([x, 0.0]) for x in lacking]
    np.testing.assert_array_equal(_are_alike(rows, np.array([1.0, 1.0])), [are_alike, False])
