"""Numbers as balls: exact, and rounded constants are noted with the function that names them."""

import flint
import numpy as np
import pytest
from flint import arb

from gradcheck.exact import values
from gradcheck.exact.refusals import NotFollowed
from gradcheck.exact.values import Dual
from gradcheck.exact.watch import Watch


def test_numbers_become_balls_without_radius():
    for x in (np.array([0.1, -np.inf, 3.0]), np.array([1, -2]), np.array([True])):
        found = values.balls(x)
        assert all(v.is_exact() for v in found.flat) and found.shape == x.shape
    with flint.ctx.workprec(300):
        assert values.balls(np.array(2**64 - 1, np.uint64)).item() == arb(2) ** 64 - 1


@pytest.mark.parametrize("dtype", [complex, object, "U1", np.longdouble, "M8[s]"])
def test_numbers_of_other_kinds_are_refused(dtype):
    with pytest.raises(NotFollowed, match=r"^numbers of "):
        values.balls(np.zeros(2, dtype))


def test_a_number_of_many_bits_was_rounded_and_others_are_meant():
    meant = [0.0, 0.5, 3.0, -0.375, 1e6, 123456789.0, np.inf, -np.inf, np.nan, 2.0**-60]
    rounded = [0.1, 1 / 3, np.pi, 1e-5, float(np.float32(0.1))]
    assert not values.is_rounded(np.array(meant)).any() and values.is_rounded(np.array(rounded)).all()
    assert not values.is_rounded(np.array([1, 2])).any()


def test_rounded_constants_are_noted_where_they_are_named():
    with Watch().on() as watch:
        values.constants(0.1)
        values.constants(np.array([0.5, 0.1, 0.3]))
        values.constants(2.0)
    here = "test_rounded_constants_are_noted_where_they_are_named"
    assert watch.constants == {frozenset([0.1]): here, frozenset([0.1, 0.3]): here}


def test_what_stands_for_a_constant_is_taken_instead():
    tenth = arb(1) / 10
    with Watch(moved={0.1: tenth}).on():
        found = values.constants(np.array([0.1, 0.3]))
        single = values.constants(0.1)
    assert found[0] is tenth and single.item() is tenth and found[1] == arb(0.3)


def test_fills_of_python_become_balls():
    assert values.normal(np.array([0, arb(2), 1.5], dtype=object)).tolist() == [0, 2, 1.5]
    assert values.normal(0).shape == ()


def test_a_change_is_spread_in_memory_of_its_own():
    change = values.zeros((1, 3))
    assert values.spread(change, (2, 3)).flags.writeable and not np.shares_memory(values.spread(change, (1, 3)), change)


def test_whole_balls_that_do_not_change_are_integers():
    still = Dual(values.balls(np.array([2.0, -3.0])), values.zeros(2))
    assert values.whole(still, "").tolist() == [2, -3]
    for other in (
        Dual(values.balls(np.array([2.5]))),
        Dual(values.balls(np.array([2.0])), values.balls(np.array([1.0]))),
        Dual(values.as_objects([arb(2, 1e-30)])),
    ):
        with pytest.raises(NotFollowed, match=r"^a cast$"):
            values.whole(other, "a cast")


def test_an_array_without_axes_gives_its_ball():
    assert isinstance(values.single(values.zeros(())), arb) and values.single(values.zeros(2)).shape == (2,)
