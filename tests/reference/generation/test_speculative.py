import itertools

import numpy as np
import pytest
from dispatched import move

from reference.core import tree
from reference.core.families import DecoderOnlySettings, TransformerSettings
from reference.functions.softmax import softmax
from reference.generation import speculative
from reference.generation.sampling import Sampling
from reference.generation.speculative import accepted, leftover, speculate
from reference.generation.stream import generate
from reference.models.decoder_only import DecoderOnly
from reference.models.transformer import Transformer

V, END = 3, 2
CHANGED = Sampling(temperature=0.7, p=0.9, penalty=1.4)


def decoder_only(rng, vocabulary=V, **given):
    settings = DecoderOnlySettings(vocabulary=vocabulary, length=12, width=8, heads=2, hidden=6, layers=1, **given)
    model = DecoderOnly.init(rng, settings, np.float64)
    return tree.map(lambda p: p + rng.normal(scale=0.7, size=p.shape), model)


class Branches:
    """Every outcome of a computation that draws, with its exact probability: each draw asks which way to go."""

    def __init__(self, compute):
        self.found, stack = {}, [()]
        while stack:
            self.way, self.at, self.chance = stack.pop(), 0, 1.0
            self.open = []
            outcome = compute(self)
            stack += self.open
            self.found[outcome] = self.found.get(outcome, 0.0) + self.chance

    def choose(self, chances):
        ways = [way for way, chance in enumerate(chances) if chance > 0]
        if self.at == len(self.way):
            self.open += [(*self.way, way) for way in ways[1:]]
            self.way = (*self.way, ways[0])
        way = self.way[self.at]
        self.at += 1
        self.chance *= chances[way]
        return way


def distribution(monkeypatch, rng, compute, refuse=None):
    """The exact distribution of what `compute` returns, where each draw is taken every way."""

    def run(branches):
        def taken(p, q, ids, u):
            chances = [min(1.0, p[n, token] / q[n, token]) for n, token in enumerate(ids)]
            return np.array([branches.choose((1 - chance, chance)) == 1 for chance in chances], bool)

        monkeypatch.setattr(speculative, "_drawn", lambda p, rng: branches.choose(p))
        monkeypatch.setattr(speculative, "accepted", taken)
        return tuple(compute())

    return Branches(run).found


def exactly(model, prompt, length, sampling=None, end=None):
    """The distribution of what the large model says by itself."""
    found = {}
    for ids in itertools.product(range(V), repeat=length):
        chance, said = 1.0, list(prompt)
        for token in ids:
            logits = model(tokens=np.array([said]))[:, -1]
            logits = logits if sampling is None else sampling(logits, np.isin(np.arange(V), said)[None])
            chance *= softmax(logits)[0, token]
            said.append(token)
        ends = end if isinstance(end, tuple) else (end,)
        ids = ids[: next((i for i, token in enumerate(ids) if token in ends), length)]
        found[ids] = found.get(ids, 0.0) + chance
    return found


def agree(found, wanted):
    return set(found) == {ids for ids, chance in wanted.items() if chance > 0} and all(
        abs(found[ids] - wanted[ids]) < 1e-12 for ids in found
    )


# Laws


@pytest.mark.parametrize(
    "given",
    [{}, {"sampling": CHANGED}, {"end": END}, {"end": (END, 0)}],
    ids=["plain", "changed", "end", "two ends"],
)
@pytest.mark.parametrize("ahead", [1, 2])
def test_the_distribution_is_that_of_the_large_model(rng, monkeypatch, given, ahead):
    large, small = decoder_only(rng), decoder_only(rng)
    found = distribution(
        monkeypatch, rng, lambda: speculate(large, small, [0, 1], length=3, ahead=ahead, rng=rng, **given)
    )
    assert agree(found, exactly(large, [0, 1], 3, **given))


def test_what_is_taken_or_replaced_has_the_probabilities_of_the_large_model(rng):
    p, q = softmax(rng.normal(size=(2, 9)))
    taken = np.minimum(p, q)
    np.testing.assert_allclose(taken + (1 - taken.sum()) * leftover(p, q), p, rtol=0, atol=1e-15)
    assert leftover(p, q).sum() == pytest.approx(1, abs=1e-14) and not leftover(p, q)[q >= p].any()


def test_a_token_is_taken_with_the_ratio_of_its_probabilities(rng):
    p, q = softmax(rng.normal(size=(2, 1, 4)))
    u = (np.arange(10_000) + 0.5) / 10_000  # a grid, which each share meets to within one step
    for token in range(4):
        taken = [accepted(p, q, np.array([token]), u[n : n + 1])[0] for n in range(0, 10_000, 10)]
        assert abs(np.mean(taken) - min(1, p[0, token] / q[0, token])) < 2e-3


