import dataclasses

import numpy as np
import pytest
from composites import dtypes, parameters, same, same_tree

from reference.core import tree
from reference.core.families import BlockSettings
from reference.core.layer import Layer
from reference.core.masks import causal, padding
from reference.layers.embedding import Embedding
from reference.layers.relative import RelativePositions
from reference.models.encoder import Stack
from reference.models.relative_stack import RelativeStack, _placed, examples

MASK = padding(np.array([5, 3]), 5)


def both(rng):
    """The encoder of two blocks and the decoder of the examples, and what each maps."""
    encoder, decoder = (layer for _, layer, _, _ in examples(rng))
    x, memory = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 5, 6))
    return (encoder, (x,), {"mask": MASK[..., :4]}), (decoder, (x, memory), {"mask": causal(4), "memory_mask": MASK})


def encoder(rng):
    return next(examples(rng))[1]


def planted(layer, combine):
    """Return the layer with `combine(the gradients of its table by way of each block)` for that of its table."""

    class Wrong(RelativeStack):
        def vjp(self, x, *, mask=None):
            y, separate_pullback = self.separate().vjp(x, mask=mask)

            def pullback(dy):
                d_stack, dx = separate_pullback(dy)
                dphi = combine([block.attention.inner.relative.table for block in d_stack.blocks])
                d_relative = self.relative.cotangent(table=dphi)
                return self.cotangent(relative=d_relative, stack=_placed(d_stack, None)), dx

            return y, pullback

    return Wrong(layer.relative, layer.stack)


@pytest.mark.parametrize("i", range(2))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    named = {"x", "memory"} if len(inputs) == 2 else {"x"}
    assert {g.name for g in report.gradients} - parameters(layer) <= named | {"memory[0]"}
    assert parameters(layer) <= {g.name for g in report.gradients}


@pytest.mark.parametrize("shape", [(1, 3, 6), (2, 1, 6)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, shape):
    prove(encoder(rng), rng.normal(size=shape))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Read(Layer):
        embedding: Embedding
        stack: RelativeStack

        def vjp(self, *, ids):
            x, embedding_pullback = self.embedding.vjp(ids=ids)
            y, stack_pullback = self.stack.vjp(x)

            def pullback(dy):
                d_stack, dx = stack_pullback(dy)
                return (self.cotangent(embedding=embedding_pullback(dx)[0], stack=d_stack),)

            return y, pullback

    prove(Read(Embedding(rng.normal(size=(7, 6))), encoder(rng)), ids=rng.integers(7, size=(2, 4)))


@pytest.mark.parametrize("i", range(2))
def test_it_is_the_stack_with_a_copy_in_every_block(rng, i):
    layer, inputs, masks = both(rng)[i]
    name = "self_attention" if i else "attention"
    blocks = []
    for block in layer.stack.blocks:
        relative = dataclasses.replace(layer.relative, table=layer.relative.table.copy())
        residual = getattr(block, name)
        inner = dataclasses.replace(residual.inner, relative=relative)
        blocks.append(dataclasses.replace(block, **{name: dataclasses.replace(residual, inner=inner)}))
    copies = dataclasses.replace(layer.stack, blocks=tuple(blocks))
    (y, pullback), (expected, expected_pullback) = layer.vjp(*inputs, **masks), copies.vjp(*inputs, **masks)
    dy = rng.normal(size=y.shape)
    np.testing.assert_array_equal(y, expected)
    (d, *dinputs), (d_copies, *dexpected) = pullback(dy), expected_pullback(dy)
    for got, want in zip(dinputs, dexpected, strict=True):
        np.testing.assert_array_equal(got, want)
    each = [getattr(block, name).inner.relative.table for block in d_copies.blocks]
    assert all(table.any() for table in each)
    same(d.relative.table, np.einsum("lnh->nh", each))
    same_tree(d.stack, _placed(d_copies, None))


def test_attention_over_the_memory_has_none(rng):
    _, (decoder, (x, memory), masks) = both(rng)
    order = np.array([2, 0, 1])
    shuffled = np.concatenate([memory[:, order], memory[:, 3:]], axis=1)
    seen = {"mask": masks["mask"], "memory_mask": padding(np.array([3, 3]), 5)}
    same(decoder(x, shuffled, **seen), decoder(x, memory, **seen))


def test_equal_rows_change_nothing(rng):
    layer, (x,), _ = both(rng)[0]
    shifted = dataclasses.replace(layer.relative, table=layer.relative.table + rng.normal(size=2))
    y, pullback = layer.vjp(x)
    same(RelativeStack(shifted, layer.stack)(x), y)
    dphi = pullback(rng.normal(size=y.shape))[0].relative.table
    assert np.abs(dphi.sum(axis=0)).max() < 1e-12 * np.abs(dphi).max() * dphi.size  # roundings of a sum to 0


@pytest.mark.parametrize("i", range(2))
def test_forward_alone_is_the_same_bits(rng, i):
    layer, inputs, masks = both(rng)[i]
    np.testing.assert_array_equal(layer(*inputs, **masks), layer.vjp(*inputs, **masks)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("i", range(2))
def test_dtype_in_is_dtype_out(rng, i, dtype):
    layer, inputs, masks = both(rng)[i]
    y, pullback = layer.astype(dtype).vjp(*(z.astype(dtype) for z in inputs), **masks)
    assert dtypes(y, *pullback(y)) == {np.dtype(dtype)}


def test_empty_batch_gives_zero_gradient(rng):
    y, pullback = encoder(rng).vjp(np.zeros((0, 3, 6)))
    assert y.shape == (0, 3, 6)
    assert not any(leaf.any() for _, leaf in tree.leaves(pullback(y)[0]))


def test_the_table_stands_once(rng):
    layer = encoder(rng)
    assert [path for path in parameters(layer) if path.endswith("table")] == ["relative.table"]
    assert all(block.attention.inner.relative is layer.relative for block in layer.separate().blocks)
    with pytest.raises(ValueError, match=r"^a parameter must stand once in a tree"):
        tree.leaves(layer.separate())


@pytest.mark.parametrize("kept", [0, 1])
def test_the_gradient_of_one_block_is_caught(caught, rng, kept):
    caught({"relative.table"}, planted(encoder(rng), lambda each: each[kept]), rng.normal(size=(2, 3, 6)))


def test_the_mean_over_the_blocks_is_caught(caught, rng):
    caught({"relative.table"}, planted(encoder(rng), lambda each: sum(each) / 2), rng.normal(size=(2, 3, 6)))


def test_other_blocks_are_one_clear_line(rng):
    stack = Stack.init(rng, BlockSettings(width=8, heads=2, hidden=6), 1)
    relative = RelativePositions(rng.normal(size=(8, 2)))
    must = r"^RelativeStack: stack\.blocks\[0\] must attend by a GroupedAttention without relative positions, got "
    with pytest.raises(TypeError, match=must + "SelfAttention$"):
        RelativeStack(relative, stack)(np.zeros((1, 2, 8)))
    with pytest.raises(TypeError, match=must + "GroupedAttention$"):
        RelativeStack(relative, encoder(rng).separate())(np.zeros((1, 2, 6)))
    other = RelativeStack(RelativePositions(np.zeros((8, 3))), encoder(rng).stack)
    with pytest.raises(ValueError, match=r"^GroupedAttention: relative\.table must have shape \(N, 2\), got \(8, 3\)$"):
        other(np.zeros((1, 2, 6)))

