import math
import re
import warnings

import numpy as np
import pytest

from reference.core import tree
from reference.core.groups import everything
from reference.core.layer import Layer
from reference.layers.linear import Linear
from reference.optimizers.adam import Adam, AdamState

EXACT = {"rtol": 1e-12, "atol": 1e-14}  # 1 - beta2 ** t has 13 digits at t = 1
STEPS, RATE = 20, 0.1


class Pair(Layer):
    first: Linear
    rest: tuple
    width: int


def linear(rng, dtype=np.float64):
    return Linear(w=rng.normal(size=(3, 2)), b=rng.normal(size=2)).astype(dtype)


def model_and_gradient(rng, dtype=np.float64):
    return tuple(Pair(first=linear(rng, dtype), rest=(linear(rng, dtype),), width=3) for _ in range(2))


def vector(model):
    return np.concatenate([leaf.ravel() for _, leaf in tree.leaves(model)])


def steps(adam, theta, gradients, rate=RATE):
    """What each gradient in turn adds to the parameters."""
    state, made = adam.init(theta), []
    for g in gradients:
        after, state = adam.step(theta, g, state, rate)
        made.append(after - theta)
        theta = after
    return np.array(made)


def oracle(gradients, beta1=0.9, beta2=0.999, eps=1e-8):
    """The same for one number, in closed form: weighted sums over all gradients so far."""
    made = []
    for t in range(1, len(gradients) + 1):
        w = [beta1 ** (t - i) for i in range(1, t + 1)]
        u = [beta2 ** (t - i) for i in range(1, t + 1)]
        m = math.fsum(a * g for a, g in zip(w, gradients, strict=False)) / math.fsum(w)
        v = math.fsum(a * g * g for a, g in zip(u, gradients, strict=False)) / math.fsum(u)
        made.append(-RATE * m / (math.sqrt(v) + eps))
    return made


