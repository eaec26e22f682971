"""The page of an equation, in MyST."""

import re

from reference.job import cite
from reference.job.spec import COMPARED, PROVED

WHOLE = re.compile(r"\([^()]*\)")  # a shape, which no narrow column may break


def page(entries, id, convert):
    """What an equation says, its symbols, code, neighbours and status, and how it is cited."""
    entry = entries.all[id]
    kind = "An equation" if entry.code else "A step"
    parts = [
        # In no list: it would be 800 lines beside every page.  The search knows it by the names in code as well.
        f"---\norphan: true\nhide-toc: true\nmyst:\n  html_meta:\n    keywords: {words(entries, entry)}\n---",
        f"# {entry.name}: {id}",
        f"{kind} of [{entry.title}](/{entry.document}.md), under *{entry.section}*.",
        f"```{{equation}} {id}\n```",
        symbols(entry, convert),
        code(entry),
        neighbours(entries, entry),
        status(entry),
        "## To cite",
        f"```text\n{cite.text(id)}\n```",
        f"```text\n{cite.bibtex(id)}\n```",
        "The statement in LaTeX:",
        f"```text\n{entry.tex}\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def words(entries, entry):
    """The names of the classes of its module, in words: layer, norm."""
    source = (entries.root / "reference" / f"{entry.document}.py").read_text(encoding="utf-8")
    names = re.findall(r"^class ([A-Z]\w*)", source, re.MULTILINE) or [entry.page.name]
    return ", ".join(re.sub(r"(?<=[a-z])(?=[A-Z])|_", ", ", name) for name in names).lower()


def symbols(entry, convert):
    """The table of its symbols."""
    if not entry.symbols:
        return ""
    path = entry.page.path.as_posix()
    lines = ["## Symbols", "", "| symbol | code | meaning | shape |", "|---|---|---|---|"]
    for row in entry.symbols:
        shape = WHOLE.sub(lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), row.shape)
        shape = f"over {row.shape}" if row.meaning == "index" else shape
        lines.append(f"| {{math}}`{row.tex}` | {row.code} | {convert.line(path, row.meaning)} | {shape} |")
    return "\n".join(lines)


def code(entry):
    """The line of code that it is."""
    if entry.code is None:
        return f"## Code\n\nNo line of code implements a step; its page executes it, under *{entry.section}*."
    path, line, text = entry.code
    return f"## Code\n\n{{src}}`{path}, line {line} <{path}#L-{line}>`\n\n```python\n{text}\n```"


def neighbours(entries, entry):
    used = entries.used[entry.id]
    return (
        "## Graph\n\n"
        f"It rests on: {names(entry.rests) or 'no other equation'}.\n\n"
        f"On it rest: {names(used) or 'no other equation'}."
    )


def names(ids):
    return ", ".join(f"{{equation}}`{id}`" for id in ids)


def status(entry):
    """How sure it is, since when it has its name, and what was wrong with it."""
    words = [COMPARED.get(entry.compared, entry.compared), PROVED.get(entry.proved, entry.proved)]
    said = "; ".join(word for word in words if word)
    again = "{src}`test_verdicts.py <tests/equations/test_verdicts.py>` finds it again"
    about = "see [what is proved here, and what is not](/guides/proofs.md)"
    lines = [f"- {said[:1].upper()}{said[1:]}. {again}; {about}."]
    if entry.digits:
        checked, real, balls = entry.digits
        lines.append(
            f"- The gradients of its page are measured to {checked} digits, by differences alone to {real}, and proved"
            f" on [balls](/guides/exact.md) to {balls}."
        )
    lines.append(f"- Under this name since version {entry.since}.")
    lines += [f"- Erratum of version {version}: {text}" for version, text in entry.errata]
    if not entry.errata:
        lines.append("- Errata: none.")
    return "## Status\n\n" + "\n".join(lines)
