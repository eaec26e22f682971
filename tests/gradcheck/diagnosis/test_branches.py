"""gradcheck.diagnosis.branches, on layers with one planted bug."""

import numpy as np
import pytest

from gradcheck.diagnosis import branches

rng = np.random.default_rng(5)
MANY = 1.5 * rng.normal(size=(2, 6, 7))
X = rng.normal(size=(3, 4))
SIDES = np.where(np.arange(42) * 7 % 5 < 3, -1.0, 1.0).reshape(6, 7)
LINE = np.array([-2.1, -1.2, -0.6, -0.3, 0.2, 0.7, 1.1, 1.6, 2.4])
OTHER, SIX, NARROW = rng.normal(size=(3, 4)), rng.normal(size=(6, 2)), rng.normal(size=(4, 2))


# cause, words of the sentence, forward, backward, inputs
CASES = {
    "below zero": (
        "branch",
        "x < 0.*wrong",
        lambda x: np.where(x.real > 0, x, x * x),
        lambda x, dy: dy * np.where(x > 0, 1, x),
        LINE,
    ),
    "closed below": (
        "branch",
        "passes no gradient",
        lambda x: np.where(x.real > 0, x, x * x),
        lambda x, dy: dy * (x > 0),
        LINE,
    ),
    "open outside": (
        "branch",
        r"\|x\| > .*does not change",
        lambda x: np.where((x * x).real < 1, np.sin(x), 1),
        lambda x, dy: dy * np.cos(x),
        LINE,
    ),
    "another decides": (
        "branch",
        "another input",
        lambda a, b: np.where(a.real > b.real, a * 3, b),
        lambda a, b, dy: (3 * dy, dy * (b > a)),
        X,
        OTHER,
    ),
    "sides exchanged": (
        "branch",
        "two sides.*x > 0",
        lambda x: np.where(x.real > 0, 3 * x, x),
        lambda x, dy: dy * np.where(x > 0, 1, 3),
        LINE,
    ),
    "size exchanged": (
        "branch",
        "of one size where the gradient is not",
        lambda x: np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5),
        lambda x, dy: dy * np.where(np.abs(x) < 1, np.sign(x), x),
        LINE,
    ),
    "between two thresholds": (
        "branch",
        "< x < ",
        lambda x: np.where(x.real > 0.9, x * x, np.sin(x)),
        lambda x, dy: dy * np.where(x > 0, 2 * x, np.cos(x)),
        np.linspace(-2.05, 2.15, 20),
    ),
    "as the sign that is wanted decides": (
        "branch",
        "right for some of their values and wrong for others",
        lambda x: np.where((SIDES * x).real > 1, 0, np.where((SIDES * x).real > 0, (1 - SIDES * x) ** 2, -SIDES * x)),
        lambda x, dy: dy * SIDES * np.where(SIDES * x > 1, 0, -1),
        MANY[0],
    ),
    "as another array's sign decides": (
        "branch",
        "and a > 0, or x > .* and a < 0: there the claim passes no gradient",
        lambda x, a: np.where(((a > 0) & (x.real < 1)) | ((a < 0) & (x.real > -1)), np.sin(x), 0),
        lambda x, a, dy: (dy * np.cos(x) * (np.abs(x) < 1), 0 * a),
        *MANY,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_planted_bug_is_named(name, named):
    named(*CASES[name])


# pattern, forward, backward, inputs: neighbours of what it names
BESIDE = {
    "wrong at every second entry": (
        branches.branch,
        np.sinh,
        lambda x, dy: dy * np.where(np.arange(9) % 2, np.cosh(x), np.exp(x)),
        LINE,
    ),
    "wrong everywhere": (branches.branch, np.sinh, lambda x, dy: dy * np.exp(x), LINE),
    "wrong at every second entry, whatever its value": (
        branches.comes_and_goes,
        np.sinh,
        lambda x, dy: dy * np.where(np.arange(9) % 2, np.cosh(x), np.exp(x)),
        LINE,
    ),
    "right where the order of others lets it be": (
        branches.comes_and_goes,
        lambda x: ((np.sort(x) - MANY[0, 0, 0]) ** 2 @ np.arange(1, 10)).sum(),
        lambda x, dy: dy * (2 * (np.sort(x) - MANY[0, 0, 0]) * np.arange(1, 10))[np.argsort(x)],
        LINE[[0, 2, 3, 1, 5, 4, 6, 8, 7]],
    ),
    "both sides have a slope of their own": (
        branches.exchanged,
        lambda x: np.where(x.real > 0, 3 * x, x),
        lambda x, dy: dy * np.where(x > 0, 2, 4),
        LINE,
    ),
    "wrong on both sides of what is right": (
        lambda e: branches._between(e.wrong, e.x, "x"),
        np.sinh,
        lambda x, dy: dy * np.where(np.abs(x) < 0.9, np.cosh(x), np.exp(x)),
        LINE,
    ),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_neighbour_is_not_taken_for_it(name, evidence):
    pattern, forward, backward, *inputs = BESIDE[name]
    assert not pattern(evidence(forward, backward, *inputs))
