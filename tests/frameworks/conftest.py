import pytest

import gradcheck


@pytest.fixture
def inputs(rng):
    return rng.normal(size=(4, 3)), rng.normal(size=3)


@pytest.fixture
def failures():
    """failures(subject, *inputs): what fails, as kind, array and message."""

    def failures(subject, *inputs):
        report = gradcheck.check(subject, *inputs)
        assert report.verdict == "fail", str(report)
        return [(f.kind, f.array, f.message) for f in report.findings if f.severity == "fail"]

    return failures
