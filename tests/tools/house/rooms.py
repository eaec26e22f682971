"""Rules about the checker's rooms: who may import whom, on how many floors, and where the tests of a module are."""

from collections.abc import Iterator
from pathlib import Path

from house.tree import House, Module, at

# A room and the rooms below it that it may import; a file beside the folders is a room of its own.
SEES = {
    "version": set(),
    "strategies": set(),
    "subjects": set(),
    "workers": set(),
    "numeric": {"subjects"},
    "claims": {"subjects", "numeric"},
    "precision": {"subjects", "numeric"},
    "adapters": {"subjects", "numeric"},
    "contract": {"subjects", "numeric", "precision"},
    "exact": {"subjects"},
    "verdict": {"subjects", "numeric", "claims", "precision", "exact"},
    "diagnosis": {"subjects", "numeric", "claims", "verdict"},
    "reports": {"version", "subjects", "numeric", "verdict", "exact"},
    "checker": {"subjects", "workers", "numeric", "claims", "precision", "exact", "contract", "verdict", "diagnosis"}
    | {"reports"},
    "__init__": {"version", "subjects", "numeric", "adapters", "reports", "checker"},
    "cli": {"version", "subjects", "adapters", "reports", "checker"},
    "pytest_plugin": {"reports", "checker"},
    "__main__": {"cli"},
}
WITH_A_FRAMEWORK = ("torch_", "jax_")  # adapters whose tests need it: they are in tests/frameworks


def checker_rooms(house: House) -> Iterator[str]:
    """gradcheck/ holds the rooms of the plan and nothing else."""
    for module in _modules(house):
        if _room(module) not in SEES:
            yield at(module.path, 1, f"the room must be one of {', '.join(SEES)}, got {_room(module)}")


def checker_downward(house: House) -> Iterator[str]:
    """A module of the checker imports its own room and the rooms below it."""
    for module in _modules(house):
        room = _room(module)
        for line, name in house.imports(module):
            target = house.code.get(name)
            if target is None or target.path.parts[0] != "gradcheck" or room not in SEES:
                continue
            if _room(target) not in SEES[room] | {room, "__init__"}:
                below = ", ".join(sorted(SEES[room])) or "nothing"
                yield at(module.path, line, f"{room} may import {below} besides itself, got {name}")


def checker_columns(house: House) -> Iterator[str]:
    """gradcheck/<room>/X.py has its tests in tests/gradcheck/<room>/test_X.py, and these have a module."""
    for module in _modules(house):
        inner = module.path.relative_to("gradcheck")
        tests = Path("tests/gradcheck", inner.parent, f"test_{inner.name}")
        if inner.name.startswith(WITH_A_FRAMEWORK):
            tests = Path("tests/frameworks", tests.name)
        if len(inner.parts) > 1 and inner.name != "__init__.py" and tests not in house.tests:
            yield at(module.path, 1, f"must have tests, {tests.as_posix()}, got none")
    rooms = {path.parts[1] for path in house.walk("gradcheck") if len(path.parts) > 2}
    for path in house.tests:
        if path.parts[:2] == ("tests", "gradcheck") and path.parts[2] in rooms and path.name.startswith("test_"):
            module_path = Path("gradcheck", *path.parts[2:-1], path.name.removeprefix("test_"))
            if not (house.root / module_path).is_file():
                yield at(path, 1, f"must test a module, {module_path.as_posix()}, got none")


def _modules(house: House) -> Iterator[Module]:
    yield from (module for module in house.code.values() if module.path.parts[0] == "gradcheck")


def _room(module: Module) -> str:
    return Path(module.path.parts[1]).stem


def floor(room: str, sees: dict[str, set[str]] = SEES) -> int:
    """Return the floor on which a room stands: above all that it may import."""
    return 1 + max((floor(below, sees) for below in sees[room]), default=0)


RULES = [checker_rooms, checker_downward, checker_columns]
