"""Places, extremes and factors in words."""

import numpy as np
import pytest

from gradcheck.diagnosis import words


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (np.ones((2, 3), bool), "in every entry"),
        (np.eye(3, dtype=bool), "on the diagonal"),
        (~np.eye(3, dtype=bool), "off the diagonal"),
        (np.triu(np.ones((3, 3), bool), 1), "above the diagonal"),
        (np.tril(np.ones((3, 3), bool), -1), "below the diagonal"),
        (np.isin(np.arange(9), [0, 1, 3, 5, 8]), "at index 0, 1, 3, 5, ... of axis 0"),
        (np.arange(6).reshape(2, 3) % 5 == 0, "at [0, 0], [1, 2] (2 of 6 entries)"),
        (np.arange(12).reshape(3, 4) % 5 < 2, "at [0, 0], [0, 1], [1, 1], ... (6 of 12 entries)"),
    ],
)
def test_places_in_words(where, said):
    assert words.places(where.ravel(), where.shape) == said
