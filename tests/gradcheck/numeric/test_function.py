"""Projections on cotangents, and outputs that each stand for themselves."""

import numpy as np

from gradcheck.adapters import pair
from gradcheck.numeric.function import Function, project
from gradcheck.numeric.plain import Plain
from gradcheck.subjects.problem import Problem


def test_without_cotangents_every_output_is_its_own(rng):
    g, y, table = rng.normal(size=(2, 4)), rng.normal(size=4), rng.normal(size=(5, 4))
    assert project(None, y) is y
    assert np.array_equal(project(g, y), g @ y) and np.array_equal(project(g, table), table @ g.T)


def test_what_is_no_number_in_one_output_is_none_in_that_one_alone():
    assert np.isnan(project(None, np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_a_check_and_a_plain_function_are_differenced_by_the_same_names():
    x = np.array([0.5, 2.0])
    functions: list[Function] = [Problem(pair(np.sqrt, lambda x, dy: dy), (x,), {}), Plain(np.sqrt, x, "derivative")]
    for function in functions:
        assert function.complex_safe
        assert np.array_equal(function.forward([x]), np.sqrt(x))
        assert np.array_equal(function.attempt([x], 2), np.sqrt(x)) and np.isnan(function.attempt([x], 3)).all()
