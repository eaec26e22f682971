"""Complex tensors are two real arrays to the checker; PyTorch's gradient is dL/dRe z + i dL/dIm z."""

import numpy as np
import pytest
import torch

import gradcheck
from gradcheck.adapters import torch_function

Function = torch.autograd.Function


@pytest.fixture
def z(rng):
    return torch.from_numpy(rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4)))


class Square(Function):
    """y = z^2, which is holomorphic: dz = conj(2 z) dy."""

    @staticmethod
    def forward(ctx, z):
        ctx.save_for_backward(z)
        return z * z

    @staticmethod
    def backward(ctx, dy):
        return dy * (2 * ctx.saved_tensors[0]).conj()


@pytest.mark.parametrize("function", [torch.fft.fft, torch.fft.rfft, lambda x: torch.exp(1j * x)])
def test_complex_outputs_are_proved(rng, function):
    report = gradcheck.check(torch_function(function), rng.normal(size=6))
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].digits > 9  # real differences alone: there is no complex step beside complex numbers


@pytest.mark.parametrize(
    "function", [Square, lambda z: z.abs(), lambda z: z * z.conj() + z.real, lambda z: torch.fft.irfft(z), torch.exp]
)
def test_complex_inputs_are_proved_under_the_names_of_their_parts(z, function):
    report = gradcheck.check(torch_function(function), z)
    assert report.verdict == "pass", str(report)
    assert [g.name.rpartition(".")[2] for g in report.gradients] == ["real", "imag"]
    assert [g.shape for g in report.gradients] == [(3, 4), (3, 4)]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_arrays_are_taken_as_tensors_are(z, dtype):
    seen = set()

    def watched(z):
        seen.add(z.dtype)
        return z * z

    report = gradcheck.check(torch_function(watched), z.numpy().astype(dtype))
    assert report.verdict == "pass", str(report)
    assert seen == {torch.complex128, torch.from_numpy(np.zeros(1, dtype)).dtype}


def test_a_conjugate_that_is_forgotten_is_caught(z):
    class Wrong(Square):
        @staticmethod
        def backward(ctx, dy):
            return dy * 2 * ctx.saved_tensors[0]

    report = gradcheck.check(torch_function(Wrong), z)
    assert {g.name: g.verdict for g in report.gradients} == {"z.real": "fail", "z.imag": "fail"}


def test_complex_parameters_of_a_module_are_proved(rng, z):
    class Gain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = torch.nn.Parameter(torch.from_numpy(rng.normal(size=4) + 1j * rng.normal(size=4)))
            self.register_buffer("phase", torch.from_numpy(np.exp(1j * rng.normal(size=4))))

        def forward(self, z):
            return z * self.gain * self.phase

    report = gradcheck.check(torch_function(Gain()), z)
    assert report.verdict == "pass", str(report)
    assert [g.name for g in report.gradients] == ["gain.real", "gain.imag", "z.real", "z.imag"]


def test_a_real_function_keeps_its_complex_step_where_others_have_complex_arguments(prove, rng, z):
    report = prove(torch_function(torch.tanh), rng.normal(size=(3, 4)))
    assert not [f for f in report.findings if f.kind == "complex"]


def test_a_wrong_forward_mode_of_complex_numbers_is_caught(z):
    class Wrong(Square):
        @staticmethod
        def forward(z):
            return z * z

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def jvp(ctx, dz):
            return dz * (2 * ctx.saved_tensors[0]).conj()

    report = gradcheck.check(torch_function(Wrong), z)
    assert [g.verdict for g in report.gradients] == ["pass", "pass"]
    assert {f.severity for f in report.findings if f.kind == "jvp"} == {"fail"}
