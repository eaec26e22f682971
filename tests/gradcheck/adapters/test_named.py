"""Gradients by the names of the inputs."""

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.adapters.named import in_order, parted

A, B, C = np.ones(1), np.ones(2), np.ones(3)
SUBJECT = pair(lambda x, w, bias: x, lambda *arguments: None)


@pytest.mark.parametrize(
    ("cotangents", "count", "ordered"),
    [
        ({"w": B, "x": A, "bias": C}, 3, (A, B, C)),
        ({"dw": B, "x_grad": A}, 3, (A, B, None)),
        ((A, {"w": B, "bias": C}), 3, (A, B, C)),
        ((A, B, {"dbias": C}), 3, (A, B, C)),
        ((A, {"dw": B}), 2, (A, B)),
        ((A, [B, C]), 3, (A, B, C)),
        ((A, (B,)), 2, (A, B)),
        ((A, (B,)), 3, (A, (B,))),
        ((A, (B,)), 1, (A, (B,))),
        (((A, B), {"bias": C}), 3, (A, B, C)),
        (((A,), {}), 1, (A,)),
        ((A, {}), 1, (A,)),
        ((A, {"w": B, "norm": 3.0}), 2, (A, B)),
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


ENDING = "what has a gradient is an input, or held by the object whose methods are handed over"


@pytest.mark.parametrize(
    ("cotangents", "count", "known", "words"),
    [
        ({"grad_x": A, "weight": B}, 2, (), "x, w, got weight"),
        ((A, {"weight": B, "offset": C}), 3, (), "x, w, bias, got weight, offset"),
        ((A, {"W": B, "b": C}), 1, (), "x, got W, b"),
        ((A, {"W": B, "b": C}), 1, ("W",), "x, W, got b"),
    ],
)
def test_a_name_that_nothing_has_is_refused_with_those_that_are_there(cotangents, count, known, words):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        in_order(cotangents, (A, B, C)[:count], SUBJECT, known)
    assert str(error.value) == f"gradcheck: <lambda> must have gradients by the names {words}; {ENDING}"


def test_a_constant_needs_no_gradient_and_known_names_no_input():
    assert repr(in_order((A, {"norm": B}), (A, 3), SUBJECT)) == repr((A, None))
    assert repr(in_order((A, {"W": B}), (A,), SUBJECT, {"W"})) == repr((A,))


def test_where_the_only_input_is_a_row_a_tuple_is_its_cotangent():
    rows = {"a": A}, {"b": B}
    assert in_order(rows, ([*rows],), SUBJECT) is rows and parted(rows, ([*rows],)) == (rows, None)
    assert repr(in_order({"x": [A]}, ([A],), SUBJECT)) == repr([A])


@pytest.mark.parametrize(
    ("cotangents", "count", "of_inputs", "beside"),
    [
        (A, 1, A, None),
        ((A, B), 2, (A, B), None),
        ({"x": A, "W": B}, 1, {"x": A, "W": B}, {"x": A, "W": B}),
        ((A, {"W": B}), 1, (A, {"W": B}), {"W": B}),
        ((A, [B, C]), 1, (A,), [B, C]),
        ((A, B, C), 1, (A,), (B, C)),
        ((A, [B]), 2, (A, [B]), None),
    ],
)
def test_gradients_of_other_arrays_stand_beside_those_of_the_inputs(cotangents, count, of_inputs, beside):
    assert repr(parted(cotangents, (A, B, C)[:count])) == repr((of_inputs, beside))
