"""Rules about specs: the form of a page, its equations and who cites them, and that its steps are executed."""

import ast
import doctest
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from house.tree import ID, Fence, House, Module, Page, at

EXAMPLE = "Worked example"
PULLBACK_FORM = ["Source", "Shapes", "Forward", "Backward", EXAMPLE, "Residuals", "Laws", "Numerics", "Pitfalls"]
UPDATE_FORM = ["Source", "Shapes", "Update", EXAMPLE, "Laws", "Numerics", "Pitfalls"]
ALGORITHM_FORM = ["Source", "Shapes", "Algorithm", EXAMPLE, "Laws", "Numerics", "Pitfalls"]
PITFALLS_HEADER = "| wrong version | what it does | how it shows | caught by |"
INDEX = Path("specs/README.md")
LANGUAGES = {"math", "pycon", "text", "bash"}


def heads(house: House) -> Iterator[str]:
    """A page starts with its title and the way to its code and tests."""
    for page in house.derivations:
        lines = page.source.splitlines()
        up = "../" * (len(page.path.parts) - 1)
        code, tests = (f"[`{path.as_posix()}`]({up}{path.as_posix()})" for path in page.column)
        if not lines or not re.match(r"# \S", lines[0]):
            yield at(page.path, 1, f"must start with '# Title', got {lines[0] if lines else 'an empty page'!r}")
        if lines[2:3] != [f"Code: {code} · Tests: {tests}"]:
            yield at(page.path, 3, f"must be 'Code: {code} · Tests: {tests}', got {''.join(lines[2:3])!r}")


def headings(house: House) -> Iterator[str]:
    """A page with a pullback has one list of headings, an update rule or algorithm another."""
    for page in house.derivations:
        found = [(number, line.removeprefix("## ")) for number, line in page.prose if line.startswith("## ")]
        titles = [title for _, title in found]
        module = _module(house, page)
        forms = [PULLBACK_FORM] if module and module.pullback_line else [UPDATE_FORM, ALGORITHM_FORM]
        if titles not in forms:
            want = " or ".join(", ".join(form) for form in forms)
            yield at(
                page.path, found[0][0] if found else 1, f"headings must be {want}, got {', '.join(titles) or 'none'}"
            )


def worked(house: House) -> Iterator[str]:
    """A worked example says its steps, then runs the module of its page and shows what comes out."""
    for page in house.derivations:
        start, end = page.lines_of(EXAMPLE)
        if not start:
            continue
        if not any(line.strip() for _, line in page.section(EXAMPLE)):
            yield at(page.path, start, "a worked example must say its steps in words, got none")
        bodies = ["\n".join(fence.body) + "\n" for fence in page.fences if start < fence.line < end]
        module = ".".join(page.column[0].with_suffix("").parts)
        if not any(re.search(rf"^>>> from {re.escape(module)} import ", body, re.MULTILINE) for body in bodies):
            yield at(page.path, start, f"a worked example must run what it imports from {module}, got no such line")
        if not any(step.want for body in bodies for step in doctest.DocTestParser().get_examples(body)):
            yield at(page.path, start, "a worked example must show what comes out, got no such step")


def equations(house: House) -> Iterator[str]:
    """Each displayed equation has its own fence and one tag, under an anchor with the same id, in the page's name."""
    owner: dict[str, Path] = {}
    for page in house.pages.values():
        lines = page.source.splitlines()
        for number, line in page.prose:
            for match in re.finditer(r'<a id="([^"]*)"></a>(\*\*\(([^)]*)\)\*\*)?', line):
                name = match[1]
                if not re.fullmatch(ID, name) or name.partition(".")[0] != page.path.stem:
                    yield at(page.path, number, f"an id must be {page.path.stem}. and a number or a letter, got {name}")
                if match[3] != name:
                    yield at(page.path, number, f"the anchor of {name} must be followed by **({name})**, got {line!r}")
                if name in owner:
                    yield at(
                        page.path, number, f"an id must be unique, got {name} again, first in {owner[name].as_posix()}"
                    )
                owner.setdefault(name, page.path)
        tagged = []
        for fence in page.fences:
            if fence.language == "math":
                tags = re.findall(r"\\tag\{([^}]*)\}", "\n".join(fence.body))
                above = _anchor_above(lines, fence)
                if len(tags) != 1:
                    yield at(page.path, fence.line, f"a math fence must have one \\tag, got {len(tags)}")
                elif tags[0] != above:
                    yield at(
                        page.path,
                        fence.line,
                        f"the equation must stand under an anchor of its tag {tags[0]}, got {above}",
                    )
                tagged += tags
        for name, number in page.ids.items():
            if name not in tagged:
                yield at(page.path, number, f"the anchor of {name} must have an equation with its \\tag, got none")


