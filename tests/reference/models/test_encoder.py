import numpy as np
import pytest
from composites import (
    EDGES,
    WITHOUT_SKIP,
    Bend,
    Detached,
    Echo,
    SkippedNorm,
    block_settings,
    dropping,
    dtypes,
    generic,
    noting,
    parameters,
    peak,
    plant,
    same,
    same_tree,
    total,
    upstream,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.core.outputs import split
from reference.layers.dropout import Dropout
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.models.encoder import Block, Stack, examples

BOTH = pytest.mark.parametrize("residual", [PreNorm, PostNorm])


def random_encoder(rng, residual=PreNorm, heads=4, layers=2, width=8, hidden=6):
    return generic(rng, Stack.init(rng, block_settings(width, heads, hidden, residual), layers))


def sequence(rng, batch=2, length=5, width=8):
    return rng.normal(size=(batch, length, width))


def echo(residual=PreNorm):
    """A block in which every norm and sub-layer is the identity."""
    return Block(attention=residual(Echo(), Echo()), feedforward=residual(Echo(), Echo()))


@pytest.mark.parametrize("i", range(8))
def test_backward_is_proved(prove, rng, i):
    _, layer, (x,), constants = list(examples(rng))[i]
    report = prove(layer, x, **constants)
    assert {g.name for g in report.gradients} == parameters(layer) | {"x"}
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(layer) if "key.b" in p}


@pytest.mark.parametrize(("residual", "heads", "masked", "batch", "length"), EDGES)
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, residual, heads, masked, batch, length):
    mask = padding(np.full(batch, length), length) if masked else None
    prove(random_encoder(rng, residual, heads, layers=1), sequence(rng, batch, length), mask=mask)


@settings(deadline=None, max_examples=4, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.sampled_from([PreNorm, PostNorm]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, residual, seed):
    rng = np.random.default_rng(seed)
    batch, length, heads, hidden = shape
    layer, x = random_encoder(rng, residual, heads, 1, 4 * heads, hidden), sequence(rng, batch, length, 4 * heads)
    report = gradcheck.check(layer, x, mask=rng.random((batch, 1, 1, length)) < 0.7)
    assert report.verdict == "pass", str(report)


@BOTH
def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng, residual):
    layer = noting(dropping(random_encoder(rng, residual, heads=2, width=4, hidden=3), residual, Dropout(0.4)))
    prove(layer, sequence(rng, 2, 3, 4), rng=np.random.default_rng(5))


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Classifier(Layer):
        encoder: Stack
        output: Linear

        def vjp(self, x, *, mask=None):
            h, encoder_pullback = self.encoder.vjp(x, mask=mask)
            y, output_pullback = self.output.vjp(h)

            def pullback(dy):
                d_output, dh = output_pullback(dy)
                d_encoder, dx = encoder_pullback(dh)
                return self.cotangent(encoder=d_encoder, output=d_output), dx

            return y, pullback

    layer = Classifier(random_encoder(rng, PostNorm), generic(rng, Linear.init(rng, 8, 3)))
    prove(layer, sequence(rng), mask=padding(np.array([5, 2]), 5))


@BOTH
def test_a_block_is_its_two_residual_layers(rng, residual):
    block, x, mask = random_encoder(rng, residual).blocks[0], sequence(rng), padding(np.array([5, 3]), 5)
    dy = rng.normal(size=x.shape)
    h, attention_pullback = block.attention.vjp(x, mask=mask)
    expected, feedforward_pullback = block.feedforward.vjp(h)
    d_feedforward, dh = feedforward_pullback(dy)
    d_attention, dx_expected = attention_pullback(dh)
    y, pullback = block.vjp(x, mask=mask)
    d_block, dx = pullback(dy)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(dx, dx_expected)
    same_tree((d_block.attention, d_block.feedforward), (d_attention, d_feedforward))


