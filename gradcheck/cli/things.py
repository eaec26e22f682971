"""What `package.module:thing` names, and the subject that it is or makes."""

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradcheck.cli.errors import UsageError
from gradcheck.cli.given import POSITIONAL, Given, needed
from gradcheck.subjects import Adapted


def load(thing: str) -> Any:
    """Import what is named, with the current folder first on the path.

    Raises:
        UsageError: there is no such module, or nothing of that name in it.
    """
    module_name, colon, path = thing.partition(":")
    if not (colon and path and all(part.isidentifier() for part in [*module_name.split("."), *path.split(".")])):
        raise UsageError(f"{thing!r} must be package.module:thing")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: Any = _module(module_name)
    for name in path.split("."):
        if not hasattr(found, name):
            near = difflib.get_close_matches(name, dir(found), 1)
            raise UsageError(f"{module_name} has no {path!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        found = getattr(found, name)
    return found


def subject_of(thing: Any, name: str, given: Given) -> Any:
    """Return the subject: the thing itself, an instance of a class, or what a function without inputs makes.

    Raises:
        UsageError: it needs something that was not given.
    """
    if isinstance(thing, Adapted) or (callable(getattr(thing, "vjp", None)) and not isinstance(thing, type)):
        return thing
    if isinstance(thing, type):
        return _checkable(given.call(_constructor(thing, given), f"{name}(...)"))
    if callable(thing) and _makes(thing, given):
        made = given.call(thing, f"{name}()")
        if isinstance(made, tuple) and len(made) == 2 and callable(made[1]):
            raise UsageError(f"{name} returns (y, pullback) but has no input to differentiate")
        return _checkable(made)
    return _checkable(thing)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise UsageError(f"there is no module {error.name!r} here or on the path") from None
        error.add_note(f"gradcheck: raised while {name} was imported")
        raise
    except Exception as error:
        error.add_note(f"gradcheck: raised while {name} was imported")
        raise


def _constructor(kind: type, given: Given) -> Callable:
    """Return `kind.init` where there is one that takes what was given for the class, else the class."""
    init = getattr(kind, "init", None)
    if not callable(init):
        return kind
    own = set(inspect.signature(kind).parameters) - set(inspect.signature(init).parameters)
    return kind if own & given.names else init


def _makes(function: Callable, given: Given) -> bool:
    """Whether a function makes a subject: nothing that it takes is an input."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    if any(p.kind is p.VAR_POSITIONAL or (p.kind in POSITIONAL and p.name in given.arrays) for p in parameters):
        return False
    return not needed(parameters, given)


def _checkable(thing: Any) -> Any:
    """Return a thing that the checker knows: objects with forward and backward go by way of their adapter."""
    if callable(getattr(thing, "vjp", None)) or isinstance(thing, Adapted):
        return thing
    if all(callable(getattr(thing, name, None)) for name in ("forward", "backward")):
        from gradcheck.adapters import module

        return module(thing)
    return thing
