"""Errors of the user's code come through, with a word on where they arose."""

import contextlib

import numpy as np
import pytest

from gradcheck.subjects.adapted import Broken
from gradcheck.subjects.raised import during, in_one_line, is_of_subject, is_write


def test_errors_keep_their_traceback_and_say_in_which_call():
    with pytest.raises(KeyError) as caught, during("the pullback"):
        raise KeyError("w")
    assert caught.value.__notes__ == ["gradcheck: raised by the pullback of the subject under check"]
    with pytest.raises(Broken) as broken, during("the pullback"):
        raise Broken("count", "too few")
    assert not hasattr(broken.value, "__notes__")
    assert is_of_subject(caught.value) and not is_of_subject(broken.value)


def test_a_refusal_of_the_checker_is_none_of_the_subjects_errors():
    with pytest.raises(TypeError, match="must be an array") as caught, during("the pullback"):
        raise TypeError("gradcheck: x must be an array, got int")
    assert not is_of_subject(caught.value)


@pytest.mark.parametrize("raises", [False, True])
def test_how_numpy_handles_floating_point_errors_is_put_back(raises):
    before = np.geterr(), np.geterrcall()
    with contextlib.suppress(ValueError), during("the pullback"):
        np.seterr(all="raise")
        np.seterrcall(print)
        if raises:
            raise ValueError
    assert (np.geterr(), np.geterrcall()) == before


def test_only_numpys_refusal_to_write_is_a_write():
    assert is_write(ValueError("assignment destination is read-only"))
    assert not is_write(ValueError("shapes differ")) and not is_write(TypeError("read-only"))


def test_of_an_error_its_kind_and_first_line_are_told():
    assert in_one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert in_one_line(RuntimeError()) == "RuntimeError: no message"
