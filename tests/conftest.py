"""Two claims that every test of a layer makes: a backward pass is proved, a planted bug is caught."""

import gc

import cited
import numpy as np
import pytest

import gradcheck
from gradcheck.diagnosis import diagnose

DIGITS = 11  # by the complex step, where the function is smooth
REAL_DIGITS = 6  # by real finite differences alone


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected stays until the end: the search for what nobody refers to any more passes over all of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture
def rng():
    return np.random.default_rng(20261123)


@pytest.fixture
def prove():
    """prove(subject, *inputs, **constants): every gradient passes with 11 digits, 6 by differences alone."""

    def prove(subject, *inputs, **constants):
        report = gradcheck.check(subject, *inputs, **constants)
        if report.verdict != "pass":
            pytest.fail(broken(subject, report), pytrace=False)
        for gradient in report.gradients:
            if gradient.digits is not None:  # None: structurally zero, with an absolute bar
                assert gradient.digits >= DIGITS, str(report)
                assert gradient.real_digits >= REAL_DIGITS, str(report)
        return report

    return prove


def broken(subject, report):
    """Return what stands first in a report that is not `pass`: layer, array, entry, equations."""
    wrong = [gradient for gradient in report.gradients if gradient.verdict == "fail"]
    if not wrong or wrong[0].worst_index is None:
        return str(report)
    ids = ", ".join(f"({name})" for name in cited.of(subject, wrong[0].name))
    lines = f", computed by the lines that cite {ids}" if ids else ""
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    entry = ", ".join(map(str, wrong[0].worst_index))
    return f"{report.subject}: the gradient of {wrong[0].name} is wrong at [{entry}]{lines}{more}\n\n{report}"


@pytest.fixture(scope="session")
def diagnosed(request):
    """The first test of each file that catches a wrong version."""
    catching = (item for item in reversed(request.session.items) if "caught" in item.fixturenames)
    return set({item.path: item.nodeid for item in catching}.values())


@pytest.fixture
def caught(monkeypatch, request, diagnosed):
    """caught(names, wrong, *inputs, **constants): the check fails on exactly the arrays in `names`.

    One of them is diagnosed in the first test of a file, and none in the others: it takes longer than the verdict, and
    what is said is judged elsewhere.
    """
    monkeypatch.setattr(diagnose, "EXPLAINED", int(request.node.nodeid in diagnosed))

    def caught(names, wrong, *inputs, **constants):
        report = gradcheck.check(wrong, *inputs, **constants)
        assert report.verdict == "fail", str(report)
        assert {g.name for g in report.gradients if g.verdict == "fail"} == set(names), str(report)
        return report

    return caught


@pytest.fixture
def untraced(monkeypatch):
    """Processes that the test interrupts, or lets write no more, are not traced.

    Coverage hangs where it is interrupted within its lock, and cannot save what it saw.
    """
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
