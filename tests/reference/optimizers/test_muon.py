import math
import re

import numpy as np
import pytest
from optimizers import Written, linear, steps

from reference.core import tree
from reference.core.groups import everything
from reference.optimizers.adamw import AdamW
from reference.optimizers.muon import Muon, MuonState, orthogonalized

EXACT = {"rtol": 1e-9, "atol": 1e-11}  # singular values of nearly nothing, raised 485 times
T, RATE, DECAY = 10, 0.1, 0.3
RATES = RATE * np.linspace(1, 0.2, T)


def phi(z, iterations=5):
    for _ in range(iterations):
        z = 3.4445 * z - 4.7750 * z**3 + 2.0315 * z**5
    return z


def by_decomposition(u, iterations=5):
    """The same by the singular values: divided by the root of the sum of their squares, and sent through phi."""
    w, z, v = np.linalg.svd(u, full_matrices=False)
    return (w * phi(z / np.sqrt((z * z).sum()), iterations)) @ v


def oracle(theta, gradients, momentum=0.95, iterations=5, decay=DECAY):
    b, made = 0, []
    for g, rate in zip(gradients, RATES, strict=True):
        b = momentum * b + g
        o = by_decomposition(g + momentum * b, iterations)
        theta = theta - rate * (0.2 * math.sqrt(max(theta.shape)) * o + decay * theta)
        made.append(theta)
    return np.array(made)


def follows_its_equations(optimizer, rng, shape=(4, 4), **settings):
    theta, gradients = rng.normal(size=shape), rng.normal(size=(T, *shape))
    with np.errstate(all="ignore"):  # a planted version goes to infinity
        found, _ = steps(optimizer, theta, gradients, RATES)
    return np.allclose(found, oracle(theta, gradients, **settings), **EXACT)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (1, 4)])
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5, "iterations": 3, "decay": 0.0}, {"momentum": 0.0}])
def test_update_equals_that_of_a_decomposition(rng, shape, settings):
    settings = {"decay": DECAY} | settings
    assert follows_its_equations(Muon(**settings), rng, shape, **settings)


# Laws


def test_singular_values_go_through_the_polynomial(rng):
    u = rng.normal(size=(5, 3))
    for iterations in (1, 3, 5):
        made = orthogonalized(u, iterations, 1e-7)
        np.testing.assert_allclose(made, by_decomposition(u, iterations), **EXACT)


def test_singular_values_end_near_one(rng):
    w, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    v, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    u = (w * np.geomspace(4e-3, 1, 6)) @ v[:6]  # the largest is less than the length: 3e-3 of it at the least
    values = np.linalg.svd(orthogonalized(u, 5, 1e-7))[1]
    assert values.min() > 0.65 and values.max() < 1.25


def test_scale_of_the_gradient_does_not_matter(rng):
    theta, gradients = rng.normal(size=(4, 3)), rng.normal(size=(T, 4, 3))
    made, _ = steps(Muon(), theta, gradients, RATES)
    for power in (-10, 30):
        assert np.array_equal(steps(Muon(), theta, 2.0**power * gradients, RATES)[0], made)


SIZES = [(np.float16, 15), (np.float16, -13), (np.float32, 120), (np.float32, -120), (np.float64, 1000)]


@pytest.mark.parametrize(("dtype", "power"), SIZES)
def test_matrices_whose_squares_overflow(rng, dtype, power):
    u = (rng.uniform(0.5, 1, size=(2, 5, 3)) * rng.choice([-1, 1], size=(2, 5, 3))).astype(dtype)
    made = orthogonalized(u * dtype(2.0**power), 5, 1e-320)
    assert made.dtype == dtype and made.any()
    assert np.array_equal(made, orthogonalized(u, 5, 1e-320))


def test_squares_of_a_large_matrix_that_add_up_to_more_than_float16_holds(rng):
    u = rng.uniform(1, 2, size=(200, 150)).astype(np.float16)  # about 70,000 in all
    x = u / np.sqrt(np.sum(np.square(u.astype(np.float64))))
    assert np.square(u.astype(np.float64)).sum() > np.finfo(np.float16).max
    found = orthogonalized(u, 1, 1e-7).astype(np.float64)
    np.testing.assert_allclose(found, by_decomposition(x, 1), rtol=0, atol=1e-3)  # a rounding of 1 in float16


def test_a_gradient_of_nothing_is_nothing_in_a_dtype_in_which_eps_is_0():
    made = orthogonalized(np.zeros((3, 2), np.float16), 5, 1e-12)
    assert made.dtype == np.float16 and np.array_equal(made, np.zeros((3, 2)))


def test_steps_turn_with_the_gradients(rng):
    w, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    v, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    theta, gradients = rng.normal(size=(4, 3)), rng.normal(size=(T, 4, 3))
    made, _ = steps(Muon(), theta, gradients, RATES)
    turned, _ = steps(Muon(), w @ theta @ v, w @ gradients @ v, RATES)
    np.testing.assert_allclose(turned, w @ made @ v, **EXACT)


def test_the_transpose_is_stepped_by_the_transpose(rng):
    theta, gradients = rng.normal(size=(4, 3)), rng.normal(size=(T, 4, 3))
    made, _ = steps(Muon(), theta, gradients, RATES)
    turned, _ = steps(Muon(), theta.T, gradients.transpose(0, 2, 1), RATES)
    np.testing.assert_allclose(turned.transpose(0, 2, 1), made, **EXACT)


