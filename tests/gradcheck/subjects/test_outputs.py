"""What a forward pass returns, as one vector, and a vector as what it returned."""

import numpy as np
import pytest

from gradcheck.subjects.outputs import brief, entry, flat, like, output_names, representable

X = np.random.default_rng(1).normal(size=(2, 3))
TREE = {"a": X, "n": np.arange(2), "b": [np.float64(7.0)], "c": X[0].astype(np.float32)}


def test_outputs_of_any_structure_are_one_vector():
    assert np.array_equal(flat(TREE), [*X.ravel(), 7, *X[0].astype(np.float32)])
    assert np.array_equal(flat((X[1], X[0])), [*X[1], *X[0]])


def test_a_vector_is_cut_into_the_arrays_of_an_output_and_what_is_no_output_is_kept():
    dy = like(TREE, np.arange(10.0))
    assert np.array_equal(dy["a"], np.arange(6.0).reshape(2, 3)) and dy["b"][0] == 6
    assert dy["c"].tolist() == [7, 8, 9] and dy["n"].tolist() == [0, 1]


def test_a_number_is_an_output():
    assert flat(2.5).tolist() == [2.5] and flat(2.5 + 1j).tolist() == [2.5 + 1j]
    assert like(2.5, np.array([3.0])).shape == () and output_names(2.5) == [("y", ())]


def test_an_entry_of_outputs_has_the_name_of_its_array_and_its_place_there():
    names = [entry(output_names(TREE), k) for k in (0, 5, 6, 9)]
    assert names == ["y.a[0, 0]", "y.a[1, 2]", "y.b[0]", "y.c[2]"]
    assert entry(output_names(2.5), 0) == "y"
    with pytest.raises(IndexError):
        entry(output_names(TREE), 10)


def test_a_single_array_is_not_copied():
    assert np.shares_memory(flat(X), X) and np.shares_memory(flat({"y": X}), X)


def test_a_cotangent_has_the_dtype_of_its_output():
    assert like(TREE, np.ones(10))["c"].dtype == np.float32 and like(TREE, np.ones(10))["a"].dtype == np.float64


@pytest.mark.parametrize("protect", [True, False])
def test_a_cotangent_is_read_only_unless_that_is_given_up(protect):
    assert like(X, np.arange(6.0), protect).flags.writeable != protect
    assert not like(X, np.arange(6.0)).flags.writeable


@pytest.mark.parametrize(
    ("y", "got"), [(None, "NoneType"), (3, "int"), (np.arange(6).reshape(2, 3), "int64[2, 3]"), ([], "list")]
)
def test_an_output_without_a_floating_array_is_refused(y, got):
    with pytest.raises(TypeError, match="must return a floating array") as raised:
        flat(y)
    assert str(raised.value) == f"gradcheck: the forward pass must return a floating array, got {got}"
    assert brief(y) == got


def test_outputs_are_named_by_their_paths():
    assert output_names(TREE) == [("y.a", (2, 3)), ("y.b[0]", ()), ("y.c", (3,))]
    assert output_names((X, X[0])) == [("y[0]", (2, 3)), ("y[1]", (3,))]


def test_what_is_handed_over_is_what_the_arrays_of_an_output_hold():
    g = 1 + 2.0**-30 * np.arange(20.0).reshape(2, 10)
    held = representable(TREE, g)
    assert held.dtype == np.float64 and np.array_equal(held[:, :7], g[:, :7]) and (held[:, 7:] == 1).all()


@pytest.mark.parametrize("count", [0, 2])
def test_an_empty_output_and_no_cotangents_are_held_as_they_are(count):
    assert representable(np.zeros(0), np.ones((count, 0))).shape == (count, 0)
    assert representable(np.zeros(3), np.ones((count, 3))).shape == (count, 3)
