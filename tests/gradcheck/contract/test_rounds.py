"""A pullback that solves is linear as far as its loop goes; by a branch, or by more, none is excused."""

import numpy as np
import pytest
from promises import called, found

import gradcheck
from gradcheck.contract.likeness import measure_rounding
from gradcheck.contract.linear import is_linear
from gradcheck.contract.rounds import goes_round
from gradcheck.subjects.declared import Declared

A = np.eye(6) + 0.5 * np.random.default_rng(0).normal(size=(6, 6)) / np.sqrt(6)
B = np.random.default_rng(1).normal(size=6)


def swept(a, b, tolerance):
    """The solution of a y = b by sweeps, until the last one changes it by little of its size."""
    y = np.zeros_like(b)
    for _ in range(500):
        y, last = b - (a @ y - y), y
        if np.abs(y - last).max() <= tolerance * np.abs(y).max():
            break
    return y


def solving(tolerance, change=lambda u: u):
    def layer(b):
        return swept(A, b, tolerance), lambda dy: change(swept(A.T, dy, tolerance))

    return layer


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_a_pullback_that_solves_within_a_tolerance_does_not_fail(tolerance):
    report = gradcheck.check(solving(tolerance), B)
    assert report.verdict == "inconclusive", str(report)
    assert "tolerance" in {f.kind for f in report.findings}
    assert not [f for f in report.findings if f.severity == "fail"]
    assert str(report).count("declare noise=") >= 1


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-9])
def test_it_passes_where_that_is_declared(tolerance):
    assert gradcheck.Checker(noise=tolerance)(solving(tolerance), B).verdict == "pass"


def test_what_is_declared_counts_as_a_narrow_format():
    call = called(solving(1e-12), B, declared=Declared(noise=1e-3))
    assert measure_rounding(call, np.random.default_rng(0)).narrow == {"b": 1e-3}


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_one_that_clips_fails_with_and_without(noise):
    layer = solving(1e-6, lambda u: np.clip(u, -1, 1))
    assert gradcheck.Checker(noise=noise)(layer, B).verdict == "fail"


def dropping(part):
    """One that leaves out what is small beside the rest, entry by entry, as one who has no vectors writes it."""

    def layer(x):
        def pullback(dy):
            d, top = np.zeros_like(dy), np.abs(dy).max()
            for i in range(dy.size):
                if abs(dy[i]) > part * top:
                    d[i] = dy[i] * np.cos(x[i])
            return d

        return np.sin(x), pullback

    return layer


def test_a_branch_within_a_loop_excuses_nothing():
    assert found(is_linear, dropping(1e-2), B)
    assert not goes_round(called(dropping(1e-2), B))
    assert gradcheck.check(dropping(1e-2), B).verdict == "fail"


def test_a_loop_that_ends_by_dy_is_seen():
    assert goes_round(called(solving(1e-6), B))
    assert not goes_round(called(lambda b: (np.linalg.solve(A, b), lambda dy: np.linalg.solve(A.T, dy)), B))


def test_a_loop_that_does_not_end_for_another_dy_tells_nothing():
    first = []

    def layer(b):
        def pullback(dy):
            first.append(dy)
            while not np.array_equal(dy, first[0]):
                if len(first) < 3:  # that of what is tried before
                    break
            return dy

        return b, pullback

    call = called(layer, B)
    first[:] = [call.g[0]] * 3
    assert not goes_round(call)
