import numpy as np
import pytest

from reference.core import tree
from reference.job.maps import attention_maps
from reference.training import loop
from reference.training.state import begin


@pytest.fixture
def run(tiny):
    """run(**changes): a model and examples."""

    def run(**changes):
        settings = tiny(**changes)
        return begin(settings).model, loop.data(settings)[0]

    return run


def maps_of(model, examples):
    return attention_maps(model, source=examples.source, target=examples.target)


@pytest.mark.parametrize("changes", [{}, {"norm": "post"}, {"embeddings": "tied"}])
def test_every_attention_layer_has_its_map_in_the_order_of_use(run, changes):
    model, examples = run(encoder_layers=2, decoder_layers=2, **changes)
    maps = maps_of(model, examples)
    blocks = [f"body.encoder.blocks[{i}].attention.inner" for i in range(2)]
    for i in range(2):
        blocks += [f"body.decoder.blocks[{i}].{kind}_attention.inner" for kind in ("self", "cross")]
    assert list(maps) == blocks
    assert {array.shape for array in maps.values()} == {(10, 2, 3, 3)}


def test_every_query_shares_out_all_of_its_attention_and_none_to_the_future(run):
    maps = maps_of(*run())
    for path, shares in maps.items():
        # sums of 3 numbers in float32
        np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-6, atol=0)
        if "self_attention" in path:
            assert not shares[..., ~np.tri(3, dtype=bool)].any()


def test_watching_changes_neither_the_model_nor_its_output(run):
    model, examples = run()
    before = [array.tobytes() for _, array in tree.leaves(model)]
    logits = model(source=examples.source, target=examples.target)
    maps_of(model, examples)
    assert [array.tobytes() for _, array in tree.leaves(model)] == before
    np.testing.assert_array_equal(model(source=examples.source, target=examples.target), logits)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "encoder-only"},
        {"model": "decoder-only", "window": 2},
        {"model": "decoder-only", "positions": "rotary", "width": 16, "heads": 4, "key_value_heads": 2},
        {"model": "decoder-only", "positions": "alibi"},
    ],
)
def test_a_model_of_one_stack_has_a_map_for_each_block(tiny, changes):
    settings = tiny(**changes)
    model, examples = begin(settings).model, loop.data(settings)[0]
    inputs = {name: ids for name, ids in settings.family.inputs(examples).items() if name != "labels"}
    maps = attention_maps(model, **inputs)
    assert [path.removeprefix("body.") for path in maps] == [f"stack.blocks[{i}].attention.inner" for i in range(2)]
    for shares in maps.values():
        assert shares.shape == (10, settings.model.heads, 6, 6)
        np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-6, atol=0)  # sums of 6 numbers in float32
        if "window" in changes:
            far = np.subtract.outer(np.arange(6), np.arange(6))
            assert not shares[..., (far < 0) | (far > 1)].any()
