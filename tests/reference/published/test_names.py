import numpy as np
import pytest

from reference.core import tree
from reference.layers.linear import Linear
from reference.published import names
from reference.published.names import Row, linear, row

PAIR = (Linear(np.arange(6.0).reshape(2, 3), np.arange(3.0)), Linear(np.ones((2, 1)), None))
TABLE = (Row(("[{i}].w",), "layer.{i}.weight", True), row("[{i}].b", "layer.{i}.bias"))


def test_a_row_stands_for_every_block_and_for_what_a_model_has():
    there = names.to_there(PAIR, TABLE)
    assert list(there) == ["layer.0.weight", "layer.0.bias", "layer.1.weight"]
    assert (there["layer.0.weight"] == PAIR[0].w.T).all() and there["layer.0.weight"].flags.c_contiguous


def test_there_and_back_is_where_one_was():
    blank = tree.map(np.zeros_like, PAIR)
    back = names.to_here("x", blank, TABLE, names.to_there(PAIR, TABLE))
    for (path, one), (other_path, other) in zip(tree.leaves(PAIR), tree.leaves(back), strict=True):
        assert path == other_path and (one == other).all() and other.flags.c_contiguous and other.flags.owndata


def test_parameters_side_by_side_are_one_tensor():
    halves = (Linear(np.ones((2, 3)), np.arange(3.0)), None)
    table = (Row(("[{i}].w", "[{i}].w"), "twice.{i}"), row("[{i}].b", "b.{i}"))
    assert names.to_there(halves, table)["twice.0"].shape == (2, 6)


def test_a_tensor_may_have_an_axis_more():
    table = (Row(("[{i}].w",), "layer.{i}.weight"), Row(("[{i}].b",), "layer.{i}.bias", wrapped=True))
    there = names.to_there(PAIR, table)
    assert there["layer.0.bias"].shape == (1, 3)
    assert (names.to_here("x", tree.map(np.zeros_like, PAIR), table, there)[0].b == PAIR[0].b).all()
    assert names.shown(table[1:]) == "[{i}].b  layer.{i}.bias  (1, ...)"


def test_a_tensor_without_its_axis_more_is_refused(refused):
    table = (Row(("[{i}].w",), "layer.{i}.weight"), Row(("[{i}].b",), "layer.{i}.bias", wrapped=True))
    arrays = names.to_there(PAIR, table) | {"layer.0.bias": np.zeros(3)}
    said = refused(names.to_here, "x", PAIR, table, arrays)
    assert said == "x: 'layer.0.bias' must have shape (1, 3) by the config, got (3,)"


def test_a_parameter_without_a_row_is_an_error_of_the_table():
    with pytest.raises(KeyError):
        names.to_there(PAIR, TABLE[:1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer.0.bias": None}, "x: must have a tensor 'layer.0.bias', got none of this name"),
        ({"layer.2.bias": np.zeros(1)}, "x: must have no tensors but those of the config, got 'layer.2.bias'"),
        (
            {"layer.0.weight": np.zeros((2, 3))},
            "x: 'layer.0.weight' must have shape (3, 2) by the config, got (2, 3)",
        ),
        ({"layer.0.bias": np.zeros(3, int)}, "x: 'layer.0.bias' must be floating, got int64"),
        (
            {"layer.0.bias": np.zeros(3, np.float32)},
            "x: tensors must be of one dtype unless one is chosen, got float32, float64",
        ),
    ],
)
def test_other_tensors_are_refused_in_one_line(refused, change, said):
    arrays = {name: array for name, array in (names.to_there(PAIR, TABLE) | change).items() if array is not None}
    assert refused(names.to_here, "x", PAIR, TABLE, arrays) == said


def test_the_table_is_shown_a_line_for_a_tensor():
    assert names.shown(linear("output", "head")) == "output.w  head.weight  transposed\noutput.b  head.bias"


def test_a_model_of_other_layers_or_shapes_is_told(refused):
    names.expect_like("x", PAIR, tree.map(np.zeros_like, PAIR))
    for other, said in (
        ((PAIR[0], Linear(np.ones((2, 2)), None)), "got another '[1].w' of shape (2, 2)"),
        ((PAIR[0], Linear(np.ones((2, 1)), np.ones(1))), "got another structure"),
    ):
        assert refused(names.expect_like, "x", other, PAIR).endswith(said)
