import dataclasses

import numpy as np
import pytest

from reference.core import tree
from reference.training.measures import first_not_finite, norm, parts, updates
from reference.training.state import begin


def test_the_norm_is_that_of_all_numbers_together():
    assert norm((np.array([3.0]), np.array([[0.0, 4.0]]))) == 5
    assert norm((np.full(4, 1e30, np.float32),)) == pytest.approx(2e30, rel=1e-6)  # whose squares float32 has not


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_first_array_that_is_not_finite_is_named(tiny, value):
    model = begin(tiny()).model
    assert first_not_finite(model) is None
    output = dataclasses.replace(model.output, w=model.output.w * value, b=model.output.b + value)
    broken = dataclasses.replace(model, output=output)
    assert first_not_finite(broken) == "output.w"
    assert not np.isfinite(norm(broken))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("encoder-decoder", ("source_embedding", "target_embedding", "encoder", "decoder", "output")),
        ("decoder-only", ("embedding", "positions", "stack", "output")),
        ("encoder-only", ("embedding", "positions", "segments", "norm", "stack", "head")),
    ],
)
def test_a_model_has_the_parts_that_one_speaks_of(tiny, model, expected):
    assert parts(begin(tiny(model=model)).model) == expected


def test_an_update_is_a_share_of_the_part_that_it_moves(tiny):
    model = begin(tiny()).model
    doubled = dataclasses.replace(model, output=tree.map(lambda leaf: 3 * leaf, model.output))
    assert updates(model, doubled) == pytest.approx(dict.fromkeys(parts(model), 0.0) | {"output": 2.0})
