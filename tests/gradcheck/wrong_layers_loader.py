"""Wrong layers on which the diagnosis is judged, each with the class of its bug that a person would name.

Those under `wrong_layers/` were used to build the diagnosis; those under `wrong_layers_held_out/` were written
afterwards, and it is only measured on them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import gradcheck

# By class: the causes that say it. A pattern in the numbers that would send a reader elsewhere is no match.
CAUSES = {
    "alias": {"alias"},
    "axis": {"mask", "axis", "normalisation", "slope", "spread", "statistic", "sum", "value"},
    "branch": {"branch", "mask"},
    "columns": {"scale", "slope"},
    "diagonal": {"elementwise"},
    "dtype": {"dtype"},
    "entrywise": {"value", "scale", "left out", "slope"},
    "factor": {"factor"},
    "factor in a term": {"normalisation", "product term", "mean term", "statistic", "factor"},
    "ignored": {"nonlinear"},
    "index": {"constant term", "mask", "permuted", "selection"},
    "mask": {"branch", "mask"},
    "mean": {"dy itself", "mean term", "normalisation", "elementwise"},
    "missing": {"count", "missing"},
    "mutation": {"mutation"},
    "nonfinite": {"finite"},
    "nonlinear": {"nonlinear"},
    "offset": {"nonlinear"},
    "order": {"order", "permuted", "transposed"},
    "output": {"dy", "output", "permuted"},
    "overwritten": {"path", "repeated", "sum"},
    "part": {"dy", "entry", "missing", "part", "path", "repeated", "sum"},
    "path": {"mean term", "slope", "output", "term", "left out", "dy itself", "path", "skip", "missing"},
    "precision": {"dtype", "nonlinear", "precision"},
    "projection": {"elementwise", "normalisation", "product term", "statistic"},
    "repeat": {"mutation", "repeat", "stale"},
    "rows": {"part", "scale", "slope"},
    "shape": {"shape"},
    "shift": {"selection", "shift", "transposed", "mask", "permuted", "value"},
    "sign": {"factor"},
    "signs": {"branch", "sign", "slope"},
    "stale": {"stale"},
    "spread": {"spread"},
    "swapped": {"swapped", "permuted"},
    "term": {"mean term",
        "term",
        "left out",
        "constant term",
        "dy itself",
        "normalisation",
        "product term",
        "skip",
        "slope",
        "statistic",
    },
    "transposed": {"permuted", "transposed"},
    "twice": {"term", "skip", "slope"},
    "value": {"mask", "duplicate", "left out", "too much", "product term", "skip", "slope", "swapped", "value"},
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


def load(path: Path) -> list[Layer]:
    """Make every wrong layer of a file afresh."""
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[Layer] = []
    module.register(partial(_wrong, found))
    return found


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
