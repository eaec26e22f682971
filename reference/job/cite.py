"""How to cite an equation of the derivations, and where it stands on the site that is made of them."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from reference.core.words import cut
from reference.job.errors import JobError, UsageError
from reference.job.spec import ROOT, find

AUTHOR = "The backproof authors"
SITE = Path("build/site")  # where `tox -e docs` puts it


def bibtex(name: str) -> str:
    """Return the BibTeX entry of an equation, such as "layernorm.9", or of a page.

    Raises:
        UsageError: there is no equation and no page of that name.
    """
    title, place = _title(name), _place(name)
    key = re.sub(r"\W", "-", place.split()[1].strip("()"))
    return (
        f"@misc{{backproof-{key},\n"
        f"  author       = {{{{{AUTHOR}}}}},\n"
        f"  title        = {{{title}}},\n"
        f"  howpublished = {{backproof, {release()}}},\n"
        f"  note         = {{{place}}}\n"
        f"}}"
    )


def text(name: str) -> str:
    """Return the same in one line of plain text."""
    return f"{AUTHOR}: {_title(name)}. backproof, {release()}, {_place(name)}."


def address(name: str) -> str:
    """Return the address of an equation or a page on the site that was made here.

    Raises:
        UsageError: there is no equation and no page of that name.
        JobError: the site was not made.
    """
    page = f"eq/{name}.html" if _is_equation(name) else find(name).relative_to(ROOT).with_suffix(".html").as_posix()
    path = SITE / page
    if not path.is_file():
        raise JobError(f"the site must be made before it is opened, with tox -e docs, got no {path}")
    return path.resolve().as_uri()


def release() -> str:
    """Return the version in words; a checkout that is not installed has none."""
    try:
        return f"version {version('backproof')}"
    except PackageNotFoundError:
        return "from a checkout"


def _title(name: str) -> str:
    path = find(name.partition(".")[0]) if _is_equation(name) else find(name)
    return path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def _place(name: str) -> str:
    return f"Equation ({name})" if _is_equation(name) else f"Page {find(name).stem}"


def _is_equation(name: str) -> bool:
    if not re.fullmatch(r"\w+\.(\d+|[a-z])", name):
        return False
    if name not in (ROOT / "tags.txt").read_text(encoding="utf-8").split():
        page = name.partition(".")[0]
        find(page)  # an error of its own, where there is no such page
        raise UsageError(f"an equation must be one of those of {page}, got {cut(repr(name))}")
    return True
