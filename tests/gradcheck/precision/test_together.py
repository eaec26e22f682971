"""Blocks that move at once: the numbers of each are those that it has alone."""

import numpy as np
import pytest
from narrow import half

from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Place
from gradcheck.precision.averaged import averaged
from gradcheck.precision.segments import Line
from gradcheck.precision.together import Together, apart, changed_by, line_of
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(2).normal(size=(6, 5))
G = np.random.default_rng(3).normal(size=(2, 30))
ROWS = [Probe(0, seed=1, start=5 * i, stop=5 * i + 5) for i in range(6)]


def normal(x):
    c = x - x.mean(axis=-1, keepdims=True)
    return c / np.sqrt(np.square(c).mean(axis=-1, keepdims=True))


def normal_back(x, dy):
    r, y = 1 / np.sqrt(x.var(axis=-1, keepdims=True)), normal(x)
    return r * (dy - dy.mean(axis=-1, keepdims=True) - y * (dy * y).mean(axis=-1, keepdims=True))


def lines(forward, backward, probes, x=X, g=G):
    """The line of several probes, and that of each alone."""
    problem = Problem(pair(forward, backward), (x,), {})
    place = Place([x], problem.forward([x]), g)
    (claims,) = problem.gradients([x], g)
    claimed = [claims.reshape(len(g), -1) @ p.direction([x])[0].ravel() for p in probes]
    changed = [changed_by(problem, place, p) for p in probes]
    return line_of(problem, place, probes, claimed, changed), [
        line_of(problem, place, [p], [c], [outputs])
        for p, c, outputs in zip(probes, claimed, changed, strict=True)
    ]


def test_claims_differences_and_sizes_of_rows_are_those_of_each_row_alone():
    together, alone = lines(normal, normal_back, ROWS)
    assert type(together) is Together and {type(line) for line in alone} == {Line}
    np.testing.assert_allclose(together.claimed, np.concatenate([line.claimed for line in alone]), rtol=1e-12, atol=0)
    for of in (lambda line: line.claim(0.3), lambda line: line.value(-0.2)):
        np.testing.assert_allclose(of(together), np.concatenate([of(line) for line in alone]), rtol=1e-9, atol=1e-12)
    some = np.arange(30) % 3 == 0  # of every row
    sizes = [line.size(some & (np.arange(30) // 5 == i)) for i, line in enumerate(alone)]
    np.testing.assert_allclose(together.size(some), np.concatenate(sizes), rtol=1e-12, atol=0)


def test_of_a_block_of_which_nothing_changed_any_output_may_have_been_rounded():
    together, alone = lines(normal, normal_back, ROWS)
    nothing = np.zeros(30, bool)
    np.testing.assert_allclose(together.size(nothing), np.tile(alone[0].size(nothing), 6), rtol=1e-12, atol=0)


def test_a_claim_that_reaches_into_another_row_is_the_claim_of_that_row():
    def everywhere(x, dy):
        return normal_back(x, dy) + 0.01 * dy.sum()

    together, alone = lines(normal, everywhere, ROWS)
    claims = np.concatenate([line.claim(0.1) for line in alone])
    np.testing.assert_allclose(together.claim(0.1), claims, rtol=1e-9, atol=1e-12)
    right, _ = lines(normal, normal_back, ROWS)
    assert np.abs(together.claim(0.1) - right.claim(0.1)).max() > 0.01


def test_outside_the_domain_no_claim_is_a_number():
    def raising(x):
        if (x > 1e9).any():
            raise OverflowError
        return normal(x)

    together, _ = lines(raising, normal_back, ROWS)
    assert np.isnan(together.claim(1e12)).all() and together.claim(1e12).shape == together.claimed.shape


def test_averages_of_rows_find_what_is_wrong_in_one_of_them():
    spoilt = np.ones((6, 1))
    spoilt[4] = 1.3
    for factor in (1.0, spoilt):
        together, _ = lines(lambda x: half(normal(x)), lambda x, dy, f=factor: f * normal_back(x, dy), ROWS)
        more, bar = (a.reshape(6, 2) for a in averaged(together, 2.0**-11, np.random.default_rng(0)))
        assert ((np.abs(more) > bar).any(axis=1) == (np.arange(6) == 4) * (factor is spoilt)).all()


@pytest.mark.parametrize("weak", [1.0, 1e-4])
def test_what_reaches_another_output_weakly_is_seen_although_small_steps_round_it_away(weak):
    def mixed(x):
        return half(x + weak * x.sum())

    problem = Problem(pair(mixed, lambda x, dy: dy + weak * dy.sum()), (X,), {})
    place = Place([X], mixed(X).ravel(), G)
    assert [changed_by(problem, place, probe).all() for probe in ROWS] == [weak == 1.0] * 6 or weak < 1
    assert all(np.count_nonzero(changed_by(problem, place, probe)) > 5 for probe in ROWS)


def test_groups_hold_what_changes_no_output_in_common_and_are_no_more_than_asked_for():
    outputs = [{0}, {0, 1}, {1}, {2}, {2, 0}, set(), {1}]
    changed = [np.isin(np.arange(3), list(each)) for each in outputs]
    assert apart(changed, 9) == [[0, 2, 3, 5], [1], [4, 6]]
    assert apart(changed, 1) == [[0, 2, 3, 5]] and apart(changed, 0) == [] == apart([], 3)
    assert [each.sum() for each in changed] == [len(each) for each in outputs], "what was handed over is as it was"
