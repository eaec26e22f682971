"""An array by a few coordinates: at the start it is what it was, and it moves in every entry by its own size."""

import numpy as np
import pytest

from gradcheck.adapters.spans import DIRECTIONS, Span, spanned


@pytest.fixture
def x(rng):
    x = rng.normal(size=(40, 5)) * 10.0 ** rng.integers(-2, 3, size=(40, 1))
    x[0, 0] = 0.0
    return x


def test_at_the_start_an_array_is_what_it_was(x, rng):
    span = spanned(x, rng)
    np.testing.assert_array_equal(span.start, np.ones(DIRECTIONS))
    np.testing.assert_array_equal(span.moved(span.start), x)


def test_it_moves_along_its_directions(x, rng):
    span, t = spanned(x, rng), rng.normal(size=DIRECTIONS)
    expected = x + np.einsum("k,kij->ij", t - 1, span.directions)
    np.testing.assert_allclose(span.moved(t), expected, rtol=1e-12, atol=1e-12)  # sums in another order
    expected = np.einsum("k,kij->ij", t, span.directions)
    np.testing.assert_allclose(span.along(t), expected, rtol=1e-12, atol=1e-12)


def test_every_entry_moves_by_about_its_own_size(x, rng):
    moves = np.sqrt((spanned(x, rng).directions ** 2).sum(axis=0))
    assert moves.shape == x.shape
    assert (moves > 0.2 * np.abs(x)).all()
    assert (moves < 3 * np.abs(x))[np.abs(x) > 5].all()
    assert 0 < moves[0, 0] < np.abs(x).max()


def test_a_small_array_is_its_own_coordinates(rng):
    for n, is_small in ((DIRECTIONS, True), (DIRECTIONS + 1, False)):
        x, t = rng.normal(size=n), rng.normal(size=n if is_small else DIRECTIONS)
        span = spanned(x, rng)
        assert (span.directions is None) == is_small
        assert span.start.shape == t.shape
        assert not is_small or (span.start is x and span.moved(t) is t and span.along(t) is t)


def test_numbers_keep_the_kind_of_the_coordinates(rng):
    span = spanned(rng.normal(size=20).astype(np.float32), rng)
    assert span.start.dtype == np.float32
    for dtype in (np.float32, np.float64, np.complex128):
        t = np.ones(DIRECTIONS, dtype)
        assert (span.moved(t).dtype, span.along(t).dtype) == (dtype, dtype)


def test_a_span_without_directions_is_said_so():
    assert Span(np.ones(2), None).start.shape == (2,)
