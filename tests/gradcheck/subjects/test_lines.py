"""Lines that a call runs are counted, outside of libraries, and what traced before traces again."""

import contextlib
import sys

import numpy as np
import pytest

from gradcheck.subjects.lines import TooMany, lines


def halved(x):
    rounds = 0
    while x > 1:
        x = x / 2
        rounds += 1
    return rounds


def test_each_line_is_counted_as_often_as_it_is_run():
    value, found = lines(lambda: halved(20.0), 1000)
    counts = {line - halved.__code__.co_firstlineno: n for (code, line), n in found.items() if code is halved.__code__}
    assert (value, counts) == (5, {1: 1, 2: 6, 3: 5, 4: 5, 5: 1})


def test_lines_of_libraries_are_not_counted_and_those_that_they_call_are():
    names = {code.co_qualname for code, _ in lines(lambda: np.vectorize(halved)(np.array([3.0, 9.0])), 1000)[1]}
    assert "halved" in names
    assert not any("vectorize" in name for name in names)


def test_a_loop_that_does_not_end_is_broken_off():
    def endless():
        while True:
            pass

    with pytest.raises(TooMany):
        lines(endless, 1000)


def test_a_call_that_catches_everything_is_told_as_one_that_ran_too_many():
    def stubborn():
        try:
            while True:
                pass
        except Exception:  # the one that breaks it off
            return 3

    with pytest.raises(TooMany):
        lines(stubborn, 1000)


@pytest.mark.parametrize("call", [lambda: halved(9.0), lambda: 1 // 0])
def test_what_traced_before_traces_again(call):
    def tracer(*_):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        with contextlib.suppress(ZeroDivisionError):
            lines(call, 1000)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_a_function_without_a_module_is_the_users():
    scope = {"__name__": None}
    exec("def f():\n    return 7", scope)
    value, found = lines(scope["f"], 1000)
    assert (value, [line for _, line in found]) == (7, [2])