def test_a_stack_is_stepped_one_by_one(rng):
    theta, gradients = rng.normal(size=(2, 4, 3)), rng.normal(size=(T, 2, 4, 3))
    made, _ = steps(Muon(), theta, gradients, RATES)
    for n in range(2):
        alone, _ = steps(Muon(), theta[n], gradients[:, n], RATES)
        np.testing.assert_allclose(made[:, n], alone, **EXACT)


def test_the_rest_is_stepped_by_adamw(rng):
    rest = AdamW(beta1=0.8, decay=0.2, decayed=everything)
    theta, gradients = rng.normal(size=5), rng.normal(size=(T, 5))
    ours, adamw = (steps(optimizer, theta, gradients, RATES)[0] for optimizer in (Muon(rest=rest), rest))
    assert np.array_equal(ours, adamw)
    matrix, gradients = rng.normal(size=(4, 3)), rng.normal(size=(T, 4, 3))
    none = Muon(orthogonal=lambda path, parameter: False, rest=rest)
    ours, adamw = (steps(optimizer, matrix, gradients, RATES)[0] for optimizer in (none, rest))
    assert np.array_equal(ours, adamw)


def test_what_is_chosen_is_orthogonal(rng):
    model, d_model = (linear(rng), linear(rng)), (linear(rng), linear(rng))
    optimizer = Muon(orthogonal=lambda path, parameter: path == "[1].w")
    state = optimizer.init(model)
    rest = ["[0].w", "[0].b", "[1].b"]
    assert [path for path, _ in tree.leaves(state)] == ["b[1].w", *(f"{m}{path}" for m in "mv" for path in rest)]
    after, _ = optimizer.step(model, d_model, state, RATE)
    adamw, _ = AdamW().step(model, d_model, AdamW().init(model), RATE)
    pairs = zip(tree.leaves(after), tree.leaves(adamw), strict=True)
    assert [path for (path, ours), (_, theirs) in pairs if np.array_equal(ours, theirs)] == rest


def test_no_gradient_no_step_but_the_decay(rng):
    theta = rng.normal(size=(4, 3))
    after, _ = Muon(decay=DECAY).step(theta, 0 * theta, Muon().init(theta), RATE)
    np.testing.assert_allclose(after, (1 - RATE * DECAY) * theta, **EXACT)


# Pitfalls: each step written once more, with one thing wrong


def newton_schulz(u, iterations=5, length=np.linalg.norm):
    x = u / length(u)
    for _ in range(iterations):
        x = 3.4445 * x - 4.7750 * x @ x.T @ x + 2.0315 * x @ x.T @ x @ x.T @ x
    return x


def written(orthogonal=newton_schulz, scale=lambda theta: 0.2 * math.sqrt(max(theta.shape))):
    def line(theta, g, t, rate, b):
        b = 0.95 * b + g
        return theta - rate * (scale(theta) * orthogonal(g + 0.95 * b) + DECAY * theta), b

    return Written(line, 1)


def caught(optimizer, rng):
    return not follows_its_equations(optimizer, rng)


def test_written_once_more_and_right_is_not_caught(rng):
    assert not caught(written(), rng)


def test_length_that_is_left_is_caught(rng):
    assert caught(written(lambda u: newton_schulz(u, length=lambda u: 1.0)), rng)


def test_square_of_the_length_is_caught(rng):
    assert caught(written(lambda u: newton_schulz(u, length=lambda u: (u * u).sum())), rng)


def test_decay_made_orthogonal_is_caught(rng):
    def line(theta, g, t, rate, b):
        g = g + DECAY * theta
        b = 0.95 * b + g
        return theta - rate * 0.2 * math.sqrt(max(theta.shape)) * newton_schulz(g + 0.95 * b), b

    assert caught(Written(line, 1), rng)


def test_sum_of_orthogonal_gradients_is_caught(rng):
    def line(theta, g, t, rate, b):
        g = newton_schulz(g)
        b = 0.95 * b + g
        return theta - rate * (0.2 * math.sqrt(max(theta.shape)) * (g + 0.95 * b) + DECAY * theta), b

    assert caught(Written(line, 1), rng)


def test_matrix_that_is_not_turned_back_is_caught(rng):
    assert caught(written(lambda u: newton_schulz(u.T)), rng)


def test_scale_left_out_is_caught(rng):
    assert caught(written(scale=lambda theta: 1.0), rng)


def test_an_iteration_fewer_is_caught(rng):
    assert caught(written(lambda u: newton_schulz(u, 4)), rng)


# Errors


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"momentum": 1.0}, ValueError, "Muon: momentum must lie in [0, 1), got 1.0"),
        ({"iterations": 0}, ValueError, "Muon: iterations must be at least 1, got 0"),
        ({"iterations": 2.5}, TypeError, "Muon: iterations must be a whole number, got float"),
        ({"orthogonal": 1}, TypeError, "Muon: orthogonal must be a function of a path and a parameter, got int"),
        ({"rest": None}, TypeError, "Muon: rest must be an AdamW, got NoneType"),
    ],
)
def test_wrong_settings_are_one_clear_line(settings, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        Muon(**settings)


def test_a_vector_cannot_be_orthogonal(rng):
    message = "Muon.init: 'b' must have shape (..., M, N), got (2,)"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Muon(orthogonal=everything).init(linear(rng))


def test_a_state_of_another_model_is_one_clear_line():
    theta = np.ones((3, 2))
    state = MuonState(b=np.zeros((2, 3)), m=None, v=None, step=0)
    with pytest.raises(ValueError, match=r"^Muon\.step: moment b of 'model' must have shape \(3, 2\), got \(2, 3\)$"):
        Muon().step(theta, theta, state, RATE)
