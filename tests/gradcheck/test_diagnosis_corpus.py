"""The diagnosis on the corpus: the right bug for nearly all wrong backward passes, "unknown" for the rest."""

import sys
from pathlib import Path

import pytest

import gradcheck

sys.path.insert(0, str(Path(__file__).parent))
from corpus_loader import load

RIGHT, WRONG = 0.85, 0.03  # of the wrong cases: named rightly at least, named wrongly at most

# By class of bug: the diagnoses that lead a reader to it. Where a case is described by several, each leads there.
PLACE = "entry mask missing part branch border"
TERM = ["product term", "mean term", "statistic", "normalisation", "elementwise", "small", "constant term"]
NAMES = {
    "activation swapped": {"slope", "elementwise"},
    "aliasing": {"alias"},
    "attention": {"factor", "normalisation", "mask", "transposed", "zero", "permuted", "sum", "axis", "value"},
    "branch": {*PLACE.split(), "nonlinear", "swapped", "slope", "permuted", "selection", "spread", "special values"},
    "broadcast sum": {"sum", "axis", "factor", "transposed", "repeated", "spread", "normalisation", "elementwise"},
    "complex trap": {"term", "zero", "factor", "slope", "product term"},
    "constant statistic": {*TERM, "dy itself"},
    "convolution": {"transposed", "permuted", "factor", "dy", "border", "mask", "value", "path"},
    "derivative rule": {"slope", "factor", "swapped"},
    "difference trap": {"slope", "special values", *PLACE.split()},
    "dtype": {"dtype"},
    "einsum": {"mask", "axis", "transposed", "sum", "permuted", "spread"},
    "eps": {"small", "scale"},
    "factor": {"factor", "slope", "scale"},
    "hidden error": {"entry", "zero", "factor", "slope"},
    "index": {"permuted", "transposed", "selection", *PLACE.split()},
    "loss": {*TERM, "left out", *PLACE.split(), "factor", "slope"},
    "mask": {"mask", "path", "dy", "factor", "branch", "slope", "spread"},
    "matrix function": {"transposed", "elementwise", "factor", "missing", "path"},
    "memory layout": {"layout", "permuted", "raises"},
    "misuse of dy": {"output", "nonlinear", "sum", "dy", "permuted", "factor", "missing", "repeated", "slope"},
    "missing path": {*TERM, "term", "path", "slope", "sum", "repeated", "skip", "dy itself", "zero"},
    "mutation": {"mutation"},
    "norm projection": {*TERM, "axis", "transposed", "slope", "scale"},
    "not finite": {"finite"},
    "number of gradients": {"count", "missing"},
    "order": {"swapped", "permuted", "output"},
    "pooling": {"permuted", "selection", "mask", "factor", "repeated", "dy"},
    "recurrence": {"path", "mask", "zero", "slope", "elementwise", "transposed"},
    "relative error": {"factor", "entry", "small", "mean term", "term"},
    "repeated ids": {"repeated", "missing", "mask", "path"},
    "rotary": {"transposed", "mask", "dy itself", "sign", "dy", "slope", "value"},
    "scan": {"transposed", "dy itself", "skip", "slope", "elementwise"},
    "shape": {"shape"},
    "sign": {"factor", "slope", "entry", "sign"},
    "special point": {"slope", "zero"},
    "state": {"stale", "repeat", "raises", "nonlinear"},
    "surrogate": {"branch", "flat", "factor", "zero"},
    "tiny gradient": {"factor", "zero", "product term", "transposed"},
    "transpose": {"transposed"},
}
MISLEADING = {  # named by what is true of the numbers, but a reader would look elsewhere
    "attention, soft-capped: slope of the cap forgotten",
    "cube of a matrix: 3 a^2 dy",
    "matrix exponential: as if it commuted",
}


def names(report):
    """The causes of all failing arrays; a contract that leaves no array to look at names itself."""
    causes = {g.cause for g in report.gradients if g.verdict == "fail"} - {"", "unknown"}
    return causes or {f.kind for f in report.findings if f.severity == "fail" and f.kind != "gradient"}


@pytest.fixture(scope="module")
def found():
    """What is said of each wrong case, each checked once."""
    said = {}
    for case in load():
        if case.kind == "wrong":
            subject = case.vjp or gradcheck.adapters.pair(case.forward, case.backward)
            said[case.name] = case.bug_class, names(gradcheck.check(subject, *case.inputs))
    return said


def test_the_right_bug_is_named_or_none(found):
    wrong = {n: said for n, (kind, said) in found.items() if said - NAMES[kind] or (said and n in MISLEADING)}
    right = [n for n, (_, said) in found.items() if said and n not in wrong]
    assert len(right) >= RIGHT * len(found), {n: kind for n, (kind, said) in found.items() if n not in right}
    assert len(wrong) <= WRONG * len(found), wrong


def test_every_class_of_bug_has_its_names(found):
    assert {kind for kind, _ in found.values()} == set(NAMES)


def test_each_class_is_told_from_most_others():
    """A table in which every name is right for every class would judge nothing."""
    every = set().union(*NAMES.values())
    assert all(len(names) <= len(every) / 2 for names in NAMES.values())
