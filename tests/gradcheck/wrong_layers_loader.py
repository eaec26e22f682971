"""Wrong layers on which the diagnosis is judged, each with the class of its bug that a person would name.

Those under `wrong_layers/` were used to build the diagnosis; those under `wrong_layers_held_out/` were written
afterwards, and it was measured on them before it was mended by what they showed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from typing import Any

import gradcheck

# By class, each with what a person labels by it: the causes that say it.
# A pattern in the numbers that would send a reader elsewhere is no match.
CAUSES = {
    # a gradient that was handed out is changed by a later call, or by the making of another one
    "alias": {"alias"},
    # a sum, mean or softmax runs along another axis than in the forward pass
    "axis": {"mask", "axis", "mean term", "normalisation", "slope", "spread", "statistic", "sum", "value"},
    # one case of a condition has a wrong derivative, or the condition is another one
    "branch": {"branch", "mask"},
    # a factor that differs from column to column is wrong or left out
    "columns": {"scale", "slope"},
    # the diagonal of the Jacobian stands for all of it: entries that act on each other are taken apart
    "diagonal": {"elementwise", "normalisation"},
    # a gradient comes in another dtype than its array
    "dtype": {"dtype"},
    # each entry is multiplied by a wrong function of the entries in its place, or by one too few; where the function
    # has several pieces, in all or in one of them; "small" where it is nearly the right one, as an approximation of it
    "entrywise": {"branch", "value", "scale", "left out", "slope", "small"},
    # the whole gradient is off by one positive number
    "factor": {"factor"},
    # one of several summands is off by one number, -1 among them: a summand of the slope of each entry, or one that
    # does not change with the inputs, as well as one of the gradient's
    "factor in a term": {
        "normalisation", "product term", "mean term", "statistic", "factor", "term", "slope", "constant term",
    },
    # dy is not used
    "ignored": {"nonlinear"},
    # a gather or scatter uses other places than the forward pass took, some steps further among them
    "index": {"constant term", "mask", "permuted", "selection", "shift"},
    # entries that a mask holds back get a gradient, or others do not
    "mask": {"branch", "mask"},
    # a mean that was taken off is forgotten, or is a sum, or is divided by its count too often
    "mean": {"dy itself", "mean term", "normalisation", "elementwise"},
    # no gradient comes for one of the arrays
    "missing": {"count", "missing"},
    # the backward writes into dy or into an input
    "mutation": {"mutation"},
    # the gradient is NaN or infinite where the derivative is finite
    "nonfinite": {"finite"},
    # the gradient is no linear function of dy: clipped, rounded, normalised
    "nonlinear": {"nonlinear"},
    # something that does not depend on dy is added
    "offset": {"nonlinear"},
    # entries are laid out or walked through in another order: reshaped, reversed, unflipped
    "order": {"order", "permuted", "transposed"},
    # of several outputs, the cotangent of a wrong one is used, or only that of one
    "output": {"dy", "output", "permuted"},
    # what comes from several places is assigned where it must be added
    "overwritten": {"path", "repeated", "sum"},
    # a slice of the entries, steps, heads or copies is left out
    "part": {"dy", "entry", "missing", "part", "path", "repeated", "sum"},
    # one of several ways from the array to the output is left out
    "path": {
        "mean term", "slope", "output", "term", "left out", "dy itself", "path", "skip", "missing", "extremes",
    },
    # the gradient is rounded to a narrower dtype on its way
    "precision": {"dtype", "nonlinear", "precision"},
    # the length or spread that divides is taken for a constant
    "projection": {"elementwise", "mean term", "normalisation", "product term", "statistic"},
    # a second call of one pullback gives something else
    "repeat": {"mutation", "repeat", "stale"},
    # a factor that differs from row to row is wrong or left out
    "rows": {"part", "scale", "slope"},
    # a gradient has another shape than its array
    "shape": {"shape"},
    # one place or one step of time too early or too late
    "shift": {"selection", "shift", "transposed", "mask", "permuted", "value"},
    # the whole gradient has the wrong sign
    "sign": {"factor"},
    # some entries have the wrong sign
    "signs": {"branch", "sign", "slope"},
    # what a later forward pass left behind is used
    "stale": {"stale"},
    # what belongs to one entry is shared out among several, or averaged over them
    "spread": {"spread"},
    # two arrays, or two halves of one, have each other's gradient: where these are opposites, both have the wrong sign
    "swapped": {"swapped", "permuted", "factor"},
    # one summand of a derivative's formula is left out, or one is there too much
    "term": {
        "mean term", "term", "left out", "too much", "constant term", "dy itself", "path",
        "normalisation", "product term", "skip", "slope", "statistic",
    },
    # a matrix stands in place of its transpose, or a linear map in place of its adjoint
    "transposed": {"permuted", "transposed"},
    # one of several ways is counted twice: what flows from one output, or to one array, is twice what it must be
    "twice": {"factor", "term", "skip", "slope"},
    # a wrong array of the right shape is used: before in place of after, one input for another
    "value": {
        "mask", "duplicate", "left out", "too much", "constant term", "product term", "skip", "slope", "swapped",
        "value",
    },
    # the gradient is zero where the derivative is not
    "zero": {"zero"},
}


@dataclass(frozen=True, eq=False)
class Layer:
    name: str
    kind: str
    subject: Any
    inputs: tuple


def _wrong(
    found: list[Layer], name: str, kind: str, forward: Callable, backward: Callable | None, *inputs: Any
) -> None:
    subject = forward if backward is None else gradcheck.adapters.pair(forward, backward)
    found.append(Layer(name, kind, subject, inputs))


def files(folder: str) -> list[Path]:
    return sorted((Path(__file__).parent / folder).glob("*.py"))


def has_right_ones(path: Path) -> bool:
    """Whether the layers of a file can be had without their bugs."""
    return "bug" in signature(_register(path)).parameters


def load(path: Path, **options: Any) -> list[Layer]:
    """Make every wrong layer of a file afresh; with bug=False, where a file has them, every right one."""
    found: list[Layer] = []
    _register(path)(partial(_wrong, found), **options)
    return found


def _register(path: Path) -> Callable:
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.register


def judge(layers: list[Layer]) -> dict[str, tuple[str, str, set[str]]]:
    """Return for each layer "right", "wrong", "silent" or "passed", its class, and the causes that were named."""
    found = {}
    for layer in layers:
        report = gradcheck.check(layer.subject, *layer.inputs)
        causes = {g.cause for g in report.gradients if g.verdict == "fail"} - {"", "unknown"}
        causes = causes or {f.kind for f in report.findings if f.severity == "fail" and f.kind != "gradient"}
        if report.verdict != "fail":
            said = "passed"
        elif not causes:
            said = "silent"
        else:
            said = "right" if causes <= CAUSES[layer.kind] else "wrong"
        found[layer.name] = said, layer.kind, causes
    return found
