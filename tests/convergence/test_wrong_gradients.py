"""Accuracy is no evidence for a gradient: most of them may be wrong, and Adam learns the task all the same.

This is why the gradients are checked first, and convergence runs only after them.
"""

import pytest
from composites import WITHOUT_SKIP, plant

import gradcheck
from reference.job import catalogue
from reference.layers.residual import PostNorm, PreNorm


@pytest.mark.parametrize(("norm", "residual"), [("pre", PreNorm), ("post", PostNorm)])
def test_without_any_gradient_of_a_skip_adam_still_copies(trained, copies, norm, residual):
    model, held_out = trained(residual, WITHOUT_SKIP[residual], norm=norm)
    assert copies(model, held_out).tokens >= 0.95


def test_the_check_fails_37_of_the_50_arrays_of_the_pre_norm_model():
    report = check_without_skips("models.objective", "Transformer, PreNorm", PreNorm)
    assert report.verdict == "fail"
    assert len(report.gradients) == 50
    assert sum(gradient.verdict == "fail" for gradient in report.gradients) == 37
    # Right are only what stands behind the last skip, and the biases of keys, whose gradient is zero.
    behind = ("model.body.decoder.blocks[0].feedforward.", "model.body.decoder.norm.", "model.output.")
    passed = [gradient.name for gradient in report.gradients if gradient.verdict == "pass"]
    assert all(name.startswith(behind) or name.endswith("inner.key.b") for name in passed)


def test_the_check_fails_a_post_norm_block_without_skips():
    assert check_without_skips("models.encoder", "Block, PostNorm", PostNorm).verdict == "fail"


def check_without_skips(module, name, residual):
    """Check the first example of that name, without the gradient of any skip."""
    example = next(e for e in catalogue.examples() if e.module == module and e.name.startswith(name))
    subject = plant(example.subject, residual, WITHOUT_SKIP[residual])
    return gradcheck.check(subject, *example.inputs, **example.constants)
