"""The demo keeps its word: what it says happens is what happens."""

import numpy as np
import pytest

import gradcheck
from gradcheck.cli import demo


def test_the_demo_finds_the_wrong_layer_and_passes_the_right_one(run):
    status, out, err = run("demo")
    assert (status, err) == (0, "")
    assert "gradcheck forgetful_layer_norm: fail" in out and "gradcheck layer_norm: pass" in out
    assert "usual_test(forgetful_layer_norm, x, gamma, beta)\n    True\n" in out
    assert "dx = r * (dxhat - row_mean(dxhat))\n" in out and "np.ndarray" not in out
    assert max(map(len, out.partition("It sees nothing")[0].splitlines())) <= 90


def test_the_demo_writes_a_page(run, folder):
    assert run("demo", "--html", "demo.html")[0] == 0
    assert (folder / "demo.html").read_text(encoding="utf-8").count("<article>") == 2


def test_the_usual_test_sees_other_mistakes():
    x, gamma, beta = np.random.default_rng(3).standard_normal((3, 5)), np.arange(1.0, 6), np.zeros(5)
    assert demo.usual_test(demo.layer_norm, x, gamma, beta)
    assert not demo.usual_test(demo.forgetful_layer_norm, x, gamma, beta)


@pytest.mark.parametrize("name", ["layer_norm", "forgetful_layer_norm"])
def test_the_layers_differ_in_the_gradient_of_x_alone(name):
    rng = np.random.default_rng(4)
    report = gradcheck.check(getattr(demo, name), rng.standard_normal((2, 5)), rng.standard_normal(5), np.ones(5))
    assert [g.verdict for g in report.gradients[1:]] == ["pass", "pass"]
    assert report.gradients[0].verdict == ("pass" if name == "layer_norm" else "fail")


def test_a_demo_that_does_not_find_it_fails(run, monkeypatch):
    monkeypatch.setattr(demo, "forgetful_layer_norm", demo.layer_norm)
    assert run("demo")[0] == 1
