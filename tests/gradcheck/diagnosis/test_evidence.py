"""What is seen of one array: which derivatives are wrong, and whether the output is a sum over its entries."""

import numpy as np

from gradcheck.diagnosis.evidence import UNKNOWN, Diagnosis, half

X = np.random.default_rng(12).normal(size=(3, 4))


def test_rows_are_outputs_and_columns_entries(evidence):
    e = evidence(lambda x: np.sin(x).sum(0), lambda x, dy: dy * np.cos(x) * [[1], [2], [1]], X)
    assert e.unit and e.whole
    assert (e.outputs, e.shape, e.claimed.shape) == ((4,), (3, 4), (4, 12))
    assert np.array_equal(e.wrong.reshape(3, 4), np.broadcast_to([[False], [True], [False]], (3, 4)))
    assert np.array_equal(e.bad, e.wrong & (np.arange(12) % 4 == np.arange(4)[:, None]))
    assert np.allclose(e.error[e.bad], np.cos(e.x)[1], rtol=1e-9, atol=0)


def test_a_sum_of_entries_is_told_from_one_that_is_not(evidence):
    of_each = evidence(lambda x: np.array(np.sin(x).sum()), lambda x, dy: dy * np.cosh(x), X)
    mixed = evidence(lambda x: np.array(np.sin(x).sum() ** 2), lambda x, dy: dy * np.cosh(x), X)
    assert (of_each.separable, mixed.separable) == (True, False)


def test_roundings_are_close_and_nothing(evidence):
    e = evidence(np.sinh, lambda x, dy: dy * np.exp(x), X)
    assert e.close(e.numeric + e.slack, e.numeric) and not e.close(e.claimed, e.numeric)
    assert e.no(e.slack).all() and not e.no(np.diag(np.diag(e.numeric))).all()


def test_a_diagnosis_is_false_where_it_is_unknown():
    assert not UNKNOWN and Diagnosis("factor", "a factor is wrong")


def test_pairs_of_columns_that_are_each_coupled_are_no_sum_of_entries(evidence):
    """A half that were whole columns would not tell that the rows of each column act on each other."""
    e = evidence(lambda x: np.array(((x[1:] - x[:-1]) ** 4).sum()), lambda x, dy: dy * np.cosh(x), X[:, :2])
    assert not e.separable


def test_half_of_the_entries_is_no_row_and_no_column():
    part = half(24).reshape(6, 4)
    assert (part.any(axis=0) & ~part.all(axis=0)).all() and (part.any(axis=1) & ~part.all(axis=1)).all()
