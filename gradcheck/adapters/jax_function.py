"""JAX: a function of arrays, with a backward pass of its own or the one that JAX derives."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.batches import batched
from gradcheck.adapters.convert import callable_or_raise, framework, is_wide
from gradcheck.adapters.jax_arrays import JaxArrays
from gradcheck.adapters.jax_batches import jax_trial
from gradcheck.adapters.jax_twice import gradients_and_pullback
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Broken, arrays, leaf_list
from gradcheck.subjects.findings import Finding

REFUSALS = {  # what JAX raises for rules that break their contract, and what that is called here
    "Custom VJP bwd rule must produce an output with the same container": "count",
    "Custom VJP bwd rule": "shape",
    "Custom JVP rule": "shape",
    "Transpose rule": "homogeneous",  # of a JVP rule that is not linear in its tangents
}


class JaxFunction(Adapted):
    """Numbers of 64 bits are switched on around each call with float64 arrays, and nowhere else.

    To the checker a complex array is two real ones, which JAX puts together and takes apart; so its
    convention, that a cotangent is dL/dRe z - i dL/dIm z, is met wherever a rule of the user's is called.
    """

    elsewhere = "JAX"

    def __init__(self, function: Callable):
        self._function, self.name = function, getattr(function, "__name__", type(function).__name__)

    @property
    def _jax(self) -> Any:
        return framework("jax", "jax_function")

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        self._arrays = JaxArrays(self._jax, arrays(inputs))
        self.complex_safe = self._arrays.is_real
        self._names = [leaf.name for leaf in leaf_list(self, self._arrays.inputs)]
        pairs = zip(self._names, self._arrays.units, strict=True)
        self.units = {name: unit for name, unit in pairs if unit is not None}
        self.findings: list[Finding] = []
        self._tried = False
        return self._arrays.inputs

    def signature(self) -> Callable:
        return self._function

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        with self._precision(inputs):
            leaves = self._arrays.made(inputs)
            _, y = self._of_leaves(constants)(*leaves)
            analytic = any(np.iscomplexobj(leaf) for leaf in leaves)
            self.complex_safe &= analytic or not any(np.iscomplexobj(leaf) for leaf in self._floating(y))
            return self._arrays.shown(y, analytic)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        with self._precision(inputs), _refusals():
            ys, pullback, y = self._jax.vjp(self._of_leaves(constants), *self._arrays.made(inputs), has_aux=True)
            y = self._arrays.shown(y, analytic=False)

        def pull(dy: Any) -> tuple[None, Any]:
            with self._precision(inputs), _refusals():
                pairs = zip([piece for _, piece in trees.leaves(dy)], ys, strict=True)
                found = pullback([self._jax.numpy.asarray(piece, y.dtype) for piece, y in pairs])
                d_inputs = self._arrays_of(found, inputs)
                if not self._tried:
                    self._tried = True
                    self.findings += self._batched(inputs, constants)
            return None, d_inputs

        return y, pull

    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        function = self._of_leaves(constants)
        with self._precision(inputs), _refusals():
            leaves = self._arrays.made(inputs)
            ys, y = function(*leaves)
            y = self._arrays.shown(y, analytic=False)

        def second(dy: Any) -> tuple[tuple[None, Any], Callable]:
            with self._precision(inputs), _refusals():
                pairs = zip([piece for _, piece in trees.leaves(dy)], ys, strict=True)
                dys = [self._jax.numpy.asarray(piece, y.dtype) for piece, y in pairs]
                found, pullback = gradients_and_pullback(self._jax, lambda *xs: function(*xs)[0], leaves, dys)

            def pull(d_gradients: tuple[None, Any]) -> tuple[None, Any, Any]:
                with self._precision(inputs), _refusals():
                    pairs = zip([c for _, c in trees.leaves(d_gradients[1])], found, strict=True)
                    d_leaves, d_dys = pullback([self._jax.numpy.asarray(c, d.dtype) for c, d in pairs])
                    return None, self._arrays_of(d_leaves, inputs), self._arrays_of(d_dys, dy)

            return (None, self._arrays_of(found, inputs)), pull

        return y, second

    def _arrays_of(self, found: Sequence[Any], tree: Any) -> Any:
        return trees.rebuild(tree, iter([self._arrays.array(d) for d in found]))

    def _batched(self, inputs: tuple, constants: dict) -> list[Finding]:
        of_leaves, arrays = self._of_leaves(constants), [x for _, x in trees.leaves(inputs)]

        def make(arrays: list[np.ndarray]) -> list[Any]:
            return self._arrays.made(trees.rebuild(inputs, iter(arrays)))

        def outputs(*leaves: Any) -> list[Any]:
            return of_leaves(*leaves)[0]

        return batched(jax_trial(self._jax, self._names, make, outputs, self._arrays.array), arrays, constants)

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        of_leaves = self._of_leaves(constants)
        with self._precision(inputs):
            leaves = self._arrays.made(inputs)
            ds = [self._jax.numpy.asarray(d, x.dtype) for d, x in zip(directions, leaves, strict=True)]
            try:
                tangents = self._jax.jvp(lambda *xs: of_leaves(*xs)[0], leaves, ds)[1]
            except TypeError as error:
                if "forward-mode" in str(error):  # a custom_vjp has none
                    return None
                raise
            return [self._arrays.array(tangent) for tangent in tangents]

    def _of_leaves(self, constants: dict) -> Callable[..., tuple[list, Any]]:
        """Return the function of the floating arrays alone: its real floating outputs, and all of the output."""
        lax = self._jax.lax

        def of_leaves(*leaves: Any) -> tuple[list, Any]:
            y = self._function(*self._arrays.handed(leaves), **constants)
            real: list[Any] = []
            for x in self._floating(y):
                real += [lax.real(x), lax.imag(x)] if self._jax.numpy.iscomplexobj(x) else [x]
            return real, y

        return of_leaves

    def _floating(self, tree: Any) -> list[Any]:
        found, numpy = self._jax.tree_util.tree_leaves(tree), self._jax.numpy
        return [x for x in found if numpy.issubdtype(numpy.result_type(x), np.inexact)]

    def _precision(self, inputs: tuple) -> Any:
        home = self._jax if hasattr(self._jax, "enable_x64") else framework("jax.experimental", "jax_function")
        return home.enable_x64(is_wide(inputs))


def jax_function(function: Callable) -> Adapted:
    """Check what JAX returns as the gradient of a function: `custom_vjp`, `custom_jvp` or any other.

    Inputs are NumPy arrays or those of JAX; the function gets arrays of JAX, those that came as such where
    they were and in their dtype.  A complex array is checked as two, by the names `z.real` and `z.imag`.
    Where the function has forward mode that is checked too, and where `jax.vmap` takes it a batch of
    cotangents, or of points, must give what they give one after the other.  Numbers from the global
    generators of NumPy and Python are replayed.

    Raises:
        ImportError: JAX is not installed.
        TypeError: `function` is not callable.
    """
    framework("jax", "jax_function")
    callable_or_raise("function", function)
    return JaxFunction(function)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Make a finding of what JAX refuses in the results of a rule."""
    try:
        yield
    except (TypeError, ValueError, NotImplementedError) as error:
        text = " ".join(str(error).split())
        for start, kind in REFUSALS.items():
            if text.startswith(start):
                raise Broken(kind, text) from error
        raise
