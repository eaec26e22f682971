"""Six ways to check the same hand-written NumPy gradient, each with its own defaults and as its documentation has it.

A checker is a function of a `Counted` case that returns an `Answer`: "pass", "fail" or "inconclusive", and what its
message says. Whatever else it raises is a crash, for the caller to count.
"""

import re
from dataclasses import dataclass

import autograd
import autograd.extend
import autograd.test_util
import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import scipy.optimize
import torch
from torch.autograd.gradcheck import GradcheckError

import gradcheck

NO_KIND = ("", "unknown", "gradient")  # what a report says where it knows of no more than a difference
SCIPY_BAR = 1e-5  # accepted is an error of at most this times the gradient's norm, or times 1 where that is smaller

jax.config.update("jax_enable_x64", True)


@dataclass
class Answer:
    """`inputs`, `entry` and `kind` are what the message names; none where it names nothing."""

    verdict: str
    inputs: frozenset = frozenset()
    entry: tuple | None = None  # (input, index)
    kind: str = ""


class Counted:
    """A case as one function and its gradient, which count what they cost in plain forward passes."""

    def __init__(self, case):
        self.case, self.cost = case, 0
        parts = case.vjp(*case.inputs)[0] if case.vjp else case.forward(*case.inputs)
        self.shapes = [np.shape(part) for part in parts] if isinstance(parts, tuple) else None

    def forward(self, *inputs):
        """The output; several outputs end to end, so that every checker takes them."""
        self.cost += 1
        y = self.case.vjp(*inputs)[0] if self.case.vjp else self.case.forward(*inputs)
        return y if self.shapes is None else np.concatenate([np.ravel(part) for part in y])

    def backward(self, *inputs_and_dy):
        *inputs, dy = inputs_and_dy
        self.cost += 3 if self.case.vjp else 2
        if self.shapes is not None:
            ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
            dy = tuple(part.reshape(shape) for part, shape in zip(np.split(dy, ends), self.shapes, strict=True))
        grads = self.case.vjp(*inputs)[1](dy) if self.case.vjp else self.case.backward(*inputs, dy)
        return grads if isinstance(grads, tuple) else (grads,)


def ours(counted):
    case = counted.case
    subject = case.vjp or gradcheck.adapters.pair(case.forward, case.backward)
    report = gradcheck.check(subject, *case.inputs)
    counted.cost = report.evaluations
    bad = [i for i, gradient in enumerate(report.gradients) if gradient.verdict == "fail"]
    worst = [(i, report.gradients[i].worst_index) for i in bad if report.gradients[i].worst_index is not None]
    kinds = [report.gradients[i].cause for i in bad] + [f.kind for f in report.findings if f.severity == "fail"]
    kind = next((kind for kind in kinds if kind not in NO_KIND), "")
    return Answer(report.verdict, frozenset(bad), worst[0] if worst else None, kind)


def torch_slow(counted, **options):
    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return torch.tensor(np.asarray(counted.forward(*(x.detach().numpy() for x in inputs))))

        @staticmethod
        def backward(ctx, dy):
            grads = counted.backward(*(x.detach().numpy() for x in ctx.saved_tensors), dy.numpy())
            return tuple(None if g is None else torch.tensor(np.array(g)) for g in grads)

    torch.manual_seed(0)
    inputs = tuple(torch.tensor(np.array(x), requires_grad=True) for x in counted.case.inputs)
    try:
        torch.autograd.gradcheck(Function.apply, inputs, **options)
    except GradcheckError as error:
        named = re.findall(r"with respect to input (\d+)", str(error))
        kind = re.search("not reentrant|undefined", str(error))
        return Answer("fail", frozenset(map(int, named)), None, kind[0] if kind else "")
    return Answer("pass")


def torch_fast(counted):
    return torch_slow(counted, fast_mode=True)


def jax_check(counted):
    y = np.asarray(counted.forward(*counted.case.inputs))
    shape = jax.ShapeDtypeStruct(y.shape, y.dtype)
    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in counted.case.inputs)

    @jax.custom_vjp
    def function(*inputs):
        return jax.pure_callback(lambda *xs: np.asarray(counted.forward(*map(np.array, xs))), shape, *inputs)

    def pull(inputs, dy):
        call = lambda *arrays: tuple(map(np.asarray, counted.backward(*map(np.array, arrays))))  # noqa: E731
        return jax.pure_callback(call, shapes, *inputs, dy)

    function.defvjp(lambda *inputs: (function(*inputs), inputs), pull)
    try:
        jax.test_util.check_grads(function, tuple(map(jnp.asarray, counted.case.inputs)), order=1, modes=("rev",))
    except AssertionError as error:
        if "cotangent projection" not in str(error):
            raise
        return Answer("fail")
    return Answer("pass")


def autograd_check(counted):
    @autograd.extend.primitive
    def function(*inputs):
        return counted.forward(*inputs)

    count = len(counted.case.inputs)
    pulls = [lambda y, *inputs, i=i: lambda dy: counted.backward(*inputs, dy)[i] for i in range(count)]
    autograd.extend.defvjp(function, *pulls)
    np.random.seed(0)  # noqa: NPY002  # autograd draws from the global generator
    inputs = [np.array(x) for x in counted.case.inputs]
    try:
        autograd.test_util.check_grads(function, tuple(range(count)), modes=["rev"], order=1)(*inputs)
    except AssertionError as error:
        if "check of" not in str(error):
            raise
        return Answer("fail")
    return Answer("pass")


def scipy_check(counted):
    inputs = [np.array(x) for x in counted.case.inputs]
    ends = np.cumsum([x.size for x in inputs])[:-1]
    dy = np.random.default_rng(0).normal(size=np.shape(counted.forward(*inputs)))

    def split(flat):
        return [part.reshape(x.shape) for part, x in zip(np.split(flat, ends), inputs, strict=True)]

    def value(flat):
        return float(np.vdot(dy, counted.forward(*split(flat))))

    def gradient(flat):
        return np.concatenate([np.ravel(g) for g in counted.backward(*split(flat), np.array(dy))])

    flat = np.concatenate([np.ravel(x) for x in inputs])
    error = scipy.optimize.check_grad(value, gradient, flat)
    size = np.linalg.norm(gradient(flat))
    return Answer("pass" if error <= SCIPY_BAR * max(1.0, size) else "fail")


CHECKERS = {
    "gradcheck": ours,
    "torch slow": torch_slow,
    "torch fast": torch_fast,
    "jax": jax_check,
    "autograd": autograd_check,
    "scipy": scipy_check,
}