@BOTH
def test_a_stack_is_its_blocks_one_by_one(rng, residual):
    layer, x, mask = random_encoder(rng, residual), sequence(rng), padding(np.array([5, 3]), 5)
    first, second = layer.blocks
    (h, first_pullback), dy = first.vjp(x, mask=mask), rng.normal(size=x.shape)
    c, second_pullback = second.vjp(h, mask=mask)
    y, pullback = layer.vjp(x, mask=mask)
    d_layer, dx = pullback(dy)
    if residual is PreNorm:
        c, norm_pullback = layer.norm.vjp(c)
        d_norm, dy = norm_pullback(dy)
        same_tree(d_layer.norm, d_norm)
    d_second, dh = second_pullback(dy)
    d_first, dx_expected = first_pullback(dh)
    np.testing.assert_array_equal(y, c)
    np.testing.assert_array_equal(dx, dx_expected)
    same_tree(d_layer.blocks, (d_first, d_second))


def test_a_stack_without_blocks_is_its_norm_or_nothing(rng):
    x, dy, norm = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 5)), LayerNorm(*rng.normal(size=(2, 5)))
    y, pullback = Stack((), None).vjp(x)
    d_stack, dx = pullback(dy)
    assert np.array_equal(y, x) and np.array_equal(dx, dy) and d_stack.blocks == () and d_stack.norm is None
    (y, pullback), (wanted, norm_pullback) = Stack((), norm).vjp(x), norm.vjp(x)
    (d_stack, dx), (d_norm, dwanted) = pullback(dy), norm_pullback(dy)
    assert np.array_equal(y, wanted) and np.array_equal(dx, dwanted)
    assert np.array_equal(d_stack.norm.gamma, d_norm.gamma) and np.array_equal(d_stack.norm.beta, d_norm.beta)
    gradcheck.assert_gradients(Stack((), norm), x)


@BOTH
def test_permutation_equivariance(rng, residual):
    layer, x, order = random_encoder(rng, residual), sequence(rng), [3, 0, 4, 1, 2]
    dy = rng.normal(size=x.shape)
    (y, pullback), (moved, moved_pullback) = layer.vjp(x), layer.vjp(x[:, order])
    same(moved, y[:, order])
    (d_layer, dx), (d_moved, dx_moved) = pullback(dy), moved_pullback(dy[:, order])
    same(dx_moved, dx[:, order])
    same_tree(d_moved, d_layer)


@BOTH
def test_sequences_do_not_meet(rng, residual):
    layer, x, dy = random_encoder(rng, residual), sequence(rng, 3), sequence(rng, 3)
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(dy)
    alone = [layer.vjp(x[b : b + 1]) for b in range(3)]
    back = [one_pullback(dy[b : b + 1]) for b, (_, one_pullback) in enumerate(alone)]
    same(y, np.concatenate([one for one, _ in alone]))
    same(dx, np.concatenate([one for _, one in back]))
    same_tree(d_layer, total(d for d, _ in back))


@BOTH
def test_padding_invariance(rng, residual):
    layer, x, mask = random_encoder(rng, residual), sequence(rng), padding(np.array([5, 2]), 5)
    hidden = ~mask[:, 0, 0]
    dy = np.where(hidden[..., None], 0, rng.normal(size=x.shape))
    y, pullback = layer.vjp(x, mask=mask)
    other, other_pullback = layer.vjp(np.where(hidden[..., None], sequence(rng), x), mask=mask)
    (d_layer, dx), (d_other, dx_other) = pullback(dy), other_pullback(dy)
    same(other[~hidden], y[~hidden])
    assert hidden.any() and not dx[hidden].any() and dx[~hidden].all()
    same(dx_other, dx)
    same_tree(d_other, d_layer)