def citations(house: House) -> Iterator[str]:
    """Code implements each numbered equation once, on a line that ends in its id; letters are steps, and not cited."""
    declared = {name: page for page in house.derivations for name in page.ids}
    cited: dict[str, str] = {}
    for module in house.code.values():
        for line, name, trailing in _cited(module):
            here = f"{module.path.as_posix()}:{line}"
            if name not in declared:
                if name.partition(".")[0] in {page.path.stem for page in house.derivations}:
                    yield at(module.path, line, f"a cited equation must exist, got {name}")
            elif not name.rpartition(".")[2].isdigit():
                yield at(module.path, line, f"only numbered equations are cited, got the step {name}")
            elif not trailing:
                yield at(module.path, line, f"a citation must end a line of code, '... # ({name})', got prose")
            elif name in cited:
                yield at(module.path, line, f"{name} must be cited once, got it also at {cited[name]}")
            elif declared[name].column[0] != module.path:
                want = declared[name].column[0].as_posix()
                yield at(module.path, line, f"{name} must be cited in {want}, got another module")
            else:
                cited[name] = here
    for name, page in declared.items():
        if name.rpartition(".")[2].isdigit() and name not in cited:
            yield at(page.path, page.ids[name], f"{name} must be cited by a line of code, got none")


def inline(house: House) -> Iterator[str]:
    """Inline mathematics is $`...`$, which the repository's web page renders without losing backslashes."""
    for page in house.pages.values():
        for number, line in page.prose:
            rest = re.sub(r"`[^`]*`", "", re.sub(r"\$`[^`]*`\$", "", line))
            if "$" in rest:
                yield at(page.path, number, f"inline mathematics must be written $`...`$, got {line.strip()!r}")


def executed(house: House) -> Iterator[str]:
    """Python on a page runs, and a page has a checked step for each lettered equation that is not proved.

    The numbers of a worked example are no steps of a derivation.
    """
    proved = house.proved
    for page in house.pages.values():
        checks, (start, end) = 0, page.lines_of(EXAMPLE)
        for fence in page.fences:
            if fence.language not in LANGUAGES:
                got = fence.language or "no language"
                yield at(page.path, fence.line, f"a fence must be one of {', '.join(sorted(LANGUAGES))}, got {got}")
            if fence.language == "pycon":
                steps = doctest.DocTestParser().get_examples("\n".join(fence.body) + "\n")
                checks += sum(bool(step.want) for step in steps) if not start < fence.line < end else 0
                if not steps:
                    yield at(
                        page.path, fence.line, "a pycon block must run something, got no line that starts with >>>"
                    )
                if fence.body and fence.body[-1].strip():
                    yield at(
                        page.path, fence.line + len(fence.body), "an empty line must stand before the closing fence"
                    )
        letters = [name for name in page.ids if not name.rpartition(".")[2].isdigit() and name not in proved]
        if checks < len(letters):
            want = f"must check at least as many steps as it has lettered equations without a proof, {len(letters)}"
            yield at(page.path, 1, f"{want}, got {checks}")


def tolerances(house: House) -> Iterator[str]:
    """A comparison on a page states both its tolerances."""
    for page in house.pages.values():
        for fence in page.fences:
            if fence.language == "pycon":
                for step in doctest.DocTestParser().get_examples("\n".join(fence.body) + "\n"):
                    for call in unstated_tolerances(ast.parse(step.source)):
                        line = fence.line + step.lineno + call.lineno
                        yield at(page.path, line, f"must state rtol and atol, got {ast.unparse(call)}")


def laws(house: House) -> Iterator[str]:
    """Every law names the test that asserts it."""
    for page in house.derivations:
        bullets = _bullets(page.section("Laws"))
        if not bullets:
            yield at(page.path, 1, "Laws must list at least one law, got none")
        for number, text in bullets:
            match = re.search(r"\((`test_\w+`(?:, `test_\w+`)*)\)\.?$", text)
            if not match:
                yield at(page.path, number, f"a law must end in the name of its test, (`test_...`), got {text[-60:]!r}")
            else:
                yield from _named_tests_exist(house, page, number, match[1])


