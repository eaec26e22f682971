"""Arrays whose slope is lost where all arrays move have ladders of their own; if many are, that of all is longer."""

import numpy as np
import pytest

from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import lost as module
from gradcheck.verdict.ground import Known
from gradcheck.verdict.lost import LOST, sharpened, where_lost


def test_a_ladder_of_its_own_is_for_an_array_of_which_that_of_all_shows_less_than_eight_digits(comparison, rng):
    def joint(bar):
        return comparison([4.0, 4.0], 4.0, bar=[0.0, bar], claimed_bar=0.0, probe=Probe(None, seed=1))

    def own(*slopes):
        return comparison(slopes, probe=Probe(0, seed=1))

    for part, lost in ((0.9, False), (1.0, False), (1.1, True)):
        columns = [[], [joint(4 * part * LOST), joint(0.0), own(1e-9, 1e-9), own(1e-9, -4.0)]]
        found = where_lost([3, 3], columns, rng)
        assert LOST == 2.0**-28 and [probe.leaf for probe in found.probes] == [1] * lost and found.real == [True] * lost
    assert where_lost([3], [[own(0.0)]], rng).probes == [], "no ladder moves all"
    assert [probe.leaf for probe in where_lost([3], [[joint(1e-300)]], rng).probes] == [0]


def test_but_not_for_one_whose_slopes_and_claims_are_zero_within_the_bars_of_the_complex_step(comparison, rng):
    def lost(exact, claimed=0.0, exact_bar=1e-15, joint=1e-9):
        own = comparison([1e-16, claimed], exact=[1e-16, exact], exact_bar=exact_bar, probe=Probe(0, seed=2))
        whole = comparison([4.0, 4.0], 4.0, bar=joint, probe=Probe(None, seed=1))
        return bool(where_lost([3], [[whole, own]], rng).probes)

    assert not lost(0.9e-15) and not lost(0.9e-15, 0.9e-15) and not lost(0.0, joint=1e-3)
    assert lost(1.2e-15) and lost(0.0, 1.2e-15), "the bar of the claim is 1e-16"
    assert lost(0.9e-15, exact_bar=1e-16)
    assert not lost(3e-16, exact_bar=2e-16), "the two bars together are exactly that"
    zero = comparison([0.0, 0.0], probe=Probe(0, seed=2))
    whole = comparison([4.0, 4.0], 4.0, bar=1e-9, probe=Probe(None, seed=1))
    assert where_lost([3], [[whole, zero]], rng).probes, "without a complex step a claim of 0 proves nothing"
    nothing = comparison([0.0, 0.0], exact=0.0, exact_bar=1e-15, probe=Probe(0, seed=3))
    assert where_lost([3], [[whole, nothing, zero]], rng).probes, "nor beside another that is told"


@pytest.mark.parametrize(("arrays", "steps"), [(3, []), (4, [len(STEPS)])])
def test_where_more_than_three_arrays_are_lost_the_ladder_of_all_is_longer_first(
    ground, comparison, rng, monkeypatch, arrays, steps
):
    joint, taken = comparison([1.0, 1.0], 1.0, bar=1.0, probe=Probe(None, seed=1)), []

    def laddered(ground, known, found, where, steps):
        taken.append(len(steps))
        assert found == [joint] and where == [0]
        return [comparison([1.0, 1.0], 1.0, bar=1e-12, probe=joint.probe)]

    monkeypatch.setattr(module, "laddered", laddered)
    columns = [[joint, comparison([1.0, 1.0], exact=1.0, probe=Probe(leaf, seed=1))] for leaf in range(arrays)]
    found, lost = sharpened(ground(np.sin, lambda x, dy: dy, np.ones(2)), Known(), [2] * arrays, columns, rng)
    assert taken == steps and [p.leaf for p in lost.probes] == ([] if steps else list(range(arrays)))
    assert [[c.probe.leaf for c in row] for row in found] == [[None, leaf] for leaf in range(arrays)]
    assert {float(row[0].real.bar[0]) for row in found} == ({1e-12} if steps else {1.0})
