"""The cases of the corpus that break a contract break it in the way that they declare."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from corpus_claims import claims, copies, cotangent, differing, listed, truth, vjp
from corpus_loader import CONTRACTS, load

BROKEN = [case for case in load() if case.contract]


def same(first, second):
    return all(map(np.array_equal, first, second))


def called(case):
    """Output, pullback, cotangent."""
    y, pullback = vjp(case)(*copies(case.inputs))
    return y, pullback, cotangent(y)


def nonlinear(case):
    _, pullback, dy = called(case)
    base = copies(listed(pullback(dy)))
    other = np.random.default_rng(6).normal(size=np.shape(dy))
    sums = zip(listed(pullback(dy + other)), base, listed(pullback(other)), strict=True)
    if not all(np.allclose(total, a + b, rtol=1e-6, atol=1e-9) for total, a, b in sums):
        return True
    scaled = ((c, a, b) for c in (-1.0, 2.0**10, 2.0**-12) for a, b in zip(listed(pullback(c * dy)), base, strict=True))
    return not all(np.allclose(a, c * b, rtol=1e-9, atol=0) for c, a, b in scaled)


def stale(case):
    """The answer depends on what was asked before."""
    other = [x + 0.5 for x in case.inputs]
    _, pullback, dy = called(case)
    first = copies(listed(pullback(dy)))
    _, late = claims(case, other, dy)
    late_is_wrong = differing(late[0], truth(case, other, dy, 0), np.zeros(late[0].size)).any()
    return late_is_wrong or not same(first, listed(pullback(dy)))


def repeats(case):
    """A second call with the same dy gives something else, or nothing."""
    _, pullback, dy = called(case)
    first = copies(listed(pullback(dy)))
    try:
        return not same(first, listed(pullback(dy)))
    except IndexError:
        return True


def aliases(case):
    """A later call changes what an earlier one returned."""
    y, pullback, dy = called(case)
    results = [y, *listed(pullback(dy))]
    before = copies([y, *listed(pullback(dy))])
    vjp(case)(*[x + 0.5 for x in case.inputs])[1](2 * dy)
    pullback(2 * dy)
    return not same(before, results)


def writes(case):
    _, _, dy = called(case)
    inputs = copies(case.inputs)
    for x in (*inputs, dy):
        x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        vjp(case)(*inputs)[1](dy)
    return True


def layout(case):
    """Another order in memory gives another answer, or none."""
    _, _, dy = called(case)
    answers = []
    for x_order, dy_order in ("CC", "CF", "FC"):
        inputs = [np.array(x, order=x_order) for x in case.inputs]
        try:
            answers.append(case.backward(*inputs, np.array(dy, order=dy_order)))
        except TypeError:
            return True
    return not all(np.array_equal(answers[0], answer) for answer in answers)


def shape(case):
    _, grads = claims(case, case.inputs)
    return [np.shape(grad) for grad in grads] != [x.shape for x in case.inputs]


def dtype(case):
    _, grads = claims(case, case.inputs)
    return any(np.asarray(grad).dtype != np.float64 for grad in grads)


def nonfinite(case):
    _, grads = claims(case, case.inputs)
    return not all(np.isfinite(grad).all() for grad in grads)


def count(case):
    _, grads = claims(case, case.inputs)
    return [type(grad) for grad in grads] != [np.ndarray] * len(case.inputs)


PROOFS = (writes, repeats, stale, aliases, nonlinear, shape, dtype, nonfinite, count, layout)
WAYS = {proof.__name__: proof for proof in PROOFS}


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_contracts_are_broken_as_declared(case):
    assert WAYS[case.contract](case)


def test_every_contract_has_its_proof():
    assert tuple(WAYS) == CONTRACTS
