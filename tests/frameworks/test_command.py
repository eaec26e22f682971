"""The command checks layers of PyTorch and JAX as they are."""

import sys

import pytest

from gradcheck.cli.main import main

LAYERS = '''
import jax
import jax.numpy as jnp
import torch


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 2 * x * dy


class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(width, 3)

    def forward(self, x):
        return torch.tanh(self.linear(x))


@jax.custom_vjp
def sine(x):
    return jnp.sin(x)


sine.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (1.01 * jnp.cos(x) * dy,))
'''


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    (tmp_path / "framework_layers.py").write_text(LAYERS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*words):
        return main(list(words)), capsys.readouterr().out

    yield run
    sys.modules.pop("framework_layers", None)


@pytest.mark.parametrize(
    ("words", "status", "arrays"),
    [
        (["framework_layers:Square"], 0, ["x"]),
        (["framework_layers:Net", "--param", "width=4"], 0, ["linear.weight", "linear.bias", "x"]),
        (["framework_layers:sine"], 1, ["x"]),
    ],
)
def test_a_layer_of_a_framework_is_checked_as_it_is(run, words, status, arrays):
    got, out = run(*words, "--input", "x=2,4")
    assert got == status, out
    assert [line.split()[0] for line in out.splitlines()[1 : 1 + len(arrays)]] == arrays


def test_a_module_draws_the_same_parameters_again(run):
    words = ["framework_layers:Net", "--param", "width=4", "--input", "x=2,4", "--json"]
    assert run(*words) == run(*words)
