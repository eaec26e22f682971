"""Every backward pass without roundings: pullback against forward pass on balls, beside the finite differences."""

import dataclasses
from pathlib import Path

import pytest
import table

import gradcheck
from reference.core import tree
from reference.functions.gelu import gelu_vjp
from reference.functions.softmax import softmax_vjp
from reference.job import catalogue, verify

README = table.parse((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"))
EXAMPLES = list(catalogue.examples())
LEAST = 50  # decimal digits
SMALL = 1e-18  # a hundredth of the rounding of a float
LAYERS = {  # module: the field whose gradient is planted with an error, or the input
    "layers.layernorm": "gamma",
    "layers.linear": "w",
    "layers.attention": "query",
    "layers.embedding": "table",
    "layers.feedforward": "inputs[0]",
}


class Planted:
    """A layer with an error in the gradient of one field, or of its last input."""

    def __init__(self, layer, field):
        self.layer, self.field = layer, field

    def vjp(self, *inputs, **constants):
        y, pullback = self.layer.vjp(*inputs, **constants)

        def wrong(dy):
            d_layer, *rest = pullback(dy)
            if hasattr(d_layer, self.field):
                d_layer = dataclasses.replace(d_layer, **{self.field: off(getattr(d_layer, self.field))})
            else:
                rest[-1] = off(rest[-1])
            return {"layer": d_layer}, *rest

        return y, wrong


def off(node):
    return tree.map(lambda d: d + d * SMALL, node)


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])
def test_every_backward_pass_is_proved_to_fifty_digits(example):
    proof = verify.proof(example)
    *_, digits = README[example.module.replace(".", "/")]
    assert proof.word in ("proved", "constants"), proof.answers
    assert proof.digits is None or proof.digits >= LEAST, proof.answers
    assert proof.digits is None or proof.digits > digits - 1, proof.answers  # rounded down where the table was made


@pytest.mark.parametrize("name", ["gelu", "gelu_tanh", "cross_entropy"])
def test_rounded_constants_are_told_with_their_function(name):
    assert {verify.proof(example).constants for example in catalogue.examples(0, [name])} - {""} == {f"{name}_vjp"}


@pytest.mark.parametrize(("module", "field"), LAYERS.items())
def test_an_error_of_one_part_in_ten_to_the_eighteen_is_found_in_its_layer(module, field):
    example = next(catalogue.examples(0, [module]))
    subject = Planted(example.subject, field)
    report = gradcheck.check(subject, *example.inputs, exact=True, **example.constants)
    wrong = {g.name for g in report.gradients if g.verdict == "fail"}
    assert report.verdict == "fail" and wrong and all(field in name.split(".") for name in wrong), report
    zero = {g.name for g in report.gradients if g.exact.digits is None}  # a key's bias moves no softmax
    assert all(g.exact.is_proof for g in report.gradients if g.name not in wrong)
    assert wrong | zero >= {g.name for g in report.gradients if field in g.name.split(".")}
    assert all(0.5 * SMALL < g.exact.relative < 2 * SMALL for g in report.gradients if g.name in wrong)
    assert gradcheck.check(subject, *example.inputs, **example.constants).verdict == "pass"


@pytest.mark.parametrize("function", [softmax_vjp, gelu_vjp])
def test_an_error_of_one_part_in_ten_to_the_eighteen_is_found_in_its_function(function, rng):
    def planted(x):
        y, pullback = function(x)
        return y, lambda dy: off(pullback(dy))

    report = gradcheck.check(planted, rng.normal(size=(2, 5)), exact=True)
    assert report.verdict == "fail" and 0.5 * SMALL < report.gradients[0].exact.relative < 2 * SMALL
