"""Arrays whose slope is lost where others move as well: these stay where they are, or the ladder is longer."""

import numpy as np
import pytest

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import lost as module
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.ground import Known
from gradcheck.verdict.lost import LOST, sharpened, where_lost

ALL = Probe(None, seed=1)


@pytest.fixture
def claiming(ground):
    """claiming(*slopes): a place where what each array adds to the claim along ALL is its slope, for one cotangent."""

    def claiming(*slopes):
        def backward(*given):
            *arrays, dy = given
            moves = ALL.direction(arrays)
            return tuple(dy * slope / moves[k] for k, slope in enumerate(slopes))

        found = ground(lambda *arrays: arrays[0], backward, *(np.array([1.0 + k]) for k in range(len(slopes))))
        found.claim.values[:] = [value / found.place.g[:, :1] for value in found.claim.values]
        return found

    return claiming


def test_an_array_is_lost_of_which_a_ladder_of_all_shows_less_than_eight_digits(claiming, comparison):
    def joint(bar):
        return comparison([9.0, 9.0], 9.0, bar=[0.0, bar], claimed_bar=0.0, probe=ALL)

    at = claiming(4.0, -0.5)
    assert LOST == 2.0**-28
    for part, lost in ((0.99, {1}), (1.01, {0, 1}), (0.99 / 8, set()), (1.01 / 8, {1})):
        assert where_lost(at, [[joint(0.0), joint(4 * part * LOST)]] * 2) == lost
    assert where_lost(at, [[comparison([1.0, 1.0], 1.0, bar=9.0, probe=Probe(0, seed=1))], []]) == set()


def test_terms_that_cancel_along_a_direction_are_not_lost(ground, comparison):
    x = np.array([1.0, 2.0])
    d = ALL.direction([x])[0]
    at = ground(lambda x: x, lambda x, dy: dy * np.array([1.0, -1.0]) / d, x)
    at.claim.values[:] = [value / at.place.g.reshape(value.shape) for value in at.claim.values]
    assert where_lost(at, [[comparison([0.0, 0.0], 0.0, bar=LOST, claimed_bar=0.0, probe=ALL)]]) == set()


def test_but_not_one_whose_slopes_and_claims_are_zero_within_the_bars_of_the_complex_step(claiming, comparison):
    at = claiming(1e-16)

    def lost(exact, claimed=0.0, exact_bar=1e-15, joint=1e-9):
        own = comparison([1e-16, claimed], exact=[1e-16, exact], exact_bar=exact_bar, probe=Probe(0, seed=2))
        return bool(where_lost(at, [[comparison([4.0, 4.0], 4.0, bar=joint, probe=ALL), own]]))

    assert not lost(0.9e-15) and not lost(0.9e-15, 0.9e-15) and not lost(0.0, joint=1e-3)
    assert lost(1.2e-15) and lost(0.0, 1.2e-15), "the bar of the claim is 1e-16"
    assert lost(0.9e-15, exact_bar=1e-16)
    assert not lost(3e-16, exact_bar=2e-16), "the two bars together are exactly that"
    zero = comparison([0.0, 0.0], probe=Probe(0, seed=2))
    whole = comparison([4.0, 4.0], 4.0, bar=1e-9, probe=ALL)
    assert where_lost(at, [[whole, zero]]), "without a complex step a claim of 0 proves nothing"
    nothing = comparison([0.0, 0.0], exact=0.0, exact_bar=1e-15, probe=Probe(0, seed=3))
    assert where_lost(at, [[whole, nothing, zero]]), "nor beside another that is told"


