import math

import numpy as np
import pytest
from composites import EDGES, draw, dtypes, generic, noting, parameters, peak, same, same_tree
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.families import TransformerSettings
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.layers.embedding import Embedding
from reference.layers.linear import Linear
from reference.layers.residual import PostNorm, PreNorm
from reference.layers.sinusoidal import sinusoidal
from reference.models.tied import Projection, TiedTransformer, examples
from reference.models.transformer import Transformer

BOTH = pytest.mark.parametrize("residual", [PreNorm, PostNorm])
MASK = padding(np.array([5, 3]), 5)
V, D = 7, 8


def random_model(rng, residual=PreNorm, heads=4, layers=(1, 1), vocabulary=V, width=D, hidden=6):
    return generic(rng, draw(rng, TiedTransformer, residual, heads, layers, vocabulary, width, hidden))


def tokens(rng, batch=2, s=5, t=4, vocabulary=V):
    return {"source": rng.integers(vocabulary, size=(batch, s)), "target": rng.integers(vocabulary, size=(batch, t))}


def separate(model):
    """Return the model with three tables, each a copy of the one."""
    E = model.vocabulary.table
    output = Linear(w=E.T.copy(), b=np.zeros(len(E)))
    return Transformer(Embedding(E.copy()), Embedding(E.copy()), model.body, output)


@pytest.mark.parametrize("i", range(9))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    assert {g.name for g in report.gradients} == parameters(layer) | ({"y"} if inputs else set())
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(layer) if "key.b" in p}


@pytest.mark.parametrize(("residual", "heads", "masked", "batch", "length"), EDGES)
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, residual, heads, masked, batch, length):
    """Length of the target; the source has length 1 where the target is longer."""
    s = 1 if length > 1 else 3
    ids, mask = tokens(rng, batch, s, length), np.ones((1, 1, 1, s), bool) if masked else None
    prove(random_model(rng, residual, heads), **ids, source_mask=mask)


def test_backward_is_proved_with_auxiliary_outputs_and_dropout(prove, rng):
    model = noting(generic(rng, draw(rng, TiedTransformer, heads=2, vocabulary=5, width=4, hidden=3, dropout=0.4)))
    prove(model, source=rng.integers(5, size=(2, 3)), target=rng.integers(5, size=(2, 2)), rng=np.random.default_rng(5))


