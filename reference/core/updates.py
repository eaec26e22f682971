"""What a step of an optimiser may be given."""

from typing import Any

from reference.core import tree
from reference.core.shapes import expect_nonnegative


def expect_update(where: str, model: Any, d_model: Any, rate: float) -> None:
    """Raise unless `d_model` is a gradient of `model`, leaf by leaf, and `rate` a learning rate.

    Raises:
        TypeError: the rate is not a number, or a gradient has another dtype than its parameter:
            the update would carry it on.
        ValueError: a gradient is missing or has another shape, or the rate is negative or not finite.
    """
    expect_nonnegative(where, "rate", rate)
    gradients = dict(tree.leaves(d_model))
    for path, parameter in tree.leaves(model):
        if path not in gradients:
            raise ValueError(f"{where}: '{path}' must get a gradient, got none")
        gradient, path = gradients.pop(path), path or "model"  # a bare array has no path
        if gradient.shape != parameter.shape:
            raise ValueError(f"{where}: gradient of '{path}' must have shape {parameter.shape}, got {gradient.shape}")
        if gradient.dtype != parameter.dtype:
            raise TypeError(f"{where}: gradient of '{path}' must be {parameter.dtype}, got {gradient.dtype}")
    if gradients:
        raise ValueError(f"{where}: d_model must hold gradients of parameters only, got {sorted(gradients)}")
