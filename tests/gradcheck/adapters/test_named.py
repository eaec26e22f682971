"""Gradients by the names of the inputs."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.adapters.named import in_order

A, B, C = np.ones(1), np.ones(2), np.ones(3)
SUBJECT = pair(lambda x, w, bias: x, lambda *arguments: None)


@pytest.mark.parametrize(
    ("cotangents", "count", "ordered"),
    [
        ({"w": B, "x": A, "bias": C}, 3, (A, B, C)),
        ({"dw": B, "x_grad": A}, 3, (A, B, None)),
        ((A, {"w": B, "bias": C}), 3, (A, B, C)),
        ((A, B, {"dbias": C}), 3, (A, B, {"dbias": C})),
        ((A, {"dw": B}), 2, (A, {"dw": B})),
        (({"x": A},), 1, (A,)),
        ({"x": A}, 1, (A,)),
        (({"w": B, "x": A},), 2, (A, B)),
        ((A, B), 2, (A, B)),
        ((A, B), 3, (A, B)),
        ((), 2, ()),
        (A, 1, A),
        ([{"x": A}], 1, [{"x": A}]),
    ],
)
def test_gradients_come_into_the_order_of_the_inputs(cotangents, count, ordered):
    assert repr(in_order(cotangents, (A, B, C)[:count], SUBJECT)) == repr(ordered)


def test_where_an_input_is_a_dictionary_a_dictionary_is_its_cotangent():
    inputs = A, {"w": B}
    for cotangents in ((A, {"w": B}), {"x": A, "w": {"w": B}}, ({"w": B},)):
        assert in_order(cotangents, inputs, SUBJECT) is cotangents
    found = in_order(({"w": B}, {"w": A}), ({"w": B}, A, C), SUBJECT)
    assert repr(found) == repr(({"w": B}, A, None))
