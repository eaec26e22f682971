"""What a subject's forward mode says of a directional derivative, and how that rounds."""

import types

import numpy as np
import pytest

from gradcheck.claims.tangent import slope_along
from gradcheck.numeric.reading import Place

U = 2.0**-53
POINT = [np.array([1.0, 2.0]), np.array([3.0])]
G = np.array([[1.0, 2.0], [3.0, -1.0]])
PLACE = Place(POINT, np.zeros(2), G)


def along(jvp, moving=None, u=U, place=PLACE):
    problem = types.SimpleNamespace(jvp=jvp)
    moving = {0: np.array([1.0, 1.0])} if moving is None else moving
    return slope_along(problem, place, moving, u, np.random.default_rng(2))


def listed(*tangents):
    """A forward mode that gives these one after the other."""
    rows = iter(tangents)
    return lambda point, directions: np.array(next(rows), float)


STILL = [[3, 4]] * 4


def test_a_subject_without_forward_mode_says_nothing():
    assert along(lambda point, directions: None) is None


def test_the_derivative_is_that_of_every_cotangent():
    assert along(listed(*STILL))[0].tolist() == [11, 5]


def test_the_arrays_that_do_not_move_have_a_direction_of_zeros():
    seen = []
    along(lambda point, directions: seen.append(directions) or np.zeros(2), {1: np.array([5.0])})
    first, second = seen[0]
    assert first.tolist() == [0, 0] and second.tolist() == [5]


def test_the_first_is_asked_at_the_point_and_three_more_a_few_roundings_away():
    seen = []
    along(lambda point, directions: seen.append((*point, *directions)) or np.zeros(2), u=2.0**-30)
    assert len(seen) == 4 and np.array_equal(seen[0][0], POINT[0]) and np.array_equal(seen[0][2], [1, 1])
    for place in (0, 2):
        apart = [np.abs(row[place] / seen[0][place] - 1).max() for row in seen[1:]]
        assert 2.0**-30 < max(apart) <= 2.0**-28


def test_its_bar_is_sixteen_roundings_of_the_root_of_the_sum_of_the_squares():
    bar = along(listed(*STILL), u=2.0**-24)[1]
    assert np.allclose(bar, 16 * 2.0**-24 * np.hypot([3, 9], [8, 4]), rtol=1e-12, atol=0)


def test_four_times_the_largest_change_of_every_cotangent_is_in_the_bar():
    still = along(listed(*STILL))[1]
    bar = along(listed([3, 4], [3 + 2.0**-40, 4], [3, 4 - 2.0**-39], [3, 4]))[1]
    assert np.allclose(bar - still, [16 * 2.0**-40, 12 * 2.0**-40], rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [2.0**-10, 1.0, 2.0**10])
@pytest.mark.parametrize(("part", "counts"), [(0.9, True), (1.1, False)])
def test_a_change_that_no_rounding_makes_is_none(part, counts, size):
    """It is a part of the largest derivative of any cotangent, here of the second: 9 and -4."""
    u, tangent = 2.0**-24, size * np.array([3.0, 4.0])
    still = along(listed(*[tangent] * 4), u=u)[1]
    change = part * u**0.5 * size * np.hypot(9, 4)
    bar = along(listed(tangent, tangent + np.array([change / 3, 0]), tangent, tangent), u=u)[1]
    assert np.allclose(bar - still, [4 * change / 3, 4 * change * counts], rtol=1e-9, atol=0)


def test_of_no_outputs_the_derivative_is_zero():
    place = Place(POINT, np.zeros(0), np.zeros((2, 0)))
    value, bar = along(listed([], [], [], []), place=place)
    assert value.tolist() == bar.tolist() == [0, 0]


def test_without_cotangents_there_is_nothing():
    value, bar = along(listed(*STILL), place=Place(POINT, np.zeros(2), np.zeros((0, 2))))
    assert value.shape == bar.shape == (0,)


@pytest.mark.parametrize("tangents", [([1, 2, 3],), ([3, 4], [1, 2, 3])])
def test_tangents_have_as_many_entries_as_the_output(tangents):
    with pytest.raises(ValueError, match=r"^tangents must have as many entries as the output, 2, got 3$"):
        along(listed(*tangents))


def test_a_tangent_that_is_not_finite_is_no_warning():
    def jvp(point, directions):
        return np.array([1.0, 1.0]) / np.array([0.0, 1.0])

    with np.errstate(divide="raise", invalid="ignore"):
        assert not np.isfinite(along(jvp)[0]).any()
