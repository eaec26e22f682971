"""The corpus is what it says: right cases agree with the true gradient, wrong ones do not, exactly where declared."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from corpus_claims import claims, differing, rounding, truth
from corpus_loader import CONTRACTS, load

CASES = load()
CLEAR = 1e-2  # the relative error of a wrong case that states none, at least


def parametrize(condition):
    return pytest.mark.parametrize("case", [c for c in CASES if condition(c)], ids=lambda case: case.name)


@parametrize(lambda case: not case.contract and not case.special_point)
def test_gradients_agree_exactly_where_they_are_not_declared_wrong(case):
    dy, grads = claims(case, case.inputs)
    assert [np.shape(grad) for grad in grads] == [x.shape for x in case.inputs]
    assert {np.asarray(grad).dtype for grad in grads} == {np.dtype(np.float64)}
    trues = [truth(case, case.inputs, dy, i) for i in range(len(grads))]
    slacks = rounding(case, case.inputs, dy, grads, smooth=not any(true.jump.any() for true in trues))
    for i, (grad, true, slack) in enumerate(zip(grads, trues, slacks, strict=True)):
        if i not in case.wrong_inputs:
            agrees(case, grad, true, slack)
        elif true.jump.any():
            leaves_the_subgradients(case, grad, dy)
        else:
            disagrees(case, grad, true, slack, (case.wrong_coordinates or {}).get(i))


def agrees(case, claim, true, slack):
    known = 1e-3 if case.narrow else 1e-5  # of the largest entry; most are known to 1e-10 and better
    assert np.all(true.error <= known * np.abs(true.value).max(initial=0) + 1e-9), "the true gradient is not known"
    assert not differing(claim, true, slack).any()


def disagrees(case, claim, true, slack, coordinates):
    """As a whole by the declared relative error; where entries are declared, in exactly these."""
    declared = np.isin(true.at, list(coordinates)) if coordinates is not None else np.ones(true.at.size, bool)
    wrong = differing(claim, true, slack)
    assert np.array_equal(wrong, declared) if coordinates is not None else wrong.mean() > 0.8
    gap, size = (np.linalg.norm(v[declared]) for v in (np.ravel(claim)[true.at] - true.value, true.value))
    assert gap >= (case.relative_error or CLEAR) / 2 * size
    assert case.relative_error is None or gap <= 10 * case.relative_error * size


def leaves_the_subgradients(case, grad, dy):
    """Each slope alone is allowed; along the ones the function has no kink, and the gradient another slope."""
    (x,) = case.inputs
    slopes = [dy @ (case.forward(x + step) - case.forward(x)) / step for step in (2.0**-10, -(2.0**-10))]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-12)  # the function is linear along this line
    assert abs(grad.sum() - slopes[0]) > CLEAR * abs(slopes[0])


@parametrize(lambda case: case.special_point)
def test_a_special_point_hides_the_error_and_a_generic_one_shows_it(case):
    rng = np.random.default_rng(8)
    generic = [rng.uniform(0.5, 1.5, x.shape) if (x == x.flat[0]).all() else x for x in case.inputs]
    for inputs, shown in ((case.inputs, set()), (generic, set(case.wrong_inputs))):
        dy, grads = claims(case, inputs)
        slacks = enumerate(zip(grads, rounding(case, inputs, dy, grads), strict=True))
        assert {i for i, (grad, s) in slacks if differing(grad, truth(case, inputs, dy, i), s).any()} == shown


def test_counts():
    wrong = [case for case in CASES if case.kind == "wrong"]
    assert len(wrong) >= 120
    assert len({case.bug_class for case in wrong}) >= 20
    assert sum(case.kind == "right" for case in CASES) >= 60
    assert {case.contract for case in wrong} == {None, *CONTRACTS}


def test_names_are_given_once():
    assert max(Counter(case.name for case in CASES).values()) == 1


def test_every_input_is_a_float64_array():
    assert {x.dtype for case in CASES for x in case.inputs} == {np.dtype(np.float64)}


@pytest.mark.parametrize("level", [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
def test_relative_errors_are_graded(level):
    assert sum(case.relative_error == level for case in CASES) >= 4


def test_each_case_is_one_of_the_two_kinds_in_full():
    for case in CASES:
        assert (case.vjp is None) == (case.forward is not None) == (case.backward is not None), case.name
        assert (case.bug_class is None) == (case.kind == "right"), case.name
        assert bool(case.wrong_inputs or case.contract) == (case.kind == "wrong"), case.name
