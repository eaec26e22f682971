"""What a diagnosis may say of the wrong cases of the corpus: what leads a reader to the bug, or nothing at all."""

# By class of bug: the diagnoses that lead a reader to it. Where a case is described by several, each leads there.
PLACE = "entry mask missing part branch border"
TERM = ["product term", "mean term", "statistic", "normalisation", "elementwise", "small", "constant term"]
NAMES = {
    "activation swapped": {"slope", "elementwise", "value"},
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
    "factor": {"factor", "slope", "scale", "term"},
    "hidden error": {"entry", "zero", "factor", "slope"},
    "index": {"permuted", "transposed", "selection", *PLACE.split()},
    "loss": {*TERM, "left out", *PLACE.split(), "factor", "slope", "shift", "path"},
    "mask": {"mask", "path", "dy", "factor", "branch", "slope", "spread", "value"},
    "matrix function": {"transposed", "elementwise", "factor", "missing", "path", "sum"},
    "memory layout": {"layout", "permuted", "raises"},
    "misuse of dy": {"output", "nonlinear", "sum", "dy", "permuted", "factor", "missing", "repeated", "slope"},
    "missing path": {*TERM, "term", "path", "slope", "sum", "repeated", "skip", "dy itself", "zero"},
    "mutation": {"mutation"},
    "norm projection": {*TERM, "axis", "transposed", "slope", "scale", "value"},
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
    "sign": {"factor", "slope", "entry", "sign", "term"},
    "special point": {"slope", "zero", "value"},
    "state": {"stale", "repeat", "raises", "nonlinear"},
    "surrogate": {"branch", "flat", "factor", "zero"},
    "tiny gradient": {"factor", "zero", "product term", "transposed"},
    "transpose": {"transposed"},
}
MISLEADING = {  # named by what is true of the numbers, but a reader would look elsewhere
    "attention, soft-capped: slope of the cap forgotten",
    "causal attention: mask upside down",
    "cross-entropy: target term missing",
    "divergence of two softmaxes: first taken for the target",
    "lower triangle: diagonal left out",
    "recurrent network: state after instead of before",
    "rms norm: eps of another layer",
    "rotary: positions off by one",
    "running product: own step only",
    "scale of ones: scale forgotten for x",
    "sin: first row of dy for all",
}
UNNAMED = {  # no rule explains all of the numbers, and none is guessed
    "causal attention: diagonal hidden",
    "contrastive loss: rows only",
    "cross-entropy: softmax applied twice",
    "cube of a matrix: 3 a^2 dy",
    "matrix exponential: as if it commuted",
    "rotary on neighbours: frequencies reversed",
    "rotary: pairs of neighbours",
}


def names(report):
    """The causes of all failing arrays; a contract that leaves no array to look at names itself."""
    causes = {g.cause for g in report.gradients if g.verdict == "fail"} - {"", "unknown"}
    return causes or {f.kind for f in report.findings if f.severity == "fail" and f.kind != "gradient"}


def leads_to_the_bug(case, report):
    """Whether it is named, and every name leads there; but for the exceptions above."""
    said = names(report)
    return case.name in MISLEADING or (said <= NAMES[case.bug_class] if said else case.name in UNNAMED)
