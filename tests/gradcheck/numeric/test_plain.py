"""A plain function as one of a list of arrays."""

import numpy as np
import pytest

from gradcheck.numeric.plain import Plain


def test_calls_are_counted_and_a_refusal_of_complex_numbers_is_free():
    def f(x):
        if isinstance(x, complex):
            raise TypeError
        return x

    plain = Plain(f, 0.5, "derivative")
    plain.forward(plain.point)
    assert np.isnan(plain.attempt([np.array(1j)], 1)).all()
    assert dict(plain.count) == {"forward": 1, "complex forward": 0}


def test_calls_with_real_and_with_complex_numbers_are_counted_apart():
    plain = Plain(lambda x: x * x, 0.5, "derivative")
    for x in (0.5, 0.25, 1j, 0.75):
        plain.forward([np.array(x)])
    assert dict(plain.count) == {"forward": 3, "complex forward": 1}


def test_entries_are_directions_of_one_entry_each():
    plain = Plain(lambda p: p[0].sum() * p[1], [np.zeros(2), 1.0], "gradient")
    found = list(plain.entries())
    assert [[None if v is None else v.tolist() for v in vectors] for vectors in found] == [
        [[1, 0], None],
        [[0, 1], None],
        [None, 1],
    ]


def test_outputs_tell_their_own_roundoff():
    plain = Plain(lambda x: (np.float32(x), x, np.zeros(2, np.float16)), 0.5, "derivative")
    y, flat, roundoff = plain.first()
    assert roundoff.tolist() == [2.0**-24, 2.0**-53, 2.0**-11, 2.0**-11] and flat.dtype == np.float64
    assert y[1] == 0.5


def test_a_complex_output_of_a_step_is_no_number():
    plain = Plain(lambda x: np.emath.sqrt(x), 0.5, "derivative")
    assert plain.attempt([np.array(4.0)], 1) == 2 and np.isnan(plain.attempt([np.array(-4.0)], 1)).all()


def test_a_direction_may_hold_whole_numbers():
    plain = Plain(lambda p: p["a"] @ p["a"] * p["b"], {"a": np.ones(2), "b": 2.0}, "derivative")
    a, b = plain.vectors({"a": [1, 0], "b": 3})
    assert a.tolist() == [1, 0] and b == 3 and a.dtype == b.dtype == np.float64


def test_a_point_is_called_by_the_name_of_the_function_that_was_asked():
    with pytest.raises(ValueError, match=r"^gradcheck.hessian: x must be finite, got nan$"):
        Plain(np.sin, np.nan, "hessian")


ARRAYS = {"a": np.ones(2), "b": np.ones(3)}


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            np.ma.masked_array([1.0, 2.0], [True, False]),
            TypeError,
            "x must be a real floating array, got a masked array: hand over its data, and its mask by keyword",
        ),
        ([1.0, np.array(1j)], TypeError, "x[1] must be a real floating array, got dtype complex128"),
        ([1, "two"], TypeError, "x must be a real number or hold a floating array, got list"),
        (np.arange(2), TypeError, "x must be a real number or hold a floating array, got int64[2]"),
        ({"a": np.ones(2, np.longdouble)}, TypeError, "x.a must be of float64 or narrower, got float128"),
        ([np.ones(2), np.array([1, np.inf, np.nan])], ValueError, "x[1] must be finite, got inf at [1]"),
        ((np.zeros(0), np.zeros((2, 0))), ValueError, "x must have an entry, got none"),
        pytest.param(-(10**400), ValueError, "x must be finite, got -inf", id="beyond all"),
    ],
)
def test_a_point_that_cannot_be_differentiated_is_refused(x, error, message):
    with pytest.raises(error) as caught:
        Plain(np.sum, x, "gradient")
    assert str(caught.value).replace("float96", "float128") == f"gradcheck.gradient: {message}"


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match=r"^gradcheck.gradient: f must be callable, got int$"):
        Plain(3, 0.5, "gradient")


