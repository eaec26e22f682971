"""JAX: a function of arrays, with a backward pass of its own or the one that JAX derives."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck import trees
from gradcheck.adapters.convert import callable_or_raise, framework, is_wide, mapped
from gradcheck.subjects import Adapted, Broken, arrays

REFUSALS = {  # what JAX raises for rules that break their contract, and what that is called here
    "Custom VJP bwd rule must produce an output with the same container": "count",
    "Custom VJP bwd rule": "shape",
    "Custom JVP rule": "shape",
    "Transpose rule": "homogeneous",  # of a JVP rule that is not linear in its tangents
}


class JaxFunction(Adapted):
    """Numbers of 64 bits are switched on around each call with float64 arrays, and nowhere else."""

    def __init__(self, function: Callable):
        self._function, self.name = function, getattr(function, "__name__", type(function).__name__)

    @property
    def _jax(self) -> Any:
        return framework("jax", "jax_function")

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        return mapped(arrays(inputs), lambda leaf: np.asarray(leaf) if isinstance(leaf, self._jax.Array) else leaf)

    def signature(self) -> Callable:
        return self._function

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        with self._precision(inputs):
            _, y = self._of_leaves(inputs, constants)(*self._leaves(inputs))
            return self._numpy(y)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        with self._precision(inputs), _refusals():
            _, pullback, y = self._jax.vjp(self._of_leaves(inputs, constants), *self._leaves(inputs), has_aux=True)
            y = self._numpy(y)

        def pull(dy: Any) -> tuple[None, Any]:
            with self._precision(inputs), _refusals():
                found = [np.asarray(d) for d in pullback(self._floating(dy))]
            return None, trees.rebuild(inputs, iter(found))

        return y, pull

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        of_leaves = self._of_leaves(inputs, constants)
        with self._precision(inputs):
            leaves = self._leaves(inputs)
            ds = [self._jax.numpy.asarray(d, x.dtype) for d, x in zip(directions, leaves, strict=True)]
            try:
                return self._numpy(self._jax.jvp(lambda *xs: of_leaves(*xs)[0], leaves, ds)[1])
            except TypeError as error:
                if "forward-mode" in str(error):  # a custom_vjp has none
                    return None
                raise

    def _of_leaves(self, inputs: tuple, constants: dict) -> Callable[..., tuple[list, Any]]:
        """Return the function of the floating arrays alone: its floating outputs, and all of the output."""
        asarray = self._jax.numpy.asarray

        def of_leaves(*leaves: Any) -> tuple[list, Any]:
            tree = mapped(trees.rebuild(inputs, iter(leaves)), lambda x: asarray(x) if isinstance(x, np.ndarray) else x)
            y = self._function(*tree, **constants)
            return self._floating(y), y

        return of_leaves

    def _leaves(self, inputs: tuple) -> list[Any]:
        return [self._jax.numpy.asarray(x) for _, x in trees.leaves(inputs)]

    def _floating(self, tree: Any) -> list[Any]:
        found = self._jax.tree_util.tree_leaves(tree)
        return [x for x in found if self._jax.numpy.issubdtype(self._jax.numpy.result_type(x), np.floating)]

    def _numpy(self, tree: Any) -> Any:
        return self._jax.tree_util.tree_map(np.asarray, tree)

    def _precision(self, inputs: tuple) -> Any:
        home = self._jax if hasattr(self._jax, "enable_x64") else framework("jax.experimental", "jax_function")
        return home.enable_x64(is_wide(inputs))


def jax_function(function: Callable) -> Adapted:
    """Check what JAX returns as the gradient of a function: `custom_vjp`, `custom_jvp` or any other.

    Inputs are NumPy arrays or those of JAX; the function gets arrays of JAX.  Where it has forward mode
    that is checked too.

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
