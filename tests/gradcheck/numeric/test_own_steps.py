"""Steps of a format are told from those of a quantiser, of whatever scale, and of ranks."""

import numpy as np
import pytest
from narrow import half

from gradcheck.numeric import staircase
from gradcheck.numeric.own_steps import are_surely_of_format, is_coarse, is_of_format, is_relative, takes_its_scale
from gradcheck.numeric.tabulate import Line

X = np.random.default_rng(3).normal(size=6)


class Function:
    def __init__(self, f):
        self.f = f

    def attempt(self, arrays, size):
        return self.f(*arrays)


def line(f, x, *others):
    along = {0: np.where(np.arange(x.size) % 2, 1.25, -0.75)}
    return Line(Function(f), [x, *others], along, np.ones((1, x.size)), x.size)


def quantised(x, levels=127):
    scale = np.abs(x).max() / levels
    return np.round(x / scale) * scale


@pytest.mark.parametrize(
    ("f", "relative"),
    [
        (half, True),
        (lambda x: np.sin(half(x)), True),
        (lambda x: np.round(x * 64) / 64, False),
        (lambda x: np.round(x, 3), False),
        (lambda x: np.log(x - 9), True),
    ],
)
def test_steps_of_a_format_are_told_from_those_of_a_quantiser_nearer_to_zero(f, relative):
    """Where f is not finite there, nothing is."""
    assert is_relative(line(f, X)) is relative


def test_the_cotangent_with_most_noise_tells_a_quantiser():
    """The first sees a format's steps alone, which are far finer."""
    g = np.array([[1.0] * 3 + [0.0] * 3, [0.0] * 3 + [1.0] * 3])

    def both(x):
        return np.append(half(x[:3]), np.round(x[3:] * 1024) / 1024)

    along = Line(Function(both), [X], {0: np.ones(6)}, g, 6)
    assert is_relative(along) is False


def test_a_factor_that_gets_smaller_as_well_hides_no_quantiser():
    w = np.random.default_rng(4).normal(size=6)
    assert not is_relative(line(lambda x, w: np.round(x * 512) / 512 * w + np.sin(x), X, w))
    assert is_relative(line(lambda x, w: half(x) * w + np.sin(x), X, w))
    assert not is_relative(line(lambda x, w: np.round(16 * (x + w)) / 16, X, w))


@pytest.mark.parametrize("levels", [15, 127, 32767])
def test_steps_of_a_quantiser_whose_scale_is_that_of_its_numbers_are_no_formats(levels):
    along = line(lambda x: quantised(x, levels), X)
    met = staircase.steps(along, finest=0.0)
    assert is_relative(along) and met is not None and not is_of_format(along, met)


def test_nor_are_those_of_ranks():
    rng = np.random.default_rng(3)
    x, g = rng.normal(size=30), rng.normal(size=(1, 30))
    forward = Function(lambda x: (1 + np.argsort(np.argsort(x))) * np.tanh(x))
    along = Line(forward, [x], {0: np.where(np.arange(30) == 28, 1.0, 0.0)}, g, 30)
    met = staircase.steps(along)
    assert is_relative(along) and not is_of_format(along, met)


@pytest.mark.parametrize("f", [half, lambda x: x + np.sin(half(x)), lambda x: np.tanh(3 * half(x))])
def test_those_of_a_format_are(f):
    along = line(f, X)
    assert is_of_format(along, staircase.steps(along))
    assert not takes_its_scale(along)


@pytest.mark.parametrize("bent", [np.tanh, lambda x: x / (1 + np.exp(-x)), lambda x: x + x * x])
def test_near_zero_a_quantiser_of_what_bends_takes_its_scale_from_its_numbers(bent):
    along = line(lambda x: quantised(bent(x)), X)
    assert is_of_format(along, staircase.steps(along)) and takes_its_scale(along)


def test_what_does_not_step_near_zero_takes_no_scale():
    assert not takes_its_scale(line(lambda x: np.round(64 * x) / 64, X))


def test_steps_are_coarse_if_those_of_most_outputs_are_coarser_than_float32s():
    single = lambda x: np.sin(x).astype(np.float32).astype(float)  # noqa: E731
    assert is_coarse(line(lambda x: np.round(np.sin(x) * 2**20) / 2**20, X))
    assert not is_coarse(line(single, X)) and not is_coarse(line(np.sin, X))
    cancelled = line(lambda x: np.where(np.arange(6) == 2, single(x) - np.sin(X) + 1e-4, single(x)), X)
    assert not is_coarse(cancelled)


def test_where_steps_of_a_quantiser_are_dense_it_takes_its_scale_and_float32_takes_none():
    x = np.random.default_rng(0).normal(size=300)
    along = {0: np.where(np.arange(300) % 2, 1.25, -0.75)}
    assert takes_its_scale(Line(Function(lambda x: quantised(np.tanh(x), 32767)), [x], along, np.ones((1, 300)), 300))
    assert not takes_its_scale(line(lambda x: np.sin(x).astype(np.float32).astype(float), X))


@pytest.mark.parametrize(
    ("f", "surely"),
    [
        (half, True),
        (lambda x: np.sin(half(x)), True),
        (lambda x: x + quantised(x), True),
        (lambda x: np.round(x * 64) / 64, False),
        (lambda x: np.argsort(np.argsort(x + np.arange(6))) * x, False),
        (lambda x: np.sin(half(10 + x)), False),
    ],
)
def test_a_format_steps_near_zero_as_well_and_a_grid_or_shifted_ranks_do_not(f, surely):
    """Nor does a format that rounds a sum with a number that stays, whose steps are then bent."""
    assert are_surely_of_format(line(f, X)) is surely


@pytest.mark.parametrize("times", [1, 1 / 3])
@pytest.mark.parametrize(
    ("f", "surely"),
    [
        (lambda x: x + half(1 + x), True),
        (lambda x: x + half(10 + x), True),
        (lambda x: np.sin(x) + half(np.exp(x / 8)), True),
        (lambda x: 1e5 * x + half(1 + x), True),
        (lambda x: x + half(1 / (1 + np.exp(-8 * x))), True),  # far out there are steps that are hardly known
        (lambda x: x + np.round(x * 1024) / 1024, False),  # powers of two, and all alike
        (lambda x: x * np.round(15 * x) / 15, False),
        (lambda x: x * np.round(16 * x) / 16, False),
        (lambda x: 1 + quantised(np.tanh(x) + 3), False),  # a scale that grows with the numbers, but for a part
        (np.sin, False),
    ],
)
def test_steps_that_are_powers_of_two_of_several_sizes_are_those_of_a_format(f, surely, times):
    assert are_surely_of_format(line(lambda x: times * f(x), X)) is surely


def test_fine_steps_are_told_where_f_is_less_than_its_slope_promises():
    """Sixteen times nearer to zero those of sin 2.7 are less than four times as large beside it."""
    along = line(lambda x: np.sin(np.round(x * 2**24) / 2**24), np.full(6, 2.7))
    along = Line(along.problem, along.point, {0: np.full(6, 2.0**-5)}, along.g, 6)
    assert not is_relative(along)
    assert is_relative(Line(Function(lambda x: np.sin(x.astype(np.float32))), along.point, along.direction, along.g, 6))
