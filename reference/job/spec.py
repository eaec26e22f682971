"""A page of the derivations in the terminal, and what is known of its equations."""

import difflib
import hashlib
import re
import unicodedata
from functools import cache
from pathlib import Path

from reference.core.words import cut
from reference.data.text import PAGES
from reference.job.errors import UsageError

ROOT = PAGES
MACROS = {
    "sum": "∑", "sqrt": "√", "infty": "∞", "cdot": "·", "odot": "⊙", "le": "≤", "ge": "≥", "ne": "≠", "in": "∈",
    "land": "∧", "leftarrow": "←", "langle": "⟨", "rangle": "⟩", "lvert": "|", "rvert": "|", "lfloor": "⌊",
    "rfloor": "⌋", "ell": "ℓ", "partial": "∂", "to": "→", "implies": "⟹", "iff": "⟺", "dots": "…", "ldots": "…",
    "cdots": "⋯", "approx": "≈", "quad": "  ", "qquad": "    ", "varphi": "φ", "varepsilon": "ε", "left": "",
    "right": "", "big": "", "Big": "",
}  # fmt: skip
DISPLAYED = re.compile(r"```math\n(.*?)\n```", re.DOTALL)
ACCENTS = {"hat": "\u0302", "bar": "\u0304"}
COMPARED = {
    "equal": "equal to what the code computes",
    "by name": "calls the layers that it names",
    "step": "a step",
}
PROVED = {
    "proved": "proved for all shapes and values",
    "in balls": "holds in balls at random points, to 60 digits",
    "composed": "composed of what other pages prove",
    "constant": "a constant in the proof",
    "defines": "a definition",
    "no part of a derivative": "",
}


def page(name: str) -> str:
    """Return a page for the terminal; `name` is "layernorm", "layers.layernorm" or "layers/layernorm".

    Raises:
        UsageError: there is no page of that name.
    """
    return readable(find(name).read_text(encoding="utf-8"))


def verdicts(name: str) -> str:
    """Return what is known of each equation of a page, one a line: the numbered ones, then the steps.

    Raises:
        UsageError: there is no page of that name, it has no equation, or others than those that are known.
    """
    path = find(name)
    lines = (ROOT / "verdicts.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split(": ", 1) for line in lines if line.startswith(f"{path.stem}.")]
    if not found:
        raise UsageError(f"a page to prove must have equations, got {cut(repr(name))}")
    known, shown = f"{path.stem}: ", digest(path.read_text(encoding="utf-8"))
    if known + shown not in lines:
        of = next((line.removeprefix(known) for line in lines if line.startswith(known)), "none")
        raise UsageError(f"the equations of {path.stem} must be those of its verdicts, digest {of}, got {shown}")
    width, words = max(len(id) for id, _ in found), []
    for id, said in found:
        compared, _, proved = said.partition("; ")
        parts = [COMPARED.get(compared, compared), PROVED.get(proved, proved)]
        words.append(f"{id:{width}}  {'; '.join(part for part in parts if part)}")
    end = "So the tests of this version find it; what it means stands in the guide: spec proofs."
    return "\n".join((*words, "", end))


def digest(text: str) -> str:
    """Return 16 characters that stand for the displayed equations of a page, and change with any of them."""
    return hashlib.sha256("\n".join(DISPLAYED.findall(text)).encode()).hexdigest()[:16]


def find(name: str) -> Path:
    """Return the file of a page; `name` is "layernorm", "layers.layernorm" or "layers/layernorm".

    Raises:
        UsageError: there is no page of that name.
    """
    pages = _pages()
    short = {key.rpartition("/")[2]: path for key, path in pages.items()}
    wanted = name.replace(".", "/")
    if wanted in pages or name in short:
        return pages.get(wanted) or short[name]
    near = difflib.get_close_matches(name, [*short, *pages], n=1, cutoff=0.0)
    raise UsageError(f"a name must be that of a page, such as {near[0]}, got {cut(repr(name))}")


@cache
def _pages() -> dict[str, Path]:
    return {path.relative_to(ROOT).with_suffix("").as_posix(): path for path in sorted(ROOT.rglob("*.md"))}


def readable(text: str) -> str:
    """Return Markdown with its equations in the letters that a terminal has."""
    text = re.sub(r'<a id="[^"]*"></a>\*\*(\([^)]*\))\*\*', r"\1", text)
    text = re.sub(r"\[([^\]]*)\]\([^)\s]*\)", r"\1", text)
    text = re.sub(r"\$`([^`]*)`\$", lambda match: plain(match[1]), text)

    def equation(match: re.Match) -> str:
        return "\n".join(f"    {plain(line)}" for line in match[1].splitlines())

    return DISPLAYED.sub(equation, text)


def plain(tex: str) -> str:
    """Return LaTeX with its macros as characters, as far as there are any."""
    tex = re.sub(r"\s*\\tag\{([^}]*)\}", r"    (\1)", tex)
    for _ in range(2):  # \mathop{\mathrm{erfc}}
        tex = re.sub(r"\\(?:text|mathrm|mathop|mathsf)\s*\{([^{}]*)\}", r"\1", tex)
    tex = re.sub(r"\\(?:mathrm|mathop|mathsf|mathbb|mathcal)\s*", "", tex)
    tex = re.sub(r"\\t?frac\s*(\d)\s*(\\[a-z]+|\w)", r"\1/\2", tex)
    tex = re.sub(r"\\t?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1) / (\2)", tex)
    tex = re.sub(r"\\(hat|bar)\s*\{?\\?([A-Za-z]+)\}?", lambda match: _letter(match[2]) + ACCENTS[match[1]], tex)
    tex = re.sub(r"\\([A-Za-z]+)", lambda match: MACROS.get(match[1], _letter(match[1])), tex)
    return re.sub(r" {2,}(?=\S)", " ", re.sub(r"\\[,;:! ]", " ", tex)).rstrip()


def _letter(name: str) -> str:
    """Return the Greek letter of this name, or the name."""
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {name.upper().replace('LAMBDA', 'LAMDA')}")
    except KeyError:
        return name
