"""Six ways to a numeric derivative on a thousand functions, and the table about them in specs/guides/derivative.md.

    python tests/peers/derivatives.py [--write]

Each has its defaults. The table is printed; with --write it is put into the published page. The exit status is 1 if the
bar of this project's holds less often than 99.5 % of the time, or if the published page said something else of this
project's than what was measured now, but for a few roundings of another machine.
"""

import argparse
import importlib.metadata
import math
import re
import sys
import warnings
from pathlib import Path

import mpmath
import numdifftools
import numpy as np
import scipy.differentiate
from jax._src.public_test_util import EPS, default_gradient_tolerance, numerical_jvp

import gradcheck

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import thousand

PUBLISHED = Path(__file__).resolve().parents[2] / "specs/guides/derivative.md"
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
COVERED = 0.995


class Counted:
    """A function, of numbers or of arrays of them, that counts the numbers at which it was asked."""

    def __init__(self, f):
        self.f, self.count = f, 0

    def one(self, x):
        self.count += 4 if isinstance(x, complex) else 1
        try:
            return self.f(x)
        except (ArithmeticError, ValueError):
            return math.nan

    def __call__(self, x):
        if np.ndim(x) == 0:
            return self.one(x[()] if isinstance(x, np.ndarray) else x)
        return np.array([self.one(v) for v in np.ravel(x)]).reshape(np.shape(x))


def ours(f, x):
    found = gradcheck.derivative(f, x)
    return found.value, found.bar


def ours_real(f, x):
    def real(x):
        if isinstance(x, complex):
            raise TypeError("no complex numbers here")
        return f(x)

    return ours(real, x)


def by_numdifftools(f, x, **options):
    found = numdifftools.Derivative(f, full_output=True, **options)(x)
    return float(found[0]), float(found[1])


def by_scipy(f, x):
    found = scipy.differentiate.derivative(f, x)
    return float(found.df), float(found.error) if found.success else math.inf


def by_jax(f, x):
    """The differences of `check_grads`, and what it forgives."""
    value = float(numerical_jvp(f, (np.float64(x),), (np.float64(1),), eps=EPS))
    tolerance = default_gradient_tolerance[np.dtype(np.float64)]
    return value, tolerance * (1 + abs(value))


WAYS = {
    "`gradcheck.derivative`": ours,
    "the same, where f takes no complex numbers": ours_real,
    "`numdifftools.Derivative`": by_numdifftools,
    'the same, `method="complex"`': lambda f, x: by_numdifftools(f, x, method="complex"),
    "`scipy.differentiate.derivative`": by_scipy,
    "`jax.test_util.check_grads`, its differences": by_jax,
}


def row(way, cases):
    held, digits, stated, costs = [], [], [], []
    for case in cases:
        f = Counted(case.f)
        value, bar = way(f, case.x)
        costs.append(f.count)
        if math.isfinite(value) and math.isfinite(bar):
            error, size = float(abs(mpmath.mpf(value) - case.truth)), abs(float(case.truth)) or 1.0
            held.append(error <= bar)
            digits.append(-math.log10(max(error / size, 1e-17)))
            stated.append(-math.log10(max(bar / size, 1e-17)))
    nothing, quarter = len(cases) - len(held), np.quantile(digits, 0.05)
    shown = [f"{100 * np.mean(held):.1f} %", nothing, f"{np.median(stated):.1f}", f"{np.median(digits):.1f}"]
    return [*shown, f"{quarter:.1f}", f"{np.median(costs):.0f}", f"{np.mean(costs):.0f}"], np.mean(held)


def main(write):
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    cases = list(thousand.cases())
    found = {name: row(way, cases) for name, way in WAYS.items()}
    head = ["", "the stated error holds", "claims nothing", "digits stated", "digits true", "in 95 % at least"]
    lines = [[*head, "evaluations, median", "mean"], ["---"] + ["---:"] * 7]
    lines += [[name, *cells] for name, (cells, _) in found.items()]
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in ("numpy", "scipy", "numdifftools", "jax"))
    table = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    text = f"{BEGIN}\n{table}\n\n{versions}.\n{END}"
    print(text)
    published = PUBLISHED.read_text(encoding="utf-8")
    made = re.sub(f"{BEGIN}.*{END}", lambda _: text, published, flags=re.DOTALL)
    if write:
        PUBLISHED.write_text(made, encoding="utf-8")
    bad = min(share for _, share in list(found.values())[:2]) < COVERED
    before, now = facts(published), facts(made)
    same = len(before) == len(now) and np.allclose(
        before, now, rtol=0.05, atol=0.5  # the last digits of a sine differ between machines, and what follows of them
    )
    stale = not write and not same
    if stale:
        print(f"specs/guides/derivative.md must say what tox -e peers measures, {now}, it said {before}")
    return 1 if bad or stale else 0


def facts(page):
    """The numbers that a page tells of this project's derivative."""
    line = next((line for line in page.splitlines() if line.startswith("| `gradcheck.derivative` |")), "")
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", line)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="put the table into the published page")
    sys.exit(main(parser.parse_args().write))
