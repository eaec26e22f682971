"""Rules about the tests, and about every file."""

import ast
import re
import symtable
from collections.abc import Iterator
from pathlib import Path

from house.columns import WITHOUT_SPEC
from house.pages import unstated_tolerances
from house.tree import House, Module, at

EVERYTHING = (
    "reference",
    "gradcheck",
    "specs",
    "tests",
    "README.md",
    "CHANGELOG.md",
    "pyproject.toml",
    "tox.ini",
    ".ci/run",
)
TEXT = {".py", ".md", ".toml", ".ini", ""}
GATED = "tests/reference"  # run by tests/tools/stamp.py for the environment `gradients`
MOST_LINES = 200
LOOSE = 1e-6
GENERATORS = ("default_rng", "Generator", "RandomState", "Random")
UNFINISHED = re.compile("TO" + "DO|FIX" + "ME")
OWN_WORDS = Path("reference/core/code.py")  # executes what the program itself has put together
OWN_PROCESSES = Path("reference/training/shared.py")  # what goes between the processes of one program is no file


def packages(house: House) -> Iterator[str]:
    """No package below tests/: its folder called reference would shadow the one under test."""
    for path in house.tests:
        if path.name == "__init__.py":
            yield at(path, 1, "tests are no package, got an __init__.py")


def asserting(house: House) -> Iterator[str]:
    """A test asserts; one that returns a bool passes whatever it is."""
    helpers = [module for path, module in house.tests.items() if not path.name.startswith("test_")]
    shared = set().union(*(_asserting(helper, set()) for helper in helpers))
    for path, module in house.tests.items():
        if path.name.startswith("test_"):
            asserts = _asserting(module, shared - set(module.functions))
            for name, function in module.functions.items():
                if not name.startswith("test_"):
                    continue
                returns = [n for n in _own(function) if isinstance(n, ast.Return) and n.value is not None]
                if returns:
                    yield at(path, returns[0].lineno, f"a test must return nothing, got a value from {name}")
                elif name not in asserts:
                    yield at(path, function.lineno, f"a test must assert its claim, got no assertion in {name}")


def stated(house: House) -> Iterator[str]:
    """A comparison in a test states both tolerances, and says why where one is loose."""
    for path, module in house.tests.items():
        lines = module.source.splitlines()
        for call in unstated_tolerances(module.tree):
            if not any(keyword.arg is None for keyword in call.keywords):
                yield at(path, call.lineno, f"must state rtol and atol, got {ast.unparse(call)[:80]}")
        for node in module.nodes:
            pairs = []
            if isinstance(node, ast.keyword):
                pairs = [(node.arg, node.value)]
            elif isinstance(node, ast.Dict):
                pairs = [
                    (k.value, v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)
                ]
            for name, value in pairs:
                loose = isinstance(value, ast.Constant) and isinstance(value.value, float) and value.value > LOOSE
                if name in ("rtol", "atol") and loose and "#" not in lines[value.lineno - 1]:
                    want = f"a tolerance above {LOOSE} must have its reason on the line"
                    yield at(path, value.lineno, f"{want}, got {name}={value.value}")


def proved(house: House) -> Iterator[str]:
    """The tests of a module with a pullback call `prove` for it, and `caught` for a wrong version of it."""
    for module in house.code.values():
        if module.room in {"", *WITHOUT_SPEC} or not module.pullback_line:
            continue
        path = Path("tests", *module.path.parts[:-1], f"test_{module.path.name}")
        called = _called(house.tests[path].tree) if path in house.tests else {"prove", "caught"}
        for fixture, what in (("prove", "its gradients"), ("caught", "a wrong version")):
            if fixture not in called:
                yield at(path, 1, f"must call {fixture} on {what}, got no such call")


