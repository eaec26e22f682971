"""Strategies draw what they promise."""

import re

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

import gradcheck
from gradcheck.strategies import arrays, masks, shapes

SETTINGS = settings(deadline=None, max_examples=60, derandomize=True, database=None)


@SETTINGS
@given(shapes())
def test_shapes_have_one_to_three_axes_of_different_lengths(shape):
    assert 1 <= len(shape) <= 3 and len(set(shape)) == len(shape)
    assert all(type(length) is int and 2 <= length <= 6 for length in shape)


@SETTINGS
@given(shapes(4, sides=(0, 2), distinct=False))
def test_shapes_may_repeat_and_be_empty(shape):
    assert len(shape) == 4 and set(shape) <= {0, 1, 2}


def test_shapes_of_every_kind_are_found():
    assert find(shapes(), lambda shape: len(shape) == 3, settings=SETTINGS)
    assert find(shapes(2, distinct=False), lambda s: s[0] == s[1], settings=SETTINGS) == (2, 2)
    assert find(shapes((0, 1)), lambda shape: not shape, settings=SETTINGS) == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dims": (3, 2)}, "shapes: dims and sides must be ranges of whole numbers, got (3, 2) and (2, 6)"),
        ({"sides": (3, 2)}, "shapes: dims and sides must be ranges of whole numbers, got (1, 3) and (3, 2)"),
        ({"sides": (-1, 2)}, "shapes: dims and sides must be ranges of whole numbers, got (1, 3) and (-1, 2)"),
        ({"dims": 3, "sides": (2, 3)}, "shapes: 3 different lengths must lie in sides, got (2, 3)"),
    ],
)
def test_impossible_shapes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        shapes(**arguments)


@SETTINGS
@given(arrays((3, 4)))
def test_arrays_are_well_scaled(x):
    assert x.shape == (3, 4) and x.dtype == np.float64
    assert np.abs(x).min() >= 0.25 and np.abs(x).max() <= 1.75
    assert len(np.unique(x)) == x.size


@SETTINGS
@given(arrays(shapes(), dtype=np.float32, scale=(1e-3, 1e3), positive=True))
def test_arrays_have_the_dtype_scale_and_sign_that_are_asked_for(x):
    assert x.dtype == np.float32 and (x > 0).all()
    assert x.min() >= 0.24e-3 and x.max() <= 1.76e3
    assert x.max() / x.min() <= 8


def test_scales_of_all_orders_are_drawn():
    wide = arrays(3, scale=(1e-6, 1e6))
    assert np.abs(find(wide, lambda x: np.abs(x).max() < 1e-4, settings=SETTINGS)).max() < 1e-4
    assert np.abs(find(wide, lambda x: np.abs(x).min() > 1e4, settings=SETTINGS)).min() > 1e4


def test_both_signs_are_drawn():
    assert (find(arrays(8), lambda x: (x < 0).any() and (x > 0).any(), settings=SETTINGS) != 0).all()


@pytest.mark.parametrize("scale", [0, -1.0, (2.0, 1.0), (1.0, np.inf)])
def test_impossible_scales_are_refused(scale):
    with pytest.raises(ValueError, match=r"^arrays: scale must be positive, or a range of positive numbers, got"):
        arrays(3, scale=scale)


@SETTINGS
@given(masks(shapes()))
def test_masks_leave_something_visible_in_every_row(mask):
    assert mask.dtype == bool and mask.any(axis=-1).all() and mask.flags.writeable


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("everything", lambda m: m.all()),
        ("causal", lambda m: not m.all() and (m == np.tri(4, 5, dtype=bool)).all()),
        ("padding", lambda m: (np.diff(m.astype(int)) <= 0).all() and len(set(m.sum(-1).ravel())) > 1),
        ("any", lambda m: (np.diff(m.astype(int)) > 0).any()),
    ],
)
def test_masks_of_every_kind_are_drawn(name, condition):
    found = find(masks((2, 4, 5)), condition, settings=SETTINGS)
    assert found.shape == (2, 4, 5), name


def test_rows_that_see_nothing_are_drawn_where_they_are_asked_for():
    assert not find(masks((3, 4), empty_rows=True), lambda m: not m.any(-1).all(), settings=SETTINGS).any(-1).all()


@SETTINGS
@given(st.data(), st.sampled_from([(), (0,), (3, 0), (4,), (1, 5)]), st.booleans())
def test_masks_of_any_shape_are_drawn(data, shape, empty_rows):
    assert data.draw(masks(shape, empty_rows)).shape == shape
    assert data.draw(masks(4)).shape == (4,)


@settings(SETTINGS, max_examples=10)
@given(st.data())
def test_a_layer_is_proved_at_whatever_is_drawn(data):
    x = data.draw(arrays(shapes(2)))
    mask = data.draw(masks(x.shape))
    gradcheck.assert_gradients(
        lambda x, *, mask: (np.where(mask, x * x, 0), lambda dy: np.where(mask, 2 * x, 0) * dy), x, mask=mask
    )
