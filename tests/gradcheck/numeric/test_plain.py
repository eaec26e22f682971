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
