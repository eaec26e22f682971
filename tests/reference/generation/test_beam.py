import itertools

import numpy as np
import pytest
from dispatched import move

from reference.core import tree
from reference.core.cache import Cache
from reference.core.families import DecoderOnlySettings, TransformerSettings
from reference.core.layer import Layer
from reference.core.masks import padding
from reference.functions.log_softmax import log_softmax
from reference.generation import beam
from reference.generation.beam import beam_search, normalized
from reference.generation.stream import generate
from reference.models.decoder_only import DecoderOnly
from reference.models.tied import TiedTransformer
from reference.models.transformer import Transformer

V, T, END = 4, 4, 3
PROMPTS = [[0], [1, 2], [2, 2, 0]]


def decoder_only(rng, scale=0.8, vocabulary=V):
    sizes = {"width": 8, "heads": 2, "key_value_heads": 1, "hidden": 6, "layers": 1}
    model = DecoderOnly.init(rng, DecoderOnlySettings.llama(vocabulary=vocabulary, **sizes, window=4))
    return tree.map(lambda p: p + rng.normal(scale=scale, size=p.shape), model.astype(np.float64))


def of_sources(rng, kind=Transformer):
    embeddings = "separate" if kind is Transformer else "tied"
    model = kind.init(rng, TransformerSettings(vocabulary=V, width=8, heads=2, hidden=6, embeddings=embeddings))
    model = tree.map(lambda p: p + rng.normal(scale=0.8, size=p.shape), model.astype(np.float64))
    return model, {"source": rng.integers(V, size=(3, 5)), "source_mask": padding(np.array([5, 3, 1]), 5)}


def everything(model, prompt, length, end, penalty, offset=5.0, **given):
    """Every sequence there is, with its score, the best first: (ids, score)."""
    found = {}
    for ids in itertools.product(range(V), repeat=length):
        stop = ids.index(end) + 1 if end in ids else length
        read = [*prompt, *ids[: stop - 1]]
        if given:
            memory = model.encode(source=given["source"], source_mask=given["source_mask"])
            logits = model.decode(memory, target=np.array([read]), source_mask=given["source_mask"])
        else:
            logits = model(tokens=np.array([read]))
        said = np.array(ids[:stop])
        logp = log_softmax(logits[0, len(prompt) - 1 :])[np.arange(stop), said].sum()
        found[ids[: stop - (end in ids)]] = normalized(logp, stop, penalty, offset)
    return sorted(found.items(), key=lambda item: -item[1])


def expect_found(hypotheses, wanted):
    assert [hypothesis.ids for hypothesis in hypotheses] == [ids for ids, _ in wanted]
    scores = [hypothesis.score for hypothesis in hypotheses]
    np.testing.assert_allclose(scores, [score for _, score in wanted], rtol=1e-12, atol=1e-12)


# Laws


@pytest.mark.parametrize("end", [None, END])
@pytest.mark.parametrize(("penalty", "offset"), [(0.0, 5.0), (0.6, 5.0), (2.0, 5.0), (0.7, 0.0)])
def test_beams_enough_for_all_find_the_best_of_all_sequences(rng, end, penalty, offset):
    model, beams = decoder_only(rng), V ** 3
    found = beam_search(model, PROMPTS, length=3, beams=beams, end=end, penalty=penalty, offset=offset)
    for prompt, hypotheses in zip(PROMPTS, found, strict=True):
        wanted = everything(model, prompt, 3, end, penalty, offset)[:beams]
        expect_found(hypotheses[:20], wanted[:20])


def every_end(model, prompt, length, ends, penalty):
    """Every sequence there is, with its score and the token at which it ended, the best first: (score, ids, end)."""
    found = set()
    for ids in itertools.product(range(V), repeat=length):
        stop = next((i + 1 for i, token in enumerate(ids) if token in ends), length)
        logp = log_softmax(model(tokens=np.array([[*prompt, *ids[: stop - 1]]]))[0, len(prompt) - 1 :])
        score = normalized(float(logp[np.arange(stop), np.array(ids[:stop])].sum()), stop, penalty)
        ended = ids[stop - 1] in ends
        found.add((score, ids[: stop - ended], ids[stop - 1] if ended else None))
    return sorted(found, key=lambda one: -one[0])