def test_at_temperature_0_it_is_greedy(rng):
    for _ in range(5):
        large, small = decoder_only(rng), decoder_only(rng)
        for ahead in (1, 3, 9):
            given = {"sampling": Sampling(temperature=0), "rng": rng}
            assert speculate(large, small, [1], length=8, ahead=ahead, **given) == generate(large, [[1]], length=8)[0]


def test_a_model_that_proposes_to_itself_is_always_taken(rng, monkeypatch):
    model, read, step = decoder_only(rng), [], DecoderOnly.step
    counted = lambda self, ids, cache: read.append(ids.shape[1]) or step(self, ids, cache)  # noqa: E731
    monkeypatch.setattr(DecoderOnly, "step", counted)
    speculate(model, model, [1], length=8, ahead=3, rng=rng)
    assert read.count(4) >= 1 and sum(read) <= 2 * 8 + 1  # no token is read twice by either of the two


def test_models_that_encode_and_arrays_of_other_libraries(rng):
    settings = TransformerSettings(vocabulary=V, width=8, heads=2, hidden=6)
    large, small = (
        tree.map(lambda p: p + rng.normal(scale=0.7, size=p.shape), Transformer.init(rng, settings, np.float64))
        for _ in range(2)
    )
    given = {"length": 6, "ahead": 2, "source": rng.integers(V, size=(1, 4))}
    said = speculate(large, small, [0], rng=np.random.default_rng(1), **given)
    moved = speculate(move(large), move(small), [0], rng=np.random.default_rng(1), **move(given))
    assert len(said) == 6 and said == moved
    greedily = speculate(large, small, [0], sampling=Sampling(temperature=0), rng=rng, **given)
    assert greedily == generate(large, [[0]], length=6, source=given["source"])[0]


# Pitfalls


def wrong(monkeypatch, rng, **replaced):
    large, small = decoder_only(rng), decoder_only(rng)
    for name, value in replaced.items():
        monkeypatch.setattr(speculative, name, value)
    found = distribution(monkeypatch, rng, lambda: speculate(large, small, [0, 1], length=2, ahead=1, rng=rng))
    return not agree(found, exactly(large, [0, 1], 2))


def test_a_refused_token_replaced_from_the_large_model_is_caught(rng, monkeypatch):
    assert wrong(monkeypatch, rng, leftover=lambda p, q: p)


def test_a_proposal_that_is_always_taken_is_caught(rng, monkeypatch):
    large, small = decoder_only(rng), decoder_only(rng)

    def run(branches):
        monkeypatch.setattr(speculative, "_drawn", lambda p, rng: branches.choose(p))
        monkeypatch.setattr(speculative, "accepted", lambda p, q, ids, u: np.ones(len(ids), bool))
        return tuple(speculate(large, small, [0, 1], length=2, ahead=1, rng=rng))

    assert not agree(Branches(run).found, exactly(large, [0, 1], 2))


def test_refused_tokens_that_stay_in_the_cache_are_caught(rng, monkeypatch):
    forget = speculative.rewind
    with pytest.raises(TypeError, match="tokens must be an integer array"):  # nothing is left to be read
        wrong(monkeypatch, rng, rewind=lambda cache, length: forget(cache, length + 1))


# Errors


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"length": 0}, ValueError, "length must be at least 1, got 0"),
    ({"ahead": 0}, ValueError, "ahead must be at least 1, got 0"),
    ({"rng": None}, TypeError, r"rng must be a numpy\.random\.Generator, got NoneType"),
    ({"sampling": 0.7}, TypeError, "sampling must be a Sampling, got float"),
    ({"sampling": Sampling(banned=(0, 1, 2))}, ValueError, "bias and banned must leave one of the 3 tokens, got none"),
    ({"end": V}, ValueError, r"end must lie in \[0, 3\), got 3"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(rng, given, error, message):
    with pytest.raises(error, match=f"^speculate: {message}$"):
        speculate(decoder_only(rng), decoder_only(rng), [0], **{"length": 3, "ahead": 2, "rng": rng} | given)


def test_models_of_two_vocabularies_and_windows_are_refused(rng):
    given = {"length": 5, "ahead": 2, "rng": rng}
    with pytest.raises(ValueError, match=r"^speculate: small must have the vocabulary 3 of model, got 4$"):
        speculate(decoder_only(rng), decoder_only(rng, 4), [0], **given)
    message = r"^speculate: a window must be at least the 5 positions, since a ring forgets, got 2$"
    with pytest.raises(ValueError, match=message):
        speculate(decoder_only(rng), decoder_only(rng, window=2), [0], **given)
