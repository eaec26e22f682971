"""What a layer is."""

import dataclasses
import inspect
import weakref
from collections.abc import Callable
from typing import Any, Self, dataclass_transform

import numpy as np
from numpy.typing import DTypeLike

from reference.core import tree
from reference.core.arrays import as_array, is_any_array
from reference.core.kinds import checked, expect_fields
from reference.core.known import Known
from reference.core.nodes import ARRAY, CONSTANT, REFUSED, TUPLE, fields_of, sort
from reference.core.randomness import takes_randomness, unmoved
from reference.core.shapes import expect_dtype

# Of a gradient the layer that it was checked against, where it was made: no layer further up checks it again.
# Of the 692 arrays and layers that a step of a small Transformer looked at, 95 are left: as many as there are.
_checked: Known[weakref.ref] = Known()


@dataclass_transform(frozen_default=True, eq_default=False)
class Layer:
    """A frozen dataclass of parameters, layers, tuples of layers, and plain constants.

    A subclass writes one method, `vjp(self, *inputs, **constants)`, which returns the
    output `y` and a function `pullback`.  `pullback(dy)` returns a tuple: the cotangent
    of the layer, then that of each positional input.  Keyword-only arguments (masks,
    token ids, random generators) are constants and have no cotangent.

    What a field may hold is said by its annotation, and checked where a person makes a layer;
    so are the arguments of a classmethod that makes one.

    >>> class Scale(Layer):
    ...     gain: np.ndarray                                # (D,)
    ...     def vjp(self, x):
    ...         def pullback(dy):
    ...             return self.cotangent(gain=x * dy), self.gain * dy
    ...         return self.gain * x, pullback
    >>> y, pullback = Scale(gain=np.array([2.0, 3])).vjp(np.array([5.0, 7]))
    >>> d_layer, dx = pullback(np.array([1.0, 1]))
    >>> y.tolist(), d_layer.gain.tolist(), dx.tolist()
    ([10.0, 21.0], [5.0, 7.0], [2.0, 3.0])
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclasses.dataclass(frozen=True, eq=False, repr=False)(cls)
        for name, value in list(vars(cls).items()):
            if isinstance(value, classmethod):
                setattr(cls, name, classmethod(checked(value.__func__)))
            elif inspect.isfunction(value) and takes_randomness(value):
                setattr(cls, name, unmoved(value))

    def __init__(self) -> None:  # a subclass has one of its fields
        raise TypeError("Layer: a layer must be of a class that defines vjp, got Layer itself")

    def __post_init__(self) -> None:
        expect_fields(self)

    def vjp(self, *inputs: Any, **constants: Any) -> tuple[Any, Callable[..., tuple]]:
        raise TypeError(f"{type(self).__name__} must define vjp(self, *inputs, **constants)")

    def __call__(self, *inputs: Any, **constants: Any) -> Any:
        """Return the output alone; nothing is kept for a backward pass."""
        y, _ = self.vjp(*inputs, **constants)
        return y

    def __repr__(self) -> str:
        values = ((name, getattr(self, name)) for name in tree.field_names(self))
        return f"{type(self).__name__}({', '.join(f'{name}={_shown(value)}' for name, value in values)})"

    def astype(self, dtype: DTypeLike) -> Self:
        """Return this layer with every parameter in `dtype`.

        Raises:
            TypeError: `dtype` is neither floating nor complex.
        """
        expect_dtype(f"{type(self).__name__}.astype", dtype)
        return tree.map(lambda parameter: parameter.astype(dtype), self)

    def cotangent(self, **gradients: Any) -> Self:
        """Return `gradients`, one per field that holds parameters, as a layer of this class.

        That of a parameter without axes may be a number of NumPy's, and an empty tuple of layers may have its own, ().

        Raises:
            TypeError: a parameter got no gradient, a constant got one, a layer's gradient is not a
                layer of the same class, or a field is neither a parameter nor a constant.
            ValueError: a gradient has not the shape of its parameter.
        """
        kind: Any = type(self)
        values: dict[str, Any] = {}
        for name in fields_of(kind):
            value = getattr(self, name)
            gradient: Any = gradients.get(name)
            what: Any = type(value)
            if sort(what) is CONSTANT:
                values[name] = value
            elif type(gradient) is what and (
                gradient.shape == value.shape and value.dtype.kind in "fc" if what is np.ndarray
                else is_checked(gradient, value)
            ):  # fmt: skip
                values[name] = gradients.pop(name)
            else:  # hardly ever in a step
                values[name] = _looked_at(f"{kind.__name__}.cotangent", name, gradients, value)
        if gradients:
            only = f"{kind.__name__}.cotangent: only fields that hold parameters have gradients"
            raise TypeError(f"{only}, got {sorted(gradients)}")
        d_self = tree.rebuild(self, values)
        _checked.keep(d_self, weakref.ref(self))
        return d_self


def _looked_at(where: str, name: str, gradients: dict[str, Any], value: Any) -> Any:
    """Return what the gradient of a layer has in place of `value`, or raise as `cotangent` says."""
    if not tree.holds_parameters(value):
        tree.expect_constant(value, name)
        if _is_empty(value) and _is_empty(gradients.get(name)):
            del gradients[name]
        return value
    if name not in gradients:
        raise TypeError(f"{where}: '{name}' must get a gradient, got none")
    gradient = gradients.pop(name)
    if isinstance(gradient, np.generic) and getattr(value, "shape", None) == ():
        gradient = as_array(gradient)
    _expect_like(where, name, gradient, value)
    return gradient


def is_checked(gradient: Any, layer: Any) -> bool:
    """Whether `layer.cotangent` made this gradient: this layer, and no other of the same shapes."""
    made_for = _checked.get(gradient)
    return made_for is not None and made_for() is layer


def _is_empty(value: Any) -> bool:
    return isinstance(value, tuple) and not value


def _shown(value: Any) -> str:
    """Arrays by their shape, functions by their name (repr would give an address), the rest as it is."""
    if is_any_array(value):
        return tree.brief(value)
    return value.__name__ if hasattr(value, "__name__") else repr(value)


def _expect_like(where: str, path: str, gradient: Any, value: Any) -> None:
    """Raise unless `gradient` is one of `value`: of its class and shape, as is all that stands in it.

    Swapped gradients of two layers of one class and other widths are found here, not in the optimizer.
    """
    kind: Any = type(value)
    what = sort(kind)
    if what is ARRAY or (what is REFUSED and is_any_array(value)):
        if type(gradient) is not np.ndarray and not is_any_array(gradient):
            raise TypeError(f"{where}: '{path}' must be an array, got {type(gradient).__name__}")
        if gradient.shape != value.shape:
            raise ValueError(f"{where}: '{path}' must have shape {value.shape}, got {gradient.shape}")
    elif type(gradient) is not kind:
        raise TypeError(f"{where}: '{path}' must be of type {kind.__name__}, got {type(gradient).__name__}")
    elif what is TUPLE:
        if len(gradient) != len(value):
            raise ValueError(f"{where}: '{path}' must have {len(value)} entries, got {len(gradient)}")
        for i, (inner, like) in enumerate(zip(gradient, value, strict=True)):
            _expect_like(where, f"{path}[{i}]", inner, like)
    elif callable(what) and not is_checked(gradient, value):
        for name in tree.field_names(value):
            _expect_like(where, f"{path}.{name}", getattr(gradient, name), getattr(value, name))
