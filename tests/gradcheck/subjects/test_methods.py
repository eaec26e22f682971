"""gradcheck.subjects.methods: a method of an array is the function of that name on it."""

import numpy as np
import pytest

from gradcheck.subjects.methods import METHODS, add_methods


class Asked:
    """What is no array of NumPy's, and is told which function is called on it."""

    def __array_function__(self, function, types, args, options):
        return function.__name__, args[1:], options

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return ufunc.__name__, inputs[1:], options


add_methods(Asked, ("exp",))


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("repeat", "take", "swapaxes", "dot")])
def test_a_method_is_the_function_of_that_name(name):
    called = getattr(Asked(), name)(*([(2, 3)] if name == "reshape" else []))
    assert called[0] in (name, getattr(np, name).__name__)


@pytest.mark.parametrize(("name", "args"), [("repeat", (2,)), ("take", ([0],)), ("swapaxes", (0, 1)), ("dot", (3,))])
def test_what_it_takes_is_handed_on(name, args):
    assert getattr(Asked(), name)(*args) == (name, args, {})


@pytest.mark.parametrize("args", [(2, 3), ((2, 3),)])
@pytest.mark.parametrize("name", ["reshape", "transpose"])
def test_numbers_may_come_one_by_one_or_in_a_tuple(name, args):
    assert getattr(Asked(), name)(*args)[:2] == (name, ((2, 3),))


def test_a_transpose_without_axes_and_options_stay_as_they_are():
    assert Asked().transpose() == ("transpose", (), {})
    assert Asked().sum(axis=1, keepdims=True) == ("sum", (), {"axis": 1, "keepdims": True})


def test_more_may_be_asked_for():
    assert Asked().exp()[0] == "exp"
    assert not hasattr(Asked(), "tanh")


def test_all_are_methods_of_an_array_of_numpys():
    assert set(METHODS) <= set(dir(np.ndarray))
