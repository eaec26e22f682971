"""All comparisons of a check: at kinks and ties, near by and at the given point, at the entries that they lead to."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.comparisons import Comparisons, _acquitted, _doubted, _wrong


def relu(at_zero):
    return pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * np.where(x == 0, at_zero, x > 0))


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 1.0])
def test_at_a_kink_every_subgradient_is_right(at_zero):
    report = gradcheck.check(relu(at_zero), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].kinks == 1
    assert report.gradients[0].digits > 11


@pytest.mark.parametrize("at_zero", [-0.01, 1.01, 2.0, np.nan])
def test_at_a_kink_what_lies_outside_the_one_sided_derivatives_fails(at_zero):
    report = gradcheck.check(relu(at_zero), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "fail"
    assert report.gradients[0].worst_index == (0,)


def bent(weight):
    """Curved on both sides of a kink at 0, where the slope from the right is -1 and from the left 1."""

    def backward(x, dy):
        at_zero = 1 - 2 * weight
        return dy * np.where(x > 0, -np.exp(x) - 2 * x, np.where(x == 0, at_zero, np.cos(x) + 2 * x))

    return pair(lambda x: np.where(x > 0, -np.expm1(x) - x * x, np.sin(x) + x * x), backward)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_both_ends_of_the_interval_are_right_where_the_function_is_curved(weight):
    assert gradcheck.check(bent(weight), np.array([0.0, 1.5, -2.0, 0.7])).verdict == "pass"


@pytest.mark.parametrize("weight", [-1e-6, 1 + 1e-6])
def test_just_beyond_an_end_is_wrong_where_the_function_is_curved(weight):
    report = gradcheck.check(bent(weight), np.array([0.0, 1.5, -2.0, 0.7]))
    assert report.verdict == "fail" and report.gradients[0].wrong == [(0,)]


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 3e-7, 1e-8, -1e-8, -3e-7, -1e-3])
def test_near_a_kink_the_side_that_x_is_on_decides(distance):
    x = np.array([distance, 1.5, -2.0, 0.7])
    assert gradcheck.check(relu(0.0), x).verdict == "pass"
    wrong = pair(lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > -0.3) * (x < 1))
    assert gradcheck.check(wrong, x).verdict == "fail"


def test_zeros_of_a_large_input_are_looked_at_too(rng):
    x = rng.normal(size=600)
    x[rng.choice(600, 30, replace=False)] = 0
    assert gradcheck.check(relu(0.5), x).verdict == "pass"
    report = gradcheck.check(relu(-1.0), x)
    assert report.verdict == "fail" and x[report.gradients[0].worst_index] == 0


def biggest(share):
    """The maximum of each row; of several that are equal, `share` decides."""

    def backward(x, dy):
        top = x == x.max(axis=-1, keepdims=True)
        return dy * (top / top.sum(axis=-1, keepdims=True) if share == "equal" else share * top)

    return pair(lambda x: x.max(axis=-1, keepdims=True), backward)


def test_a_tie_shared_is_right_and_a_tie_counted_twice_is_not():
    x = np.array([[1.0, 3.0, 3.0, -2.0], [0.5, 2.0, -1.0, 0.3]])
    assert gradcheck.check(biggest("equal"), x).verdict == "pass"
    report = gradcheck.check(biggest(1.0), x)  # each entry a valid subgradient, together none
    assert report.verdict == "fail", str(report)


def test_a_tie_between_two_arrays_is_no_evidence(rng):
    f = pair(np.maximum, lambda a, b, dy: (dy * (a >= b), dy * (b > a)))
    x = np.repeat(rng.normal(size=4), 2)
    assert gradcheck.check(f, x, x.copy()).verdict == "pass"


def test_an_entry_that_only_a_direction_shows_to_be_wrong_is_found(rng):
    x = rng.normal(size=600)

    def backward(x, dy):
        return np.cos(x) * dy * np.where(np.arange(600) == 57, 1.01, 1)

    report = gradcheck.check(pair(np.sin, backward), x)
    assert report.verdict == "fail" and report.gradients[0].wrong == [(57,)]


@pytest.mark.parametrize(
    ("forward", "method"),
    [
        (lambda x: x * x, "complex step"),
        (lambda x: x * np.conj(x), "real differences"),  # the complex step says 0
        (lambda x: np.append(x[:1] * np.conj(x[:1]), x[1:] * x[1:]), "real differences"),  # of one entry
        (lambda x: np.square(np.asarray(x, float) if not np.iscomplexobj(x) else 1 / 0), "real differences"),
    ],
)
def test_the_complex_step_is_believed_where_there_is_one_and_real_differences_confirm_it(forward, method, rng):
    report = gradcheck.check(pair(forward, lambda x, dy: 2 * x * dy), rng.normal(size=5))
    assert report.verdict == "pass" and report.gradients[0].method == method


def test_many_kinks_of_one_array_are_told_of_that_one(rng):
    a, b = rng.normal(size=300), rng.normal(size=300)
    a[:200] = 0
    subject = pair(lambda a, b: np.maximum(a, 0) + np.sin(b), lambda a, b, dy: (dy * (a > 0), dy * np.cos(b)))
    report = gradcheck.check(subject, a, b)
    assert report.verdict == "pass", str(report)
    assert [f.array for f in report.findings if f.kind == "kinks"] == ["a"]


class Gated:
    """A parameter of zeros that lies at a kink, and is right there."""

    def __init__(self, w, slope=0.0):
        self.w, self.slope = w, slope

    def vjp(self, x):
        at = np.where(self.w > 0, 1.0, np.where(self.w == 0, self.slope, 0.0))
        return np.maximum(self.w, 0) * x, lambda dy: ({"w": dy * at * x}, dy * np.maximum(self.w, 0))


def test_where_parameters_of_zeros_are_what_they_were_only_a_contradiction_is_filed(rng):
    x = rng.normal(size=5)
    report = gradcheck.check(Gated(np.zeros(5)), x)
    assert report.verdict == "pass" and report.gradients[0].kinks == 0
    assert gradcheck.check(Gated(np.zeros(5), slope=2.0), x).verdict == "fail"


def test_of_many_wrong_entries_a_sample_is_located_and_it_is_said_of_their_array(rng):
    def backward(x, y, dy):
        return 1.01 * np.cos(x) * dy, dy * np.where(np.arange(600) == 3, 1.01, 1)

    report = gradcheck.check(pair(lambda x, y: np.sin(x) + y, backward), *rng.normal(size=(2, 600)))
    (note,) = [f for f in report.findings if f.kind == "dense"]
    assert (note.message, note.severity, note.array) == (
        "x: many entries are wrong, of which a sample was located",
        "note",
        "x",
    )
    assert report.gradients[1].wrong == [(3,)]


# What is filed, and what is acquitted


def test_a_contradiction_of_the_whole_that_its_parts_do_not_show_is_no_evidence(comparison):
    c = comparison([2.0, 1.0], 1.0, bar=1e-3, probe=Probe(0, seed=1))
    found = _acquitted(c)
    assert np.isinf(found.real.bar).all() and np.isinf(c.real.bar).sum() == 0 and not found.outside().any()
    assert found.doubt == "differences along the whole array contradict the claim, in its parts they do not"


def test_unless_the_complex_step_confirms_it_or_no_differences_were_made(comparison):
    plain = comparison([2.0, 2.0], 1.0, bar=1e-8, exact=1.0, probe=Probe(0, seed=1))
    bare = comparison([np.nan, 1.0], probe=Probe(0, seed=1))
    assert _acquitted(plain) is plain and _acquitted(bare) is bare


def test_an_array_is_wrong_that_one_cotangent_of_one_comparison_contradicts(comparison):
    right, wrong = comparison([1.0, 1.0], 1.0), comparison([1.0, 2.0], 1.0)
    assert _wrong([[right], [right, wrong], [], [wrong, right]]) == {1, 3}


def test_doubts_arise_from_either_means(comparison):
    assert not _doubted(comparison([1.0, 1.0], 1.0, exact=1.0))
    assert _doubted(comparison([1.0, 2.0], 1.0)) and _doubted(comparison([1.0, 2.0], exact=1.0))
    assert _doubted(comparison([1.0, 1.0], 1.0, claimed_bar=9.0, exact=[1.0, 2.0]))


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Comparisons).near = None
