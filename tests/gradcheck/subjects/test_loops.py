"""Rounds of loops are counted, outside of libraries, and what traced before traces again."""

import contextlib
import functools
import sys

import numpy as np
import pytest
from scipy import optimize

from gradcheck.subjects.loops import LINES, TooMany, run


def halved(x):
    rounds = 0
    while x > 1:
        x = x / 2
        rounds += 1
    return rounds


def doubled(x):
    for _ in range(100):
        if x > 1000:
            break
        x = 2 * x
    return x


def positive(x):
    total = 0.0
    for v in x:
        if v > 0:
            total += v
    return total


def nested(n):
    total = 0
    for i in range(3):
        for _ in range(n):
            total += i
    return total


def comprehended(x):
    return [v for v in x if v > 0]


def one(v):
    return v


def called(x):
    return [one(v) for v in x if v > 0], sum(one(v) for v in x if v > 0), (one(x[0]) if x[0] > 0 else 0)


def solved(a):
    """Roots by a compiled solver, which asks until it is near enough."""
    near = 1e-4  # of the solver's own, so that a few rounds are enough
    return [optimize.brentq(lambda y, a: y**3 + y - a, -10, 10, args=(v,), xtol=near) for v in a]


def joined(x):
    """The sum by a compiled loop, which calls once for each number."""
    return functools.reduce(lambda a, b: a + b, x)


def other(f, x, y):
    """Whether f runs its loops another number of times for y than for x."""
    here, again = run(lambda: f(x)), run(lambda: f(x))
    return here.is_other(run(lambda: f(y)), again)


@pytest.mark.parametrize(("f", "x", "y"), [
    (halved, 20.0, 50.0), (halved, 3.0, 1.5), (doubled, 1.0, 3.0), (nested, 2, 3),
    (solved, [0.3], [3.0]), (joined, [1, 2, 3], [1, 2]),
])  # fmt: skip
def test_a_loop_that_goes_round_more_or_less_often_is_seen(f, x, y):
    assert other(f, x, y)


@pytest.mark.parametrize(("f", "x", "y"), [
    (halved, 20.0, 21.0), (positive, [1, -1, 2], [-3, -1, -2]), (comprehended, [1, -1], [-3, -1]), (nested, 2, 2),
    (called, [1, -1, 2], [-3, -1, -2]), (solved, [0.3], [0.3 + 1e-9]), (joined, [1, 2, 3], [4, -5, 6]),
])  # fmt: skip
def test_a_branch_within_a_loop_is_none(f, x, y):
    assert not other(f, x, y)


def test_a_value_comes_back_and_a_loop_is_counted_as_often_as_it_goes_round():
    found = run(lambda: halved(20.0))
    assert found.value == 5
    assert 5 in found.rounds.values()
    assert found.lines == 19  # this lambda, three, five rounds of three, and the last


def test_loops_of_libraries_are_not_counted_and_those_that_they_call_are():
    names = {code.co_qualname for code, _ in run(lambda: np.vectorize(halved)(np.array([3.0, 9.0]))).rounds}
    assert names == {"halved"}


def test_a_loop_that_remembers_tells_nothing():
    calls = []

    def growing(x):
        calls.append(x)
        for _ in calls:
            pass

    assert not other(growing, 1, 2)


def test_what_is_called_by_lines_of_a_function_is_not_counted_as_called_back():
    assert set(run(lambda: [one(1), one(2)]).rounds) == set()
    assert set(run(lambda: np.real(np.ones(3))).rounds) == set()  # NumPy's own, which asks who is to answer first


def endless():
    while True:
        pass


def stubborn():
    with contextlib.suppress(Exception):  # that which breaks it off, too
        endless()
    return 3


@pytest.mark.parametrize("call", [endless, stubborn])
def test_a_loop_that_does_not_end_elsewhere_is_broken_off(call):
    here = run(lambda: halved(20.0))
    with pytest.raises(TooMany):
        run(call, here)


def test_so_many_lines_are_left_to_one_that_takes_longer():
    here = run(lambda: halved(20.0))
    assert run(lambda: sum(1 for _ in range(LINES // 2)), here).value == LINES // 2


@pytest.mark.parametrize("call", [lambda: halved(9.0), lambda: 1 // 0])
def test_what_traced_before_traces_again(call):
    def tracer(*_):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        with contextlib.suppress(ZeroDivisionError):
            run(call)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_a_function_without_a_module_is_the_users():
    scope = {"__name__": None}
    exec("def f(n):\n    for i in range(n):\n        pass\n    return n", scope)
    assert other(scope["f"], 2, 3)