@settings(deadline=None, max_examples=3, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.sampled_from([PreNorm, PostNorm]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, residual, seed):
    rng = np.random.default_rng(seed)
    batch, s, t, heads = shape
    model = random_model(rng, residual, heads, vocabulary=3, width=4 * heads, hidden=2)
    report = gradcheck.check(model, **tokens(rng, batch, s, t, 3), source_mask=rng.random((batch, 1, 1, s)) < 0.7)
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class Tempered(Layer):
        """A model whose logits are scaled by a learned temperature for each token."""

        model: TiedTransformer
        temperature: np.ndarray

        def vjp(self, **ids):
            logits, model_pullback = self.model.vjp(**ids)

            def pullback(dy):
                (d_model,) = model_pullback(dy * self.temperature)
                return (self.cotangent(model=d_model, temperature=(dy * logits).sum(axis=(0, 1))),)

            return logits * self.temperature, pullback

    prove(Tempered(random_model(rng), rng.normal(size=V)), **tokens(rng))


@BOTH
def test_forward_equals_its_oracle(rng, residual):
    model, ids = random_model(rng, residual), tokens(rng)
    E = model.vocabulary.table
    y = model.body(math.sqrt(D) * E[ids["source"]], math.sqrt(D) * E[ids["target"]], source_mask=MASK)
    same(model(**ids, source_mask=MASK), np.einsum("btd,vd->btv", y, E))


@BOTH
def test_the_gradient_is_the_sum_of_the_separate_ones(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng), rng.normal(size=(2, 4, V))
    logits, pullback = model.vjp(**ids, source_mask=MASK)
    expected, separate_pullback = separate(model).vjp(**ids, source_mask=MASK)
    (d_model,), (d,) = pullback(dlogits), separate_pullback(dlogits)
    same(logits, expected)
    same_tree(d_model.body, d.body)
    terms = (d.source_embedding.table, d.target_embedding.table, d.output.w.T)
    assert all(term.any() for term in terms)
    same(d_model.vocabulary.table, np.einsum("nvd->vd", terms))


def test_position_ids_are_those_of_the_separate_model(rng):
    """Shifted alike for the source they change its memory, for the target its logits, and the table's gradient."""
    model, ids, dlogits = random_model(rng), tokens(rng), rng.normal(size=(2, 4, V))
    at = {"source_position_ids": np.arange(5)[None] + 2, "target_position_ids": np.array([[3, 0, 1, 9]])}
    (y, pullback), (z, separate_pullback) = model.vjp(**ids, **at), model.separate().vjp(**ids, **at)
    np.testing.assert_array_equal(y, z)
    np.testing.assert_array_equal(model(**ids, **at), y)
    memory = model.encode(source=ids["source"], position_ids=at["source_position_ids"])
    decoded = model.decode(memory, target=ids["target"], position_ids=at["target_position_ids"])
    np.testing.assert_array_equal(decoded, y)
    d, (e,) = pullback(dlogits)[0], separate_pullback(dlogits)
    total = e.source_embedding.table + e.target_embedding.table + e.output.table
    np.testing.assert_allclose(d.vocabulary.table, total, rtol=1e-12, atol=1e-12)  # the same sums in another order
    for name in at:
        assert np.abs(model(**ids, **at | {name: None}) - y).max() > 1e-3


def test_an_output_of_its_own_leaves_the_table_to_the_embeddings(rng):
    model, ids, dlogits = random_model(rng), tokens(rng), rng.normal(size=(2, 4, V))
    own = TiedTransformer(model.vocabulary, model.body, output=Linear(rng.normal(size=(D, V)), rng.normal(size=V)))
    three = Transformer(Embedding(own.vocabulary.table.copy()), own.vocabulary, own.body, own.output)
    (logits, pullback), (expected, expected_pullback) = own.vjp(**ids), three.vjp(**ids)
    np.testing.assert_array_equal(logits, expected)
    (d,), (d_three,) = pullback(dlogits), expected_pullback(dlogits)
    same(d.vocabulary.table, d_three.source_embedding.table + d_three.target_embedding.table)
    same_tree((d.body, d.output), (d_three.body, d_three.output))
    assert own.width_out == V


def test_a_factor_of_the_output_is_that_of_the_logits(rng):
    model, ids = random_model(rng), tokens(rng)
    scaled = TiedTransformer(model.vocabulary, model.body, output_scale=0.25)
    np.testing.assert_array_equal(scaled(**ids), 0.25 * model(**ids))


def test_the_table_stands_once(rng):
    """Also in what an optimiser gets.  The separate view of it is no tree of parameters, and trees refuse it."""
    model, ids = random_model(rng), tokens(rng)
    _, pullback = model.vjp(**ids)
    (d_model,) = pullback(rng.normal(size=(2, 4, V)))
    tables = [path for path, leaf in tree.leaves(d_model) if leaf.shape == (V, D)]
    assert tables == ["vocabulary.table"]
    with pytest.raises(ValueError, match=r"^a parameter must stand once in a tree, got the same array at 'source_emb"):
        model.separate().astype(np.float64)


def test_an_absent_token_learns_from_the_output_only(rng):
    model, dlogits = random_model(rng), rng.normal(size=(2, 4, V))
    ids = {"source": rng.integers(5, size=(2, 5)), "target": rng.integers(5, size=(2, 4))}  # never 5 or 6
    E = model.vocabulary.table
    y = model.body(math.sqrt(D) * E[ids["source"]], math.sqrt(D) * E[ids["target"]])
    _, pullback = model.vjp(**ids)
    (d_model,) = pullback(dlogits)
    by_output = np.einsum("btv,btd->vd", dlogits, y)
    same(d_model.vocabulary.table[5:], by_output[5:])
    by_places = np.abs(d_model.vocabulary.table - by_output).max(axis=1)
    assert {*ids["source"].flat, *ids["target"].flat} == set(range(5)) and (by_places[:5] > 0.01).all()


@BOTH
def test_tokens_are_interchangeable(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng), rng.normal(size=(2, 4, V))
    new = rng.permutation(V)  # token v is called new[v] from now on
    old = np.argsort(new)
    moved = TiedTransformer(Embedding(model.vocabulary.table[old]), model.body)
    logits, pullback = model.vjp(**ids)
    renamed, moved_pullback = moved.vjp(source=new[ids["source"]], target=new[ids["target"]])
    ((d_model,), (d_moved,)) = pullback(dlogits), moved_pullback(dlogits[..., old])
    same(renamed, logits[..., old])
    same_tree(d_moved.body, d_model.body)
    same(d_moved.vocabulary.table, d_model.vocabulary.table[old])


@BOTH
def test_causality(rng, residual):
    model, ids = random_model(rng, residual), tokens(rng)
    logits = model(**ids)
    for t in range(4):
        other = np.where(np.arange(4) > t, (ids["target"] + 1) % V, ids["target"])
        moved = model(source=ids["source"], target=other)
        same(moved[:, : t + 1], logits[:, : t + 1])
        assert (moved[:, t + 1 :] != logits[:, t + 1 :]).all()


@BOTH
def test_padding_invariance(rng, residual):
    model, ids, dlogits = random_model(rng, residual), tokens(rng), rng.normal(size=(2, 4, V))
    mask = padding(np.array([3, 2]), 5)
    logits, pullback = model.vjp(**ids, source_mask=mask)
    changed = np.where(mask[:, 0, 0], ids["source"], (ids["source"] + 1) % V)
    for source, seen in ((changed, mask), (ids["source"][:, :3], mask[..., :3])):
        other, other_pullback = model.vjp(source=source, target=ids["target"], source_mask=seen)
        same(other, logits)
        same_tree(other_pullback(dlogits), pullback(dlogits))


@BOTH
@pytest.mark.parametrize("mask", [None, MASK])
def test_encode_then_decode_is_the_same_bits(rng, residual, mask):
    model, ids = random_model(rng, residual), tokens(rng)
    logits, _ = model.vjp(**ids, source_mask=mask)
    memory = model.encode(source=ids["source"], source_mask=mask)
    np.testing.assert_array_equal(model(**ids, source_mask=mask), logits)
    np.testing.assert_array_equal(model.decode(memory, target=ids["target"], source_mask=mask), logits)


def test_the_projection_is_bilinear(rng):
    layer, y = Projection(rng.normal(size=(V, D))), rng.normal(size=(2, 3, D))
    np.testing.assert_array_equal(layer(2 * y), 2 * layer(y))
    np.testing.assert_array_equal(Projection(2 * layer.table)(y), 2 * layer(y))
    np.testing.assert_array_equal(Projection(layer.table, scale=2)(y), 2 * layer(y))
    same(layer(y), np.einsum("btd,vd->btv", y, layer.table))


def test_the_bias_passes_through(rng):
    table, b, y = rng.normal(size=(V, D)), rng.normal(size=V), rng.normal(size=(2, 3, D))
    logits, pullback = Projection(table, b, 0.3).vjp(y)
    np.testing.assert_array_equal(logits, Projection(table, scale=0.3)(y) + b)
    same(pullback(logits)[0].b, np.einsum("btv->v", logits))


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_a_projection_made_ready_says_the_same(rng, biased, scale):
    layer = Projection(rng.normal(size=(V, D)), rng.normal(size=V) if biased else None, scale)
    for shape in ((D,), (2, 3, D)):
        y = rng.normal(size=shape)
        same(layer.ready()(y), layer(y))


def test_forward_alone_holds_one_block(rng):
    one, many = (random_model(rng, layers=layers) for layers in ((1, 1), (5, 5)))
    ids = tokens(rng, 4, 48, 64)
    one(**ids)
    assert peak(lambda: many(**ids)) < 1.2 * peak(lambda: one(**ids))  # one (B, T, D) array more, of about thirty
    assert peak(lambda: many.vjp(**ids)) > 3 * peak(lambda: one.vjp(**ids))


@BOTH
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, residual, dtype):
    model = random_model(rng, residual).astype(dtype)
    logits, pullback = model.vjp(**tokens(rng), source_mask=MASK)
    assert dtypes(logits, *pullback(logits)) == {np.dtype(dtype)}


