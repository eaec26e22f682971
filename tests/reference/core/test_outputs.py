import numpy as np
import pytest

from reference.core.outputs import expect_alone, join, split, width_of
from reference.layers.dropout import Dropout
from reference.layers.linear import Linear

Y, A, B = np.ones((2, 3)), np.array(1.0), np.array(2.0)


@pytest.mark.parametrize(("output", "auxiliary"), [(Y, ()), ((Y,), ()), ((Y, A), (A,)), ((Y, A, B), (A, B))])
def test_split_takes_y_from_what_stands_beside_it(output, auxiliary):
    y, rest = split(output)
    assert y is Y and rest == auxiliary


@pytest.mark.parametrize("output", [Y, (Y, A), (Y, A, B)])
def test_join_is_the_inverse_of_split(output):
    joined = join(*split(output))
    assert joined is output or joined == output


def test_y_alone_stays_an_array():
    assert join(Y, ()) is Y


def test_more_than_y_is_one_clear_line():
    assert expect_alone("Stack", "norm", Y) is None
    with pytest.raises(TypeError, match=r"^Stack: norm must return one array, got 2 outputs$"):
        expect_alone("Stack", "norm", (Y, A))


def test_the_width_of_what_says_it_is_known_and_no_other():
    assert width_of(Linear(np.ones((2, 3)), None)) == 3
    assert width_of(Dropout(0.5)) is None
