"""The README's examples of PyTorch and JAX run as they stand there, and notice a term that is left out."""

import re
from pathlib import Path

import pytest

import gradcheck
from gradcheck import GradientError

README = Path(__file__).parents[2] / "README.md"
PYTHON = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
BLOCKS = [block for block in PYTHON if "adapters." in block and "_function" in block]
TERM = " + x * s * (1 - s)"


def test_there_is_one_example_of_each():
    assert [[word for word in ("torch", "jax") if f"adapters.{word}_function" in block] for block in BLOCKS] == [
        ["torch"],
        ["jax"],
    ]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_run(block, monkeypatch):
    reports = []
    monkeypatch.setattr(gradcheck, "assert_gradients", lambda *given: reports.append(gradcheck.check(*given)))
    exec(compile(block, str(README), "exec"), {})
    (report,) = reports
    assert report.verdict == "pass", str(report)
    assert report.gradients[0].digits > 11


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_notice_what_is_wrong(block):
    assert TERM in block
    with pytest.raises(GradientError):
        exec(compile(block.replace(TERM, ""), str(README), "exec"), {})
