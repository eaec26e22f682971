"""What a step of an optimiser may be given."""

from typing import Annotated, Any, TypeAlias

import numpy as np

from reference.core import tree
from reference.core.arrays import is_array
from reference.core.shapes import expect_nonnegative, expect_whole, got

STEPS = 2**53  # of a run, at most: as many as double precision counts
Squares: TypeAlias = Annotated[Any, "squares"]  # a tree of squares, or of sums, means or maxima of them: at least 0


def expect_model(where: str, model: Any) -> None:
    """Raise unless `model` may hold parameters; None, of which none is, stands where others have been left out.

    Raises:
        TypeError: it is no layer, no array and no tuple of these.
    """
    if not (model is None or isinstance(model, tuple) or is_array(model) or tree.is_layer(model)):
        raise TypeError(f"{where}: model must be a layer, an array or a tuple of these, got {got(model)}")


def expect_update(
    where: str, model: Any, d_model: Any, rate: float, state: Any, kind: type, moments: tuple[str, ...] = ()
) -> None:
    """Raise unless `d_model` is a gradient of `model`, leaf by leaf, `rate` a learning rate, and `state` fits.

    `state` is of class `kind`, counts its steps, and has `moments`, each shaped like the model.

    Raises:
        TypeError: the model is none, the rate not a number, the state of another class, its step not a whole
            number, or a gradient or a moment has another dtype than its parameter: the update
            would carry it on.
        ValueError: a gradient or a moment is missing or has another shape, the rate is negative
            or not finite, or the step negative or beyond counting.
    """
    expect_model(where, model)
    expect_nonnegative(where, "rate", rate)
    if not isinstance(state, kind):
        raise TypeError(f"{where}: state must be of class {kind.__name__}, got {got(state)}")
    fields: Any = state
    expect_whole(where, "state.step", fields.step, 0, STEPS)
    _expect_like(where, model, d_model, "d_model", "gradient")
    for name in moments:
        _expect_like(where, model, getattr(fields, name), f"state.{name}", f"moment {name}")


def _expect_like(where: str, model: Any, given: Any, name: str, what: str) -> None:
    parameters, arrays = tree.written(model), tree.written(given)
    dtypes = [leaf.dtype for leaf in parameters.leaves]
    if not arrays.is_like(parameters) or [leaf.dtype for leaf in arrays.leaves] != dtypes:
        expect_one_each(where, tree.leaves(model), tree.leaves(given), name, what)


def expect_one_each(
    where: str,
    parameters: list[tuple[str, np.ndarray]],
    given: list[tuple[str, np.ndarray]],
    name: str,
    what: str,
) -> None:
    """Raise unless `given` has an array for each parameter, of its shape and dtype, and no other.

    Raises:
        TypeError: an array has another dtype.
        ValueError: an array is missing, has another shape, or is of no parameter.
    """
    arrays = dict(given)
    for path, parameter in parameters:
        if path not in arrays:
            raise ValueError(f"{where}: '{path}' must get a {what}, got none")
        array, path = arrays.pop(path), path or "model"  # a bare array has no path
        if array.shape != parameter.shape:
            raise ValueError(f"{where}: {what} of '{path}' must have shape {parameter.shape}, got {array.shape}")
        if array.dtype != parameter.dtype:
            raise TypeError(f"{where}: {what} of '{path}' must be {parameter.dtype}, got {array.dtype}")
    if arrays:
        raise ValueError(f"{where}: {name} must hold {what}s of parameters only, got {sorted(arrays)}")
