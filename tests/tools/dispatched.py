"""What the mathematics asks of an array: the lists of specs/guides/arrays.md, from everything run on strict arrays.

python tests/tools/dispatched.py            print the lists
python tests/tools/dispatched.py --write    put them into the page, between its two markers
"""

import copy
import sys
from pathlib import Path

import numpy as np
import optimizers
from strict import Strict, strict

from reference.core import tree
from reference.generation.beam import beam_search
from reference.generation.greedy import greedy, teacher_forced
from reference.generation.sampling import Sampling
from reference.generation.stream import generate
from reference.job import catalogue

PAGE = Path(__file__).parents[2] / "specs" / "guides" / "arrays.md"
BEGIN, END = "<!-- called:begin -->", "<!-- called:end -->"
KINDS = {
    "ufunc": "Ufuncs, by `__array_ufunc__`, with `out=` and `dtype=` where NumPy has them",
    "function": "Functions, by `__array_function__`",
    "method": "Methods",
    "attribute": "Attributes, beside `shape`, `ndim`, `size`, `dtype` and `len()`",
}


def move(node):
    """Return a copy of layers, tuples, dictionaries and arrays whose arrays are strict; the rest is carried along."""
    if isinstance(node, dict):
        return {name: move(value) for name, value in node.items()}
    if type(node) is np.ndarray:
        return strict(node.copy())
    if isinstance(node, tuple):
        return tuple(map(move, node))
    return tree.map(move, node)


def run(example, where=lambda node: node):
    """Return y, the pullback, and the outputs' cotangents of an example whose arrays `where` has moved."""
    subject = where(example.subject)
    y, pullback = getattr(subject, "vjp", subject)(*where(tuple(example.inputs)), **where(constants(example)))
    rng = np.random.default_rng(0)
    dy = [rng.normal(size=part.shape).astype(part.dtype) for part in parts(y)]
    return y, pullback, where(tuple(dy) if isinstance(y, tuple) else dy[0])


def constants(example):
    """A copy, so that a generator among them draws the same numbers in every pass."""
    return copy.deepcopy(example.constants)


def parts(y):
    return y if isinstance(y, tuple) else (y,)


def called():
    """Return, for each kind, what every example, optimiser and generation calls on an array, sorted."""
    Strict.called = found = set()
    try:
        for example in catalogue.examples():
            _, pullback, dy = run(example, move)
            pullback(dy)
        for optimizer in optimizers.everyone().values():
            model = move(example.subject)
            optimizer.step(model, model, optimizer.init(model), 0.1)
        transformer = next(catalogue.examples(0, ["transformer"]))
        model, source = move(transformer.subject), move(transformer.constants["source"])
        greedy(model, source, start=1, length=2, end=(1, 2))
        teacher_forced(model, source, source)
        every = Sampling(banned=(2,), penalty=1.3, temperature=0.7, k=4, p=0.9, min_p=0.05)
        for example in catalogue.examples(0, ["decoder_only", "transformer"]):
            model, source = move(example.subject), move(example.constants.get("source"))
            given = {"length": 2, "end": 1, "source": source}
            generate(model, [[1, 2], [3]], sampling=every, rng=np.random.default_rng(0), **given)
            beam_search(model, [[1, 2], [3]], beams=2, **given)
    finally:
        Strict.called = None
    return {kind: sorted(name for k, name in found if k == kind) for kind in KINDS}


def render(lists):
    return "\n\n".join(f"{KINDS[kind]}: {', '.join(f'`{n}`' for n in names)}." for kind, names in lists.items())


def parse(page):
    """Return the text between the two markers of the page.

    Raises:
        ValueError: the page has none.
    """
    _, begin, rest = page.partition(f"{BEGIN}\n")
    text, end, _ = rest.partition(f"\n{END}\n")
    if not begin or not end:
        raise ValueError(f"arrays.md: the lists must stand between {BEGIN} and {END}, got none")
    return text


if __name__ == "__main__":
    lists = render(called())
    if sys.argv[1:] == ["--write"]:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page.replace(f"{BEGIN}\n{parse(page)}\n{END}", f"{BEGIN}\n{lists}\n{END}"), encoding="utf-8")
    else:
        print(lists)
