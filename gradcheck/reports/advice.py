"""What to do about a verdict that is neither pass nor fail."""

from collections.abc import Sequence

from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import Gradient

NOTHING = {
    "nothing was compared: no array": "hand over arrays that have entries",
    "nothing was compared: the output": "hand over inputs for which the output has entries",
}

TOLERANCE = "tighten the tolerance for the check, or declare noise=, the part of each number that the loop leaves open"

# By the beginning of a gradient's reason.
REASONS = {
    **NOTHING,
    "no step gives a stable difference": (
        "the forward pass jumps, or is noise, at this point: choose inputs away from steps and from the ends of the "
        "domain, and hand over float64 if the subject takes that"
    ),
    "the complex step sees a difference": (
        "suspect the pullback's smallest terms, and check again at inputs where this gradient is larger"
    ),
    "no step changes the output": (
        "the forward pass loses here what its gradient is about: write it without a difference of numbers that are "
        "nearly equal, or choose larger inputs"
    ),
    "a much larger number absorbs": (
        "check it beside smaller numbers, such as a mask of -1e4 in the place of -1e30, or leave out what they absorb"
    ),
    "a loop of f goes round": TOLERANCE,
    "f bends within the steps": (
        "check it at inputs farther from where it has a pole, such as a matrix of a smaller condition number"
    ),
    "f has a shape finer": "check what is tabulated, or the table with fewer knots, and at inputs between two of them",
    "the forward pass moves in steps that may": (
        "say what is meant: straight_through for an array that is rounded, or a wider dtype inside for the check"
    ),
    "the slope is infinite": (
        "choose inputs at which it is finite, or keep the forward pass away from there, as by an epsilon under a root"
    ),
    "a kink lies there": "choose inputs beside the kink, or leave this array out",
    "below the noise": "this array hardly moves the output here: choose inputs at which it matters",
    "resolved to": (
        "the forward pass is too coarse to say more: if the subject takes float64, hand that over and let it keep the "
        "dtype of its inputs (does it compute in float32 inside?); if not, choose inputs at which it changes more"
    ),
    "a rounding of": (
        "check it with a matrix of a smaller condition number, or use the same factors of it in both passes"
    ),
    "the pullback rounds to fewer bits": (
        "let it compute in the dtype of dy, hand over float64, and see whether it is right there"
    ),
    "the forward pass jumps": "choose inputs away from the steps, or leave this array out",
    "differences along the whole array": "check the array in parts, or at other inputs",
    "at an end of the range": (
        "hand it over by keyword if it is a constant, such as a mask, or give it smaller numbers: -1e9 masks as well"
    ),
    "not compared": "mend what is said below first: no number was compared before that",
}

# By the kind of a finding.
KINDS = {
    "refused": "let the pullback take every dy: it is linear in it",
    "tolerance": TOLERANCE,
    "stochastic": (
        "draw from a generator that is handed over by keyword (it is replayed for every evaluation), or switch the "
        "randomness off"
    ),
}


# By the beginning of the message of a finding that nothing was checked.
VACUOUS = {
    "every gradient is below the noise": (
        "choose inputs of moderate size, at which the layer is neither saturated nor constant"
    ),
    "no gradient was resolved": "do what is said of each array",
    **NOTHING,
}


# Of reasons that mean the domain where the subject refuses what lies beside the given point.
BESIDE = ("no step gives a stable difference", "the complex step sees a difference")
DOMAIN = (
    "the subject refuses points beside this one, as is said below: say how to stay in its domain, Checker(domain=...), "
    "or choose inputs farther from its ends"
)


def for_gradient(gradient: Gradient, findings: Sequence[Finding] = ()) -> str:
    if gradient.verdict != "inconclusive" or any(f.message == gradient.reason for f in findings):
        return ""  # what is found of all arrays has its advice below them
    if gradient.reason.startswith(BESIDE) and any(f.kind == "domain" for f in findings):
        return DOMAIN
    return next((advice for start, advice in REASONS.items() if gradient.reason.startswith(start)), "")


def for_finding(finding: Finding) -> str:
    if finding.severity != "inconclusive":
        return ""
    vacuous = next((advice for start, advice in VACUOUS.items() if finding.message.startswith(start)), "")
    return vacuous if finding.kind == "vacuous" else KINDS.get(finding.kind, "")
