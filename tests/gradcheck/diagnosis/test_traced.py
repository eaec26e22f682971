"""gradcheck.diagnosis.traced: what an array of steps takes, and what it refuses."""

import numpy as np
import pytest

import gradcheck
import gradcheck.diagnosis.followed
from gradcheck.adapters import pair
from gradcheck.diagnosis import traced
from gradcheck.diagnosis.traced import NotTracedError, Tape


def start():
    x = np.random.default_rng(0).normal(size=(3, 4))
    return x, Tape().leaf(x)


def test_each_call_is_a_step_with_its_value():
    x, t = start()
    y = np.tanh(t) * 2
    assert [step.name for step in y.tape.steps] == ["", "tanh", "", "broadcast 1", "multiply"]
    assert np.array_equal(y.value, np.tanh(x) * 2)


def test_a_write_makes_an_array_another_step():
    x, t = start()
    y = t.copy()
    y[0] = 1
    y[1:] += t[1:]
    assert np.array_equal(t.value, x)
    assert np.array_equal(y.value, np.concatenate([np.ones((1, 4)), 2 * x[1:]]))


def test_steps_of_one_line_in_a_loop_have_one_place():
    _, t = start()
    for row in t:
        np.exp(row)
    places = [step.place for step in t.tape.steps if step.name == "exp"]
    assert len(places) == 3
    assert len(set(places)) == 1


def written(t):
    np.zeros((3, 4))[0] = t[0]


@pytest.mark.parametrize("leave", [float, lambda t: np.asarray(t, dtype=float), written])
def test_numbers_do_not_leave_in_silence(leave):
    _, t = start()
    with pytest.raises(NotTracedError):
        leave(t)


def test_arrays_of_single_numbers_are_joined():
    x, t = start()
    y = np.tanh(np.array([t[0], t[2]])) + t[:2]
    assert np.array_equal(y.value, np.tanh(x[[0, 2]]) + x[:2])


def test_too_many_steps_are_refused(monkeypatch):
    monkeypatch.setattr(traced, "MOST", 3)
    _, t = start()
    with pytest.raises(NotTracedError, match="3 steps"):
        np.exp(np.exp(np.exp(t)))


def test_conditions_are_decided_by_the_values():
    x, t = start()
    assert np.array_equal(t > 0, x > 0)
    assert bool(t[0, 0] > 0) == bool(x[0, 0] > 0)
    assert (len(t), t.shape, t.T.shape, t.ndim, t.size) == (3, (3, 4), (4, 3), 2, 12)


def test_where_we_call_the_function_of_numpy_itself_no_line_is_quoted():
    report = str(gradcheck.check(pair(np.tanh, lambda x, dy: dy * (1 - np.tanh(x))), np.linspace(-2, 2, 7)))
    assert "the slope of tanh is taken for 1 - y, in `the forward pass`" in report
