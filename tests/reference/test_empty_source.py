"""A source without tokens is read as one that is all padding: every way to generate says what one pass over it says."""

import numpy as np
import pytest

from reference.core import tree
from reference.core.families import TransformerSettings
from reference.core.masks import padding
from reference.generation.beam import beam_search
from reference.generation.greedy import greedy, teacher_forced
from reference.generation.sampling import Sampling
from reference.generation.speculative import speculate
from reference.generation.stream import generate, stream
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer

V, START, LENGTH = 7, 1, 5
GREEDY = Sampling(temperature=0)
EMPTY = np.zeros((2, 0), int)

WAYS = {
    "greedy": lambda model: greedy(model, EMPTY, start=START, length=LENGTH).tolist(),
    "stream": lambda model: np.transpose(list(stream(model, [[START]] * 2, length=LENGTH, source=EMPTY))).tolist(),
    "generate": lambda model: generate(model, [[START]] * 2, length=LENGTH, source=EMPTY),
    "beam_search": lambda model: [
        list(best.ids) for (best,) in beam_search(model, [[START]] * 2, length=LENGTH, beams=1, source=EMPTY)
    ],
    "speculate": lambda model: [
        speculate(
            model, model, [START], length=LENGTH, ahead=2, rng=np.random.default_rng(0), sampling=GREEDY,
            source=EMPTY[:1],
        )
    ] * 2,
}  # fmt: skip


def made(rng, kind, **given):
    embeddings = "tied" if kind is TiedTransformer else "separate"
    settings = TransformerSettings(vocabulary=V, width=8, heads=2, hidden=6, embeddings=embeddings, **given)
    model = kind.init(rng, settings, np.float64)
    return tree.map(lambda p: p + rng.normal(scale=0.6, size=p.shape), model)


def without_a_cache(model, source, **given):
    """The likeliest tokens, each from one pass over all that stands before it."""
    y = np.full((len(source), 1), START)
    for _ in range(LENGTH):
        logits = model(source=source, target=y, **given)
        y = np.concatenate([y, logits[:, -1].argmax(axis=-1)[:, None]], axis=1)
    return y[:, 1:].tolist()


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("kind", [Transformer, TiedTransformer])
@pytest.mark.parametrize("way", WAYS)
def test_each_way_says_what_the_model_itself_says(way, kind, norm):
    for seed in range(3):
        model = made(np.random.default_rng(seed), kind, norm=norm)
        wanted = without_a_cache(model, EMPTY)
        assert WAYS[way](model) == wanted
        hidden = padding(np.zeros(2, int), 3)
        assert without_a_cache(model, np.ones((2, 3), int), source_mask=hidden) == wanted


def test_some_say_more_than_the_first_token_of_the_vocabulary():
    """Else the law above would hold of logits that are no numbers, of which the first is taken."""
    said = [without_a_cache(made(np.random.default_rng(seed), Transformer, norm="pre"), EMPTY) for seed in range(3)]
    assert any(any(row) for rows in said for row in rows)


def test_predictions_of_a_known_target_are_numbers_of_the_model():
    model, target = made(np.random.default_rng(0), Transformer), np.array([[START, 2, 3]] * 2)
    logits = model(source=EMPTY, target=target)
    assert np.isfinite(logits).all()
    assert np.array_equal(teacher_forced(model, EMPTY, target), logits.argmax(axis=-1))
