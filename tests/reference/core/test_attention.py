import math

import numpy as np
import pytest

from reference.core.attention import expect_attention


def arrays(heads=4, groups=4, t=3, s=5):
    return np.zeros((2, heads, t, 6)), np.zeros((2, groups, s, 6)), np.zeros((2, groups, s, 6))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_what_fits_together_passes(groups):
    every = {
        "mask": np.ones((2, 1, 1, 5), bool), "causal": True, "window": 2, "cap": 1.5,
        "slopes": np.ones(4), "dropout": 0.3, "rng": np.random.default_rng(0),
    }  # fmt: skip
    assert expect_attention("attend", *arrays(groups=groups)) is None
    assert expect_attention("attend", *arrays(groups=groups), np.zeros((1, 4, 3, 5)), **every) is None


def test_more_queries_than_keys_pass_where_nothing_goes_by_position():
    assert expect_attention("attend", *arrays(t=7), np.zeros((2, 4, 7, 5)), cap=1.5) is None


@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (1, 4, 3, 5), (2, 1, 3, 5), (2, 4, 1, 5), (1, 1, 1, 5)])
def test_axes_of_one_stand_for_all(shape):
    assert expect_attention("attend", *arrays(), np.zeros(shape), mask=np.ones(shape, bool)) is None


@pytest.mark.parametrize("shape", [(3, 5), (4, 3, 5), (2, 4, 3, 1), (4, 2, 3, 5), (1, 1, 1, 1, 5)])
def test_a_bias_that_would_be_broadcast_otherwise_is_one_clear_line(shape):
    want = r"bias\[1\] must have shape \(2 or 1, 4 or 1, 3 or 1, 5\)"
    with pytest.raises(ValueError, match=rf"^attend: {want}, got \({', '.join(map(str, shape))}\)$"):
        expect_attention("attend", *arrays(), np.zeros((2, 4, 3, 5)), np.zeros(shape))


@pytest.mark.parametrize("groups", [3, 8, 0])
def test_groups_that_do_not_divide_the_heads_are_one_clear_line(groups):
    with pytest.raises(ValueError, match=rf"^attend: the heads of k and v must divide the 4 of q, got {groups}$"):
        expect_attention("attend", *arrays(groups=groups))


def test_no_head_at_all_is_divided_by_any_number():
    assert expect_attention("attend", *arrays(0, 2)) is None
    assert expect_attention("attend", *arrays(0, 0)) is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"window": 0}, ValueError, r"window must be at least 1, got 0"),
        ({"window": -3}, ValueError, r"window must be at least 1, got -3"),
        ({"window": 2.0}, TypeError, r"window must be a whole number, got float"),
        ({"cap": 0.0}, ValueError, r"cap must be positive and finite, got 0.0"),
        ({"cap": "1.5"}, TypeError, r"cap must be a number, got str"),
        ({"slopes": np.ones(3)}, ValueError, r"slopes must have shape \(4,\), got \(3,\)"),
        ({"slopes": np.ones((4, 1))}, ValueError, r"slopes must have shape \(4,\), got \(4, 1\)"),
        ({"slopes": [1, 1, 1, 1]}, TypeError, r"slopes must be an array, got list"),
        ({"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"dropout": -0.1}, ValueError, r"dropout must lie in \[0, 1\), got -0.1"),
        ({"dropout": None}, TypeError, r"dropout must be a number, got NoneType"),
        ({"rng": 7}, TypeError, r"rng must be a numpy.random.Generator or None, got int"),
        ({"mask": np.ones((3, 5), bool)}, ValueError, r"mask must have shape \(.*\), got \(3, 5\)"),
        ({"mask": np.ones((1, 1, 1, 5))}, TypeError, r"mask must be a boolean array, got float64"),
    ],
)
def test_an_option_out_of_range_is_one_clear_line(options, error, message):
    with pytest.raises(error, match=f"^attend: {message}$"):
        expect_attention("attend", *arrays(), **options)


@pytest.mark.parametrize("options", [{"causal": True}, {"window": 9}, {"slopes": np.ones(4)}])
def test_positions_of_more_queries_than_keys_are_one_clear_line(options):
    with pytest.raises(ValueError, match=r"^attend: queries must be at most keys = 5, got 7$"):
        expect_attention("attend", *arrays(t=7), **options)


def test_a_bias_of_integers_is_one_clear_line():
    with pytest.raises(TypeError, match=r"^attend: bias\[0\] must be floating or complex, got int64$"):
        expect_attention("attend", *arrays(), np.zeros((2, 4, 3, 5), np.int64))


@pytest.mark.parametrize("cap", [0, -1.0, math.inf, math.nan])
def test_a_cap_that_caps_nothing_is_one_clear_line(cap):
    with pytest.raises(ValueError, match=f"^attend: cap must be positive and finite, got {cap}$"):
        expect_attention("attend", *arrays(), cap=cap)


@pytest.mark.parametrize("dropout", [-0.1, 1, 2.0, math.nan])
def test_a_share_of_all_or_more_is_one_clear_line(dropout):
    with pytest.raises(ValueError, match=rf"^attend: dropout must lie in \[0, 1\), got {dropout}$"):
        expect_attention("attend", *arrays(), dropout=dropout)


@pytest.mark.parametrize("rng", [7, np.random.RandomState(0), np.random.PCG64(0)])
def test_a_source_of_another_kind_is_one_clear_line(rng):
    message = f"^attend: rng must be a numpy.random.Generator or None, got {type(rng).__name__}$"
    with pytest.raises(TypeError, match=message):
        expect_attention("attend", *arrays(), rng=rng)


@pytest.mark.parametrize("causal", ["no", None, 0, np.ones(1, bool)])
def test_what_is_neither_true_nor_false_is_one_clear_line(causal):
    with pytest.raises(TypeError, match=f"^attend: causal must be True or False, got {type(causal).__name__}$"):
        expect_attention("attend", *arrays(), causal=causal)


def test_complex_slopes_are_one_clear_line():
    with pytest.raises(TypeError, match=r"^attend: slopes must be real, got complex128$"):
        expect_attention("attend", *arrays(), slopes=np.ones(4, complex))
