"""A broken contract is its own diagnosis, and what is done to dy is said."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.diagnosis.contracts import BESIDE, KINDS, LINEARITY

X = np.random.default_rng(5).normal(size=(3, 4))

NONLINEAR = {
    "dy is ignored": np.ones_like,
    "sign of dy, or dy over": np.sign,
    "twice": lambda dy: dy * np.abs(dy),
    "without dy is added": lambda dy: dy + 0.2,
    "absolute value, a maximum": np.abs,
    "maximum or a mask": lambda dy: np.maximum(dy, 0),
    "clipped": lambda dy: np.clip(dy, -50, 50),
    "not linear in dy": lambda dy: dy * dy * dy / (dy * dy).mean(),
}


@pytest.mark.parametrize("words", NONLINEAR)
def test_what_is_done_to_dy_is_said(words):
    change = NONLINEAR[words]
    report = gradcheck.check(pair(np.sinh, lambda x, dy: change(dy) * np.cosh(x)), X)
    (gradient,) = report.gradients
    assert gradient.cause == "nonlinear", str(report)
    assert words in gradient.diagnosis


@pytest.mark.parametrize("limit", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("norm", [False, True])
def test_what_is_clipped_is_not_said_to_use_the_sign_alone(limit, norm):
    def backward(x, dy):
        small = dy * min(1.0, limit / np.sqrt((dy * dy).sum())) if norm else np.clip(dy, -limit, limit)
        return small * np.cosh(x)

    (gradient,) = gradcheck.check(pair(np.sinh, backward), X).gradients
    assert gradient.cause == "nonlinear" and "clipped" in gradient.diagnosis, gradient.diagnosis


def test_a_remembered_dy_is_told_from_one_that_is_ignored():
    def remembers(x):
        seen = []

        def pullback(dy):
            seen.append(dy)
            return seen[0] * np.cosh(x)

        return np.sinh(x), pullback

    (gradient,) = gradcheck.check(remembers, X).gradients
    assert (gradient.cause, "earlier call" in gradient.diagnosis) == ("nonlinear", True)


BROKEN = {
    "shape": lambda x, dy: dy[0],
    "dtype": lambda x, dy: (dy * np.cosh(x)).astype(np.float32),
    "finite": lambda x, dy: np.where(x == x.max(), np.inf, dy * np.cosh(x)),
    "missing": lambda x, dy: None,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_contract_is_its_own_diagnosis(kind):
    (gradient,) = gradcheck.check(pair(np.sinh, BROKEN[kind]), X).gradients
    assert gradient.verdict == "fail"
    assert gradient.cause == kind and gradient.diagnosis


def failures(source):
    """The kinds of findings that a file makes which fail, or that break off: written out, or handed to a function."""
    tree, kinds = ast.parse(source), set()
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    within = [(home, call) for home in ast.walk(tree) if isinstance(home, ast.FunctionDef) for call in ast.walk(home)]
    for call in calls:
        severity = call.args[2].value if call.func.id == "Finding" and len(call.args) > 2 else "fail"
        if call.func.id not in ("Finding", "Broken") or severity != "fail":
            continue
        kind = call.args[0]
        if isinstance(kind, ast.Constant):
            kinds.add(kind.value)
        for home in {home for home, inner in within if inner is call} if isinstance(kind, ast.Name) else ():
            place = [argument.arg for argument in home.args.args].index(kind.id)
            kinds |= {other.args[place].value for other in calls if other.func.id == home.name}
    return kinds


ROOMS = [Path(gradcheck.__file__).parent / room for room in ("contract", "subjects")]
FOUND = set().union(*(failures(path.read_text(encoding="utf-8")) for room in ROOMS for path in room.glob("*.py")))
GUIDE = (Path(__file__).parents[3] / "specs/guides/my_check_fails.md").read_text(encoding="utf-8")


def test_kinds_of_failures_are_read_off_a_file_however_they_are_handed_on():
    source = """
def promise(call):
    yield Finding("one", f"{call}", array="x")
    yield Finding("two", "words", "note", "x")
    yield from differences(call, "three")
    raise Broken("four", "words")
def differences(call, kind):
    yield Finding(kind, "words")
"""
    assert failures(source) == {"one", "three", "four"}


def test_every_contract_finding_has_a_line_that_says_what_it_comes_from_and_no_line_is_of_none():
    assert len(FOUND) >= 16
    assert {*KINDS, *LINEARITY, *BESIDE} - {"precision"} == FOUND, "precision is that of a narrow version"
    assert all(KINDS.values()) and not set(KINDS) & {*LINEARITY, *BESIDE}


def test_every_contract_finding_has_its_row_in_the_guide():
    section = GUIDE.split("## A broken contract")[1].split("\n## ")[0]
    first = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(first))) == sorted(FOUND)


def test_what_a_layer_leaves_to_the_session_is_no_cause_of_a_wrong_number():
    def vjp(x):
        def pullback(dy):
            np.seterr(all="warn")
            return 2 * dy * np.cosh(x)

        return np.sinh(x), pullback

    (gradient,) = gradcheck.check(vjp, X).gradients
    assert gradient.cause == "factor"
