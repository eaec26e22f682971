"""Accuracy is no evidence for a gradient: most of them may be wrong, and Adam learns the task all the same.

This is why the gradients are checked first, and convergence runs only after them.
"""

import dataclasses

import pytest
from swap import swapped

import gradcheck
from reference.job import catalogue
from reference.layers.residual import PostNorm, PreNorm


class PreNormWithoutSkip(PreNorm):
    """The right output; the gradient of the skip is dropped."""

    def vjp(self, x, *others, **constants):
        n, norm_pullback = self.norm.vjp(x)
        r, inner_pullback = self.inner.vjp(n, *others, **constants)

        def pullback(dy):
            d_inner, dn, *dothers = inner_pullback(dy)
            d_norm, dx = norm_pullback(dn)  # dy is missing
            return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

        return x + r, pullback


class PostNormWithoutSkip(PostNorm):
    """The right output; the gradient of the skip is dropped."""

    def vjp(self, x, *others, **constants):
        r, inner_pullback = self.inner.vjp(x, *others, **constants)
        y, norm_pullback = self.norm.vjp(x + r)

        def pullback(dy):
            d_norm, dz = norm_pullback(dy)
            d_inner, dx, *dothers = inner_pullback(dz)  # dz is missing
            return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

        return y, pullback


WITHOUT_SKIP = {PreNorm: PreNormWithoutSkip, PostNorm: PostNormWithoutSkip}


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_without_any_gradient_of_a_skip_adam_still_copies(trained, copies, norm):
    model, held_out = trained(WITHOUT_SKIP, norm=norm)
    assert copies(model, held_out).tokens >= 0.95


def test_the_check_fails_37_of_the_50_arrays_of_the_pre_norm_model():
    report = check(swapped_example("models.objective", "Transformer, PreNorm"))
    assert report.verdict == "fail"
    assert len(report.gradients) == 50
    passed = [gradient.name for gradient in report.gradients if gradient.verdict == "pass"]
    # Right are only what no skip stands behind, and the biases of keys, whose gradient is zero.
    behind = ("model.body.decoder.blocks[0].feedforward.", "model.body.decoder.norm.", "model.output.")
    assert all(name.startswith(behind) or name.endswith("inner.key.b") for name in passed)
    assert sum(gradient.verdict == "fail" for gradient in report.gradients) == 37


def test_the_check_fails_a_post_norm_block_without_skips():
    assert check(swapped_example("models.encoder", "EncoderBlock, PostNorm")).verdict == "fail"


def swapped_example(module, name):
    """The first example of that name, without the gradient of any skip."""
    example = next(e for e in catalogue.examples() if e.module == module and e.name.startswith(name))
    return dataclasses.replace(example, subject=swapped(example.subject, WITHOUT_SKIP))


def check(example):
    return gradcheck.check(example.subject, *example.inputs, **example.constants)
