"""What stands before the colon: an import path, package.module, or a file, path/to/file.py."""

import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcheck.cli.errors import UsageError, short

LEVELS = 50  # of packages, at most: Python imports each from within the import of the next


def named(text: str) -> ModuleType:
    """Import a module by its name or by its file, with the current folder on the path.

    Raises:
        UsageError: there is no such module or file.
    """
    with contextlib.suppress(OSError):  # the current folder was deleted
        _first_on_the_path(Path.cwd())
    return _of_file(Path(text)) if text.endswith(".py") else _of_name(text)


def _of_name(name: str) -> Any:
    if name.count(".") > LEVELS:
        raise UsageError(f"there is no module {short(name)} here or on the path")
    with _explained(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
                raise UsageError(f"there is no module {short(error.name)} here or on the path") from None
            raise


def _of_file(path: Path) -> ModuleType:
    """Import a file under the name that it has as a part of its package, so that it finds its neighbours."""
    if not path.is_file():
        raise UsageError(f"there is no file {short(str(path))}")
    folder, names = path.resolve().parent, [path.stem]
    while (folder / "__init__.py").is_file() and folder.name.isidentifier():
        folder, names = folder.parent, [folder.name, *names]
    _first_on_the_path(folder)
    name = ".".join(names)
    if all(part.isidentifier() for part in names) and _is_at(name, path):
        return _of_name(name)
    while name in sys.modules:
        name += "_"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None and spec.loader is not None  # a file that ends in .py has both
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        with _explained(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _is_at(name: str, path: Path) -> bool:
    """Whether a name leads to this file, and not to another module, such as one of Python's own."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a parent is no package, or a module was made by hand
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).resolve() == path.resolve()


def _first_on_the_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


@contextlib.contextmanager
def _explained(name: str) -> Any:
    """Say of any error of the module's own where it arose."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        error.add_note(f"gradcheck: raised while {name} was imported")
        raise
