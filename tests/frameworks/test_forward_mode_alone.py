"""Functions of PyTorch and JAX that have forward mode alone."""

import jax
import jax.numpy as jnp
import pytest
import torch

import gradcheck
from gradcheck.adapters import forward_mode, jax_function, torch_function


class Cube(torch.autograd.Function):
    """y = w x^3, without a backward pass."""

    @staticmethod
    def forward(x, w):
        return x * x * x * w

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx, dx, dw):
        x, w = ctx.saved_tensors
        return 3 * x * x * dx * w + x * x * x * dw


class Wrong(Cube):
    @staticmethod
    def jvp(ctx, dx, dw):
        x, w = ctx.saved_tensors
        return 3 * x * x * dx * w + 1.001 * x * x * x * dw


def custom(factor):
    @jax.custom_jvp
    def sine(x):
        return jnp.sin(x)

    @sine.defjvp
    def _(primals, tangents):
        return sine(*primals), factor * jnp.cos(primals[0]) * tangents[0]

    return sine


def unfinished(state):
    return state[0] < 3


def once_more(state):
    return state[0] + 1, jnp.sin(state[1])


def loop(x):
    return jax.lax.while_loop(unfinished, once_more, (0, x))[1]


@pytest.mark.parametrize("shape", [(3, 4), (30, 40)])
def test_a_function_of_pytorch_with_a_jvp_alone_is_checked(prove, caught, rng, shape):
    inputs = [torch.from_numpy(rng.normal(size=n)) for n in (shape, shape[1:])]
    prove(forward_mode(torch_function(Cube)), *inputs)
    caught({"w"}, forward_mode(torch_function(Wrong)), *inputs)


@pytest.mark.parametrize("function", [Cube, lambda x, w: 2 * Cube.apply(x, w)])
def test_without_a_backward_pytorchs_adapter_names_the_way(rng, function):
    inputs = [torch.from_numpy(rng.normal(size=4)) for _ in range(2)]
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(torch_function(function), *inputs)
    way = "for its jvp alone use gradcheck.adapters.forward_mode(torch_function(function))"
    assert str(error.value) == f"gradcheck: {function.__name__} must have a backward, got none; {way}"


def test_parameters_of_a_module_are_moved_too(prove, rng):
    module = torch.nn.Linear(3, 2).double()
    report = prove(forward_mode(torch_function(module)), torch.from_numpy(rng.normal(size=(4, 3))))
    assert [g.name for g in report.gradients] == ["weight", "bias", "input"]


@pytest.mark.parametrize("shape", [(3, 4), (30, 40)])
def test_a_custom_jvp_is_checked(prove, caught, rng, shape):
    x = rng.normal(size=shape)
    prove(forward_mode(jax_function(custom(1.0))), x)
    caught({"x"}, forward_mode(jax_function(custom(1.001))), x)


def test_a_loop_that_jax_cannot_transpose_is_checked(prove, rng):
    prove(forward_mode(jax_function(jax.jit(loop))), rng.normal(size=3))


def test_a_function_without_forward_mode_is_refused(rng):
    function = jax.custom_vjp(jnp.sin)
    function.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (dy * jnp.cos(x),))
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(forward_mode(jax_function(function)), rng.normal(size=3))
    assert str(error.value) == "gradcheck: sin must have forward mode, got none"
