"""An error that the user's code raises where the checker moved the inputs says so, and from what to what."""

import numpy as np
import pytest

from gradcheck.subjects.adapted import Leaf
from gradcheck.subjects.moved import told

X = np.array([[0.25, -1.5], [2.0, 0.125]])
START = "gradcheck: at a point that the checker chose: it moved "


def notes(values, arrays):
    leaves = [Leaf(f"x{i}", np.asarray(value), False) for i, value in enumerate(values)]
    with pytest.raises(KeyError) as caught, told(leaves, arrays):
        raise KeyError("of the user's")
    return getattr(caught.value, "__notes__", [])


def test_the_entry_that_moved_most_is_named_with_both_values():
    moved = X + np.array([[0, 1e-3], [0, -0.5]])
    assert notes([X], [moved]) == [f"{START}x0[1, 1] from 0.125 to -0.375 (and 1 more entries)"]
    assert notes([X, 2.0], [X, np.array(2.5)]) == [f"{START}x1 from 2.0 to 2.5"]
    assert notes([-1e308], [np.array(1e308)]) == [f"{START}x0 from -1e+308 to 1e+308"], "farther than any number"
    assert notes([X, 2.0], [X + 1j, np.array(np.nan)])[0].startswith(f"{START}x0[0, 0] from 0.25 to (0.25+1j) (and 3")


def test_what_is_no_number_any_more_moved_farthest():
    moved = X + np.array([[1, np.nan], [0, 0]])
    assert notes([X], [moved]) == [f"{START}x0[0, 1] from -1.5 to nan (and 1 more entries)"]


def test_an_error_at_the_given_point_is_left_as_it_is():
    assert notes([X, 2.0], [X.astype(np.complex128), np.array(2.0)]) == []
    assert notes([X], []) == notes([np.zeros((0, 3))], [np.zeros((0, 3))]) == []
    assert notes([X], [np.zeros(3)]) == notes([X], [np.zeros((0, 2))]) == [], "an array of another shape"


def test_what_the_checker_says_itself_needs_no_such_note():
    with pytest.raises(ValueError, match=r"^gradcheck: ") as caught, told([Leaf("x", X, False)], [X + 1]):
        raise ValueError("gradcheck: of its own")
    assert not hasattr(caught.value, "__notes__")