@BOTH
def test_auxiliary_outputs_stand_behind_in_the_order_of_the_blocks(rng, residual):
    plain, x = random_encoder(rng, residual, layers=3), sequence(rng)
    layer, h, notes, dy = noting(plain), x, [], sequence(rng)
    for block in layer.blocks:
        h, (note,) = split(block(h))
        notes.append(note)
    (y, *got), pullback = layer.vjp(x)
    np.testing.assert_array_equal(y, plain(x))
    np.testing.assert_array_equal(got, notes)
    assert len(set(map(float, got))) == 3
    for last in range(3):  # nothing above a block moves its note
        d_layer, dx = pullback((0 * dy, *np.array([np.array(float(i == last)) for i in range(3)])))
        reached = [any(leaf.any() for _, leaf in tree.leaves(block)) for block in d_layer.blocks]
        assert reached == [i <= last for i in range(3)] and dx.any()


@BOTH
def test_a_generator_goes_to_every_drop(rng, residual):
    plain, x = random_encoder(rng, residual), sequence(rng)
    layer = noting(dropping(plain, residual, Dropout(0.4)))
    np.testing.assert_array_equal(layer(x)[0], plain(x))
    y, _ = layer.vjp(x, rng=np.random.default_rng(5))
    for a, b in zip(layer(x, rng=np.random.default_rng(5)), y, strict=True):
        np.testing.assert_array_equal(a, b)
    for at in ("blocks[0].attention", "blocks[0].feedforward", "blocks[1].attention", "blocks[1].feedforward"):
        one = plant(plain, residual, lambda **fields: residual(**fields | {"drop": Dropout(0.4)}), at)
        assert (one(x, rng=np.random.default_rng(5)) != plain(x)).any(), at


def test_init_puts_dropout_on_every_branch(rng):
    layer = Stack.init(rng, block_settings(dropout=0.1), 2)
    rates = {residual.drop.rate for block in layer.blocks for residual in (block.attention, block.feedforward)}
    assert rates == {0.1}
    assert Stack.init(rng, block_settings(), 1).blocks[0].attention.drop is None


@pytest.mark.parametrize("layers", [1, 3])
def test_two_skips_per_block(rng, layers):
    layer, x = Stack(blocks=tuple(echo() for _ in range(layers)), norm=Echo()), sequence(rng)
    y, pullback = layer.vjp(x)
    _, dx = pullback(x)
    np.testing.assert_array_equal(y, 4**layers * x)
    np.testing.assert_array_equal(dx, 4**layers * x)


def test_silent_sub_layers_leave_the_final_norm(rng):
    def silent(path, p):
        return np.zeros_like(p) if ".inner.output." in path else p

    layer, x = random_encoder(rng), sequence(rng)
    paths = iter([path for path, _ in tree.leaves(layer)])
    layer = tree.map(lambda p: silent(next(paths), p), layer)
    dy = rng.normal(size=x.shape)
    (y, pullback), (n, norm_pullback) = layer.vjp(x), layer.norm.vjp(x)
    np.testing.assert_array_equal(y, n)
    np.testing.assert_array_equal(pullback(dy)[1], norm_pullback(dy)[1])


@BOTH
def test_both_stacks_end_in_a_norm(rng, residual):
    layer, x = random_encoder(rng, residual), sequence(rng)
    last = layer.norm if residual is PreNorm else layer.blocks[-1].feedforward.norm
    rows = (layer(x) - last.beta) / last.gamma
    np.testing.assert_allclose(rows.mean(axis=-1), 0, rtol=0, atol=1e-12)  # rounding, over gains not far below 1
    np.testing.assert_allclose(rows.var(axis=-1), 1, rtol=1e-3, atol=0)  # eps = 1e-5 beside variances above 0.01


def test_init_ends_a_pre_norm_stack_in_a_norm_and_a_post_norm_stack_in_none(rng):
    assert isinstance(Stack.init(rng, block_settings(), 2).norm, LayerNorm)
    assert Stack.init(rng, block_settings(residual=PostNorm), 2).norm is None


