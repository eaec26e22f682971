import numpy as np
import pytest
from composites import (
    Bend,
    Echo,
    SkippedNorm,
    dtypes,
    generic,
    parameters,
    peak,
    plant,
    same,
    same_tree,
    upstream,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.families import EncoderOnlySettings
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.layers.classification_head import ClassificationHead
from reference.layers.language_model_head import LanguageModelHead
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.models.encoder import Stack
from reference.models.encoder_only import EncoderOnly
from reference.models.headed import Headed, examples
from reference.models.objective import Objective

MASK = padding(np.array([5, 3]), 5)
V, C = 7, 3


def bert(rng, width=4, heads=2, layers=1, length=6, dropout=0.0):
    sizes = {"vocabulary": V, "length": length, "width": width, "heads": heads, "hidden": 3, "layers": layers}
    return EncoderOnly.init(rng, EncoderOnlySettings(**sizes, dropout=dropout))


def classifier(rng, width=4, dropout=0.0, **options):
    body = bert(rng, width, dropout=dropout, **options)
    return generic(rng, Headed(body, ClassificationHead.init(rng, width, C, dropout=dropout)))


def language_model(rng, width=4, **options):
    return generic(rng, Headed(bert(rng, width, **options), LanguageModelHead.init(rng, width, V)))


def ids(rng, batch=2, length=5):
    return {"tokens": rng.integers(V, size=(batch, length)), "segments": rng.integers(2, size=(batch, length))}


def bent(rng, model):
    """Return `model` with a stack of one parameter in its body, in which to plant a bug outside of the stack."""
    body, stack = model.body, Stack((Bend(rng.normal(size=(4, 4)) / 2),), None)
    return Headed(EncoderOnly(body.embedding, body.positions, body.segments, body.norm, stack), model.head)


def named(rng, name):
    """Return the example of this name and what it is called with."""
    (found,) = [(subject, constants) for n, subject, _, constants in examples(rng) if n == name]
    return found


def seeded():
    return np.random.default_rng(7)


class Squares(Layer):
    """y = scale x, with half the sum of squares of y beside it."""

    scale: np.ndarray

    def vjp(self, x, *, rng=None):
        y = self.scale * x

        def pullback(cotangents):
            dy, dhalf = cotangents
            dy = dy + dhalf * y
            return self.cotangent(scale=(dy * x).sum(axis=(0, 1))), self.scale * dy

        return (y, np.asarray((y * y).sum() / 2)), pullback


@pytest.mark.parametrize("i", range(6))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    report = prove(subject, *inputs, **constants)
    names = {g.name for g in report.gradients}
    assert parameters(subject) <= names and len(names) == len(parameters(subject)) + len(inputs)
    assert {g.name for g in report.gradients if g.digits is None} == {p for p in parameters(subject) if "key.b" in p}


@settings(deadline=None, max_examples=2, derandomize=True)
@given(st.tuples(*[st.integers(1, 2)] * 3), st.sampled_from([classifier, language_model]), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, kind, seed):
    rng = np.random.default_rng(seed)
    batch, length, heads = shape
    model = kind(rng, 2 * heads, heads=heads, dropout=0.2)
    report = gradcheck.check(model, **ids(rng, batch, length), mask=np.ones((1, 1, 1, length), bool), rng=seeded())
    assert report.verdict == "pass", str(report)


def test_backward_is_proved_inside_a_composite(prove, rng):
    class TwoTasks(Layer):
        """Two heads on one body, whose gradients add up in it: how the encoder of Devlin et al. was trained."""

        body: EncoderOnly
        first: ClassificationHead
        second: LanguageModelHead

        def vjp(self, **given):
            y, first_pullback = Headed(self.body, self.first).vjp(**given)
            z, second_pullback = Headed(self.body, self.second).vjp(**given)

            def pullback(cotangents):
                dy, dz = cotangents
                (d_first,), (d_second,) = first_pullback(dy), second_pullback(dz)
                d_body = tree.map(np.add, d_first.body, d_second.body)
                return (self.cotangent(body=d_body, first=d_first.head, second=d_second.head),)

            return (y, z), pullback

    first, second = classifier(rng), language_model(rng)
    prove(TwoTasks(first.body, first.head, second.head), **ids(rng), mask=MASK)


@pytest.mark.parametrize("kind", [classifier, language_model])
def test_it_is_the_head_of_the_body(rng, kind):
    model, given = kind(rng), ids(rng)
    h, body_pullback = model.body.vjp(**given, mask=MASK)
    expected, head_pullback = model.head.vjp(h)
    y, pullback = model.vjp(**given, mask=MASK)
    np.testing.assert_array_equal(y, expected)
    d_head, dh = head_pullback(y)
    (d_body,), (d_model,) = body_pullback(dh), pullback(y)
    for (path, leaf), (_, other) in zip(tree.leaves(d_model), tree.leaves((d_body, d_head)), strict=True):
        np.testing.assert_array_equal(leaf, other, err_msg=path)


def test_bracketing_does_not_matter(rng):
    inner = language_model(rng, dropout=0.3)
    last, given = generic(rng, Linear.init(rng, V, 2)), ids(rng)
    left, right = Headed(inner, last), Headed(inner.body, Headed(inner.head, last))
    (y, left_pullback), (z, right_pullback) = left.vjp(**given, rng=seeded()), right.vjp(**given, rng=seeded())
    np.testing.assert_array_equal(y, z)
    for (path, leaf), (_, other) in zip(*(tree.leaves(p(y)) for p in (left_pullback, right_pullback)), strict=True):
        np.testing.assert_array_equal(leaf, other, err_msg=path)


def test_forward_alone_is_the_same_bits(rng):
    for _, subject, inputs, constants in examples(rng):
        draws = [constants | ({"rng": seeded()} if "rng" in constants else {}) for _ in range(2)]
        y, forward = subject.vjp(*inputs, **draws[0])[0], subject(*inputs, **draws[1])
        np.testing.assert_array_equal(forward, y)


def test_the_head_draws_after_the_body(rng):
    model, given, draws = classifier(rng, dropout=0.3), ids(rng), seeded()
    h = model.body(**given, rng=draws)
    np.testing.assert_array_equal(model(**given, rng=seeded()), model.head(h, rng=draws))
    assert (model.head(h, rng=draws) != model(**given, rng=seeded())).any()


def test_auxiliary_outputs_pass_by(prove, rng):
    body, head = (Squares(rng.normal(size=4)) for _ in range(2))
    x = rng.normal(size=(2, 3, 4))
    model = Headed(body, head)
    (h, of_body), (y, of_head) = body(x), head(body(x)[0])
    for got, expected in zip(model(x), (y, of_body, of_head), strict=True):
        np.testing.assert_array_equal(got, expected)
    (_, pullback), none = model.vjp(x), np.zeros(())
    d_model, _ = pullback((np.zeros(y.shape), np.ones(()), none))
    assert d_model.body.scale.all() and not d_model.head.scale.any()
    same(pullback((np.zeros(y.shape), np.ones(()), none))[1], body.scale * h)
    prove(model, x)


def test_a_class_depends_on_the_tokens_that_are_seen(rng):
    model, tokens = classifier(rng, length=5), np.array([[3, 1, 6, 0, 2]])
    mask, dlogits = padding(np.array([4]), 5), rng.normal(size=(1, C))
    (d,) = model.vjp(tokens=tokens, mask=mask)[1](dlogits)
    assert {i for i, row in enumerate(d.body.embedding.table) if row.any()} == {3, 1, 6, 0}
    body = model.body
    bare = EncoderOnly(body.embedding, body.positions, body.segments, body.norm, Stack((Echo(),), None))
    (d,) = Headed(bare, model.head).vjp(tokens=tokens, segments=tokens % 2)[1](dlogits)
    tables = d.body.embedding.table, d.body.segments.table, d.body.positions.table
    assert [np.flatnonzero(table.any(axis=1)).tolist() for table in tables] == [[3], [1], [0]]


def test_masked_positions_add_up(rng):
    model, given = language_model(rng), ids(rng)
    loss = Objective(model, ignore=-1, reduction="sum")
    labels = rng.integers(V, size=(2, 5))
    masked = rng.permutation(np.arange(10) % 2).reshape(2, 5).astype(bool)
    parts = [loss.vjp(**given, labels=np.where(chosen, labels, -1)) for chosen in (masked, ~masked)]
    whole, pullback = loss.vjp(**given, labels=labels)
    same(parts[0][0] + parts[1][0], whole)
    same_tree(tree.map(np.add, *(part_pullback(1.0)[0] for _, part_pullback in parts)), pullback(1.0)[0])
    nothing, nothing_pullback = loss.vjp(**given, labels=np.full((2, 5), -1))
    assert nothing == 0 and not any(leaf.any() for _, leaf in tree.leaves(nothing_pullback(1.0)[0]))


def test_forward_alone_holds_one_block(rng):
    one, many = (classifier(rng, 8, layers=layers, length=64) for layers in (1, 6))
    given = ids(rng, 4, 64)
    one(**given)
    assert peak(lambda: many(**given)) < 1.2 * peak(lambda: one(**given))  # one (B, S, D) array more, of about thirty
    assert peak(lambda: many.vjp(**given)) > 3 * peak(lambda: one.vjp(**given))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    for kind in (classifier, language_model):
        model = kind(rng, dropout=0.3).astype(dtype)
        y, pullback = model.vjp(**ids(rng), mask=MASK, rng=seeded())
        assert dtypes(y, *pullback(y)) == {np.dtype(dtype)}


def test_empty_batch_gives_empty_logits_and_zero_gradient(rng):
    for kind, shape in ((classifier, (0, C)), (language_model, (0, 5, V))):
        y, pullback = kind(rng).vjp(**ids(rng, 0))
        assert y.shape == shape
        assert not any(leaf.any() for _, leaf in tree.leaves(pullback(y)))


def test_position_zero_forgotten_is_caught(caught, rng):
    class Last(ClassificationHead):
        def vjp(self, x, *, rng=None):
            y, right_pullback = super().vjp(x, rng=rng)

            def pullback(dy):
                d_self, dx = right_pullback(dy)
                return d_self, dx[:, ::-1].copy()

            return y, pullback

    model = bent(rng, classifier(rng))
    caught(upstream(parameters(model), "head."), plant(model, ClassificationHead, Last), **ids(rng, length=3))


def test_a_body_cut_off_is_caught(caught, rng):
    class CutOff(LanguageModelHead):
        def vjp(self, x):
            y, right_pullback = super().vjp(x)
            return y, lambda dy: (right_pullback(dy)[0], np.zeros_like(x))

    model = bent(rng, language_model(rng))
    caught(upstream(parameters(model), "head."), plant(model, LanguageModelHead, CutOff), **ids(rng, length=3))


def test_dropped_auxiliary_cotangents_are_caught(caught, rng):
    class Dropped(Headed):
        def vjp(self, *inputs, **constants):
            (y, *auxiliary), right_pullback = super().vjp(*inputs, **constants)
            return (y, *auxiliary), lambda dout: right_pullback((dout[0], *map(np.zeros_like, dout[1:])))

    loss, constants = named(rng, "language model and loss, mixture of experts")
    at = "model.body.stack.blocks[0].feedforward"
    expected = upstream(parameters(loss), f"{at}.norm", f"{at}.inner.experts", "model.head.")
    caught(expected, plant(loss, Headed, Dropped), **constants)


def test_a_norm_skipped_in_the_backward_is_caught_through_the_loss(caught, rng):
    loss = Objective(bent(rng, classifier(rng)))
    tables = {f"model.body.{name}.table" for name in ("embedding", "positions", "segments")}
    wrong = plant(loss, LayerNorm, SkippedNorm, "model.body.norm")
    caught(tables | {"model.body.norm.gamma", "model.body.norm.beta"}, wrong, **ids(rng), labels=np.array([2, 0]))


def test_what_is_wrong_is_said_by_the_part_that_takes_it(rng):
    model, given = classifier(rng), ids(rng)
    for run in (model, model.vjp):
        with pytest.raises(ValueError, match=r"^EncoderOnly: tokens must lie in \[0, 7\), got 7 at \(0, 0\)$"):
            run(tokens=np.array([[7]]))
        with pytest.raises(TypeError, match=r"^EncoderOnly: rng must be a numpy\.random\.Generator or None, got int$"):
            run(**given, rng=1)
    with pytest.raises(ValueError, match=r"^ClassificationHead: x must have at least one position, got \(2, 0, 4\)$"):
        model(tokens=np.zeros((2, 0), int))
    wide = Headed(model.body, ClassificationHead.init(rng, 5, C))
    with pytest.raises(ValueError, match=r"^ClassificationHead: x must have shape \(B, S, 5\), got \(2, 5, 4\)$"):
        wide(**given)
