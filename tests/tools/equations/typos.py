"""Typos in a displayed equation: one token is another, or gone."""

import random
import re

from equations import letters
from equations.compare import one, situations
from equations.exceptions import WHY
from equations.prove import prove
from equations.tokens import tokens
from equations.tree import Refused

OFTEN = 2  # runs of a line that are looked at, of each example
KINDS = ("sign", "factor", "index", "term", "exponent", "letter", "gradient")


def typos(page, id):
    """Yield (kind, LaTeX) for every typo that the right side of an equation may have."""
    tex, line = page.displayed[id]
    words = [token.text for token in tokens(tex, page.path.as_posix(), line)]
    start = next(k for k, word in enumerate(words) if word in ("=", r"\leftarrow")) + 1
    letters, seen = sorted(page.shapes.letters), set()
    for kind, made in planted(words, start, letters, symbols(page)):
        text = " ".join(made)
        if text not in seen:
            seen.add(text)
            yield kind, text


def planted(words, start, letters, names):
    """Each way to spoil the tokens from `start` on."""
    inside = subscripts(words)
    for k in range(start, len(words)):
        word, before, after = words[k], words[:k], words[k + 1 :]
        if word in ("+", "-"):
            yield "sign", [*before, "-" if word == "+" else "+", *after]
            end = term_end(words, k + 1)
            yield "term", [*before, *words[end:]]
        if word.isdigit() and not inside[k]:
            yield "factor", [*before, str(int(word) + 1), *after]
        if word in (r"\frac", r"\tfrac") and words[k + 1 : k + 2] != ["{"]:
            yield "factor", [*before, *words[k + 3 :]]  # without 1/D
        if word == "^" and words[k + 1 : k + 2] and words[k + 1].isdigit():
            yield "exponent", [*before, *words[k + 2 :]]
        if inside[k] and word in letters:
            for letter in letters:
                if letter != word:
                    yield "index", [*before, letter, *after]
        if not inside[k] and word in names and (k == 0 or words[k - 1] not in ("_", r"\hat", r"\bar")):
            for name in sorted(names):
                if name != word:
                    yield "letter", [*before, name, *after]
        if word == "d" and not inside[k] and words[k + 1 : k + 2] and words[k + 1] not in ("_", "^"):
            yield "gradient", [*before, *after]
        if word in (r"\hat", r"\bar") and not inside[k]:
            yield "gradient", [*before, *after]


def symbols(page):
    """Names of one token, by which another may be replaced."""
    found = {name for name, entry in page.shapes.entries.items() if entry.axes is not None}
    return {name if len(name) == 1 else f"\\{name}" for name in found if re.fullmatch(r"[A-Za-z]|[a-z]{2,}", name)}


def subscripts(words):
    """Which tokens stand in a subscript."""
    inside, depth, opened = [], 0, []
    for k, word in enumerate(words):
        if word == "{":
            opened.append(k > 0 and words[k - 1] == "_")
            depth += opened[-1]
        inside.append(depth > 0 or (k > 0 and words[k - 1] == "_"))
        if word == "}" and opened:
            depth -= opened.pop()
    return inside


def term_end(words, k):
    """Where the term that starts at k ends."""
    depth = 0
    while k < len(words):
        word = words[k]
        if word in ("(", "{", "[", r"\begin{cases}", r"\lvert"):
            depth += 1
        if word in (")", "}", "]", r"\end{cases}", r"\rvert"):
            depth -= 1
        if depth < 0 or (depth == 0 and word in ("+", "-", "&", r"\\", r"\quad", r"\qquad", ",", "=")):
            return k
        k += 1
    return k


def numbered(page):
    return page.numbered


def proved_steps(page):
    """The lettered steps of a page without those that are only executed."""
    return [id for id in page.displayed if id not in page.numbered and id not in WHY]


def sample(pages, each, seed, ids=numbered):
    """Up to `each` typos of every page, of each kind in turn: (page, id, kind, LaTeX).

    Those of a page depend on the page alone, so that another page changes none of them.
    """
    chosen = []
    for page in pages:
        draw, by_kind = random.Random(f"{seed} {page.name}"), {kind: [] for kind in KINDS}
        for id in ids(page):
            for kind, tex in typos(page, id):
                by_kind[kind].append((page, id, kind, tex))
        own = []
        while len(own) < each and any(by_kind.values()):
            kinds = [kind for kind in KINDS if by_kind[kind]]
            kind = kinds[len(own) % len(kinds)]
            own.append(by_kind[kind].pop(draw.randrange(len(by_kind[kind]))))
        chosen += own
    return chosen


class Watch:
    """Who sees a typo: the parser, the comparison with the code, the proof of the page, or that of its steps."""

    def __init__(self, page):
        self.page, self.runs = page, {}
        for situation in situations(page):
            own = self.runs.setdefault(situation.event.id, [])
            if sum(other.example == situation.example for other in own) < OFTEN:
                own.append(situation.frozen())

    def seen(self, id, tex):
        """The name of what sees it, and what it says; None where nothing does."""
        page = self.page
        try:
            tree = page.parsed(id, tex)
        except Refused as refused:
            return "notation", str(refused)
        if id not in page.numbered:
            left = [step for step, kind in letters.found(page, {id: tree}).items() if not kind and step not in WHY]
            return ("letters", f"{left[0]} is not proved") if left else None
        for situation in self.runs.get(id, ()):
            outcome = one(page, tree, situation.frozen())
            if outcome.kind in ("differs", "not evaluated"):
                return "compare", outcome.words
        for verdict in prove(page, {**page.equations, id: tree}).values():
            if verdict.kind == "refuted":
                return "prove", verdict.why
        return None
