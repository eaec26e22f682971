"""Claims of a subject whose own arrays are a few roundings away."""

import types

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.claims import held
from gradcheck.claims.held import with_held_rounded
from gradcheck.subjects.problem import Problem

U, X, DY = 2.0**-53, np.array([0.5, -1.25, 2.0]), np.array([[1.0, 0.75, -0.5], [0.25, 1.5, 1.0]])
A = np.array([[1.5, 0.25, 0], [0.5, 1.75, 0.125], [0, 0.375, 1.25]])


def linear(a, at=lambda a: a):
    """x -> A x, whose pullback finds A in what it holds."""
    return pair(lambda x: at(a) @ x, lambda x, dy: at(a).T @ dy)


def claims(subject, u=U, seed=1, **constants):
    (found,) = with_held_rounded(Problem(subject, (X,), constants), [X], DY, u, seed) or (None,)
    return found


def off(found, a=A):
    """The largest change of A, in units, as a pullback of a dense dy shows it."""
    return np.abs(found - DY @ a).max() / U


def test_every_entry_is_one_or_two_units_away_and_zeros_stay():
    a, u = np.ones((40, 3)), 2.0**-20
    seen = []

    def backward(x, dy):
        seen.append(a.copy())
        return a.T @ dy

    problem = Problem(pair(lambda x: a @ x, backward), (X,), {})
    with_held_rounded(problem, [X], np.ones((1, 40)), u, 1)
    assert set(((seen[0] - 1) / u).ravel().tolist()) == {-2.0, -1.0, 1.0, 2.0}
    assert (a == 1).all(), "it must be put back"
    a[...] = 0
    with_held_rounded(problem, [X], np.ones((1, 40)), u, 1)
    assert not seen[1].any()


def test_the_same_seed_gives_the_same_multiples():
    one, far = claims(linear(A), u=2.0**-30), claims(linear(A), u=2.0**-20)
    np.testing.assert_array_equal(one, claims(linear(A), u=2.0**-30))
    np.testing.assert_allclose((far - DY @ A) / 2**10, one - DY @ A, rtol=0, atol=2.0**-48)
    assert off(one - claims(linear(A), seed=2) + DY @ A) > 0.5


HELD = {
    "closure": (A, lambda a: a),
    "tuple": ((1, A), lambda a: a[1]),
    "list": ([A], lambda a: a[0]),
    "dictionary": ({"a": A}, lambda a: a["a"]),
    "bag": (types.SimpleNamespace(a=A), lambda a: a.a),
    "view": (A.T, lambda a: a.T),
}


@pytest.mark.parametrize("how", HELD)
def test_arrays_are_changed_wherever_they_lie(how):
    before = A.copy()
    assert 0.5 < off(claims(linear(*HELD[how]))) < 30
    np.testing.assert_array_equal(A, before)


def test_a_constant_that_is_handed_over_is_changed():
    def subject(x, a):
        return a @ x, lambda dy: a.T @ dy

    assert 0.5 < off(claims(subject, a=A)) < 30


def test_an_array_that_cannot_be_written_to_is_replaced_where_it_can_be():
    fixed = A.copy()
    fixed.flags.writeable = False
    subject = linear(fixed)
    assert 0.5 < off(claims(subject)) < 30
    assert subject.forward(None, (X,), {}).tolist() == (A @ X).tolist(), "it must be put back"
    assert claims(linear((fixed,), lambda a: a[0])) is None


def test_a_constant_that_cannot_be_written_to_is_replaced():
    def subject(x, a):
        return a @ x, lambda dy: a.T @ dy

    fixed = A.copy()
    fixed.flags.writeable = False
    assert 0.5 < off(claims(subject, a=fixed)) < 30


def test_of_a_tensor_its_numbers_are_changed_without_its_graph():
    class Tensor:
        def __init__(self, x):
            self.x = x

        def __dlpack__(self):
            raise BufferError

        def detach(self):
            return self.x

        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("call detach() first")

    assert 0.5 < off(claims(linear(Tensor(A), lambda a: a.x))) < 30


def test_an_array_that_is_held_twice_is_changed_once():
    whole = A.copy()
    subject = pair(lambda x, a=whole: whole @ x, lambda x, dy, a=whole: (whole - a).T @ dy)
    assert not claims(subject).any()


def test_views_of_one_array_are_put_back():
    whole = A.copy()
    claims(linear([whole, whole[1:], whole.T], lambda a: a[0]))
    np.testing.assert_array_equal(whole, A)


def test_an_error_changes_nothing():
    whole = A.copy()

    def refuses(x):
        if not np.array_equal(whole, A):
            raise RuntimeError("another matrix")
        return whole @ x

    found = claims(pair(refuses, lambda x, dy: whole.T @ dy))
    assert np.isnan(found).all()
    np.testing.assert_array_equal(whole, A)


def test_formats_without_such_steps_stay_what_they_are():
    for a in (A.astype(np.float32), A.astype(np.float16), (8 * A).astype(int), A > 0, np.zeros((0, 3))):
        assert claims(linear(a, lambda a: np.eye(3) + a.sum())) is None, a.dtype
    assert claims(linear(A.astype(np.float32)), u=2.0**-24) is not None


def test_what_is_large_or_no_numpy_array_stays_as_it_is(monkeypatch):
    class Device:
        def __dlpack__(self):
            raise BufferError

        def __array__(self, dtype=None, copy=None):
            raise TypeError("on a device")

    assert claims(linear(Device(), lambda a: np.eye(3))) is None
    monkeypatch.setattr(held, "MOST", A.nbytes - 1)
    assert claims(linear(A)) is None
    monkeypatch.setattr(held, "MOST", A.nbytes)
    assert claims(linear(A)) is not None
