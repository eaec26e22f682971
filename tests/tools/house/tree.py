"""What the house rules look at: the modules, pages and tests below a root, found by walking."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ID = r"[a-z]\w*\.(?:\d+|[a-z])"


@cache
def parsed(source: str) -> ast.Module:
    """The tree of a file, once for all rules, which only read it."""
    return ast.parse(source)


@dataclass(frozen=True)
class Module:
    """A file of code or of tests."""

    path: Path  # relative to the root, as every path here
    source: str

    @property
    def tree(self) -> ast.Module:
        return parsed(self.source)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))  # many rules look at each of them

    @property
    def name(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def room(self) -> str:
        """The folder below `reference`; "" for the files beside the rooms and for other packages."""
        return self.path.parts[1] if self.path.parts[0] == "reference" and len(self.path.parts) > 2 else ""

    @property
    def pullback_line(self) -> int:
        """The line that starts a function `*_vjp` or a method `vjp`; 0 where there is none."""
        for node in self.nodes:
            if isinstance(node, ast.FunctionDef) and (node.name == "vjp" or node.name.endswith("_vjp")):
                return node.lineno
        return 0

    @property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """Functions of the module and methods of its test classes, by name."""
        bodies = [self.tree.body] + [n.body for n in self.tree.body if isinstance(n, ast.ClassDef)]
        return {n.name: n for body in bodies for n in body if isinstance(n, ast.FunctionDef)}


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language, the line of its opening fence (from 1) and its body."""

    language: str
    line: int
    body: list[str]


@dataclass(frozen=True)
class Page:
    """A page of Markdown."""

    path: Path
    source: str

    @property
    def column(self) -> tuple[Path, Path]:
        """The module this page derives and the tests of that module."""
        inner = self.path.relative_to("specs").with_suffix(".py")
        return Path("reference", inner), Path("tests", "reference", inner.parent, f"test_{inner.name}")

    @cached_property
    def blocks(self) -> tuple[list[tuple[int, str]], list[Fence]]:
        """Lines of prose with their numbers, and fences."""
        prose, fences, opened = [], [], None
        for number, line in enumerate(self.source.splitlines(), 1):
            if opened is None and (match := re.match(r"\s*```(\w*)\s*$", line)):
                opened = Fence(match[1], number, [])
                fences.append(opened)
            elif opened is None:
                prose.append((number, line))
            elif line.strip() == "```":
                opened = None
            else:
                opened.body.append(line)
        return prose, fences

    @property
    def prose(self) -> list[tuple[int, str]]:
        return self.blocks[0]

    @property
    def fences(self) -> list[Fence]:
        return self.blocks[1]

    @cached_property
    def ids(self) -> dict[str, int]:
        """Every equation id that an anchor declares, with its line."""
        anchors = ((number, match) for number, line in self.prose for match in re.finditer(rf'<a id="({ID})">', line))
        return {match[1]: number for number, match in anchors}

    def lines_of(self, title: str) -> tuple[int, int]:
        """The line of the heading `## title` and that of the next one; (0, 0) where there is no such heading."""
        heads = [(number, line) for number, line in self.prose if line.startswith("## ")]
        for place, (number, line) in enumerate(heads):
            if line == f"## {title}":
                return number, heads[place + 1][0] if place + 1 < len(heads) else len(self.source.splitlines()) + 1
        return 0, 0

    def section(self, title: str) -> list[tuple[int, str]]:
        """The prose below the heading `## title`, without it."""
        lines, inside = [], False
        for number, line in self.prose:
            if line.startswith("## "):
                inside = line == f"## {title}"
            elif inside:
                lines.append((number, line))
        return lines


class House:
    """Everything below `root`; caches, environments and hidden folders are not part of it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def walk(self, *tops: str, suffix: str = "") -> Iterator[Path]:
        """Yield files below the folders `tops` (or the files `tops`), sorted, relative to the root."""
        for top in tops:
            start = self.root / top
            for path in [start] if start.is_file() else sorted(start.rglob("*")):
                inner = path.relative_to(self.root)
                hidden = any(part == "__pycache__" or part.startswith(".") for part in inner.parts)
                if path.is_file() and not hidden and path.name.endswith(suffix):
                    yield inner

    def read(self, path: Path) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    @cached_property
    def code(self) -> dict[str, Module]:
        """Modules of `reference` and `gradcheck`, by name."""
        found = (Module(path, self.read(path)) for path in self.walk("reference", "gradcheck", suffix=".py"))
        return {module.name: module for module in found}

    @cached_property
    def tests(self) -> dict[Path, Module]:
        return {path: Module(path, self.read(path)) for path in self.walk("tests", suffix=".py")}

    @cached_property
    def pages(self) -> dict[Path, Page]:
        return {path: Page(path, self.read(path)) for path in self.walk("specs", suffix=".md")}

    @cached_property
    def proved(self) -> set[str]:
        """Steps of derivations that are known without numbers, by `specs/verdicts.txt`."""
        path = self.root / "specs" / "verdicts.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        known = re.compile(r"(\S+): step; (?:proved|in balls|defines)")
        return {match[1] for line in lines if (match := known.fullmatch(line))}

    @property
    def derivations(self) -> list[Page]:
        """Pages that stand in a room: all but the overviews and the guides."""
        return [page for path, page in self.pages.items() if len(path.parts) > 2 and path.parts[1] != "guides"]

    def imports(self, module: Module, types: bool = True) -> Iterator[tuple[int, str]]:
        """Yield (line, name) for every import of `module`, also inside functions; a submodule by its full name.

        Without `types`, those below `if TYPE_CHECKING` are left out.
        """
        unseen = [] if types else [n for n in module.nodes if isinstance(n, ast.If) and _for_types(n)]
        hidden = {id(inner) for node in unseen for inner in ast.walk(node)}
        for node in module.nodes:
            if id(node) in hidden:
                continue
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                full = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in self.code else node.module for name in full]
                yield from ((node.lineno, name) for name in dict.fromkeys(names))


def _for_types(node: ast.If) -> bool:
    return ast.unparse(node.test).removeprefix("typing.") == "TYPE_CHECKING"


def at(path: Path, line: int, what: str) -> str:
    return f"{path.as_posix()}:{line}: {what}"
