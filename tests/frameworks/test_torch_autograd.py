"""What is around a PyTorch function: random numbers, memory, dtypes, graphs."""

import gc
import pickle
import weakref

import numpy as np
import pytest
import torch
from handwritten import Swish

import gradcheck
from gradcheck.adapters import torch_function
from gradcheck.subjects.problem import Problem

Function = torch.autograd.Function


def test_random_numbers_are_replayed_and_the_generators_left_alone(inputs):
    state = torch.get_rng_state()
    generator = torch.Generator().manual_seed(3)
    own = generator.get_state()

    def noisy(x, beta, generator):
        return torch.nn.functional.dropout(x, 0.3) * beta * torch.rand(3, generator=generator)

    report = gradcheck.check(torch_function(noisy), *inputs, generator=generator)
    assert report.verdict == "pass", str(report)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(generator.get_state(), own)


def test_generators_on_other_devices_are_left_alone_too(prove, inputs, monkeypatch):
    states = [torch.tensor([1, 2], dtype=torch.uint8)]
    restored = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.append)
    prove(torch_function(lambda x: x * x), inputs[0])
    assert restored
    assert all(state == states for state in restored)


def test_random_numbers_that_depend_on_the_layout_are_no_finding(inputs):
    report = gradcheck.check(torch_function(lambda x: torch.nn.functional.dropout(x.t() * 2, 0.5)), inputs[0])
    assert report.verdict == "pass", str(report)


def test_a_constant_tensor_that_is_written_to_is_a_copy(prove, inputs):
    def counting(x, count):
        count += 1
        return x * x * x

    count = torch.zeros(2)
    prove(torch_function(counting), inputs[0], count=count)
    assert torch.equal(count, torch.zeros(2))


def test_a_forward_pass_that_writes_to_an_input_is_caught(inputs, failures):
    found = failures(torch_function(lambda x, beta: x + beta.mul_(2)), *inputs)
    assert found == [("mutation", "beta", "the forward pass writes to beta")]


@pytest.mark.parametrize("wrong", ["x", "dy"])
def test_a_kernel_that_takes_memory_for_contiguous_is_caught(wrong, inputs, failures):
    def flat(tensor):
        return torch.as_strided(tensor, (tensor.numel(),), (1,)).reshape(tensor.shape)

    class Kernel(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * flat(x) * dy if wrong == "x" else 2 * x * flat(dy)

    kinds = {kind for kind, _, _ in failures(torch_function(Kernel), inputs[0])}
    assert kinds <= {"layout", "raises"}


def test_a_kernel_of_one_dtype_says_so_and_is_checked_in_it(inputs):
    class Narrow(Swish):
        @staticmethod
        def forward(ctx, x, beta):
            if x.dtype != torch.float32:
                raise TypeError("expected float32")
            return Swish.forward(ctx, x, beta)

    class Wrong(Narrow):
        @staticmethod
        def backward(ctx, dy):
            dx, dbeta = Swish.backward(ctx, dy)
            return dx, 1.02 * dbeta

    narrow = [x.astype(np.float32) for x in inputs]
    report = gradcheck.check(torch_function(Narrow), *narrow)
    assert report.verdict != "fail", str(report)
    assert "the subject refuses float64: it was checked in float32 alone" in [f.message for f in report.findings]
    assert gradcheck.check(torch_function(Narrow, dtype=torch.float32), *narrow).verdict != "fail"
    report = gradcheck.check(torch_function(Wrong, dtype=torch.float32), *narrow)
    assert [g.verdict == "fail" for g in report.gradients] == [False, True], str(report)


def test_an_error_in_float64_that_float32_has_too_has_no_such_note(inputs):
    with pytest.raises(RuntimeError) as error:
        gradcheck.check(torch_function(lambda x, beta: x @ x), *inputs)
    assert error.value.__notes__ == ["gradcheck: raised by the forward pass of the subject under check"]


def test_a_subject_can_be_sent_to_another_process(inputs):
    problem = pickle.loads(pickle.dumps(Problem(torch_function(Swish), inputs, {})))
    y, pullback = problem.vjp(inputs)
    expected = inputs[0] / (1 + np.exp(-inputs[1] * inputs[0]))
    np.testing.assert_allclose(y, expected, rtol=1e-14, atol=1e-15)  # a few roundings
    assert [d.shape for d in problem.pull(pullback, np.ones_like(y))] == [(4, 3), (3,)]


def test_no_graph_outlives_the_check(inputs):
    alive = weakref.WeakSet()

    class Watched(Function):
        @staticmethod
        def forward(ctx, x):
            alive.add(ctx)
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, dy):
            return 2 * ctx.saved_tensors[0] * dy

    gc.disable()
    try:
        report = gradcheck.check(torch_function(Watched), inputs[0])
        assert report.verdict == "pass"
        assert len(alive) == 0
    finally:
        gc.enable()


def test_balls_do_not_follow_pytorch():
    report = gradcheck.check(torch_function(torch.sin), torch.linspace(-1, 1, 5, dtype=torch.float64), exact=True)
    assert report.verdict == "pass" and str(report.gradients[0].exact) == "not followed: PyTorch"