@BOTH
def test_forward_alone_is_the_same_bits(rng, residual):
    layer, x, mask = random_encoder(rng, residual), sequence(rng), padding(np.array([5, 2]), 5)
    np.testing.assert_array_equal(layer(x, mask=mask), layer.vjp(x, mask=mask)[0])


def test_forward_alone_holds_one_block(rng):
    one, many = (random_encoder(rng, layers=layers) for layers in (1, 6))
    x = sequence(rng, 4, 64)
    one(x)
    assert peak(many, x) < 1.2 * peak(one, x)  # one (B, S, D) array more, of about thirty
    assert peak(many.vjp, x) > 3 * peak(one.vjp, x)


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, residual, dtype):
    layer, x = random_encoder(rng, residual).astype(dtype), sequence(rng).astype(dtype)
    y, pullback = layer.vjp(x, mask=padding(np.array([5, 2]), 5))
    d_layer, dx = pullback(y)
    assert dtypes(y, d_layer, dx) == {np.dtype(dtype)}


def test_init_draws_every_block_anew_in_the_dtype_asked_for(rng):
    assert dtypes(Stack.init(rng, block_settings(), 2)) == {np.dtype(np.float32)}
    layer = Stack.init(rng, block_settings(), 2, np.float64)
    assert dtypes(layer) == {np.dtype(np.float64)}
    first, second = (block.attention.inner.query.w for block in layer.blocks)
    assert (first != second).all()


def test_empty_batch_gives_empty_output_and_zero_gradient(rng):
    layer, x = random_encoder(rng), sequence(rng, 0)
    y, pullback = layer.vjp(x)
    d_layer, dx = pullback(y)
    assert y.shape == dx.shape == (0, 5, 8)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_a_forgotten_skip_gradient_is_caught(caught, rng):
    """Right are the last residual layer of the last block and what follows it; all else lies upstream of its skip."""
    layer = random_encoder(rng, heads=2, width=4, hidden=3)
    expected = upstream(parameters(layer) | {"x"}, "norm.", "blocks[1].feedforward.")
    caught(expected, plant(layer, PreNorm, WITHOUT_SKIP[PreNorm]), sequence(rng, 2, 3, 4))


def test_one_forgotten_skip_gradient_is_caught(caught, rng):
    """The skip around the feed-forward network of block 0: wrong is what comes before it, and x."""
    layer = random_encoder(rng, PostNorm, heads=2, width=4, hidden=3)
    expected = upstream(parameters(layer) | {"x"}, "blocks[1].", "blocks[0].feedforward.")
    wrong = plant(layer, PostNorm, WITHOUT_SKIP[PostNorm], "blocks[0].feedforward")
    caught(expected, wrong, sequence(rng, 2, 3, 4))


@pytest.mark.parametrize("field", ["query", "key", "value"])
def test_a_map_without_gradient_deep_inside_is_caught(caught, rng, field):
    """In the first block: the map itself, the norm before it, and x.

    But not the bias of that norm where the key is lost: it is the same for all positions,
    and what all keys of a sequence share, no softmax sees.
    """
    layer = random_encoder(rng, heads=2, width=4, hidden=3)
    expected = {"x", "blocks[0].attention.norm.gamma", "blocks[0].attention.norm.beta"}
    expected = upstream(expected | {f"blocks[0].attention.inner.{field}.{p}" for p in "wb"})
    if field == "key":
        expected.remove("blocks[0].attention.norm.beta")
    caught(expected, plant(layer, Linear, Detached, f"blocks[0].attention.inner.{field}"), sequence(rng, 2, 3, 4))


class ForwardOrder(Stack):
    """The backward pass walks the blocks in the order of the forward pass."""

    def vjp(self, x, *, mask=None):
        pullbacks = []
        for block in self.blocks:
            x, block_pullback = block.vjp(x, mask=mask)
            pullbacks.append(block_pullback)

        def pullback(dy):
            d_blocks, dx = [], dy
            for block_pullback in pullbacks:
                d_block, dx = block_pullback(dx)
                d_blocks.append(d_block)
            return self.cotangent(blocks=tuple(d_blocks)), dx

        return x, pullback


