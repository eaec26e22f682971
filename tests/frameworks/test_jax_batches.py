"""Batches in JAX: rules of the user's for `jax.vmap`, within a backward pass and within a function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import jax_function

POINTS = "2 points at once (jax.vmap) give another {} than one after the other"
PULLBACK = "2 cotangents at once (jax.vmap of jax.vjp) give another {} than one after the other"


def ruled(rule):
    """A function that returns its argument, but `rule` of it in a batch."""

    @jax.custom_batching.custom_vmap
    def same(x):
        return 1.0 * x

    @same.def_vmap
    def _(size, batched, x):
        return rule(x), True

    return same


def sine(way_there=lambda x: x, way_back=lambda dy: dy):
    function = jax.custom_vjp(lambda x: way_there(jnp.sin(x)))
    function.defvjp(lambda x: (way_there(jnp.sin(x)), x), lambda x, dy: (way_back(dy) * jnp.cos(x),))
    return function


def on_the_host(method):
    """A backward pass in NumPy that counts all entries it gets."""

    def scaled(x, dy):
        return np.asarray(dy * np.cos(x) * 12 / x.size)

    def back(x, dy):
        return (jax.pure_callback(scaled, jax.ShapeDtypeStruct(x.shape, x.dtype), x, dy, vmap_method=method),)

    function = jax.custom_vjp(jnp.sin)
    function.defvjp(lambda x: (jnp.sin(x), x), back)
    return function


def told(report):
    return [(f.severity, f.array, f.message) for f in report.findings if f.kind == "batch"]


@pytest.fixture
def x(rng):
    return rng.normal(size=(3, 4))


@pytest.mark.parametrize(
    "function",
    [jnp.sin, sine(), sine(way_back=ruled(lambda d: d)), on_the_host("sequential"), on_the_host(None)],
)
def test_a_right_batch_or_none_is_proved_without_a_word(prove, x, function):
    assert told(prove(jax_function(function), x)) == []


@pytest.mark.parametrize(
    ("function", "messages"),
    [
        (sine(way_there=ruled(lambda y: y[::-1])), [POINTS.format("output")]),
        (sine(way_back=ruled(lambda d: 1.5 * d)), [PULLBACK.format("gradient of x"), POINTS.format("gradient of x")]),
        (on_the_host("broadcast_all"), [PULLBACK.format("gradient of x"), POINTS.format("gradient of x")]),
    ],
)
def test_a_wrong_batch_fails_and_the_gradient_is_proved(x, function, messages):
    report = gradcheck.check(jax_function(function), x)
    assert report.verdict == "fail"
    assert [g.verdict for g in report.gradients] == ["pass"]
    assert told(report) == [("fail", None, message) for message in messages]


def test_several_arrays_outputs_and_formats_are_batched(rng):
    def function(x, z):
        return jnp.sin(x) * z["a"], jnp.cumsum(x), jnp.ones(2)

    x = rng.normal(size=(3, 4)).astype(np.float32)
    report = gradcheck.check(jax_function(function), x, {"a": 1j * x})
    assert report.verdict == "pass", str(report)
    assert told(report) == []