def test_an_array_without_entries_may_stand_beside_one_that_has_some():
    assert [x.size for x in Plain(np.sum, (np.zeros(0), np.ones(2)), "gradient").point] == [0, 2]
    assert Plain(np.sum, np.float32(2), "gradient").point[0].dtype == np.float64


@pytest.mark.parametrize(
    ("direction", "error", "message"),
    [
        (None, ValueError, "direction must be given for x of 5 entries, got None"),
        ({"a": np.ones(2)}, ValueError, "direction.b must be like x, got nothing there"),
        ({"a": np.ones(2) * 1j, "b": np.ones(3)}, TypeError, "direction.a must be real, got complex128"),
        ({"a": np.ones(2), "b": "no"}, TypeError, "direction.b must be real, got <U2"),
        ({"a": [[1], [2, 3]], "b": np.ones(3)}, TypeError, "direction.a must be real, got list"),
        ({"a": np.ones(3), "b": np.ones(3)}, ValueError, "direction.a must have the shape of x, (2,), got (3,)"),
        ({"a": np.ones(2), "b": np.array([1, np.nan, 2])}, ValueError, "direction.b must be finite, got nan at [1]"),
    ],
)
def test_a_direction_that_is_not_like_the_point_is_refused(direction, error, message):
    with pytest.raises(error) as caught:
        Plain(np.sum, ARRAYS, "derivative").vectors(direction)
    assert str(caught.value) == f"gradcheck.derivative: {message}"


def test_without_a_direction_a_single_entry_moves_by_one():
    assert [v.tolist() for v in Plain(np.sum, 2.0, "derivative").vectors(None)] == [1.0]
    vectors = Plain(np.sum, [np.full((1, 1), 3.0), np.zeros(0)], "derivative").vectors(None)
    assert [v.tolist() for v in vectors] == [[[1.0]], []]


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (1j, TypeError, "f must return a real number or a floating array, got complex"),
        ([1.0, np.array([1j])], TypeError, "f(x)[1] must be real, got complex128"),
        ([np.ones(2), np.array([1.0, np.nan, np.inf])], ValueError, "f(x)[1] must be finite, got nan at [1]"),
        (np.arange(3), TypeError, "f must return a real number or a floating array, got int64[3]"),
        (np.zeros(0), TypeError, "f must return a real number or a floating array, got float64[0]"),
        pytest.param(10**400, ValueError, "f(x) must be finite, got inf", id="beyond all"),
    ],
)
def test_an_output_that_cannot_be_differenced_is_refused(y, error, message):
    plain = Plain(lambda x: y, 0.5, "derivative")
    with pytest.raises(error) as caught:
        plain.first()
    assert str(caught.value) == f"gradcheck.derivative: {message}"


def test_the_first_call_counts_and_a_number_of_pythons_is_handed_one():
    seen = []

    def f(x):
        seen.append(x)
        return x

    plain = Plain(f, 2, "derivative")
    plain.first()
    assert plain.count["forward"] == 1 and isinstance(seen[0], float) and seen == [2.0]
    array = Plain(f, np.ones(2), "derivative")
    array.forward(array.point)
    seen[-1][0] = 9.0
    assert array.point[0].tolist() == [1, 1] and array.complex_safe


def test_a_step_that_changes_the_form_of_the_output_or_raises_is_no_number():
    def f(x):
        if x > 2:
            raise ValueError("x must not be larger")
        return np.ones(3) if x > 1 else np.ones(2, np.float32)

    plain = Plain(f, 0.5, "derivative")
    for x in (1.5, 2.5):
        assert np.isnan(plain.attempt([np.array(x)], 2)).all()
    y = plain.attempt([np.array(0.7)], 2)
    assert y.tolist() == [1, 1] and y.dtype == np.float64


def test_a_wider_output_is_taken_for_one_of_float64():
    _, y, roundoff = Plain(lambda x: np.longdouble(x), 0.5, "derivative").first()
    assert y.dtype == np.float64 and roundoff.tolist() == [2.0**-53]
