"""Rules about modules: parallel columns, who may import whom, and what stands with a pullback."""

import sys
from collections.abc import Iterator
from pathlib import Path

from house.tree import House, Module, at

# A room and the rooms that it may import besides itself.
SEES = {
    "core": set(),
    "functions": {"core"},
    "losses": {"core", "functions"},
    "optimizers": {"core"},
    "replay": {"core"},
    "layers": {"core", "functions"},
    "models": {"core", "functions", "layers", "losses"},
    "generation": {"core", "functions", "layers", "models"},
    "published": {"core", "functions", "layers", "models"},
    "scaling": {"core", "functions"},
    "data": {"core"},
    "tasks": {"core", "functions", "layers", "losses", "models", "generation", "data"},
    "training": {"core", "functions", "losses", "optimizers", "layers", "models", "generation", "scaling", "data"}
    | {"tasks", "replay"},
    "job": {"core", "functions", "losses", "optimizers", "layers", "models", "generation", "published", "scaling"}
    | {"data", "tasks", "training"},
}
WITHOUT_SPEC = {"core", "replay", "published", "data", "tasks", "training", "job"}
EXTRAS = {"matplotlib": ("job",), "rich": ("job",), "safetensors": ("job", "training")}  # and the rooms that may
GUESTS = {  # what is of use only with another package stands in one place, which only that use imports
    "flint": "gradcheck/exact/",
    "hypothesis": "gradcheck/strategies.py",
    "pytest": "gradcheck/pytest_plugin.py",
    "tqdm": "gradcheck/workers/progress.py",
}
FRAMEWORKS = {"jax", "jaxlib", "torch"}
INTRODUCTION = Path("reference/job/verify.py")


def rooms(house: House) -> Iterator[str]:
    """reference/ holds the rooms of the plan and nothing else."""
    for module in house.code.values():
        if module.room and module.room not in SEES:
            yield at(module.path, 1, f"the room must be one of {', '.join(SEES)}, got {module.room}")


def columns(house: House) -> Iterator[str]:
    """reference/<room>/X.py, specs/<room>/X.md and tests/reference/<room>/test_X.py stand side by side."""
    for module in house.code.values():
        if module.room and module.path.name != "__init__.py":
            inner = module.path.relative_to("reference")
            spec = Path("specs", inner.with_suffix(".md"))
            tests = Path("tests", "reference", inner.parent, f"test_{inner.name}")
            if module.room not in WITHOUT_SPEC and spec not in house.pages:
                yield at(module.path, 1, f"must have a spec, {spec.as_posix()}, got none")
            if tests not in house.tests:
                yield at(module.path, 1, f"must have tests, {tests.as_posix()}, got none")
    for page in house.derivations:
        if not (house.root / page.column[0]).is_file():
            yield at(page.path, 1, f"must derive a module, {page.column[0].as_posix()}, got none")
    for path in house.tests:
        if path.parts[:2] == ("tests", "reference") and len(path.parts) > 3 and path.name.startswith("test_"):
            module_path = Path(*path.parts[1:-1], path.name.removeprefix("test_"))
            if not (house.root / module_path).is_file():
                yield at(path, 1, f"must test a module, {module_path.as_posix()}, got none")


def downward(house: House) -> Iterator[str]:
    """A module imports its own room and the rooms below it."""
    for module in house.code.values():
        for line, name in house.imports(module):
            target = house.code.get(name)
            if target is None or module.room not in SEES or not target.room:
                continue
            if target.room not in SEES[module.room] | {module.room}:
                below = ", ".join(sorted(SEES[module.room])) or "nothing"
                yield at(module.path, line, f"{module.room} may import {below} besides itself, got {name}")


def acyclic(house: House) -> Iterator[str]:
    """No module imports itself by way of others; what only a type checker reads does not count."""
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> Iterator[str]:
        if name in trail:
            cycle = " -> ".join((*trail[trail.index(name) :], name))
            yield at(house.code[name].path, 1, f"imports must be acyclic, got {cycle}")
        elif name not in done:
            for _, target in house.imports(house.code[name], types=False):
                if target in house.code:
                    yield from visit(target, (*trail, name))
            done.add(name)

    for name in house.code:
        yield from visit(name, ())


def strangers(house: House) -> Iterator[str]:
    """The mathematics and the checker know nothing of each other, and neither needs more than NumPy and SciPy."""
    for module in house.code.values():
        package = module.path.parts[0]
        own = {package, "numpy", "scipy"} | set(sys.stdlib_module_names)
        for line, name in house.imports(module):
            top = name.partition(".")[0]
            if top in own:
                continue
            if package == "reference" and top == "gradcheck":
                if module.path != INTRODUCTION:
                    yield at(
                        module.path, line, f"gradcheck may be imported by {INTRODUCTION} only, got import of {name}"
                    )
            elif package == "reference" and top in EXTRAS:
                if module.room not in EXTRAS[top]:
                    where = " and ".join(f"reference/{room}" for room in EXTRAS[top])
                    yield at(module.path, line, f"{top} may be imported in {where} only, got import of {name}")
            elif top in GUESTS and module.path.as_posix().startswith(GUESTS[top]):
                continue
            elif package == "gradcheck" and top in FRAMEWORKS:
                if not any(part.startswith("adapters") for part in module.path.parts):
                    yield at(module.path, line, f"frameworks may be imported in gradcheck/adapters only, got {name}")
            else:
                yield at(module.path, line, f"{package} may import numpy and scipy, got {name}")


def examples(house: House) -> Iterator[str]:
    """A module with a pullback ends with `examples(rng)`, which is how every check finds it."""
    for module in _with_pullback(house):
        if "examples" not in module.functions:
            yield at(module.path, module.pullback_line, "a module with a pullback must define examples(rng), got none")
        elif module.functions["examples"] is not module.tree.body[-1]:
            line = module.functions["examples"].lineno
            yield at(module.path, line, "examples(rng) must stand at the end of its module, got code after it")


def composites(house: House) -> Iterator[str]:
    """A pullback is also checked inside a composite: a model with examples is built from it."""
    reached: set[str] = set()
    frontier = [m.name for m in _with_pullback(house) if m.room == "models" and "examples" in m.functions]
    while frontier:
        name = frontier.pop()
        if name not in reached and name in house.code:
            reached.add(name)
            frontier += [target for _, target in house.imports(house.code[name])]
    for module in _with_pullback(house):
        if module.name not in reached:
            line = module.pullback_line
            yield at(
                module.path, line, "must be part of a model in reference/models that has examples, got no such model"
            )


def _with_pullback(house: House) -> list[Module]:
    return [m for m in house.code.values() if m.room not in {"", *WITHOUT_SPEC} and m.pullback_line]


RULES = [rooms, columns, downward, acyclic, strangers, examples, composites]