def drawn(house: House) -> Iterator[str]:
    """A test draws its own numbers: from a generator of the module, they would depend on the tests that ran before."""
    for path, module in house.tests.items():
        shared = [
            target.id
            for node in module.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
            for target in node.targets
            if isinstance(target, ast.Name) and ast.unparse(node.value.func).rpartition(".")[2] in GENERATORS
        ]
        for name in shared:
            for line in _uses(symtable.symtable(module.source, path.as_posix(), "exec"), name):
                yield at(path, line, f"a test must draw from a generator of its own, got {name} of the module")


def brief(house: House) -> Iterator[str]:
    """A file of code fits a few screens."""
    for module in house.code.values():
        count = len(module.source.splitlines())
        if count > MOST_LINES:
            yield at(module.path, count, f"a file must have at most {MOST_LINES} lines, got {count}")


def safe(house: House) -> Iterator[str]:
    """Nothing in a file of the user's is executed."""
    for module in house.code.values():
        for line, name in house.imports(module):
            if name.partition(".")[0] in ("pickle", "dill", "shelve", "marshal") and module.path != OWN_PROCESSES:
                yield at(module.path, line, f"no data is executed, got import of {name}")
        for node in module.nodes:
            runs = isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("eval", "exec")
            own = module.path == OWN_WORDS or module.path.parts[0] != "reference"
            if runs and not own:  # the checker runs the reproducers that it writes
                yield at(module.path, node.lineno, f"no data is executed, got {ast.unparse(node)[:60]}")
            if (
                isinstance(node, ast.keyword)
                and node.arg == "allow_pickle"
                and getattr(node.value, "value", None) is not False
            ):
                yield at(module.path, node.value.lineno, "no data is executed, got allow_pickle")


def run(house: House) -> Iterator[str]:
    """An environment of tox runs every test."""
    tox = house.read(Path("tox.ini")) if (house.root / "tox.ini").is_file() else ""
    places = [GATED, *re.findall(r"(?<!\S)tests/[\w/.]+", tox)]
    for path in house.tests:
        name = path.as_posix()
        if path.name.startswith("test_") and not any(name == place or name.startswith(f"{place}/") for place in places):
            yield at(path, 1, f"must be run by an environment of tox.ini, got only {', '.join(places)}")


def finished(house: House) -> Iterator[str]:
    """What stands in the house is done."""
    for path in house.walk(*(top for top in EVERYTHING if (house.root / top).exists())):
        if path.suffix in TEXT:
            for number, line in enumerate(house.read(path).splitlines(), 1):
                if match := UNFINISHED.search(line):
                    yield at(path, number, f"must be finished, got {match[0]}")


def _uses(table: symtable.SymbolTable, name: str) -> Iterator[int]:
    """Yield the lines of the functions in which `name` is that of the module."""
    for inner in table.get_children():
        named = inner.get_type() == "function" and inner.get_name() != "lambda"  # a lambda may be one of the import's
        if named and name in inner.get_identifiers() and inner.lookup(name).is_global():
            yield inner.get_lineno()
        yield from _uses(inner, name)


def _own(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Nodes of a function without those of functions and classes defined in it."""
    stack: list[ast.AST] = list(function.body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)


def _asserting(module: Module, asserts: set[str]) -> set[str]:
    """Names of functions that assert, or call one that does: of the module, or in `asserts`."""
    calls, asserts = {}, set(asserts)
    for name, function in module.functions.items():
        calls[name] = _called(function)
        plain = any(isinstance(node, ast.Assert) for node in ast.walk(function))
        if plain or any(_is_assertion(called) for called in calls[name]):
            asserts.add(name)
    while True:
        more = {name for name, called in calls.items() if called & asserts} - asserts
        if not more:
            return asserts
        asserts |= more


def _called(tree: ast.AST) -> set[str]:
    functions = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in functions}


def _is_assertion(name: str) -> bool:
    return name in ("raises", "warns", "prove", "caught", "fail") or name.startswith("assert_")


RULES = [packages, asserting, stated, drawn, proved, run, brief, safe, finished]
