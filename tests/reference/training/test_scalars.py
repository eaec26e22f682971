import numpy as np
import pytest

from reference.core import tree
from reference.training.optimizers import OPTIMIZERS, optimizer, with_tables
from reference.training.scalars import scalars, with_scalars
from reference.training.state import begin


def after(tiny, name, scale, steps=3):
    model = begin(tiny()).model
    one = with_tables(optimizer(name, {}), scale, model)
    state, gradient = one.init(model), tree.map(np.ones_like, model)
    for _ in range(steps):
        model, state = one.step(model, gradient, state, 0.01)
    return state, one.init(model)


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_with_its_numbers_a_fresh_state_is_at_the_same_step(tiny, name, scale):
    state, fresh = after(tiny, name, scale)
    found = scalars(state)
    assert found["step"] == 3
    assert scalars(with_scalars(fresh, found)) == found != scalars(fresh)


def test_the_product_of_momenta_is_a_number_of_the_state(tiny):
    state, _ = after(tiny, "nadam", 1.0)
    assert scalars(state) == {"p": state.p, "step": 3} and 0 < state.p < 1
    state, _ = after(tiny, "nadam", 0.5)
    assert {path for path in scalars(state) if path.endswith(".p")} == {
        f"states[{i}].p" for i in range(len(state.states))
    }


@pytest.mark.parametrize("value", [3.0, -1, True, None, float("nan"), "3"])
def test_a_number_of_another_kind_is_one_clear_line(tiny, value):
    _, fresh = after(tiny, "adam", 1.0)
    with pytest.raises(ValueError, match=r"^'step' must be of type int and at least 0, got "):
        with_scalars(fresh, {"step": value})
