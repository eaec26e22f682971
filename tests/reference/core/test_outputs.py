import numpy as np
import pytest

from reference.core.outputs import join, split

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