def follows_its_equations(adam, rng, scale=1.0):
    gradients = scale * rng.normal(size=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a planted version divides 0 by 0
        made = steps(adam, np.zeros(1), gradients[:, None])[:, 0]
    return np.allclose(made, oracle(gradients), rtol=1e-11, atol=1e-12)  # differences of parameters below 2


def test_update_equals_its_closed_form(rng):
    assert follows_its_equations(Adam(), rng)
    assert follows_its_equations(Adam(), rng, scale=1e-6)


@pytest.mark.parametrize(("beta1", "beta2", "eps"), [(0.5, 0.9, 1e-3), (0.0, 0.99, 1e-8), (0.9, 0.8, 0.1)])
def test_constants_are_those_given(rng, beta1, beta2, eps):
    gradients = rng.normal(size=STEPS)
    made = steps(Adam(beta1, beta2, eps), np.zeros(1), gradients[:, None])[:, 0]
    np.testing.assert_allclose(made, oracle(gradients, beta1, beta2, eps), **EXACT)


def test_state_starts_at_zero_and_is_shaped_like_the_model(rng):
    model, _ = model_and_gradient(rng, np.float32)
    state = Adam().init(model)
    assert state.step == 0 and type(state.m) is type(state.v) is Pair
    paths = [path for path, _ in tree.leaves(model)]
    assert [path for path, _ in tree.leaves(state)] == [f"{mean}.{path}" for mean in "mv" for path in paths]
    for mean in (state.m, state.v):
        for (_, leaf), (_, parameter) in zip(tree.leaves(mean), tree.leaves(model), strict=True):
            assert leaf.shape == parameter.shape and leaf.dtype == parameter.dtype and not leaf.any()


def test_constants_of_a_layer_are_kept(rng):
    model, d_model = model_and_gradient(rng)
    after, state = Adam().step(model, d_model, Adam().init(model), RATE)
    assert type(after) is Pair and after.width == state.m.width == 3


def test_model_without_parameters_is_stepped():
    model, state = Adam().step((), (), Adam().init(()), RATE)
    assert model == () and state.step == 1


# Laws


def test_constant_gradient_moves_by_the_rate_at_every_step(rng):
    g = rng.normal(size=5)
    for made in steps(Adam(), np.zeros(5), [g] * 50):
        np.testing.assert_allclose(made, -RATE * np.sign(g), rtol=1e-6, atol=0)  # eps against gradients above 0.01


def test_first_step_is_the_rate_against_the_sign(rng):
    g = rng.normal(size=5) * 10.0 ** np.arange(-8, 2, 2)
    (made,) = steps(Adam(), np.zeros(5), [g])
    np.testing.assert_allclose(made, -RATE * g / (abs(g) + 1e-8), **EXACT)


def test_scale_of_the_gradient_does_not_matter(rng):
    gradients = rng.normal(size=(STEPS, 5))
    made = steps(Adam(), np.zeros(5), gradients)
    for power in (-30, 30):
        scaled = steps(Adam(eps=2.0**power * 1e-8), np.zeros(5), 2.0**power * gradients)
        assert np.array_equal(scaled, made)


def test_no_step_is_longer_than_the_bound(rng):
    beta1, beta2 = 0.9, 0.999
    gradients = rng.standard_cauchy(size=(STEPS, 200))
    gradients[:, 0] = (beta2 / beta1) ** np.arange(STEPS)
    made = abs(steps(Adam(eps=1e-300), np.zeros(200), gradients)) / RATE
    for t, longest in enumerate(made.max(axis=1), start=1):
        geometric = math.fsum((beta1**2 / beta2) ** k for k in range(t))
        corrections = (1 - beta1) ** 2 * (1 - beta2**t) / ((1 - beta2) * (1 - beta1**t) ** 2)
        bound = math.sqrt(corrections * geometric)
        assert longest < bound * (1 + 1e-12)  # 13 digits of 1 - beta2 ** t
        np.testing.assert_allclose(made[t - 1, 0], bound, **EXACT)


def test_without_memory_every_step_is_a_first_step(rng):
    gradients = rng.normal(size=(STEPS, 5))
    made = steps(Adam(beta1=0.0, beta2=0.0), np.zeros(5), gradients)
    np.testing.assert_allclose(made, -RATE * gradients / (abs(gradients) + 1e-8), **EXACT)


def test_no_gradient_no_step(rng):
    gradients = rng.normal(size=(STEPS, 5))
    gradients[:, 2] = 0
    made = steps(Adam(), rng.normal(size=5), gradients)
    assert not made[:, 2].any() and made[:, [0, 1, 3, 4]].all()


def test_rate_zero_keeps_the_model_and_moves_the_state(rng):
    model, d_model = model_and_gradient(rng)
    after, state = Adam().step(model, d_model, Adam().init(model), 0.0)
    assert np.array_equal(vector(after), vector(model))
    assert state.step == 1 and vector(state.m).all() and vector(state.v).all()


def test_tree_is_updated_like_one_vector(rng):
    model, d_model = model_and_gradient(rng)
    flat, flat_state = vector(model), Adam().init(vector(model))
    state = Adam().init(model)
    for _ in range(3):
        model, state = Adam().step(model, d_model, state, RATE)
        flat, flat_state = Adam().step(flat, vector(d_model), flat_state, RATE)
    assert np.array_equal(vector(model), flat)


def test_stored_state_goes_on_to_the_same_bits(rng):
    model, d_model = model_and_gradient(rng, np.float32)
    model, state = Adam().step(model, d_model, Adam().init(model), RATE)
    stored, step = {path: leaf.copy() for path, leaf in tree.leaves(state)}, state.step
    paths = iter(stored.values())
    read = tree.map(lambda _: next(paths), Adam().init(model))
    read = AdamState(m=read.m, v=read.v, step=step)
    (onward, _), (resumed, _) = (Adam().step(model, d_model, s, RATE) for s in (state, read))
    assert np.array_equal(vector(onward), vector(resumed))


def is_a_penalty(adam, rng, decay=0.3):
    """Whether an Adam with this decay goes along the gradient of loss and penalty, of its matrices."""
    k, start = rng.uniform(0.5, 3, size=(4, 3)), rng.normal(size=(4, 3))
    paths = []
    for optimizer, penalty in ((adam, 0.0), (Adam(), decay)):
        theta, state = start, optimizer.init(start)
        for _ in range(STEPS):
            theta, state = optimizer.step(theta, k * theta + penalty * theta, state, RATE)
        paths.append(theta)
    return np.allclose(*paths, **EXACT)


def test_decay_is_a_penalty(rng):
    assert is_a_penalty(Adam(decay=0.3), rng)


def test_only_what_is_chosen_decays(rng):
    layer = linear(rng)
    nothing = tree.map(np.zeros_like, layer)
    for optimizer, moved in ((Adam(decay=0.1), (True, False)), (Adam(decay=0.1, decayed=everything), (True, True))):
        after, _ = optimizer.step(layer, nothing, optimizer.init(layer), RATE)
        assert ((after.w != layer.w).all(), (after.b != layer.b).all()) == moved


def means_are_left_alone(adam, rng):
    """Whether the same step can be made twice."""
    model, d_model = model_and_gradient(rng)
    model, state = adam.step(model, d_model, adam.init(model), RATE)
    first, second = (adam.step(model, d_model, state, RATE)[0] for _ in range(2))
    return np.array_equal(vector(first), vector(second))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("shape", [(), (7, 5)])
def test_memory_that_is_used_again_changes_no_bit(rng, dtype, shape):
    theta, g, m, v = (np.asarray(abs(rng.normal(size=shape))).astype(dtype) for _ in range(4))
    after, state = Adam(0.8, 0.97, 1e-6).step(theta, g, AdamState(m, v, 4), 0.01)
    m = 0.8 * m + (1 - 0.8) * g
    v = 0.97 * v + (1 - 0.97) * (g * g)
    theta = theta - 0.01 * (m / (1 - 0.8**5)) / (np.sqrt(v / (1 - 0.97**5)) + 1e-6)
    for got, plain in zip((after, state.m, state.v), (theta, m, v), strict=True):
        assert got.dtype == dtype and got.tobytes() == plain.tobytes()


def test_nothing_given_is_written_to(rng):
    model, d_model = model_and_gradient(rng)
    state = Adam().init(model)
    for received in (model, d_model, state):
        for _, leaf in tree.leaves(received):
            leaf.flags.writeable = False
    after, _ = Adam().step(model, d_model, state, 0.0)
    pairs = zip(tree.leaves(after), tree.leaves(model), strict=True)
    assert not any(np.shares_memory(new, old) for (_, new), (_, old) in pairs)
    assert means_are_left_alone(Adam(), rng)


def test_float32_stays_float32(rng):
    model, d_model = model_and_gradient(rng, np.float32)
    adam = Adam(*(np.float64(constant) for constant in (0.9, 0.999, 1e-8)))
    after, state = adam.step(model, d_model, adam.init(model), np.float64(RATE))
    assert {leaf.dtype for _, leaf in tree.leaves((after, state))} == {np.dtype(np.float32)}


def test_float32_agrees_with_float64(rng):
    gradients = rng.normal(size=(STEPS, 5))
    made = steps(Adam(), np.zeros(5), gradients)
    made32 = steps(Adam(), np.zeros(5, np.float32), gradients.astype(np.float32))
    np.testing.assert_allclose(made32, made, rtol=0, atol=2e-7)  # 2 units of rounding of parameters below 1


# Pitfalls: each step written once more, with one thing wrong


def wrong_step(line):
    """An Adam for a bare array that uses `line` for its step: (g, m, v, t) to (m, v, direction)."""

    class Wrong(Adam):
        def step(self, theta, g, state, rate):
            m, v, direction = line(g, state.m, state.v, state.step + 1)
            return theta - rate * direction, AdamState(m=m, v=v, step=state.step + 1)

    return Wrong()


def means(g, m, v):
    return 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g


def direction(m, v, t, eps=1e-8):
    return m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + eps)