@pytest.fixture
def sharpening(claiming, comparison, monkeypatch, rng):
    """sharpening(slopes, bar): the steps asked, of which arrays, what replaces what, and the ladders that are left."""

    def sharpening(slopes, bar, value=9.0):
        asked, seeds = [], {0, ALL.seed}

        def measured(_, known, probes, real, rng):
            (probe,) = probes
            assert probe.seed not in seeds, "each time along another direction"
            seeds.add(probe.seed)
            asked.append((tuple(k for k in range(len(slopes)) if probe.moves(k)), "short"))
            return [answer(probe, len(asked))], known.with_level(None, float(len(asked)))

        def answer(probe, number):
            return comparison([9.0, 9.0], value, bar=bar(number), claimed_bar=0.0, probe=probe)

        def laddered(_, known, found, where, steps):
            assert where == [0] and np.array_equal(steps, STEPS)
            asked.append((tuple(k for k in range(len(slopes)) if found[0].probe.moves(k)), "long"))
            return [answer(found[0].probe, len(asked))]

        monkeypatch.setattr(module, "measured", measured)
        monkeypatch.setattr(module, "laddered", laddered)
        first = answer(ALL, 0)
        alone = [comparison([1.0, 1.0], exact=1.0, probe=Probe(k, seed=1)) for k in range(len(slopes))]
        columns, known, left = sharpened(claiming(*slopes), Known(), [[first, c] for c in alone], rng)
        assert all(any(c is own for c in row) for row, own in zip(columns, alone, strict=True))
        joint = [next(c for c in row if c.probe.leaf is None) for row in columns]
        assert all(len(row) == 2 and isinstance(c, Comparison) for row, c in zip(columns, joint, strict=True))
        assert all(left.real) and known.largest == sum(kind == "short" for _, kind in asked)
        return asked, [c is not first for c in joint], [probe.leaf for probe in left.probes]

    return sharpening


def test_lost_arrays_move_together_while_all_others_stay(sharpening):
    asked, replaced, left = sharpening([1.0, 0.1, 0.01], lambda number: 1e-11 if number == 0 else 1e-16)
    assert asked == [] and not any(replaced) and left == []
    asked, replaced, left = sharpening([1.0, 0.1, 0.01], lambda number: 1e-9 if number == 0 else 1e-16)
    assert asked == [((1, 2), "short")] and replaced == [False, True, True] and left == []


def test_what_is_lost_among_them_too_moves_without_the_others_and_at_last_alone(sharpening):
    bars = [1e-9, 1e-11, 1e-16]
    asked, replaced, left = sharpening([1.0, 1.0, 0.1, 1e-3, 1e-3], lambda number: bars[number])
    assert asked == [((2, 3, 4), "short"), ((3, 4), "short")]
    assert replaced == [False, False, True, True, True] and left == []
    asked, replaced, left = sharpening([1.0, 1.0, 0.1, 0.1, 1e-8], lambda number: bars[min(number, 1)])
    assert asked == [((2, 3, 4), "short")] and replaced == [False, False, True, True, False] and left == [4]


def test_one_alone_has_a_ladder_of_its_own_at_once(sharpening):
    assert sharpening([1.0, 1e-4], lambda number: 1e-9) == ([], [False, False], [1])


@pytest.mark.parametrize(("count", "kinds"), [(3, ["short"]), (4, ["short", "long"])])
def test_where_more_than_three_are_still_lost_the_ladder_is_longer(sharpening, count, kinds):
    slopes = [1.0, *[1e-4] * count]
    asked, replaced, left = sharpening(slopes, lambda number: 1e-9 if number < 2 else 1e-16)
    assert [kind for _, kind in asked] == kinds and {moved for moved, _ in asked} == {tuple(range(1, count + 1))}
    found = kinds[-1] == "long"
    assert replaced == [False, *[found] * count] and left == ([] if found else list(range(1, count + 1)))


def test_where_all_arrays_are_lost_their_ladder_is_longer_at_once(sharpening):
    asked, replaced, left = sharpening([1.0] * 4, lambda number: 1.0 if number == 0 else 1e-12)
    assert asked == [((0, 1, 2, 3), "long")] and all(replaced) and left == []
    asked, replaced, left = sharpening([1.0] * 3, lambda number: 1.0)
    assert asked == [] and not any(replaced) and left == [0, 1, 2]


def test_where_they_are_not_settled_together_each_has_a_ladder_of_its_own(sharpening):
    asked, replaced, left = sharpening([1.0, 1e-4, 1e-4], lambda number: 1e-9 if number == 0 else 1e-16, value=8.0)
    assert len(asked) == 1 and not any(replaced) and left == [1, 2]