def test_init_draws_one_table_in_the_dtype_asked_for(rng):
    assert dtypes(draw(rng, TiedTransformer, layers=(1, 2))) == {np.dtype(np.float32)}
    model = draw(rng, TiedTransformer, layers=(1, 2), dtype=np.float64)
    assert dtypes(model) == {np.dtype(np.float64)}
    assert model.vocabulary.table.shape == (V, D)


def test_embedded_tokens_begin_smaller_than_their_positions(rng):
    sizes = TransformerSettings(vocabulary=400, width=300, heads=1, embeddings="tied")
    model, size = TiedTransformer.init(rng, sizes), sinusoidal(8, 300).std()
    for table in (model.vocabulary.table,):
        # 120,000 draws: the standard deviation is known to 0.2 %, four of its own are 0.008
        np.testing.assert_allclose(math.sqrt(300) * table.std(dtype=float), 0.5, rtol=0.008, atol=0)  # see above
        assert math.sqrt(300) * table.std() < size


def test_empty_batch_gives_empty_logits_and_zero_gradient(rng):
    model = random_model(rng)
    logits, pullback = model.vjp(**tokens(rng, 0))
    (d_model,) = pullback(logits)
    assert logits.shape == (0, 4, V)
    assert not any(leaf.any() for _, leaf in tree.leaves(d_model))


