import dataclasses
import math
import re

import numpy as np
import pytest
from optimizers import linear, vector

from reference.core import tree
from reference.optimizers.adam import Adam
from reference.optimizers.adamw import AdamW
from reference.optimizers.groups import Group, Groups, GroupsState, grouped
from reference.optimizers.momentum import Momentum
from reference.optimizers.muon import Muon
from reference.optimizers.sgd import SGD

RATE, T = 0.1, 5


def trees(rng, count=T + 1):
    made = [(linear(rng), (linear(rng), linear(rng))) for _ in range(count)]
    return made[0], made[1:]


def after(optimizer, model, gradients, rate=RATE):
    state = optimizer.init(model)
    for g in gradients:
        model, state = optimizer.step(model, g, state, rate)
    return model, state


# Laws


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(decay=0.1), AdamW(), Muon()])
def test_one_group_is_its_optimizer(rng, optimizer):
    model, gradients = trees(rng)
    whole, _ = after(Groups(Group(optimizer)), model, gradients)
    assert np.array_equal(vector(whole), vector(after(optimizer, model, gradients)[0]))


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(decay=0.1), AdamW(), Muon()])
def test_equal_groups_are_one(rng, optimizer):
    model, gradients = trees(rng)
    settings = grouped(model, lambda path, parameter: Group(optimizer))
    each, state = after(Groups(settings), model, gradients)
    assert np.array_equal(vector(each), vector(after(optimizer, model, gradients)[0]))
    assert state.step == T and len(state.states) == 6 and {own.step for own in state.states} == {T}


def test_each_part_is_stepped_as_if_alone(rng):
    model, gradients = trees(rng)
    first, second, third = Momentum(), Adam(), Muon()
    made, _ = after(Groups((Group(first), (Group(second), Group(third)))), model, gradients)
    assert np.array_equal(vector(made[0]), vector(after(first, model[0], [g[0] for g in gradients])[0]))
    for i, optimizer in enumerate((second, third)):
        alone, _ = after(optimizer, model[1][i], [g[1][i] for g in gradients])
        assert np.array_equal(vector(made[1][i]), vector(alone))


def test_a_scale_of_zero_freezes(rng):
    model, gradients = trees(rng)
    made, state = after(Groups((Group(AdamW(), scale=0.0), Group(AdamW()))), model, gradients)
    assert np.array_equal(vector(made[0]), vector(model[0])) and (vector(made[1]) != vector(model[1])).all()
    assert vector(state.states[0].m).all()


def scales_rates(groups, rng):
    """Whether a scale of 0.3 is 0.3 times the rate, of an optimiser that hides the size of gradients."""
    model, gradients = trees(rng)
    made, _ = after(groups((Group(Adam(), scale=0.3), Group(Adam()))), model, gradients)
    slow, _ = after(Adam(), model[0], [g[0] for g in gradients], 0.3 * RATE)
    return np.array_equal(vector(made[0]), vector(slow))


def test_a_scale_is_a_rate(rng):
    assert scales_rates(Groups, rng)


def test_settings_may_be_of_single_parameters(rng):
    model, gradients = trees(rng)
    no_decay = grouped(model, lambda path, parameter: Group(AdamW(decay=0.1 if path.endswith("w") else 0.0)))
    made, _ = after(Groups(no_decay), model, gradients)
    assert np.array_equal(vector(made), vector(after(AdamW(decay=0.1), model, gradients)[0]))


# Pitfalls


def test_a_part_without_a_group_is_an_error(rng):
    model, gradients = trees(rng)
    for settings, path in (((Group(SGD()), (Group(SGD()), None)), "[1][1]"), (None, "model"), ((None, None), "[0]")):
        message = f"Groups.init: '{path}' must have a Group, got NoneType"
        with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
            Groups(settings).init(model)
    partly = tree.rebuild(model[0], {"w": Group(SGD()), "b": 0.1})
    state = GroupsState(states=(SGD().init(model[0]),), step=0)
    with pytest.raises(TypeError, match=r"^Groups\.step: 'b' must have a Group, got float$"):
        Groups(partly).step(model[0], gradients[0][0], state, RATE)


def test_one_count_for_all_groups_is_caught(rng):
    class OneCount(Groups):
        def step(self, model, d_model, state, rate):
            parts, count = [], state.step
            for group, part, d_part, own in zip(self.settings, model, d_model, state.states, strict=True):
                part, own = group.optimizer.step(part, d_part, dataclasses.replace(own, step=count), rate)
                count += 1
                parts.append((part, own))
            return tuple(part for part, _ in parts), GroupsState(tuple(own for _, own in parts), count)

    model, gradients = trees(rng)
    settings = Group(Adam()), Group(Adam())
    wrong, right = (after(kind(settings), model, gradients)[0] for kind in (OneCount, Groups))
    assert np.array_equal(vector(right), vector(after(Adam(), model, gradients)[0]))
    assert abs(vector(wrong) - vector(right)).max() > 0.01


def test_scale_on_the_gradient_is_caught(rng):
    class OnTheGradient(Groups):
        def step(self, model, d_model, state, rate):
            scaled = tuple(
                tree.map(lambda a, s=group.scale: s * a, part)
                for group, part in zip(self.settings, d_model, strict=True)
            )
            alike = Groups(tuple(Group(group.optimizer) for group in self.settings))
            return alike.step(model, scaled, state, rate)

    assert not scales_rates(OnTheGradient, rng)


# Errors


def test_settings_of_another_structure_are_one_clear_line(rng):
    model, _ = trees(rng)
    with pytest.raises(ValueError, match=r"^Groups\.init: 'model' must have 2 settings, got 3$"):
        Groups((Group(SGD()),) * 3).init(model)
    with pytest.raises(TypeError, match=r"^Groups\.init: 'model' must have a Group, got SGD$"):
        Groups(SGD()).init(model)


def test_a_state_of_other_groups_is_one_clear_line(rng):
    model, gradients = trees(rng)
    state = Groups(Group(SGD())).init(model)
    message = "Groups.step: state must have one state for each of 2 groups, got 1"
    with pytest.raises(ValueError, match=f"^{message}$"):
        Groups((Group(SGD()), Group(SGD()))).step(model, gradients[0], state, RATE)


@pytest.mark.parametrize("scale", [-1.0, math.nan, math.inf])
def test_a_scale_must_be_finite_and_at_least_zero(scale):
    with pytest.raises(ValueError, match=rf"^Group: scale must be finite and at least 0, got {scale}$"):
        Group(SGD(), scale=scale)


@pytest.mark.parametrize(("optimizer", "got"), [(SGD, "the class SGD"), (0.1, "float"), (None, "NoneType")])
def test_a_group_must_have_an_optimizer(optimizer, got):
    with pytest.raises(TypeError, match=rf"^Group: optimizer must have init and step, got {got}$"):
        Group(optimizer)


def test_what_is_chosen_must_be_a_group(rng):
    with pytest.raises(TypeError, match=r"^grouped: 'w' must get a Group, got SGD$"):
        grouped(linear(rng), lambda path, parameter: SGD())


@pytest.mark.parametrize(("choose", "got"), [(None, "NoneType"), ("b", "str"), (Group, "the class Group")])
def test_a_choice_that_is_none_is_one_clear_line(choose, got):
    with pytest.raises(TypeError, match=rf"^grouped: choose must be a function of a path and a parameter, got {got}$"):
        grouped((np.ones(3),), choose)