@pytest.mark.parametrize("penalty", [0.0, 0.6])
def test_of_several_ends_each_ends_a_sequence(rng, penalty):
    model, beams, ends = decoder_only(rng), V ** 3, (END, 1)
    found = beam_search(model, PROMPTS, length=3, beams=beams, end=ends, penalty=penalty)
    for prompt, hypotheses in zip(PROMPTS, found, strict=True):
        wanted = every_end(model, prompt, 3, ends, penalty)
        assert len(hypotheses) == len(wanted)
        assert [(h.ids, h.end) for h in hypotheses] == [(ids, end) for _, ids, end in wanted]
        scores = [score for score, _, _ in wanted]
        # each is a sum of three logarithms of order 1, added in another order
        np.testing.assert_allclose([h.score for h in hypotheses], scores, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [Transformer, TiedTransformer])
def test_a_model_that_encodes_finds_them_too(rng, kind):
    model, given = of_sources(rng, kind)
    found = beam_search(model, [[0]] * 3, length=3, beams=V ** 3, end=END, penalty=1.0, **given)
    for b, hypotheses in enumerate(found):
        one = {name: value[b : b + 1] for name, value in given.items()}
        expect_found(hypotheses[:10], everything(model, [0], 3, END, 1.0, **one)[:10])


@pytest.mark.parametrize("end", [None, END, (END, 1)])
def test_one_beam_is_greedy(rng, end):
    for _ in range(5):
        model = decoder_only(rng)
        found = beam_search(model, PROMPTS, length=8, beams=1, end=end)
        assert [list(h.ids) for (h,) in found] == generate(model, PROMPTS, length=8, end=end)
        model, given = of_sources(rng)
        found = beam_search(model, [[0]] * 3, length=6, beams=1, end=end, **given)
        assert [list(h.ids) for (h,) in found] == generate(model, [[0]] * 3, length=6, end=end, **given)


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_score_is_that_of_its_sequence_and_the_best_comes_first(rng, penalty):
    model = decoder_only(rng)
    for prompt, hypotheses in zip(PROMPTS, beam_search(
        model, PROMPTS, length=T, beams=3, end=END, penalty=penalty), strict=True):  # fmt: skip
        scores = dict(everything(model, prompt, T, END, penalty))
        np.testing.assert_allclose(
            [h.score for h in hypotheses], [scores[h.ids] for h in hypotheses], rtol=1e-12, atol=1e-12
        )
        assert [h.score for h in hypotheses] == sorted([h.score for h in hypotheses], reverse=True)
        assert len({h.ids for h in hypotheses}) == len(hypotheses)


def test_each_prompt_is_searched_as_if_alone(rng):
    model = decoder_only(rng)
    together = beam_search(model, PROMPTS, length=T, beams=3, end=END)
    for prompt, hypotheses in zip(PROMPTS, together, strict=True):
        (alone,) = beam_search(model, [prompt], length=T, beams=3, end=END)
        expect_found(hypotheses, [(h.ids, h.score) for h in alone])


@pytest.mark.parametrize(("penalty", "offset"), [(0.0, 5.0), (0.6, 5.0), (3.0, 5.0), (0.5, 0.0)])
def test_to_stop_early_changes_nothing(rng, monkeypatch, penalty, offset):
    stopped = []
    for _ in range(6):
        model = decoder_only(rng, 1.5)
        model = DecoderOnly(model.embedding, None, model.stack, Likely(model.output, END))
        given = {"length": 8, "beams": 2, "end": END, "penalty": penalty, "offset": offset}
        with monkeypatch.context() as patched:
            calls = count_steps(patched)
            early = beam_search(model, PROMPTS, **given)
            stopped.append(len(calls) < 8)
            patched.setattr(beam._Search, "is_done", lambda self: False)
            late = beam_search(model, PROMPTS, **given)
        for a, b in zip(early, late, strict=True):
            expect_found(a, [(h.ids, h.score) for h in b])
    assert any(stopped) or penalty


class Likely(Layer):
    """An output of which the end is likely."""

    inner: Layer
    token: int

    @property
    def width_out(self):
        return self.inner.width_out

    def ready(self):
        inner = self.inner.ready()
        return lambda x: inner(x) + 4.0 * (np.arange(self.width_out) == self.token)


def count_steps(patched):
    calls, step = [], DecoderOnly.step
    patched.setattr(DecoderOnly, "step", lambda *given: calls.append(1) or step(*given))
    return calls


def test_an_offset_of_0_divides_by_a_power_of_the_length():
    for length in (1, 2, 9):
        for penalty in (0.0, 0.7, 2.0):
            got = normalized(-3.0, length, penalty, 0.0)
            np.testing.assert_allclose(got, -3.0 / length**penalty, rtol=1e-15, atol=0)