class NotReversedBack(Stack):
    """The gradients of the blocks in the order in which they were made."""

    def vjp(self, x, *, mask=None):
        y, right_pullback = super().vjp(x, mask=mask)

        def pullback(dy):
            d_self, dx = right_pullback(dy)
            return self.cotangent(blocks=d_self.blocks[::-1]), dx

        return y, pullback


class NotesInForwardOrder(Stack):
    """The cotangents of the auxiliary outputs, each for the block at the other end."""

    def vjp(self, x, *, mask=None, rng=None):
        outputs, right_pullback = super().vjp(x, mask=mask, rng=rng)
        return outputs, lambda cotangents: right_pullback((cotangents[0], *cotangents[:0:-1]))


def bends(rng, count=3):
    return tuple(Bend(w=rng.normal(size=(4, 4)) / 2) for _ in range(count))


def test_a_skipped_final_norm_is_caught(caught, rng):
    """The norm's own gain and bias get none, and everything else lies upstream of it."""
    layer, x = Stack(blocks=bends(rng), norm=generic(rng, LayerNorm.init(4))), sequence(rng, width=4)
    caught(parameters(layer) | {"x"}, plant(layer, LayerNorm, SkippedNorm, "norm"), x)


def test_blocks_in_forward_order_are_caught(caught, rng):
    """Each block gets a cotangent that was not its own, and passes on a wrong one."""
    layer, x = Stack(blocks=bends(rng), norm=None), sequence(rng, width=4)
    caught(parameters(layer) | {"x"}, plant(layer, Stack, ForwardOrder), x)


def test_gradients_of_exchanged_blocks_are_caught(caught, rng):
    """Of three blocks the middle one has its own, and x never knew."""
    layer, x = Stack(blocks=bends(rng), norm=None), sequence(rng, width=4)
    caught({"blocks[0].w", "blocks[2].w"}, plant(layer, Stack, NotReversedBack), x)


def test_auxiliary_cotangents_in_the_wrong_order_are_caught(caught, rng):
    """Wrong is all that a note depends on: both blocks and x, but not the final norm."""
    layer = noting(random_encoder(rng, heads=2, width=4, hidden=3))
    names = upstream(parameters(layer) | {"x"}, "norm.")
    caught(names, plant(layer, Stack, NotesInForwardOrder), sequence(rng, 2, 3, 4))


def test_a_block_that_stands_twice_is_refused(rng):
    layer = random_encoder(rng, layers=1)
    with pytest.raises(ValueError, match=r"^a parameter must stand once in a tree, got the same array at 'blocks\[0\]"):
        Stack(blocks=layer.blocks * 2, norm=layer.norm).astype(np.float64)


@pytest.mark.parametrize(
    ("x", "mask", "message"),
    [
        (np.zeros((5, 8)), None, r"Block: x must have shape \(B, S, D\), got \(5, 8\)"),
        (np.zeros((2, 5, 7)), None, r"LayerNorm: x must have shape \(\.\.\., 8\), got \(2, 5, 7\)"),
        (
            np.zeros((2, 5, 8)),
            np.ones((2, 5), bool),
            r"SelfAttention: mask must have shape \(2 or 1, 4 or 1, 5 or 1, 5\), got \(2, 5\)",
        ),
    ],
)
def test_a_wrong_shape_is_one_clear_line(rng, x, mask, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        random_encoder(rng)(x, mask=mask)


def test_no_layers_is_one_clear_line(rng):
    with pytest.raises(ValueError, match=r"^Stack\.init: layers must be at least 1, got 0$"):
        Stack.init(rng, block_settings(), 0)
