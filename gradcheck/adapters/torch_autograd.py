"""Functions of PyTorch tensors: what autograd returns for them is what is checked."""

import functools
import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.batches import batched
from gradcheck.adapters.convert import mapped
from gradcheck.adapters.torch_alone import Subject, required_alone
from gradcheck.adapters.torch_arguments import Arguments
from gradcheck.adapters.torch_batches import torch_trial
from gradcheck.adapters.torch_graph import Graph, refusals, refused
from gradcheck.adapters.torch_inference import outside_inference
from gradcheck.adapters.torch_outputs import Outputs
from gradcheck.adapters.torch_sums import watched
from gradcheck.adapters.torch_tensors import Stage, Tensors
from gradcheck.adapters.torch_twice import gradients_and_pullback
from gradcheck.adapters.torch_unused import unused_outputs
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Broken, leaf_list
from gradcheck.subjects.findings import Finding


class TorchFunction(Adapted):
    """Any function of tensors.  Each evaluation has tensors of its own, and a graph that dies with its pullback.

    To the checker a complex array is two real ones.  PyTorch's convention, dL/dRe z + i dL/dIm z, makes the
    gradient of each a part of the gradient.
    """

    elsewhere = "PyTorch"

    without_forward_mode: tuple[type[Exception], ...] = (RuntimeError,)  # NotImplementedError among them

    def __init__(self, function: Callable, tensors: Tensors, name: str | None = None):
        self._function, self._tensors = function, tensors
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    @outside_inference
    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        self._tensors.begin()
        self.findings: list[Finding] = []
        self._arguments, self._outputs = self.arguments(inputs), Outputs(self._tensors)
        self._differentiates = self._tried = False
        self.complex_safe = self._arguments.is_real and self._tensors.dtype is None
        self.parameters = self._arguments.parameters
        self._names = [leaf.name for leaf in leaf_list(self, self._arguments.inputs)]
        pairs = zip(self._names, self._arguments.units, strict=True)
        self.units = {name: unit for name, unit in pairs if unit is not None}
        return self._arguments.inputs

    def arguments(self, inputs: tuple) -> Arguments:
        return Arguments(self._tensors, None, inputs)

    def signature(self) -> Callable:
        return self._function

    def call(self, parameters: Any, inputs: tuple, constants: dict, wide: Any) -> Any:
        """Return the output for tensors."""
        return self._function(*inputs, **constants)

    def inside(self, parameters: Any, wide: Any) -> Callable[[Callable[[], Any]], Any]:
        """Return what runs a function with parameters; a subject's own constants take the dtype `wide`, unless None."""
        return operator.call

    def absent(self, name: str) -> None:
        """Take note that autograd has no gradient of an array, which is zero then: nothing depends on it."""

    def refusal(self, error: RuntimeError) -> Broken | None:
        """Return what autograd refuses in a backward pass's results as a finding; None for any other error."""
        return refused(error, self.name)

    @outside_inference
    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        try:
            made, y = self._evaluated(parameters, inputs, constants)
        except (RuntimeError, UserWarning):  # a warning where these are errors: a checkpoint's, without a graph
            if self._outputs.known or not self._has_graph(parameters, inputs, constants):
                raise
            self._differentiates = True  # as with create_graph=True: it cannot do without a graph
            made, y = self._evaluated(parameters, inputs, constants)
        if not self._outputs.known:
            self.vjp(parameters, inputs, constants)
        return self._shown(y, made)

    def _evaluated(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[list[Any], Any]:
        made = self._arguments.made(parameters, inputs)
        torch = self._tensors.torch
        with torch.set_grad_enabled(self._differentiates), watched(torch):
            y, holders = self._run(self._ready(made), constants, Stage())
        written = [i for i, tensor in enumerate(holders) if tensor._version]  # counts what happens in place
        if written:
            name = self._names[written[0]]
            raise Broken("mutation", f"the forward pass writes to {name}", name)
        return made, y

    def _has_graph(self, parameters: Any, inputs: tuple, constants: dict) -> bool:
        try:
            self.vjp(parameters, inputs, constants)
        except Exception:  # whatever it raises, its first error is the one to be told
            return False
        return True

    @outside_inference
    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, graph = self._followed(self._arguments.made(parameters, inputs), constants)
        self.findings += self._outputs.notes(y)

        def pull(dy: Any) -> tuple[Any, Any]:
            with refusals(self.refusal):
                found = graph.gradients(graph.outputs, self._outputs.cotangents(dy, graph.outputs))
                self._differentiates |= self._tensors.adds_up  # a checkpoint without a graph warns in vain
                if not self._tried:
                    self._tried = True
                    self.findings += self._tried_once(parameters, inputs, constants)
            for i, d in enumerate(found):
                if d is None:
                    self.absent(self._names[i])
            rest = iter(graph.arrays(found))
            return trees.rebuild(parameters, rest), trees.rebuild(inputs, rest)

        return self._shown(y, graph.made), pull

    @outside_inference
    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, graph = self._followed(self._arguments.made(parameters, inputs), constants)
        second = functools.partial(gradients_and_pullback, graph, self._outputs, (parameters, inputs))
        return self._shown(y, graph.made), refusals(self.refusal)(second)

    @outside_inference
    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        dual, tensors = self._tensors.torch.autograd.forward_ad, self._tensors
        with dual.dual_level():
            made = self._ready(self._arguments.made(parameters, inputs))
            forms = self._arguments.forms
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # PyTorch's of its own code
                triples = zip(made, directions, forms, strict=True)
                made = [dual.make_dual(x, tensors.make(d, form).to(x.dtype)) for x, d, form in triples]
            try:
                y, _ = self._run(made, constants, Stage())
            except self.without_forward_mode:
                return None
            return self._outputs.tangents([(t, dual.unpack_dual(t).tangent) for t in self._outputs.judged(y)])

    def _followed(self, made: list[Any], constants: dict) -> tuple[Any, Graph]:
        made, stage = [tensor.requires_grad_() for tensor in made], Stage()
        with self._tensors.torch.enable_grad():
            y, _ = self._run(made, constants, stage)
        if not self._outputs.known:
            self.learn(y)
        return y, Graph(self._tensors, made, self._outputs.judged(y), stage)

    def learn(self, y: Any) -> None:
        """Take in which outputs are judged."""
        self._outputs.learn(y)

    def _tried_once(self, parameters: Any, inputs: tuple, constants: dict) -> list[Finding]:
        """Return what is found with outputs used alone, with one array that requires a gradient, and with batches."""
        arrays = [x for _, x in trees.leaves((parameters, inputs))]

        def make(arrays: list[np.ndarray]) -> list[Any]:
            rest = iter(arrays)
            return self._arguments.made(trees.rebuild(parameters, rest), trees.rebuild(inputs, rest))

        def outputs(*made: Any, stage: Stage | None = None) -> list[Any]:
            return self._outputs.judged(self._run(list(made), trees.rebuild(constants), stage or Stage())[0])

        def follow(arrays: list[np.ndarray]) -> Graph:
            return self._followed(make(arrays), constants)[1]

        found = unused_outputs(follow, arrays, self._names)
        found += required_alone(Subject(self._tensors, make, outputs), arrays, self._names)
        if self._tensors.random or self._arguments.has_hooks:  # which no batch goes through
            return found
        return found + batched(torch_trial(self._tensors, self._names, make, outputs), arrays, constants)

    def _shown(self, y: Any, made: list[Any]) -> Any:
        shown = self._outputs.shown(y, any(tensor.is_complex() for tensor in made))
        self.complex_safe &= self._outputs.is_real
        return shown

    def _ready(self, made: list[Any]) -> list[Any]:
        return [tensor.requires_grad_() for tensor in made] if self._differentiates else made

    def _run(self, made: list[Any], constants: dict, stage: Stage) -> tuple[Any, list[Any]]:
        parameters, inputs, holders = self._arguments.handed(made)
        wide = self._arguments.wide(made)
        real = None if wide is None else self._tensors.torch.float64
        with self._tensors.replayed(stage):
            options = mapped(constants, lambda leaf: self._tensors.widened(self._tensors.twin(leaf), real))
            stage.inside = self.inside(parameters, wide)
            return stage.inside(lambda: self.call(parameters, inputs, options, wide)), holders