def mixed(weights):
    """A model that adds the table's three gradients with these weights instead of 1, 1, 1."""

    class Mixed(TiedTransformer):
        def vjp(self, **ids):
            logits, separate_pullback = self.separate().vjp(**ids)

            def pullback(dlogits):
                (d,) = separate_pullback(dlogits)
                terms = (d.source_embedding.table, d.target_embedding.table, d.output.table)
                dE = np.einsum("n,nvd->vd", weights, terms)
                return (self.cotangent(vocabulary=self.vocabulary.cotangent(table=dE), body=d.body),)

            return logits, pullback

    return Mixed


@pytest.mark.parametrize("weights", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1 / 3, 1 / 3, 1 / 3)])
def test_a_forgotten_path_is_caught(caught, rng, weights):
    """The table is all that is wrong: nothing lies upstream of it."""
    model = random_model(rng, heads=2, vocabulary=5, width=4, hidden=3)
    caught({"vocabulary.table"}, mixed(weights)(model.vocabulary, model.body), **tokens(rng, 2, 3, 2, 5))


class Transposed(Projection):
    """The gradient of a square table transposed."""

    def vjp(self, y):
        logits, right_pullback = super().vjp(y)

        def pullback(dlogits):
            d_self, dy = right_pullback(dlogits)
            return self.cotangent(table=d_self.table.T), dy

        return logits, pullback


def test_a_transposed_projection_is_caught(caught, rng):
    caught({"table"}, Transposed(rng.normal(size=(5, 5))), rng.normal(size=(2, 3, 5)))
    _, pullback = Transposed(rng.normal(size=(7, 5))).vjp(rng.normal(size=(2, 3, 5)))
    with pytest.raises(ValueError, match=r"^Transposed\.cotangent: 'table' must have shape \(7, 5\), got \(5, 7\)$"):
        pullback(rng.normal(size=(2, 3, 7)))


class Unscaled(Projection):
    """The factor of the output forgotten in the gradient of the table."""

    def vjp(self, y):
        logits, right_pullback = super().vjp(y)

        def pullback(dlogits):
            d_self, dy = right_pullback(dlogits)
            return self.cotangent(table=d_self.table / self.scale), dy

        return logits, pullback


def test_a_forgotten_factor_of_the_output_is_caught(caught, rng):
    caught({"table"}, Unscaled(rng.normal(size=(7, 5)), scale=0.3), rng.normal(size=(2, 3, 5)))


def test_wrong_arguments_are_one_clear_line(rng):
    model, ids = random_model(rng), tokens(rng)
    with pytest.raises(ValueError, match=r"^Transformer: source must lie in \[0, 7\), got 7 at \(0, 0\)$"):
        model(source=np.array([[7, 0]]), target=np.array([[1, 2]]))
    with pytest.raises(ValueError, match=r"^Transformer: target must have shape \(2, T\), got \(1, 4\)$"):
        model.vjp(source=ids["source"], target=ids["target"][:1])
    with pytest.raises(ValueError, match=r"^Projection: y must have shape \(\.\.\., 8\), got \(2, 7\)$"):
        Projection(model.vocabulary.table)(np.zeros((2, 7)))
    with pytest.raises(ValueError, match=r"^Projection: table must have shape \(V, D\), got \(8,\)$"):
        Projection(np.zeros(8))(np.zeros((2, 8)))
    with pytest.raises(ValueError, match=r"^Projection: b must have shape \(7,\), got \(8,\)$"):
        Projection(model.vocabulary.table, np.zeros(8))(np.zeros((2, 8)))
    for more in ({"bias": np.zeros(V)}, {"output_scale": 0.5}):
        wrong = TiedTransformer(model.vocabulary, model.body, output=Linear.init(rng, D, V), **more)
        with pytest.raises(ValueError, match=r"^TiedTransformer: output must be None beside bias or "):
            wrong(**ids)
    with pytest.raises(ValueError, match=r"^Projection: scale must be positive and finite, got 0$"):
        Projection(model.vocabulary.table, scale=0)
