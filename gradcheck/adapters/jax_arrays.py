"""NumPy arrays to those of JAX and back; where an array lies and in which format is kept beside its numbers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.convert import Constant, Pair, mapped
from gradcheck.subjects import trees


@dataclasses.dataclass(frozen=True)
class Form:
    """What an array of JAX is beside its numbers; None: what NumPy's says."""

    dtype: Any = None
    sharding: Any = None


class JaxArrays:
    """The inputs as the checker has them: real arrays, each with the form of JAX's; a complex one is a Pair."""

    def __init__(self, jax: Any, inputs: tuple):
        self._jax, self.is_real = jax, True
        self._by_array: dict[int, Form] = {}
        self.inputs = mapped(inputs, self._taken)
        leaves = [x for _, x in trees.leaves(self.inputs)]
        self._forms = [self._by_array.get(id(x), Form()) for x in leaves]
        self.units = [self._unit(form) for form in self._forms]

    def _taken(self, leaf: Any) -> Any:
        numpy = self._jax.numpy
        if not isinstance(leaf, self._jax.Array | np.ndarray | np.generic):
            return leaf
        if isinstance(leaf, self._jax.Array) and self._jax.dtypes.issubdtype(leaf.dtype, self._jax.dtypes.extended):
            return Constant(leaf)  # a key of a random generator
        if numpy.iscomplexobj(leaf):
            self.is_real = False
            whole = np.asarray(leaf)
            parts: Any = Pair(np.array(whole.real), np.array(whole.imag))
        else:
            parts = self.array(leaf) if isinstance(leaf, self._jax.Array) else leaf
        if isinstance(leaf, self._jax.Array):
            for x in parts if isinstance(parts, Pair) else (parts,):
                self._by_array[id(x)] = Form(leaf.dtype, leaf.sharding)
        return parts

    def made(self, inputs: tuple) -> list[Any]:
        """Return an array of JAX for every differentiable one, in the order of `trees.leaves`."""
        pairs = zip([x for _, x in trees.leaves(inputs, kinds="fc")], self._forms, strict=True)
        return [self._made(x, form) for x, form in pairs]

    def _made(self, x: np.ndarray, form: Form) -> Any:
        narrow = x.dtype == np.float32 and self._unit(form) is not None
        made = self._jax.numpy.asarray(x, form.dtype if narrow else None)
        return made if form.sharding is None else self._jax.device_put(made, form.sharding)

    def handed(self, leaves: Sequence[Any]) -> tuple:
        """Return the inputs as the function gets them."""

        def finished(leaf: Any) -> Any:
            if isinstance(leaf, Pair):
                return self._jax.lax.complex(*leaf)
            if isinstance(leaf, Constant):
                return leaf.value
            return self._jax.numpy.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf

        return mapped(trees.rebuild(self.inputs, iter(leaves)), finished, whole=Pair)

    def shown(self, y: Any, analytic: bool) -> Any:
        """Return an output with NumPy's arrays; a complex one as two, except where the checker asks for such."""

        def seen(leaf: Any) -> Any:
            if analytic or not self._jax.numpy.iscomplexobj(leaf):
                return self.array(leaf)
            whole = np.asarray(leaf)
            return Pair(np.array(whole.real), np.array(whole.imag))

        return self._jax.tree_util.tree_map(seen, y)

    def array(self, x: Any) -> np.ndarray:
        """Return the numbers of an array, those of a format that NumPy lacks in float32."""
        found = np.asarray(x)
        lacking = found.dtype.kind == "V" and self._jax.numpy.issubdtype(found.dtype, np.floating)
        return found.astype(np.float32) if lacking else found

    def _unit(self, form: Form) -> float | None:
        """Return the unit roundoff of a format that NumPy lacks, or None."""
        lacking = form.dtype is not None and form.dtype.kind == "V"
        return float(self._jax.numpy.finfo(form.dtype).eps) / 2 if lacking else None
