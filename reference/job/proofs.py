"""The table of proofs on balls, and of what floats lose."""

import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console

from reference.core.words import many
from reference.job import catalogue
from reference.job.boards import bar
from reference.job.table import Row, aligned
from reference.job.verify import Loss, Proof, losses, proofs

HEAD = ("", "digits", "arrays", "time")
LOSSES = ("med64", "max64", "top64", "med32", "max32", "top32")
COLOURS = {"proved": "green", "constants": "green", "differs": "bold red", "not followed": "yellow"}
LEGEND = """\
digits   to which pullback and derivative were enclosed together, the least over the arrays of an example
arrays   that were proved, of those there are; time in seconds
constants  proved with numbers in place of rounded constants: those of the functions that are named"""
OF_LOSSES = """\
med, max  errors of the entries of a gradient in float64 and float32, in units in the last place of each: median
          and worst, the largest over the arrays of an example
top       the worst in units of the largest entry of its array: where terms cancel, max is large and this is not"""


def show_proofs(
    console: Console, seed: int, mapper: Callable = map, names: Sequence[str] = (), accuracy: bool = False
) -> bool:
    """Print what balls say of every backward pass, or of those of these names; return whether all are proved.

    With `accuracy` also what floats lose; of modules that are named, array by array.
    """
    total = sum(1 for _ in catalogue.examples(seed, names))
    done, lost, began = [], [], time.perf_counter()
    with bar(console) as progress:
        task = progress.add_task("proving backward passes", total=total * (1 + accuracy), now="")
        for proof in proofs(seed, mapper, names):
            done.append(proof)
            progress.update(task, advance=1, now=proof.example.module)
        for loss in losses(seed, mapper, names) if accuracy else ():
            lost.append(loss)
            progress.update(task, advance=1)
    head = (*HEAD, *LOSSES) if accuracy else HEAD
    for line in aligned("backward pass of", head, list(_rows(done, lost, bool(names))), console.width):
        console.print(line, soft_wrap=True)
    for text in _said(done):
        console.print(text, soft_wrap=True)
    legend = f"{LEGEND}\n{OF_LOSSES}" if accuracy else LEGEND
    console.print(f"\n{legend}\n\n{_summary(done)} in {time.perf_counter() - began:.1f} s\n", soft_wrap=True)
    return all(proof.passed for proof in done)


def _rows(done: Sequence[Proof], lost: Sequence[Loss], each: bool) -> Iterator[Row]:
    for i, proof in enumerate(done):
        module, name = proof.example.module, proof.example.name
        loss = lost[i] if lost else None
        yield module, name, (*_cells(proof), *(loss.largest() if loss else ())), COLOURS[proof.word]
        if loss and each:
            for array, cells in loss.arrays():
                yield module, f"  {array}", ("", "", "", "", *cells), ""


def _cells(proof: Proof) -> tuple[str, ...]:
    digits = "zero" if proof.digits is None else f"{proof.digits:.0f}"
    shown = "" if not proof.passed else digits
    count = sum(answer.is_proof for answer in proof.answers)
    return proof.word, shown, f"{count} of {len(proof.answers)}", f"{proof.seconds:.2f}"


def _said(done: Sequence[Proof]) -> Iterator[str]:
    """Yield what is to be said beside the table: rounded constants by their function, and every array that is open."""
    places = dict.fromkeys(proof.constants for proof in done if proof.constants)
    for place in places:
        modules = dict.fromkeys(proof.example.module for proof in done if proof.constants == place)
        yield f"\nproved to the rounding of the constants in {place}: {', '.join(modules)}"
    for proof in done:
        for name, answer in zip(proof.names, proof.answers, strict=True):
            if not answer.is_proof:
                yield f"\n{proof.example.module}, {proof.example.name}\n{name}: {answer}"


def _summary(done: Sequence[Proof]) -> str:
    modules = len({proof.example.module for proof in done})
    passed = sum(proof.passed for proof in done)
    arrays = sum(len(proof.answers) for proof in done)
    return f"{passed} of {len(done)} examples of {many(modules, 'module')} proved on balls, {arrays:,} arrays"
