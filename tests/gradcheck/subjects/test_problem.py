"""A subject at its inputs, as functions of a flat list of arrays."""

import copy
import pickle

import numpy as np
import pytest

from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.problem import Problem, during, is_write
from reference.layers.linear import Linear

rng = np.random.default_rng(1)
X = rng.normal(size=(2, 3))


def two(x):
    return {"a": x * x, "b": [np.float64(x.sum())]}, lambda dy: 2 * x * dy["a"] + dy["b"][0]


def test_gradients_hold_one_row_for_every_cotangent(rng):
    problem = Problem(two, (X,), {})
    g = rng.normal(size=(3, 7))
    (rows,) = problem.gradients([X], g)
    assert rows.shape == (3, 2, 3)
    assert np.allclose(rows[1], 2 * X * g[1, :6].reshape(2, 3) + g[1, 6], rtol=1e-14, atol=0)
    assert problem.count == {"forward": 1, "pullback": 3}


def test_where_a_pullback_spoils_its_residuals_each_cotangent_has_a_forward_pass_of_its_own(rng):
    def vjp(x):
        def pullback(dy):
            x[...] *= dy
            return 2 * x

        return x * x, pullback

    problem = Problem(vjp, (X,), {}).changed(protect=False)
    g = rng.normal(size=(2, 6))
    (rows,) = problem.gradients([X], g)
    assert np.allclose(rows, 2 * X * g.reshape(2, 2, 3), rtol=1e-14, atol=0)


def test_a_problem_goes_to_another_process_and_back(rng):
    problem = Problem(Linear(rng.normal(size=(3, 2)), rng.normal(size=2)), (X,), {})
    arrays = [leaf.value for leaf in problem.leaves]
    for twin in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        assert np.array_equal(twin.forward(arrays), problem.forward(arrays))
    assert problem.fresh().count == {} and problem.count["forward"] == 2


def test_the_output_of_a_reused_buffer_is_copied():
    buffer = np.empty(6)
    problem = Problem(lambda x: (np.multiply(x.ravel(), 2, out=buffer), lambda dy: dy), (X,), {})
    first = problem.forward([X])
    problem.forward([X + 1])
    assert np.array_equal(first, 2 * X.ravel())


def test_errors_keep_their_traceback_and_say_in_which_call():
    with pytest.raises(KeyError) as caught, during("the pullback"):
        raise KeyError("w")
    assert caught.value.__notes__ == ["gradcheck: raised by the pullback of the subject under check"]
    with pytest.raises(Broken) as broken, during("the pullback"):
        raise Broken("count", "too few")
    assert not hasattr(broken.value, "__notes__")


def test_only_numpys_refusal_to_write_is_a_write():
    assert is_write(ValueError("assignment destination is read-only"))
    assert not is_write(ValueError("shapes differ")) and not is_write(TypeError("read-only"))
