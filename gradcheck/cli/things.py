"""What `package.module:thing` names, and the subject that it is or makes."""

import difflib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from gradcheck import adapters
from gradcheck.cli.errors import UsageError, short
from gradcheck.cli.given import POSITIONAL, Given, needed
from gradcheck.cli.modules import named
from gradcheck.subjects.adapted import Adapted
from gradcheck.subjects.nodes import NOT_OF_A_USER


def load(thing: str) -> Any:
    """Import what is named.

    Raises:
        UsageError: there is no such module or file, or nothing of that name in it.
    """
    home, colon, path = thing.rpartition(":")
    is_module = home.endswith(".py") or all(part.isidentifier() for part in home.split("."))
    if not (colon and is_module and all(part.isidentifier() for part in path.split("."))):
        raise UsageError(f"{short(thing)} must be package.module:thing or path/to/file.py:thing")
    found: Any = named(home)
    for name in path.split("."):
        if not hasattr(found, name):
            near = difflib.get_close_matches(name, _checkable(found), 1)
            raise UsageError(f"{home} has no {short(path)}" + (f"; did you mean {near[0]!r}?" if near else ""))
        found = getattr(found, name)
    return found


def subject_of(thing: Any, name: str, given: Given) -> Any:
    """Return the subject: the thing itself, an instance of a class, or what a function without inputs makes.

    Raises:
        UsageError: it needs something that was not given.
    """
    if (known := _known(thing)) is not None:
        return known
    if isinstance(thing, type):
        made = given.call(_constructor(thing, given), f"{name}(...)")
    elif callable(thing) and _makes(thing, given):
        made = given.call(thing, f"{name}()")
        if isinstance(made, tuple) and len(made) == 2 and callable(made[1]):
            raise UsageError(f"{name} returns (y, pullback) but has no input to differentiate")
    else:
        return thing
    known = _known(made)
    return made if known is None else known


def _checkable(found: Any) -> list[str]:
    """Return the names in a module, or of a class, of what may be checked, and was not imported from a library."""
    root = str(getattr(found, "__module__", None) or getattr(found, "__name__", "")).partition(".")[0]
    foreign = (NOT_OF_A_USER | {"gradcheck"}) - {root}
    return [name for name in dir(found) if not name.startswith("_") and _is_checkable(found, name, foreign)]


def _is_checkable(home: Any, name: str, foreign: set[str]) -> bool:
    try:
        thing = getattr(home, name, None)
        module = str(getattr(thing, "__module__", "")).partition(".")[0]
        return _known(thing) is not None or (callable(thing) and module not in foreign)
    except Exception:  # of an object of the user's that answers to no name, which hides none that was asked for
        return False


def _constructor(kind: type, given: Given) -> Callable:
    """Return `kind.init` where there is one that takes what was given for the class, else the class."""
    init = getattr(kind, "init", None)
    if not callable(init):
        return kind
    own = _takes(kind) - _takes(init)
    return kind if own & given.names else init


def _takes(function: Callable) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # of a builtin
        return set()


def _makes(function: Callable, given: Given) -> bool:
    """Whether a function makes a subject: nothing that it takes is an input."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    if any(p.kind is p.VAR_POSITIONAL or (p.kind in POSITIONAL and p.name in given.arrays) for p in parameters):
        return False
    return not needed(parameters, given)


def _known(thing: Any) -> Any:
    """Return a thing that needs nothing to be checked, by way of its adapter where it has one; None for others."""
    if isinstance(thing, type):
        return adapters.torch_function(thing) if _is_autograd_function(thing) else None
    if isinstance(thing, Adapted) or callable(getattr(thing, "vjp", None)):
        return thing
    if _is(thing, "torch.nn", "Module"):
        return adapters.torch_function(thing)
    if _is(thing, "jax", "custom_vjp") or _is(thing, "jax", "custom_jvp"):
        return adapters.jax_function(thing)
    if all(callable(getattr(thing, name, None)) for name in ("forward", "backward")):
        return adapters.module(thing)
    return None


def _is(thing: Any, module: str, name: str) -> bool:
    """Whether a thing is an instance of a framework's class; a framework that was not imported made none."""
    return module in sys.modules and isinstance(thing, getattr(sys.modules[module], name))


def _is_autograd_function(kind: type) -> bool:
    return "torch" in sys.modules and issubclass(kind, sys.modules["torch"].autograd.Function)
