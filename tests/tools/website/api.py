"""The reference of the code, a page for each room: what stands in the docstrings, and whose equations."""

import inspect
import re

ROOMS = ("functions", "layers", "losses", "models", "optimizers", "generation", "scaling", "core")
CHECKER = ("gradcheck", "gradcheck.adapters")
CITED = re.compile(r"# \(([a-z]\w*\.\d+)\)$", re.MULTILINE)


def pages(entries):
    """Yield (path, text) of the sources of the reference."""
    for room in ROOMS:
        names = sorted(path.stem for path in (entries.root / "reference" / room).glob("*.py"))
        modules = [f"reference.{room}.{name}" for name in names if name != "__init__"]
        yield f"api/{room}.md", page(f"reference.{room}", modules)
    yield "api/gradcheck.md", page("gradcheck", CHECKER)


def documents():
    return [*(f"api/{room}" for room in ROOMS), "api/gradcheck"]


def page(title, modules):
    parts = [f"# {title}"]
    for module in modules:
        options = "   :members:\n" + ("   :imported-members:\n" if module in CHECKER else "")
        parts.append(f"## {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n{options}```")
    return "\n\n".join(parts) + "\n"


def docstring(entries):
    """A handler for autodoc: a docstring is plain words, and a function cites its equations."""

    def handle(app, what, name, thing, options, lines):
        lines[:] = words(lines)
        document = name.removeprefix("reference.").replace(".", "/")
        if what == "module" and document in entries.pages:
            lines += ["", f"Derivation: :doc:`/{document}`."]
        elif what in ("function", "method"):
            found = [id for id in cited(thing) if id in entries.all]
            if found:
                lines += ["", "Equations: " + ", ".join(f":equation:`{id}`" for id in found) + "."]

    return handle


def words(lines):
    """The lines of a docstring; an example, which ends with an empty line, stays as it is."""
    within = False
    for line in lines:
        within = bool(line.strip()) and (within or line.lstrip().startswith(">>>"))
        yield line if within else plain(line)


def plain(line):
    """A line without the marks that only the words of a formula seem to have; what stands in backticks is code."""
    parts = line.split("`")
    return "`".join(re.sub(r"([*|]|_\b)", r"\\\1", part) if k % 2 == 0 else part for k, part in enumerate(parts))


def cited(thing):
    """The equations in the body of a function."""
    try:
        return CITED.findall(inspect.getsource(inspect.unwrap(thing)))
    except (OSError, TypeError):
        return []
