"""The pages that list others: the start, all equations, the graph, and errata."""

import re

from website import api

ROW = re.compile(r"^\| ([^|\]]+) \| (\[.*\]\([\w/]+\.md\)) \| ([^|]*) \|$", re.MULTILINE)
START = """\
# Backward passes, derived and proved

Every backward pass of a Transformer, on numbered equations. Each equation has an address that stays, the line of code
that it is, and its status: compared with what the code computes, and proved to be the transpose of the derivative of
the forward pass.

- **To read one**, begin with [layer normalisation](layers/layernorm.md): it is short and has everything.
- **To write your own layer**, let the [checker](guides/my_check_fails.md) say what is wrong with it, and where.
- **To cite one**, take its number from [all equations](equations.md), and the entry on its page.
"""
BOOK = "- **To read on paper**, print {pdf}`all derivations as one PDF <backproof.pdf>`.\n"
EXAMPLE = """
[Notation](notation.md) says what the letters mean and how a page is read and run.

An equation looks like this. Its number leads to its page, and a reference to it, such as {equation}`layernorm.9`, shows
it when it is pointed at.

```{equation} layernorm.10
```
"""
GRAPH = """\
# Graph of the pages

An arrow leads from a page to one that is built of it: the code of the one calls that of the other. A green frame: the
page is proved for all shapes and values. Blue: it is composed of what other pages prove. Amber: it holds in balls at
random points. Grey: it has no derivative to prove. An arrow that two others imply is left out. Each page ends with the
part round it.

```{graph}
```
"""
AROUND = """\
## Graph

What this page is built of, and what is built of it; a green frame is a page that is proved, and the
[graph of all pages](/graph.md) says what the other colours mean.

"""


def around(document):
    """The end of a page: what it is built of, and what is built of it."""
    return f"{AROUND}```{{graph}} {document}\n```\n"


def groups(entries):
    """The groups of the overview: (title, documents, what they are about), in reading order."""
    text = (entries.root / "specs/README.md").read_text(encoding="utf-8")
    for match in ROW.finditer(text):
        yield match[1], re.findall(r"\]\(([\w/]+)\.md\)", match[2]), match[3].strip()


def start(entries, book):
    """The first page, with the way through all others, and to the book if there is one."""
    parts = [START + (BOOK if book else "") + EXAMPLE]
    parts += ["## What there is, in an order to read it\n", *listed(entries), ""]
    parts += [contents("How to read", ["notation"])]
    parts += [contents(title, documents) for title, documents, _ in groups(entries)]
    parts.append(contents("Lists", ["equations", "graph", "errata"]))
    parts.append(contents("Code", api.documents()))
    return "\n".join(parts)


def listed(entries):
    """The groups, a line for each."""
    text = (entries.root / "specs/README.md").read_text(encoding="utf-8")
    return [f"- **{match[1]}**, {match[3].strip()}: {match[2]}" for match in ROW.finditer(text)]


def contents(title, documents):
    return "\n".join((f"```{{toctree}}\n:caption: {title}\n:hidden:\n", *documents, "```\n"))


def equations(entries):
    """The table of all equations, page by page in reading order."""
    about = (
        f"{len(entries.all)} equations of {len(entries.pages)} pages. A number is a line of code, a letter a step of a"
        " derivation. What the words of the last columns mean is said in"
        " [what is proved here, and what is not](guides/proofs.md)."
    )
    lines = ["# All equations", "", about]
    for document in reading(entries):
        found = [entry for entry in entries.all.values() if entry.document == document]
        lines += ["", f"## [{found[0].title}](/{document}.md)", "", "| equation | under | compared | proved |"]
        lines += ["|---|---|---|---|"]
        for entry in found:
            proved = entry.proved.replace("no more", "")
            lines.append(f"| {{equation}}`{entry.id}` | {entry.section} | {entry.compared} | {proved} |")
    return "\n".join(lines) + "\n"


def reading(entries):
    """The derivations in reading order."""
    order = [document for _, documents, _ in groups(entries) for document in documents]
    return [document for document in order if document in entries.pages]


def errata(entries):
    """What was wrong in a version that was published."""
    rows = [(id, version, text) for id, entry in entries.all.items() for version, text in entry.errata]
    said = [f"- {{equation}}`{id}`, version {version}: {text}" for id, version, text in rows]
    return "# Errata\n\n" + ("\n".join(said) if said else "None is known.") + "\n"
