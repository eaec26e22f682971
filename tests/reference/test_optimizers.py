"""What holds for every optimiser, whichever it is: all that are there, with settings that reach every equation."""

import dataclasses
import math

import numpy as np
import optimizers
import pytest
from optimizers import linear, vector

from reference.core import tree
from reference.core.layer import Layer
from reference.layers.linear import Linear

RATE = 0.01
EVERYONE = optimizers.everyone()

every_optimizer = pytest.mark.parametrize("optimizer", EVERYONE.values(), ids=EVERYONE)


class Pair(Layer):
    first: Linear
    rest: tuple
    width: int


def model_and_gradients(rng, dtype=np.float64, count=3):
    made = [Pair(first=linear(rng, dtype), rest=(linear(rng, dtype),), width=3) for _ in range(count + 1)]
    return made[0], made[1:]


def after(optimizer, model, gradients, state=None, rate=RATE):
    """The model and the state after a step along each gradient."""
    state = optimizer.init(model) if state is None else state
    for g in gradients:
        model, state = optimizer.step(model, g, state, rate)
    return model, state


def settings(optimizer, kind):
    """The names of the settings of an optimiser that are of one type."""
    return [field.name for field in dataclasses.fields(optimizer) if type(getattr(optimizer, field.name)) is kind]


def test_every_optimizer_of_the_room_is_here():
    kinds = {type(optimizer).__name__ for optimizer in EVERYONE.values()}
    assert {"Adam", "Momentum", "SGD"} <= kinds and set(optimizers.SETTINGS) <= kinds


class Gained(Layer):
    gain: np.ndarray
    linear: Linear


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_parameter_without_axes_moves_as_a_vector_of_one_entry_does(optimizer, rng, dtype):
    values, layers = rng.normal(size=(4, 1)).astype(dtype), [linear(rng, dtype) for _ in range(4)]
    trees = [[Gained(v.reshape(shape), layer) for v, layer in zip(values, layers, strict=True)] for shape in ((), (1,))]
    (bare, state), (other, _) = (after(optimizer, model, gradients) for model, *gradients in trees)
    assert type(bare.gain) is np.ndarray and bare.gain.shape == () and bare.gain.dtype == dtype
    assert np.array_equal(vector(bare), vector(other)) and bare.gain != values[0]
    alone, _ = after(optimizer, values[0].reshape(()), [v.reshape(()) for v in values[1:]])
    assert type(alone) is np.ndarray and alone.shape == () and state.step == 3