def right(g, m, v, t):
    m, v = means(g, m, v)
    return m, v, direction(m, v, t)


def no_correction(g, m, v, t):
    m, v = means(g, m, v)
    return m, v, m / (np.sqrt(v) + 1e-8)


def eps_inside(g, m, v, t):
    m, v = means(g, m, v)
    return m, v, m / (1 - 0.9**t) / np.sqrt(v / (1 - 0.999**t) + 1e-8)


def counted_from_zero(g, m, v, t):
    m, v = means(g, m, v)
    return m, v, direction(m, v, np.float64(t - 1))


def corrected_late(g, m, v, t):
    m, v = means(g, m, v)
    return m, v, direction(m, v, max(t - 1, 1))


def corrected_means_kept(g, m, v, t):
    m, v = means(g, m, v)
    m, v = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return m, v, m / (np.sqrt(v) + 1e-8)


def one_beta(g, m, v, t):
    m, v = 0.9 * m + 0.1 * g, 0.9 * v + 0.1 * g * g
    return m, v, m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)


def square_of_the_mean(g, m, v, t):
    m, _ = means(g, m, v)
    v = 0.999 * v + 0.001 * m * m
    return m, v, direction(m, v, t)


def test_written_once_more_and_right_is_not_caught(rng):
    assert follows_its_equations(wrong_step(right), rng)


