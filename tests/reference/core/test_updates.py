import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest

from reference.core import updates
from reference.layers.linear import Linear


@dataclasses.dataclass
class State:
    m: Any
    step: int = 0


def expect_update(where, model, d_model, rate, state=None):
    """With a state that fits, unless one is given."""
    state = State(model) if state is None else state
    return updates.expect_update(where, model, d_model, rate, state, State, ("m",))


def layer(w=(3, 2), b=(2,), dtype=np.float32):
    return Linear(w=np.zeros(w, dtype), b=np.zeros(b, dtype))


@pytest.mark.parametrize("model", [layer(), (layer(), layer()), np.zeros(3), ()])
def test_a_gradient_of_the_model_is_accepted(model):
    assert expect_update("step", model, model, 0.0) is None


@pytest.mark.parametrize(
    ("d_model", "error", "message"),
    [
        (layer(b=(1,)), ValueError, "step: gradient of 'b' must have shape (2,), got (1,)"),
        (layer(w=(2, 3)), ValueError, "step: gradient of 'w' must have shape (3, 2), got (2, 3)"),
        (layer(dtype=np.float64), TypeError, "step: gradient of 'w' must be float32, got float64"),
        (Linear(np.zeros((3, 2), np.float32), None), ValueError, "step: 'b' must get a gradient, got none"),
        ((), ValueError, "step: 'w' must get a gradient, got none"),
    ],
)
def test_anything_else_is_one_clear_line(d_model, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        expect_update("step", layer(), d_model, 0.1)


def test_gradient_of_no_parameter_is_an_error():
    message = "step: d_model must hold gradients of parameters only, got ['[1].b', '[1].w']"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        expect_update("step", (layer(),), (layer(), layer()), 0.1)


def test_a_bare_array_is_called_model():
    with pytest.raises(ValueError, match=r"^step: gradient of 'model' must have shape \(3,\), got \(1,\)$"):
        expect_update("step", np.zeros(3), np.zeros(1), 0.1)


@pytest.mark.parametrize("rate", [-1e-3, math.nan, math.inf])
def test_rate_must_be_finite_and_at_least_zero(rate):
    with pytest.raises(ValueError, match=rf"^step: rate must be finite and at least 0, got {rate}$"):
        expect_update("step", layer(), layer(), rate)


def test_rate_must_be_a_number():
    with pytest.raises(TypeError, match=r"^step: rate must be a number, got str$"):
        expect_update("step", layer(), layer(), "0.1")


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (None.__class__, TypeError, "state must be of class State, got the class NoneType"),
        ({"m": layer(), "step": 0}, TypeError, "state must be of class State, got dict"),
        (State(layer(), -1), ValueError, "state.step must be at least 0, got -1"),
        (State(layer(), 1.0), TypeError, "state.step must be a whole number, got float"),
        (State(layer(dtype=np.float64)), TypeError, "moment m of 'w' must be float32, got float64"),
        (State(layer(w=(2, 2))), ValueError, "moment m of 'w' must have shape (3, 2), got (2, 2)"),
        (State(()), ValueError, "'w' must get a moment m, got none"),
        (State((layer(),)), ValueError, "'w' must get a moment m, got none"),
    ],
)
def test_a_state_of_something_else_is_one_clear_line(state, error, message):
    with pytest.raises(error, match=f"^{re.escape(f'step: {message}')}$"):
        expect_update("step", layer(), layer(), 0.1, state)