@every_optimizer
def test_every_step_is_counted_from_zero(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    assert optimizer.init(model).step == 0
    assert after(optimizer, model, gradients)[1].step == 3


@every_optimizer
def test_the_model_moves_and_its_constants_are_kept(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    moved, _ = after(optimizer, model, gradients)
    assert type(moved) is Pair and moved.width == 3 and type(moved.rest) is tuple
    assert (vector(moved) != vector(model)).all()


@every_optimizer
def test_rate_zero_changes_no_bit_of_the_model(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    assert np.array_equal(vector(after(optimizer, model, gradients, rate=0.0)[0]), vector(model))


@every_optimizer
def test_a_model_without_parameters_is_stepped(optimizer):
    model, state = after(optimizer, (), [()])
    assert model == () and state.step == 1


@every_optimizer
def test_nothing_given_is_written_to_and_no_memory_is_shared(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    _, state = after(optimizer, model, gradients)
    given = (model, gradients[0], state)
    before = [leaf.tobytes() for _, leaf in tree.leaves(given)]
    for _, leaf in tree.leaves(given):
        leaf.flags.writeable = False
    new = after(optimizer, model, gradients[:1], state, 0.0)
    assert [leaf.tobytes() for _, leaf in tree.leaves(given)] == before
    old = [leaf for _, leaf in tree.leaves((model, gradients[0]))]
    assert not any(np.shares_memory(leaf, other) for _, leaf in tree.leaves(new) for other in old)


@every_optimizer
def test_a_step_can_be_made_twice_to_the_same_bits(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    model, state = after(optimizer, model, gradients)
    first, second = (after(optimizer, model, gradients[:1], state) for _ in range(2))
    assert [a.tobytes() for _, a in tree.leaves(first)] == [b.tobytes() for _, b in tree.leaves(second)]


@every_optimizer
def test_a_parameter_is_updated_as_if_it_were_alone(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    together = dict(tree.leaves(after(optimizer, model, gradients)[0]))
    for path, leaf in tree.leaves(model):
        alone, _ = after(optimizer, leaf, [dict(tree.leaves(g))[path] for g in gradients])
        assert np.array_equal(together[path], alone)


@every_optimizer
def test_a_stored_state_goes_on_to_the_same_bits(optimizer, rng):
    """Its arrays by their paths, and the plain numbers beside them."""
    model, gradients = model_and_gradients(rng, np.float32)
    model, state = after(optimizer, model, gradients)
    stored = {path: leaf.copy() for path, leaf in tree.leaves(state)}
    plain = {f.name: v for f in dataclasses.fields(state) if isinstance(v := getattr(state, f.name), int | float)}
    arrays = iter(stored.values())
    read = dataclasses.replace(tree.map(lambda _: next(arrays), optimizer.init(model)), **plain)
    assert set(stored) == {path for path, _ in tree.leaves(optimizer.init(model))}
    onward, resumed = (after(optimizer, model, gradients, s)[0] for s in (state, read))
    assert np.array_equal(vector(onward), vector(resumed))


@every_optimizer
def test_float32_stays_float32_whatever_the_settings_are_numbers_of(optimizer, rng):
    model, gradients = model_and_gradients(rng, np.float32)
    numbers = {name: np.float64(getattr(optimizer, name)) for name in settings(optimizer, float)}
    moved = after(dataclasses.replace(optimizer, **numbers), model, gradients, rate=np.float64(RATE))
    assert {leaf.dtype for _, leaf in tree.leaves(moved)} == {np.dtype(np.float32)}


@every_optimizer
def test_float32_agrees_with_float64(optimizer, rng):
    model, gradients = model_and_gradients(rng)
    moved, _ = after(optimizer, model, gradients)
    short, _ = after(optimizer, model.astype(np.float32), [g.astype(np.float32) for g in gradients])
    np.testing.assert_allclose(vector(short), vector(moved), rtol=0, atol=1e-6)  # 6 roundings of parameters up to 2


def loss_left(optimizer, target, sign=1.0):
    """Of a quadratic loss with its least value at `target`, the share that 300 steps leave, from twice the target."""
    theta, state = 2 * target, optimizer.init(target)
    for _ in range(300):
        theta, state = optimizer.step(theta, sign * (theta - target), state, RATE)
    return ((theta - target) ** 2).sum() / (target**2).sum()


@every_optimizer
def test_the_loss_falls_and_against_the_sign_it_rises(optimizer, rng):
    target = rng.normal(size=(4, 3))
    assert loss_left(optimizer, target) < 0.9 < 1 < loss_left(optimizer, target, sign=-1.0)


@every_optimizer
def test_a_setting_that_is_not_finite_or_negative_is_one_clear_line(optimizer):
    name = type(optimizer).__name__
    for setting in settings(optimizer, float):
        for number in (math.nan, math.inf, -1.0):
            with pytest.raises(ValueError, match=rf"^{name}: {setting} must [^\n]*, got {number}$"):
                dataclasses.replace(optimizer, **{setting: number})


@every_optimizer
def test_a_setting_of_another_type_is_one_clear_line(optimizer):
    name = type(optimizer).__name__
    kinds = {"a number": settings(optimizer, float), "True or False": settings(optimizer, bool)}
    for want, found in kinds.items():
        for setting in found:
            with pytest.raises(TypeError, match=rf"^{name}: {setting} must be {want}, got str$"):
                dataclasses.replace(optimizer, **{setting: "0.1"})


@every_optimizer
def test_a_wrong_update_is_one_clear_line(optimizer, rng):
    where, layer = type(optimizer).__name__ + r"\.step", linear(rng, np.float32)
    state = optimizer.init(layer)
    with pytest.raises(TypeError, match=rf"^{where}: gradient of 'w' must be float32, got float64$"):
        optimizer.step(layer, layer.astype(np.float64), state, RATE)
    with pytest.raises(ValueError, match=rf"^{where}: rate must be finite and at least 0, got nan$"):
        optimizer.step(layer, layer, state, math.nan)
    with pytest.raises(TypeError, match=rf"^{where}: state must be of class {type(state).__name__}, got tuple$"):
        optimizer.step(layer, layer, (), RATE)


@every_optimizer
def test_what_is_no_model_is_one_clear_line(optimizer):
    name, (model, (g,)) = type(optimizer).__name__, model_and_gradients(np.random.default_rng(0), count=1)
    state = optimizer.init(model)
    for wrong, got in (("adam", "str"), (3, "int"), ([model], "list"), (np.ma.ones(3), "MaskedArray"), (Pair, "type")):
        must = "model must be a layer, an array or a tuple of these, got "
        with pytest.raises(TypeError, match=rf"^{name}\.init: {must}({got}|the class Pair)$"):
            optimizer.init(wrong)
        with pytest.raises(TypeError, match=rf"^{name}\.step: {must}({got}|the class Pair)$"):
            optimizer.step(wrong, g, state, RATE)


@every_optimizer
def test_a_rate_beyond_double_precision_is_one_clear_line(optimizer):
    model, (g,) = model_and_gradients(np.random.default_rng(0), count=1)
    with pytest.raises(ValueError, match=r"^\w+\.step: rate must be finite and at least 0, got a whole number of "):
        optimizer.step(model, g, optimizer.init(model), 10**400)


@every_optimizer
def test_a_state_of_a_step_that_cannot_be_counted_is_one_clear_line(optimizer):
    model, (g,) = model_and_gradients(np.random.default_rng(0), count=1)
    for step in (10**400, np.uint64(2**64 - 1)):
        state = dataclasses.replace(optimizer.init(model), step=step)
        with pytest.raises(ValueError, match=r"^\w+\.step: state\.step must be at most 9,007,199,254,740,992, got "):
            optimizer.step(model, g, state, RATE)
