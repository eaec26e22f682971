"""Second derivatives of JAX's functions: right, wrong, dropped, and not there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import jax_function


def slope(x):
    s = jax.nn.sigmoid(x)
    return s + x * s * (1 - s)


def swish(backward):
    """Return x sigmoid(x) with a backward pass of its own."""
    function = jax.custom_vjp(lambda x: x * jax.nn.sigmoid(x))
    function.defvjp(lambda x: (function(x), x), backward)
    return function


def right(x, dy):
    return (dy * slope(x),)


def stopped(x, dy):
    return (dy * slope(jax.lax.stop_gradient(x)),)


def through_numpy(x, dy):
    return (dy * np.asarray(slope(np.asarray(x))),)


def called_back(x, dy):
    def numbers(x, dy):
        s = 1 / (1 + np.exp(-np.asarray(x)))
        return np.asarray(dy * (s + x * s * (1 - s)), x.dtype)

    return (jax.pure_callback(numbers, jax.ShapeDtypeStruct(x.shape, x.dtype), x, dy, vmap_method="sequential"),)


def second(report):
    return {g.name.removeprefix("second order, "): g.verdict for g in report.gradients if g.order == 2}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_right_second_derivative_passes(dtype, rng):
    report = gradcheck.check(jax_function(swish(right)), rng.normal(size=(2, 3)).astype(dtype), order=2)
    assert report.verdict == "pass", str(report)
    assert second(report) == {"x": "pass", "dy": "pass"}
    assert report.symmetry.digits > 8


def test_a_dropped_term_fails_and_the_first_order_passes(rng):
    report = gradcheck.check(jax_function(swish(stopped)), rng.normal(size=4), order=2)
    assert report.verdict == "fail"
    assert second(report) == {"x": "fail", "dy": "pass"}
    assert [g.verdict for g in report.gradients if g.order == 1] == ["pass"]


@pytest.mark.parametrize(
    ("backward", "why"),
    [
        (through_numpy, "TracerArrayConversionError: The numpy.ndarray conversion method __array__() was called"),
        (called_back, "ValueError: Pure callbacks do not support JVP"),
    ],
)
def test_without_a_second_derivative_the_report_says_so(backward, why, rng):
    report = gradcheck.check(jax_function(swish(backward)), rng.normal(size=(2, 3)), order=2)
    assert report.verdict == "pass", str(report)
    assert second(report) == {}
    (message,) = [f.message for f in report.findings if f.kind == "second"]
    assert message.startswith(f"second order: no second derivative: {why}")
    assert message.endswith("; the pullback was checked for symmetry alone")


def test_several_inputs_masks_and_trees_have_second_derivatives(rng):
    @jax.jit
    def masked(x, tree, *, mask):
        return {"y": jnp.where(mask, jnp.tanh(x @ tree["w"]), 0.0), "ids": jnp.arange(2)}

    mask = np.array([[True, False, True], [False, True, True]])
    report = gradcheck.check(
        jax_function(masked), rng.normal(size=(2, 4)), {"w": rng.normal(size=(4, 3))}, mask=mask, order=2
    )
    assert report.verdict == "pass", str(report)
    assert second(report) == dict.fromkeys(["x", "tree.w", "dy.y"], "pass")


def test_complex_arrays_are_checked_in_their_parts(rng):
    z = rng.normal(size=2) + 1j * rng.normal(size=2)
    report = gradcheck.check(jax_function(jax.jit(lambda z: z * z * jnp.conj(z))), z, order=2)
    assert report.verdict == "pass", str(report)
    assert set(second(report)) == {"z.real", "z.imag", "dy.real", "dy.imag"}


def test_a_gradient_penalty_is_a_function_like_any_other(rng):
    @jax.jit
    def penalty(w, x):
        slopes = jax.vmap(jax.grad(lambda x: jnp.tanh(x @ w).sum()))(x)
        return jnp.square(jnp.linalg.norm(slopes, axis=1) - 1).mean()

    w, x = rng.normal(size=(3, 2)), rng.normal(size=(2, 3))
    report = gradcheck.check(jax_function(penalty), w, x, order=2)
    assert report.verdict == "pass", str(report)
    assert set(second(report)) == {"w", "x", "dy"}
