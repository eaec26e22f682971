"""What is no subject, and which adapter takes it."""

import sys
from typing import Any

HOME = "gradcheck.adapters"
ENDINGS = {
    "function": f"for a forward and a backward function use {HOME}.pair(forward, backward)",
    "object": f"for an object with forward and backward use {HOME}.module(obj)",
    "class": f"for a class with forward and backward use {HOME}.module(obj) with an instance",
    "tuple": (
        f"for (out, cache) use {HOME}.cached(forward, backward), for (value, grads) {HOME}.value_and_grad(function)"
    ),
    "torch": f"for PyTorch use {HOME}.torch_function(function)",
    "jax": f"for JAX use {HOME}.jax_function(function)",
}


def no_subject(subject: Any) -> TypeError:
    """Return the refusal of what has no method vjp and is no function."""
    got = f"the class {subject.__name__}" if isinstance(subject, type) else type(subject).__name__
    message = f"gradcheck: the subject must have a method vjp or be a function that returns (y, pullback), got {got}"
    kind = _kind(subject)
    return TypeError(message if kind == "function" else f"{message}; {ENDINGS[kind]}")


def no_pullback(subject: Any, name: str, value: Any) -> TypeError:
    """Return the refusal of a subject that returned `value`, which is no (y, pullback)."""
    got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
    kind = _kind(subject)
    if kind == "function":
        framework = type(value).__module__.partition(".")[0].removesuffix("lib")
        kind = framework if framework in ENDINGS else "tuple" if isinstance(value, tuple) else kind
    return TypeError(f"gradcheck: {name} must return (y, pullback), got {got}; {ENDINGS[kind]}")


def _kind(subject: Any) -> str:
    torch = sys.modules.get("torch")
    if torch is not None and _is_of_torch(subject, torch):
        return "torch"
    if all(callable(getattr(subject, name, None)) for name in ("forward", "backward")):
        return "class" if isinstance(subject, type) else "object"
    return "function"


def _is_of_torch(subject: Any, torch: Any) -> bool:
    if isinstance(subject, type):
        return issubclass(subject, torch.nn.Module | torch.autograd.Function)
    return isinstance(subject, torch.nn.Module)
