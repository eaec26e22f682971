"""What is wrong is told where it is: by layer, array, entry and equation, before all that it breaks."""

import functools

import cited
import pytest

from reference.core import tree
from reference.job import catalogue
from reference.layers.layernorm import LayerNorm

FIRST = "test_gradients_are_proved_to_the_digits_of_the_readme"
EXAMPLES = list({type(e.subject) if hasattr(e.subject, "vjp") else e.module: e for e in catalogue.examples()}.values())


class WrongSign(LayerNorm):
    def vjp(self, x):
        y, pullback = super().vjp(x)

        def wrong(dy):
            d_self, dx = pullback(dy)
            return d_self, -dx

        return y, wrong


def test_a_wrong_gradient_is_told_by_layer_array_entry_and_equations(prove, rng):
    layer = WrongSign(gamma=rng.normal(size=7), beta=rng.normal(size=7))
    with pytest.raises(pytest.fail.Exception) as failure:
        prove(layer, rng.normal(size=(2, 3, 7)))
    line, empty, report = str(failure.value).split("\n", 2)
    assert line.startswith("WrongSign: the gradient of x is wrong at [")
    assert line.endswith("], computed by the lines that cite (layernorm.9), (layernorm.10)")
    assert not empty
    assert report.startswith("gradcheck WrongSign: fail")


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{e.module}: {e.name}" for e in EXAMPLES])
def test_every_parameter_of_every_layer_has_equations_that_compute_its_gradient(example):
    for path, _ in tree.leaves(example.subject) if hasattr(example.subject, "vjp") else ():
        assert cited.of(example.subject, path), path


@pytest.mark.parametrize(
    ("module", "name", "ids"),
    [
        ("functions.softmax", "s", ["softmax.5"]),
        ("layers.layernorm", "gamma", ["layernorm.7"]),
        ("layers.layernorm", "x", ["layernorm.9", "layernorm.10"]),
        ("layers.linear", "b", ["linear.4"]),
        ("layers.feedforward", "hidden.w", ["feedforward.4", "feedforward.5", "feedforward.6", "linear.3"]),
        ("models.transformer", "output.w", ["transformer.5", "linear.3"]),
    ],
)
def test_the_equations_are_those_that_the_gradient_depends_on(module, name, ids):
    example = next(e for e in catalogue.examples() if e.module == module)
    assert cited.of(example.subject, name) == ids


def test_what_is_not_of_the_mathematics_cites_nothing():
    identity = lambda x: (x, lambda dy: dy)  # noqa: E731
    assert cited.of(identity, "x") == cited.of(functools.partial(identity), "x") == []


def test_the_proofs_come_first_and_parts_before_the_whole(request):
    names = [item.name for item in request.session.items]
    proofs = [name.startswith(FIRST) for name in names]
    assert proofs == sorted(proofs, reverse=True)
    place = {item.callspec.params["example"].module: i for i, item in enumerate(request.session.items[: sum(proofs)])}
    for part, whole in (("linear", "feedforward"), ("layernorm", "residual"), ("linear", "attention")):
        if f"layers.{part}" in place and f"layers.{whole}" in place:
            assert place[f"layers.{part}"] < place[f"layers.{whole}"]