def test_forgotten_correction_is_caught(rng):
    assert not follows_its_equations(wrong_step(no_correction), rng)


def test_eps_inside_the_root_is_caught(rng):
    assert not follows_its_equations(wrong_step(eps_inside), rng)
    assert not follows_its_equations(wrong_step(eps_inside), rng, scale=1e-6)


@pytest.mark.parametrize("line", [counted_from_zero, corrected_late])
def test_step_counted_from_zero_is_caught(rng, line):
    assert not follows_its_equations(wrong_step(line), rng)


def test_corrected_means_kept_is_caught(rng):
    assert not follows_its_equations(wrong_step(corrected_means_kept), rng)


def test_one_beta_for_both_is_caught(rng):
    assert not follows_its_equations(wrong_step(one_beta), rng)


def test_square_of_the_mean_is_caught(rng):
    assert not follows_its_equations(wrong_step(square_of_the_mean), rng)


def test_decay_beside_the_step_is_caught(rng):
    class Beside(Adam):
        def step(self, theta, g, state, rate):
            after, state = super().step(theta, g, state, rate)
            return after - rate * 0.3 * theta, state

    assert not is_a_penalty(Beside(), rng)


def test_means_updated_in_place_are_caught(rng):
    class InPlace(Adam):
        def step(self, model, d_model, state, rate):
            after, new = super().step(model, d_model, state, rate)
            for (_, old), (_, mean) in zip(tree.leaves(state), tree.leaves(new), strict=True):
                old[...] = mean
            return after, new

    assert not means_are_left_alone(InPlace(), rng)


# Errors


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"beta1": 1.0}, "Adam: beta1 must lie in [0, 1), got 1.0"),
        ({"beta2": -0.1}, "Adam: beta2 must lie in [0, 1), got -0.1"),
        ({"beta2": math.nan}, "Adam: beta2 must lie in [0, 1), got nan"),
        ({"decay": 1.0}, "Adam: decay must lie in [0, 1), got 1.0"),
        ({"eps": 0.0}, "Adam: eps must be finite and positive, got 0.0"),
        ({"eps": math.inf}, "Adam: eps must be finite and positive, got inf"),
    ],
)
def test_wrong_constants_are_one_clear_line(constants, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Adam(**constants)


@pytest.mark.parametrize("name", ["beta1", "beta2", "eps"])
def test_constants_must_be_numbers(name):
    with pytest.raises(TypeError, match=rf"^Adam: {name} must be a number, got str$"):
        Adam(**{name: "0.9"})


def test_wrong_update_is_one_clear_line(rng):
    layer = linear(rng, np.float32)
    with pytest.raises(TypeError, match=r"^Adam\.step: gradient of 'w' must be float32, got float64$"):
        Adam().step(layer, layer.astype(np.float64), Adam().init(layer), RATE)
    with pytest.raises(ValueError, match=r"^Adam\.step: rate must be finite and at least 0, got -1$"):
        Adam().step(layer, layer, Adam().init(layer), -1)