def pitfalls(house: House) -> Iterator[str]:
    """Every wrong version names the test that catches it."""
    for page in house.derivations:
        rows = [(number, line) for number, line in page.section("Pitfalls") if line.startswith("|")]
        if len(rows) < 3:
            yield at(
                page.path, 1, f"Pitfalls must be a table of at least one wrong version, got {len(rows)} lines of one"
            )
        elif rows[0][1] != PITFALLS_HEADER:
            yield at(page.path, rows[0][0], f"the table must start with {PITFALLS_HEADER!r}, got {rows[0][1]!r}")
        for number, row in rows[2:]:
            cells = row.strip().strip("|").split(" | ")
            if len(cells) != 4 or not all(cell.strip() for cell in cells):
                yield at(page.path, number, f"a wrong version must have all four cells, got {row!r}")
            last = row.rstrip().removesuffix("|").rpartition("|")[2].strip()
            if not re.fullmatch(r"`test_\w+`(?:, `test_\w+`)*", last):
                yield at(page.path, number, f"the last column must name tests, `test_...`, got {last!r}")
            else:
                yield from _named_tests_exist(house, page, number, last)


def links(house: House) -> Iterator[str]:
    """A relative link leads somewhere, and a link to an equation to its anchor."""
    for page in house.pages.values():
        for number, line in page.prose:
            for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"\$?`[^`]*`\$?", "``", line)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, anchor = target.partition("#")
                path = (house.root / page.path.parent / name).resolve() if name else house.root / page.path
                if not path.exists():
                    yield at(page.path, number, f"a link must lead to a file, got {target}")
                elif re.fullmatch(ID, anchor) and f'<a id="{anchor}">' not in path.read_text(encoding="utf-8"):
                    yield at(page.path, number, f"a link must lead to an equation, got {target}")


def indexed(house: House) -> Iterator[str]:
    """The overview lists every page, once and under its title."""
    overview = house.read(INDEX) if (house.root / INDEX).is_file() else ""
    listed = "\n".join(line for line in overview.splitlines() if line.startswith("|"))
    for path, page in house.pages.items():
        if path != INDEX:
            title = page.source.splitlines()[0].removeprefix("# ") if page.source else ""
            entry = f"[{title}]({path.relative_to('specs').as_posix()})"
            if listed.count(entry) != 1:
                got = listed.count(entry)
                yield at(path, 1, f"must be once in a table of {INDEX.as_posix()}, as {entry}, got {got or 'nothing'}")


def unstated_tolerances(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of allclose, isclose and assert_allclose that leave a tolerance to its default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            given = {keyword.arg for keyword in node.keywords}
            if name in ("allclose", "isclose", "assert_allclose") and not ({"rtol", "atol"} <= given or None in given):
                yield node


def _module(house: House, page: Page) -> Module | None:
    return house.code.get(".".join(page.column[0].with_suffix("").parts))


def _anchor_above(lines: list[str], fence: Fence) -> str | None:
    """The id of the last anchor above a fence, with no other fence between them."""
    for line in reversed(lines[: fence.line - 1]):
        if line.startswith("```"):
            return None
        if match := re.search(rf'<a id="({ID})">', line):
            return match[1]
    return None


def _cited(module: Module) -> Iterator[tuple[int, str, bool]]:
    """Yield (line, id, whether it ends a line of code) for every id in a comment."""
    for token in tokenize.generate_tokens(io.StringIO(module.source).readline):
        if token.type == tokenize.COMMENT:
            after_code = bool(token.line[: token.start[1]].strip())
            for match in re.finditer(rf"\(({ID})\)", token.string):
                ends = re.search(r"# $", token.string[: match.start()]) and match.end() == len(token.string)
                yield token.start[0], match[1], after_code and bool(ends)


def _bullets(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Bullets of a list with the number of their first line, each on one line."""
    bullets: list[tuple[int, str]] = []
    open_bullet = False
    for number, line in lines:
        if line.startswith("- "):
            bullets.append((number, line[2:].strip()))
            open_bullet = True
        elif open_bullet and line.startswith("  "):
            bullets[-1] = (bullets[-1][0], f"{bullets[-1][1]} {line.strip()}")
        else:
            open_bullet = False
    return bullets


def _named_tests_exist(house: House, page: Page, number: int, names: str) -> Iterator[str]:
    tests = house.tests.get(page.column[1])
    for name in re.findall(r"test_\w+", names):
        if tests is None or name not in tests.functions:
            yield at(page.path, number, f"a named test must exist in {page.column[1].as_posix()}, got {name}")


RULES = [heads, headings, worked, equations, citations, inline, executed, tolerances, laws, pitfalls, links, indexed]
