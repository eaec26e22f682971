"""The wheel as a client sees it: its types are there, and mypy reads them."""

import importlib.metadata
import importlib.resources
import subprocess
import sys

import pytest

CLIENT = """\
import numpy as np
import gradcheck
from reference.layers.layernorm import LayerNorm
from reference.core.families import DecoderOnlySettings
from reference.models.decoder_only import DecoderOnly

layer = LayerNorm.init(7)
x = np.ones((2, 7), np.float32)
y, pullback = layer.vjp(x)
d_layer, dx = pullback(y)
shape: tuple[int, ...] = d_layer.gamma.shape
report: gradcheck.Report = gradcheck.check(layer, x)
verdict: str = report.verdict
settings = DecoderOnlySettings.gpt(vocabulary=7, length=6, width=8, heads=2, dropout=0.1)
model: DecoderOnly = DecoderOnly.init(np.random.default_rng(0), settings)
"""


def typed(folder, *lines):
    """Return what mypy says of a client with these lines at its end, away from the sources."""
    client = folder / "client.py"
    client.write_text(CLIENT + "".join(f"{line}\n" for line in lines))
    command = [sys.executable, "-m", "mypy", "--strict", "--python-version=3.11", "--cache-dir=cache", client.name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize("package", ["gradcheck", "reference"])
def test_a_package_says_that_it_is_typed(package):
    assert importlib.resources.files(package).joinpath("py.typed").is_file()


def test_a_client_is_checked_with_the_types_of_the_wheel(tmp_path):
    assert importlib.metadata.version("backproof")
    right = typed(tmp_path)
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = typed(tmp_path, 'LayerNorm(gamma=3, beta="no")', "report.colour")
    assert "incompatible type" in wrong.stdout and '"colour"' in wrong.stdout, wrong.stdout + wrong.stderr
