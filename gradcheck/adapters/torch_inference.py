"""PyTorch's inference mode: tensors made in it have no graphs, so what is checked runs outside of it."""

import functools
from collections.abc import Callable
from typing import Any

from gradcheck.adapters.convert import framework


def outside_inference(function: Callable) -> Callable:
    """Return a function that runs outside of inference mode, and so does a pullback that it returns beside a value.

    Inputs, constants and parameters that were made in inference mode are copied on the way, as all are.  What a
    function closes over is used as it is, which PyTorch refuses of such tensors: hand them over.
    """

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        torch = framework("torch", "torch_function")
        if not torch.is_inference_mode_enabled():
            return function(*arguments)
        with torch.inference_mode(False):
            found = function(*arguments)
        if type(found) is tuple and len(found) == 2 and callable(found[1]):
            return found[0], outside_inference(found[1])
        return found

    return run
