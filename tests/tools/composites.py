"""What the tests of composites share: generic points, planted bugs, and how far the harm of a bug reaches."""

import dataclasses
import tracemalloc
from itertools import cycle, product

import numpy as np

from reference.core import tree
from reference.core.families import BlockSettings, EncoderDecoderSettings, TransformerSettings
from reference.core.layer import Layer
from reference.core.outputs import join, split
from reference.layers.dropout import Dropout
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.models.decoder import Decoder
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer

# Every norm placement, number of heads and mask, each at a batch or a length of 1, where a sum over one entry hides.
EDGES = [
    (*settings, *shape)
    for settings, shape in zip(
        product([PreNorm, PostNorm], [1, 4], [False, True]), cycle([(1, 5), (2, 1), (1, 1)]), strict=False
    )
]

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64 through a few blocks of numbers near 1, sums in another order


NORMS = {PreNorm: "pre", PostNorm: "post"}


def block_settings(width=8, heads=4, hidden=6, residual=PreNorm, **more):
    return BlockSettings(width=width, heads=heads, hidden=hidden, norm=NORMS[residual], **more)


def body_settings(width=8, heads=4, hidden=6, layers=(1, 1), residual=PreNorm, **more):
    sizes = {"width": width, "heads": heads, "hidden": hidden, "norm": NORMS[residual]}
    return EncoderDecoderSettings(encoder_layers=layers[0], decoder_layers=layers[1], **sizes, **more)


def draw(rng, kind=Transformer, residual=PreNorm, heads=4, layers=(1, 1), vocabulary=7, width=8, hidden=6, **more):
    """Return a Transformer, or a tied one, as its `init` draws it."""
    embeddings = "tied" if issubclass(kind, TiedTransformer) else "separate"
    sizes = {"vocabulary": vocabulary, "width": width, "heads": heads, "hidden": hidden, "norm": NORMS[residual]}
    sizes |= {"encoder_layers": layers[0], "decoder_layers": layers[1], "embeddings": embeddings}
    dtype = more.pop("dtype", np.float32)
    return kind.init(rng, TransformerSettings(**sizes, **more), dtype)


def generic(rng, layer):
    """Return `layer` in float64 at a point where no gain is 1, no bias is 0 and no softmax is saturated."""
    return tree.map(lambda p: p + rng.normal(scale=0.2, size=p.shape), layer)


def parameters(layer):
    return {path for path, _ in tree.leaves(layer)}


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


def total(trees):
    """Return the sum of trees of one structure."""
    return tree.map(lambda *leaves: sum(leaves), *trees)


def dtypes(*arrays_and_layers):
    return {leaf.dtype for node in arrays_and_layers for _, leaf in tree.leaves(node)}


def peak(forward, *inputs):
    """Return the largest number of bytes that were allocated at once while `forward` ran."""
    tracemalloc.start()
    kept = forward(*inputs)
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del kept
    return high


def upstream(names, *downstream):
    """Return the names that a lost cotangent reaches: all but those that start with one of `downstream`.

    A key bias shifts all scores of a row alike, which softmax does not see: whatever
    cotangent arrives, its gradient is 0, and 0 is right.
    """
    return {name for name in names if not name.startswith(downstream) and not name.endswith("key.b")}


def plant(layer, right, wrong, at=""):
    """Return `layer` with every part of class `right` at or below the path `at` turned into a `wrong` one."""
    count = 0

    def visit(node, path):
        nonlocal count
        if isinstance(node, tuple):
            return tuple(visit(entry, f"{path}[{i}]") for i, entry in enumerate(node))
        if not dataclasses.is_dataclass(node):
            return node
        chosen = type(node) is right and path.startswith(at)
        count += chosen
        inner = {f.name: f"{path}.{f.name}" if path else f.name for f in dataclasses.fields(node)}
        kind = wrong if chosen else type(node)
        return kind(**{name: visit(getattr(node, name), where) for name, where in inner.items()})

    planted = visit(layer, "")
    assert count, f"nothing of class {right.__name__} at {at!r}"
    return planted


def parts(layer, path=""):
    """Yield (path, layer) for a layer and everything in it."""
    if isinstance(layer, tuple):
        for i, entry in enumerate(layer):
            yield from parts(entry, f"{path}[{i}]")
    elif dataclasses.is_dataclass(layer):
        yield path, layer
        for field in dataclasses.fields(layer):
            yield from parts(getattr(layer, field.name), f"{path}.{field.name}" if path else field.name)


class PreNormWithoutSkip(PreNorm):
    """The gradient of the skip is not added."""

    def vjp(self, x, *others, **constants):
        n, norm_pullback = self.norm.vjp(x)
        r, inner_pullback = self.inner.vjp(n, *others, **constants)

        def pullback(dy):
            d_inner, dn, *dothers = inner_pullback(dy)
            d_norm, dx = norm_pullback(dn)
            return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

        return x + r, pullback


class PostNormWithoutSkip(PostNorm):
    """The gradient of the skip is not added."""

    def vjp(self, x, *others, **constants):
        r, inner_pullback = self.inner.vjp(x, *others, **constants)
        y, norm_pullback = self.norm.vjp(x + r)

        def pullback(dy):
            d_norm, dz = norm_pullback(dy)
            d_inner, dx, *dothers = inner_pullback(dz)
            return self.cotangent(norm=d_norm, inner=d_inner), dx, *dothers

        return y, pullback


WITHOUT_SKIP = {PreNorm: PreNormWithoutSkip, PostNorm: PostNormWithoutSkip}


