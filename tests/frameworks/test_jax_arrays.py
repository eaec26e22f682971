"""Complex numbers, formats that NumPy lacks, devices, keys and random numbers of JAX functions."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import jax_function


@pytest.fixture
def z(rng):
    return rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))


def square(factor):
    """y = z^2 with a backward of its own, in JAX's convention: dz = 2 z dy, without a conjugate."""
    function = jax.custom_vjp(lambda z: z * z)
    function.defvjp(lambda z: (z * z, z), lambda z, dy: (factor(z) * dy,))
    return function


def verdicts(report):
    return {g.name: g.verdict for g in report.gradients}


@pytest.mark.parametrize("function", [jnp.fft.fft, jnp.fft.rfft, lambda x: jnp.exp(1j * x)])
def test_complex_outputs_are_proved(rng, function):
    report = gradcheck.check(jax_function(function), rng.normal(size=6))
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].digits > 9  # real differences alone: there is no complex step beside complex numbers


@pytest.mark.parametrize("function", [square(lambda z: 2 * z), jnp.abs, lambda z: z * z.conj() + z.real, jnp.fft.irfft])
def test_complex_inputs_are_proved_under_the_names_of_their_parts(z, function):
    for given in (z, z.astype(np.complex64), jnp.asarray(z, np.complex64)):
        report = gradcheck.check(jax_function(function), given)
        assert report.verdict == "pass", str(report)
        assert [g.name.rpartition(".")[2] for g in report.gradients] == ["real", "imag"]


def test_a_conjugate_that_is_not_of_jax_is_caught(z):
    report = gradcheck.check(jax_function(square(lambda z: 2 * z.conj())), z)
    assert verdicts(report) == {"z.real": "fail", "z.imag": "fail"}


def test_bfloat16_goes_in_and_out(rng):
    seen = set()

    def watched(x):
        seen.add(x.dtype.name)
        return jnp.tanh(x)

    report = gradcheck.check(jax_function(watched), jnp.asarray(rng.normal(size=(3, 4)), jnp.bfloat16))
    assert report.verdict == "pass", str(report)
    assert seen == {"bfloat16", "float64", "complex128"}
    report = gradcheck.check(jax_function(lambda x: x.astype(jnp.bfloat16)), rng.normal(size=(3, 4)))
    assert report.verdict != "fail", str(report)


def test_an_error_that_bfloat16_alone_has_is_caught(rng):
    function = jax.custom_vjp(jnp.tanh)
    function.defvjp(
        lambda x: (jnp.tanh(x), x),
        lambda x, dy: (dy * (1 - jnp.tanh(x) ** 2) * (2 if x.dtype == jnp.bfloat16 else 1),),
    )
    report = gradcheck.check(jax_function(function), jnp.asarray(rng.normal(size=(3, 4)), jnp.bfloat16))
    assert [f.kind for f in report.findings if f.severity == "fail"] == ["precision"]


def test_arrays_of_jax_are_made_where_they_were(prove, rng, monkeypatch):
    x = jnp.asarray(rng.normal(size=(3, 4)))
    put, sent = jax.device_put, set()
    monkeypatch.setattr(jax, "device_put", lambda x, where: sent.add((x.shape, where)) or put(x, where))
    prove(jax_function(lambda x, w: jnp.tanh(x * w)), x, rng.normal(size=4))
    assert sent == {((3, 4), x.sharding)}


def test_a_key_among_the_inputs_is_a_constant(prove, rng):
    def dropped(x, key):
        return x * x * jax.random.bernoulli(key, 0.6, x.shape)

    report = prove(jax_function(dropped), rng.normal(size=(3, 4)), jax.random.key(3))
    assert [g.name for g in report.gradients] == ["x"]


def test_numbers_that_numpy_and_python_draw_are_replayed(prove, rng):
    def noisy(x):
        return jnp.tanh(x) * (np.random.rand(*x.shape) > 0.4) * random.random()  # noqa: NPY002

    prove(jax_function(noisy), rng.normal(size=(3, 4)))


def test_a_number_of_python_is_differentiated_as_jax_does(prove):
    assert [g.name for g in prove(jax_function(lambda x: jnp.tanh(x)), 0.5).gradients] == ["x"]
