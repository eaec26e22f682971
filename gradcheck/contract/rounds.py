"""A pullback that solves for its cotangents stops within a tolerance: it is linear in dy no further than that."""

import numpy as np

from gradcheck.contract.call import Call
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.loops import Run, TooMany, run

TIMES = (-(2.0**10), 2.0**-20)  # dy, for which such a loop goes round more or less often
ALONE = 8  # entries of dy, or some more, of which each is asked alone


def goes_round(call: Call) -> bool:
    """Whether a loop of the pullback ends by the numbers of dy, and so goes round more or less often for another dy."""

    def ask(dy: np.ndarray, beside: Run | None = None) -> Run:
        return run(lambda: call.beside(call.out, call.pullback).pull(dy), beside)

    g = call.g[0]
    alone = (np.where(np.arange(g.size) == k, g, 0) for k in range(0, g.size, max(1, g.size // ALONE)))
    try:
        here = ask(g)
        again = ask(g, here)
        return any(here.is_other(ask(dy, here), again) for dy in (*(x * g for x in TIMES), call.g[1], g[::-1], *alone))
    except TooMany:
        return False


def left_open(array: str | None) -> Finding:
    """Return what is to be said of a promise that is broken by little, beside such a loop."""
    words = "a loop of the pullback goes round until a tolerance is met, which leaves more open than roundings do"
    return Finding("tolerance", words if array is None else f"{array}: {words}", "inconclusive", array)
