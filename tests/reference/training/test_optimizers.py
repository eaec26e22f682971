import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.optimizers.groups import Groups
from reference.training.optimizers import OPTIMIZERS, optimizer, with_tables
from reference.training.state import begin


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_name_is_that_of_its_optimizer(name):
    assert type(optimizer(name, {})).__name__.lower() == name


def test_what_is_given_is_the_optimizers_and_the_rest_is_as_it_is_without():
    assert optimizer("adamw", {"decay": 0.3}) == dataclasses.replace(optimizer("adamw", {}), decay=0.3)


@pytest.mark.parametrize(
    ("name", "own", "message"),
    [
        ("adam", {"momentum": 0.5}, r"^adam: momentum must come with an optimizer that has it \(momentum, muon\), got"),
        ("sgd", {"decay": 0.5}, r"^sgd: decay must come with an optimizer that has it \(adam, adamw, .*\), got sgd$"),
        ("adamw", {"decay": 1.0}, r"^AdamW: decay must lie in \[0, 1\), got 1\.0$"),
        ("lion", {"beta1": float("nan")}, r"^Lion: beta1 must lie in \[0, 1\), got nan$"),
    ],
)
def test_a_setting_that_an_optimizer_has_not_or_that_is_out_of_range_is_one_clear_line(name, own, message):
    with pytest.raises(ValueError, match=message):
        optimizer(name, own)


@pytest.mark.parametrize("model", ["encoder-decoder", "decoder-only", "encoder-only"])
def test_tables_have_a_rate_of_their_own_and_nothing_else_has(tiny, model):
    subject = begin(tiny(model=model)).model
    gradient = tree.map(np.ones_like, subject)
    one = optimizer("sgd", {})
    assert with_tables(one, 1.0, subject) is one
    half = with_tables(one, 0.5, subject)
    assert isinstance(half, Groups)
    after, _ = half.step(subject, gradient, half.init(subject), 0.25)
    moved = {path: float(leaf.max()) for path, leaf in tree.leaves(tree.map(np.subtract, subject, after))}
    for path, by in moved.items():
        # a number near 1 in float32
        np.testing.assert_allclose(by, 0.125 if path.endswith("table") else 0.25, rtol=0, atol=1e-6, err_msg=path)
    assert sum(path.endswith("table") for path in moved) >= 2
