"""A part of a subject's outputs is what the subject says of it with cotangents of zero for the others."""

import pickle

import numpy as np
import pytest

from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.holdings import holdings
from gradcheck.subjects.part import Part
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(0).normal(size=(2, 3))


class Several(Adapted):
    """Three floating arrays and whole numbers in a tree; keeps the dy that it is given."""

    name, units = "several", {"x": 2.0**-8}

    def __init__(self):
        self.parameters, self.seen = {"w": np.arange(3.0)}, []

    def vjp(self, parameters, inputs, constants):
        (x,), w = inputs, parameters["w"]

        def pullback(dy):
            self.seen.append(dy)
            a, (b, _), c = dy["a"], dy["b"], dy["c"]
            return {"w": (x * a).sum(0) + c}, (w * a + 2 * x * b,)

        return {"a": w * x, "b": (x * x, np.arange(2)), "c": w + 0}, pullback


def problem_of(*places):
    subject = Several()
    whole = Problem(subject, (X,), {})
    return whole, whole.changed(subject=Part(subject, whole.output([leaf.value for leaf in whole.leaves]), places))


def test_what_is_returned_are_the_arrays_at_the_places():
    whole, part = problem_of(1, 2)
    arrays = [leaf.value for leaf in whole.leaves]
    assert np.array_equal(part.forward(arrays), whole.forward(arrays)[X.size :])
    complex_arrays = [x + 1e-100j for x in arrays]
    assert np.array_equal(part.forward(complex_arrays), whole.forward(complex_arrays)[X.size :])
    assert (part.name, part.complex_safe, part.subject.units) == ("several", True, {"x": 2.0**-8})


@pytest.mark.parametrize("protect", [True, False])
def test_the_cotangents_of_the_others_are_zeros_that_are_as_writeable(protect):
    whole, part = problem_of(1)
    whole, part = whole.changed(protect=protect), part.changed(protect=protect)
    arrays, g = [leaf.value for leaf in whole.leaves], np.ones((1, X.size))
    found = part.gradients(arrays, g)
    padded = np.concatenate([np.zeros_like(g), g, np.zeros((1, 3))], axis=1)
    assert all(map(np.array_equal, found, whole.gradients(arrays, padded)))
    dy = part.subject.inner.seen[0]
    assert not dy["a"].any() and not dy["c"].any() and dy["b"][0].all()
    assert {dy["a"].flags.writeable, dy["b"][0].flags.writeable, dy["c"].flags.writeable} == {not protect}


def test_what_the_subject_learns_of_complex_numbers_holds_for_the_part():
    _, part = problem_of(0)
    part.subject.inner.complex_safe = False
    assert not part.complex_safe and part.subject.signature() == part.subject.inner.signature()


def test_it_holds_no_floating_array_of_its_own_and_can_be_sent():
    _, part = problem_of(0)
    met = [x for _, _, x in holdings(part.subject) if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    assert {id(x) for x in met} == {id(part.subject.parameters["w"])}
    sent = pickle.loads(pickle.dumps(part))
    arrays = [leaf.value for leaf in part.leaves]
    assert np.array_equal(sent.forward(arrays), part.forward(arrays))
