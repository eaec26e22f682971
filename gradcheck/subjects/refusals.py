"""What is no subject, and which adapter takes it."""

from typing import Any

from gradcheck.subjects.nodes import is_of_users

HOME = "gradcheck.adapters"
ENDINGS = {
    "function": f"for a forward and a backward function use {HOME}.pair(forward, backward)",
    "functions": f"for a forward and a backward function write check({HOME}.pair(forward, backward), x)",
    "object": f"for an object with forward and backward use {HOME}.module(obj)",
    "class": f"for a class with forward and backward use {HOME}.module(obj) with an instance",
    "layer": "hand over an instance",
    "methods": f"for methods of other names use {HOME}.module(obj, forward='...', backward='...')",
    "tuple": (
        f"for (out, cache) or (h, c, cache) use {HOME}.cached(forward, backward), "
        f"for (value, grads) or (value, dx, dw) {HOME}.value_and_grad(function)"
    ),
    "outputs": "several outputs go into a tuple of their own: ((h, c), pullback)",
    "torch": f"for PyTorch use {HOME}.torch_function(function)",
    "jax": f"for JAX use {HOME}.jax_function(function)",
    "array": f"for arrays of other libraries use {HOME}.dlpack(subject)",
    "numbers": "hand over np.asarray of it",
}
LIBRARIES = {"torch": "torch", "jax": "jax", "jaxlib": "jax"}  # what a module's name begins with


def no_subject(subject: Any) -> TypeError:
    """Return the refusal of what has no method vjp and is no function."""
    got = f"the class {subject.__name__}" if isinstance(subject, type) else _called(subject)
    message = f"gradcheck: the subject must have a method vjp or be a function that returns (y, pullback), got {got}"
    kind = _kind(subject)
    return TypeError(message if kind == "function" else f"{message}; {ENDINGS[kind]}")


def no_pullback(subject: Any, name: str, value: Any) -> TypeError:
    """Return the refusal of a subject that returned `value`, which is no (y, pullback)."""
    got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
    kind = _kind(subject)
    if kind in ("function", "methods"):
        kind = _of_value(value)
    return TypeError(f"gradcheck: {name} must return (y, pullback), got {got}; {ENDINGS[kind]}")


def two_functions(name: str, other: Any) -> TypeError:
    """Return the refusal of a function that was handed another one as its first input, and does not take it."""
    return TypeError(f"gradcheck: {name} must get arrays as its inputs, got {_called(other)}; {ENDINGS['functions']}")


def of_library(value: Any) -> str:
    """Return which adapter takes arrays of other libraries than NumPy, or what else to do with them."""
    kind = library(value)
    if kind:
        return f"{ENDINGS[kind]}, or {HOME}.dlpack(subject) where the backward pass stands beside the function"
    return ENDINGS["array" if hasattr(type(value), "__dlpack__") else "numbers"]


def library(thing: Any) -> str:
    """Return "torch" or "jax" for what one of them has made, or what is of a class of theirs; else nothing."""
    owner = getattr(thing, "__self__", None)  # of a bound method, as Function.apply
    kinds = [kind for x in (thing, owner) for kind in (x if isinstance(x, type) else type(x)).__mro__]
    homes = [kind.__module__ for kind in kinds] + [str(getattr(thing, "__module__", ""))]
    return next((LIBRARIES[root] for home in homes if (root := home.partition(".")[0]) in LIBRARIES), "")


def _called(thing: Any) -> str:
    """Return a thing in words: a function by its name, other things by their kind."""
    if isinstance(thing, tuple | list):
        return f"a {type(thing).__name__} of {len(thing)}"
    is_function = callable(thing) and hasattr(thing, "__name__")
    return f"the function {thing.__name__}" if is_function else type(thing).__name__


def _of_value(value: Any) -> str:
    parts = value if isinstance(value, tuple) else (value,)
    if found := next((kind for part in parts if (kind := library(part))), ""):
        return found
    if len(parts) > 2 and callable(parts[-1]):
        return "outputs"
    return "tuple" if isinstance(value, tuple) else "function"


def _kind(subject: Any) -> str:
    if kind := library(subject):
        return kind
    if isinstance(subject, tuple | list):
        return "functions" if len(subject) == 2 and all(map(callable, subject)) else "function"
    is_class = isinstance(subject, type)
    if is_class and callable(getattr(subject, "vjp", None)):
        return "layer"
    if all(callable(getattr(subject, name, None)) for name in ("forward", "backward")):
        return "class" if is_class else "object"
    return "methods" if is_of_users(subject if is_class else type(subject)) else "function"