class Exchanged:
    """The cotangents of x and memory in the wrong order; no shape error where both have one length."""

    def vjp(self, x, memory, **masks):
        y, right_pullback = super().vjp(x, memory, **masks)

        def pullback(dy):
            d_self, dx, dmemory = right_pullback(dy)
            return d_self, dmemory, dx

        return y, pullback


class ExchangedDecoder(Exchanged, Decoder):
    pass


class Detached(Linear):
    """A map that gets no gradient and passes none on."""

    def vjp(self, x):
        y, _ = super().vjp(x)
        return y, lambda dy: (tree.map(np.zeros_like, self), np.zeros_like(x))


class SkippedNorm(LayerNorm):
    """A norm that the backward pass forgets: the cotangent passes as if it were not there."""

    def vjp(self, x):
        y, _ = super().vjp(x)
        return y, lambda dy: (tree.map(np.zeros_like, self), dy)


class Echo(Layer):
    """The identity in place of a sub-layer: y = x, whatever else is given."""

    def vjp(self, x, *others, **constants):
        return x, lambda dy: (self.cotangent(), dy, *map(np.zeros_like, others))


class Never(Layer):
    """A sub-layer that must not run: what is refused is refused before any work."""

    def vjp(self, *inputs, **constants):
        raise AssertionError("it ran")


class Bend(Layer):
    """A small block with one parameter, for bugs of a stack that have nothing to do with what a block is."""

    w: np.ndarray

    def vjp(self, x, *others, **constants):
        bent = np.tanh(x @ self.w)
        scale = 1 + sum(np.sin(other).mean(axis=1, keepdims=True) for other in others)

        def pullback(dy):
            da = dy * scale * (1 - bent * bent)
            dothers = [(dy * bent).sum(axis=1, keepdims=True) * np.cos(other) / other.shape[1] for other in others]
            return self.cotangent(w=np.einsum("btd,bte->de", x, da)), da @ self.w.T, *dothers

        return bent * scale, pullback


class ExchangedBend(Exchanged, Bend):
    pass


class Noting(Layer):
    """A sub-layer that returns half the mean square of its output beside it, as a mixture its load balance."""

    inner: Layer

    def vjp(self, x):
        r, inner_pullback = self.inner.vjp(x)

        def pullback(cotangents):
            dr, dnote = cotangents
            d_inner, dx = inner_pullback(dr + dnote * r / r.size)
            return self.cotangent(inner=d_inner), dx

        return (r, np.asarray((r * r).mean() / 2)), pullback


class Unheard(Noting):
    """The cotangent of the note is lost."""

    def vjp(self, x):
        outputs, right_pullback = super().vjp(x)
        return outputs, lambda cotangents: right_pullback((cotangents[0], np.zeros(())))


def noting(layer):
    """Return `layer` with a note beside the output of every feed-forward network."""
    return plant(layer, FeedForward, lambda **fields: Noting(FeedForward(**fields)))


def dropping(layer, residual, drop):
    """Return `layer` with `drop` on the branch of every residual of class `residual`."""
    return plant(layer, residual, lambda **fields: residual(**fields | {"drop": drop}))


class WithoutMask(Dropout):
    """The backward pass forgets what was dropped."""

    def vjp(self, x, *, rng=None):
        y, _ = super().vjp(x, rng=rng)
        return y, lambda dy: (self.cotangent(), dy)


class Bigrams(Layer):
    """The smallest model: what it says at a position is a row of a table, that of the token."""

    table: np.ndarray

    def vjp(self, *, tokens):
        y, embedding_pullback = Embedding(self.table).vjp(ids=tokens)
        return y, lambda dy: (self.cotangent(table=embedding_pullback(dy)[0].table),)


class Noted(Bigrams):
    """Bigrams with half the sum of the squares of their table beside what they say."""

    def vjp(self, *, tokens):
        y, table_pullback = super().vjp(tokens=tokens)

        def pullback(cotangents):
            dy, dnote = cotangents
            return (self.cotangent(table=table_pullback(dy)[0].table + dnote * self.table),)

        return (y, np.asarray((self.table * self.table).sum() / 2)), pullback


class Unnoted(Noted):
    """The cotangent of the note is lost."""

    def vjp(self, *, tokens):
        outputs, right_pullback = super().vjp(tokens=tokens)
        return outputs, lambda cotangents: right_pullback((cotangents[0], 0.0))


class Speaker(Layer):
    """A small model that says C numbers of every token, or of a whole sequence if it is pooled."""

    embedding: Embedding
    block: Layer
    output: Linear
    pooled: bool = False

    @classmethod
    def draw(cls, rng, vocabulary, width, numbers, pooled=False):
        """Return one in float64 whose block drops a part of its branch and has a note beside it."""
        block = PreNorm(LayerNorm.init(width), Noting(FeedForward.init(rng, width, 3)), Dropout(0.4))
        parts = Embedding.init(rng, vocabulary, width), block, Linear.init(rng, width, numbers)
        return generic(rng, cls(*parts, pooled))

    def vjp(self, *, tokens, rng=None):
        x, embedding_pullback = self.embedding.vjp(ids=tokens)
        out, block_pullback = self.block.vjp(x, rng=rng)
        h, auxiliary = split(out)
        y, output_pullback = self.output.vjp(h.mean(axis=1) if self.pooled else h)

        def pullback(cotangents):
            dy, dauxiliary = split(cotangents)
            d_output, dh = output_pullback(dy)
            if self.pooled:
                dh = np.repeat(dh[:, None] / x.shape[1], x.shape[1], axis=1)
            d_block, dx = block_pullback(join(dh, dauxiliary))
            (d_embedding,) = embedding_pullback(dx)
            return (self.cotangent(embedding=d_embedding, block=d_block, output=d_output),)

        return join(y, auxiliary), pullback
