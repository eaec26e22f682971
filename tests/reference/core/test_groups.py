import re

import numpy as np
import pytest

from reference.core import tree
from reference.core.groups import chosen, everything, expect_which, map_each, matrices, merged, numbers, only
from reference.layers.linear import Linear


def layer(rng):
    return Linear(w=rng.normal(size=(3, 2)), b=rng.normal(size=2))


def test_matrices_have_two_axes_or_more():
    assert [matrices("", np.zeros(shape)) for shape in ((), (2,), (2, 3), (2, 3, 4))] == [False, False, True, True]
    assert everything("", np.zeros(())) and everything("", np.zeros((2, 3)))


def test_a_choice_is_asked_for_path_and_parameter_in_the_order_of_the_leaves(rng):
    model, asked = (layer(rng), layer(rng)), []
    answers = chosen("A", "decayed", lambda path, p: not asked.append((path, p.shape)) and path.endswith("b"), model)
    assert asked == [(path, leaf.shape) for path, leaf in tree.leaves(model)]
    assert answers == (False, True, False, True)


def test_the_number_is_that_given_where_chosen_and_0_elsewhere_and_a_python_float(rng):
    found = numbers("A", "decayed", np.float64(0.5), matrices, (layer(rng), layer(rng)))
    assert found == (0.5, 0.0, 0.5, 0.0) and {type(number) for number in found} == {float}


def test_each_leaf_is_mapped_with_its_own_value(rng):
    model = layer(rng)
    made = map_each(lambda value, w, other: value * w + other, (2.0, 3.0), model, model)
    assert np.array_equal(made.w, 2 * model.w + model.w) and np.array_equal(made.b, 3 * model.b + model.b)


def test_what_is_taken_apart_stands_at_its_paths_and_is_put_together_again(rng):
    model = (layer(rng), layer(rng))
    which = chosen("A", "orthogonal", matrices, model)
    weights, rest = only(which, model), only(tuple(not one for one in which), model)
    assert [path for path, _ in tree.leaves(weights)] == ["[0].w", "[1].w"]
    assert [path for path, _ in tree.leaves(rest)] == ["[0].b", "[1].b"]
    again = merged(model, rest, weights)
    assert all(new is old for (_, new), (_, old) in zip(tree.leaves(again), tree.leaves(model), strict=True))
    bare = rng.normal(size=(3, 2))
    assert only((False,), bare) is None and merged(bare, only((True,), bare), None) is bare


@pytest.mark.parametrize("values", [(1.0,), (1.0, 2.0, 3.0)])
def test_values_must_be_as_many_as_leaves(rng, values):
    message = f"there must be one value for each of 2 parameters, got {len(values)}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        map_each(lambda value, w: w, values, layer(rng))


@pytest.mark.parametrize(("which", "got"), [(None, "NoneType"), (0.1, "float"), ("w", "str"), (bool, "the class bool")])
def test_a_choice_must_be_a_function(which, got):
    with pytest.raises(TypeError, match=rf"^A: decayed must be a function of a path and a parameter, got {got}$"):
        expect_which("A", "decayed", which)


@pytest.mark.parametrize(("answer", "got"), [(None, "NoneType"), (1, "int"), ("yes", "str")])
def test_an_answer_must_be_true_or_false(rng, answer, got):
    with pytest.raises(TypeError, match=rf"^A: decayed must say True or False of 'w', got {got}$"):
        chosen("A", "decayed", lambda path, parameter: answer, layer(rng))
    with pytest.raises(TypeError, match=rf"^A: decayed must say True or False of 'model', got {got}$"):
        chosen("A", "decayed", lambda path, parameter: answer, np.zeros(3))