def test_the_penalty_of_length_is_that_of_the_paper():
    assert normalized(-6.0, 7, 0.0) == -6.0 and normalized(-6.0, 7, 1.0) == -3.0 and normalized(-6.0, 1, 5.0) == -6.0


def test_more_beams_than_sequences(rng):
    (found,) = beam_search(decoder_only(rng), [[0]], length=1, beams=50, end=END)
    assert {h.ids for h in found} == {(), (0,), (1,), (2,)}


def test_a_vocabulary_of_one_token(rng):
    model = decoder_only(rng, vocabulary=1)
    assert [h.ids for h in beam_search(model, [[0]], length=3, beams=2)[0]] == [(0, 0, 0)]
    assert [h.ids for h in beam_search(model, [[0]], length=3, beams=2, end=0)[0]] == [()]


def test_every_token_may_be_an_end(rng):
    (found,) = beam_search(decoder_only(rng), [[0]], length=3, beams=3, end=list(range(V)))
    assert [h.ids for h in found] == [()] * 3 and len({h.end for h in found}) == 3


def test_it_runs_on_strict_arrays(rng):
    model, given = of_sources(rng)
    bare = beam_search(model, [[0]] * 3, length=T, beams=2, end=END, **given)
    strict = beam_search(move(model), [[0]] * 3, length=T, beams=2, end=END, **move(given))
    for a, b in zip(strict, bare, strict=True):
        expect_found(a, [(h.ids, h.score) for h in b])


# Pitfalls


def test_a_cache_that_is_not_reordered_is_caught(rng, monkeypatch):
    model = decoder_only(rng)
    monkeypatch.setattr(beam, "reorder", lambda cache, rows: None)
    found = beam_search(model, PROMPTS, length=T, beams=3)
    scores = [dict(everything(model, prompt, T, None, 0.0)) for prompt in PROMPTS]
    assert not all(
        np.isclose(h.score, scores[b][h.ids], rtol=1e-9, atol=0) for b, row in enumerate(found) for h in row
    )


def test_beams_that_all_begin_alike_are_caught(rng, monkeypatch):
    start = beam._Search.__init__

    def alike(self, *given):
        start(self, *given)
        self.totals = np.zeros(self.beams)

    monkeypatch.setattr(beam._Search, "__init__", alike)
    (found,) = beam_search(decoder_only(rng), [[0]], length=T, beams=3)
    assert len({h.ids for h in found}) < 3


def test_an_end_that_goes_on_is_caught(rng, monkeypatch):
    model = decoder_only(rng)
    found = beam_search(model, PROMPTS, length=T, beams=3, end=END)
    assert all(END not in h.ids for row in found for h in row)
    assert any(END in h.ids for row in beam_search(model, PROMPTS, length=T, beams=3) for h in row)


def test_sums_of_different_length_that_are_compared_are_caught(rng):
    model = decoder_only(rng)
    plain, long = (
        np.mean([len(row[0].ids) for row in beam_search(model, PROMPTS, length=8, beams=4, end=END, penalty=penalty)])
        for penalty in (0.0, 5.0)
    )
    assert long > plain


# Errors


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"beams": 0}, ValueError, "beam_search: beams must be at least 1, got 0"),
    ({"beams": 1.5}, TypeError, "beam_search: beams must be a whole number, got float"),
    ({"length": 0}, ValueError, "beam_search: length must be at least 1, got 0"),
    ({"penalty": -1}, ValueError, "beam_search: penalty must be finite and at least 0, got -1"),
    ({"offset": -1}, ValueError, "beam_search: offset must be finite and at least 0, got -1"),
    ({"prompts": [[]]}, ValueError, r"beam_search: prompts\[0\] must have shape \(T,\) with T at least 1, got \(0,\)"),
    ({"end": [0, V]}, ValueError, r"beam_search: end\[1\] must lie in \[0, 4\), got 4"),
    ({"end": V}, ValueError, r"beam_search: end must lie in \[0, 4\), got 4"),
])  # fmt: skip
def test_what_is_wrong_is_one_line(rng, given, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        beam_search(decoder_only(rng), **{"prompts": PROMPTS, "length": 3, "beams": 2} | given)


def test_the_cache_is_one_of_all_beams(rng, monkeypatch):
    made, init = [], Cache.__init__

    def counted(self, layer, batch, *rest):
        made.append(batch)
        init(self, layer, batch, *rest)

    monkeypatch.setattr(Cache, "__init__", counted)
    beam_search(decoder_only(rng), PROMPTS, length=2, beams=5)
    assert set(made) == {15}
