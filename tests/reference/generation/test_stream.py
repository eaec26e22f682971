import numpy as np
import pytest
from dispatched import move
from strict import numbers

from reference.core import tree
from reference.core.families import DecoderOnlySettings, TransformerSettings
from reference.core.masks import padding
from reference.generation.greedy import greedy
from reference.generation.sampling import Sampling, draw
from reference.generation.stream import GREEDY, generate, side_by_side, stream
from reference.models.decoder_only import DecoderOnly
from reference.models.tied import TiedTransformer
from reference.models.tied_decoder_only import TiedDecoderOnly
from reference.models.transformer import Transformer

V, N = 7, 6
PROMPTS = [[1, 2, 3, 4], [5], [6, 0]]
MASK = padding(np.array([5, 3, 1]), 5)
DRAWN = Sampling(temperature=0.9, k=5, p=0.95, penalty=1.3)


def generic(rng, model):
    return tree.map(lambda p: p + rng.normal(scale=0.6, size=p.shape), model.astype(np.float64))


class Told(np.random.Generator):
    """Draws the number that it is told."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def random(self, shape):
        return np.full(shape, self.u)


def families(rng):
    """Yield (model, what is given besides, prompts) of every family, in all its variants of positions."""
    sizes = {"vocabulary": V, "length": 12, "width": 8, "heads": 4, "key_value_heads": 2, "hidden": 6}
    for positions, window in (("learned", None), ("sinusoidal", None), ("rotary", None), ("rotary", 3), ("alibi", 3)):
        settings = DecoderOnlySettings(**sizes, positions=positions, window=window)
        model = generic(rng, DecoderOnly.init(rng, settings))
        yield model, {}, PROMPTS
        yield TiedDecoderOnly.tie(model), {}, PROMPTS
    for kind, embeddings in ((Transformer, "separate"), (TiedTransformer, "tied")):
        for norm in ("pre", "post"):
            settings = TransformerSettings(
                vocabulary=V, width=8, heads=2, hidden=6, decoder_layers=2, norm=norm, embeddings=embeddings
            )
            model = generic(rng, kind.init(rng, settings))
            yield model, {"source": rng.integers(V, size=(3, 5)), "source_mask": MASK}, [[0], [0], [0]]


def again(model, prompt, said, row, given):
    """The logits after a prompt and what was said, from one pass over everything."""
    read = np.array([[*prompt, *said]])
    if not given:
        return model(tokens=read)[:, -1]
    source, mask = given["source"][row : row + 1], given["source_mask"][row : row + 1]
    memory = model.encode(source=source, source_mask=mask)
    return model.decode(memory, target=read, source_mask=mask)[:, -1]


def without_cache(model, prompts, given, choose, end=None):
    rows = []
    for b, prompt in enumerate(prompts):
        said = []
        while len(said) < N and (end is None or end not in said):
            said.append(choose(again(model, prompt, said, b, given), [*prompt, *said], b, len(said)))
        rows.append(said[:-1] if end in said else said)
    return rows


def likeliest(logits, *_):
    return int(logits.argmax())


# Laws


def test_every_model_says_what_it_says_without_a_cache(rng):
    for model, given, prompts in families(rng):
        plain = without_cache(model, prompts, given, likeliest)
        assert generate(model, prompts, length=N, **given) == plain
        end = plain[0][2]
        plain = without_cache(model, prompts, given, likeliest, end)
        assert generate(model, prompts, length=N, end=end, **given) == plain


def test_it_is_greedy_generation_for_a_model_that_encodes(rng):
    model, given, prompts = list(families(rng))[-1]
    assert generate(model, prompts, length=N, **given) == greedy(model, start=0, length=N, **given).tolist()


def test_prompts_of_different_length_are_as_if_alone(rng):
    for model, given, prompts in families(rng):
        if not given:
            alone = [generate(model, [prompt], length=N)[0] for prompt in prompts]
            assert generate(model, prompts, length=N) == alone


def test_a_shorter_one_is_the_beginning_of_a_longer_one(rng):
    for model, given, prompts in families(rng):
        long, short = (generate(model, prompts, length=n, **given) for n in (N, 3))
        assert [row[:3] for row in long] == short


def test_the_same_seed_says_the_same_and_as_without_a_cache(rng):
    for model, given, prompts in families(rng):
        drawn = lambda seed: generate(  # noqa: E731
            model, prompts, length=N, sampling=DRAWN, rng=np.random.default_rng(seed), **given  # noqa: B023
        )
        u = np.random.default_rng(3).random((N, len(prompts)))

        def choose(logits, read, b, n, told=Told(), u=u):  # noqa: B008
            told.u = u[n, b]
            return int(draw(DRAWN(logits, np.isin(np.arange(V), read)[None]), told)[0])

        assert drawn(3) == drawn(3) == without_cache(model, prompts, given, choose)
        assert drawn(3) != drawn(4)


def test_after_its_end_a_row_says_nothing_else(rng):
    for model, given, prompts in families(rng):
        free = np.array(list(stream(model, prompts, length=N, **given))).T
        end = int(free[0, 1])
        told = np.array(list(stream(model, prompts, length=N, end=end, **given))).T
        for row, wanted in zip(told, free, strict=True):
            stop = list(wanted).index(end) if end in wanted else N
            assert np.array_equal(row[: stop + 1], wanted[: len(row)][: stop + 1]) and (row[stop:] == end).all()
        assert told.shape[1] == min(N, 1 + max([*row, end].index(end) for row in free.tolist()))


def test_of_several_ends_a_row_says_the_one_that_it_said_first_to_the_end(rng):
    for model, given, prompts in families(rng):
        free = np.array(list(stream(model, prompts, length=N, **given))).T
        ends = [int(free[0, 1]), int(free[1, 2])]
        told = np.array(list(stream(model, prompts, length=N, end=ends, **given))).T
        stops = [next((i for i, token in enumerate(row) if token in ends), N) for row in free.tolist()]
        assert told.shape[1] == min(N, 1 + max(stops))
        for row, wanted, stop in zip(told, free, stops, strict=True):
            expected = [*wanted[: stop + 1], *[wanted[min(stop, N - 1)]] * N][: len(row)]
            assert row.tolist() == expected
        said = generate(model, prompts, length=N, end=tuple(ends), **given)
        assert said == [row[:stop] for row, stop in zip(free.tolist(), stops, strict=True)]


def counted(monkeypatch, kind=DecoderOnly):
    read, step = [], kind.step
    monkeypatch.setattr(kind, "step", lambda self, ids, cache: read.append(ids.shape) or step(self, ids, cache))
    return read


def test_tokens_are_made_as_they_are_asked_for(rng, monkeypatch):
    model, _, prompts = next(families(rng))
    read = counted(monkeypatch)
    said = stream(model, prompts, length=N)
    assert read == []
    next(said)
    assert read == [(3, 4)]
    next(said)
    assert read == [(3, 4), (3, 1)]


def test_no_token_is_read_twice(rng, monkeypatch):
    model, _, prompts = next(families(rng))
    read = counted(monkeypatch)
    generate(model, prompts, length=N)
    assert sum(more for _, more in read) == 4 + N - 1


def test_float32_ids_and_other_kinds_of_prompts(rng):
    model, _, prompts = next(families(rng))
    rows = np.array([[1, 2], [3, 4]])
    assert generate(model, rows, length=N) == generate(model, rows.tolist(), length=N)
    assert generate(model, tuple(map(np.array, prompts)), length=N) == generate(model, prompts, length=N)
    ids = next(stream(model.astype(np.float32), prompts, length=1))
    assert ids.shape == (3,) and ids.dtype.kind == "i"


def test_it_runs_on_strict_arrays(rng):
    for model, given, prompts in families(rng):
        for settings in ({}, {"end": 2}, {"sampling": DRAWN, "end": 2}):
            drawn = lambda: {"rng": np.random.default_rng(1)} if "sampling" in settings else {}  # noqa: E731, B023
            bare = generate(model, prompts, length=N, **given, **settings, **drawn())
            assert generate(move(model), prompts, length=N, **move(given), **settings, **drawn()) == bare
    assert numbers(next(stream(move(model), prompts, length=1, **move(given)))).shape == (3,)


# Pitfalls


def test_padding_on_the_right_is_caught(rng):
    model, _, prompts = next(families(rng))
    right = [[*prompt, *[0] * (4 - len(prompt))] for prompt in prompts]
    assert generate(model, right, length=N)[1:] != generate(model, prompts, length=N)[1:]
    tokens, starts = side_by_side("A", prompts, V)
    assert tokens.tolist() == [[1, 2, 3, 4], [0, 0, 0, 5], [0, 0, 6, 0]] and starts.tolist() == [0, 3, 2]
    assert side_by_side("A", [[1], [2]], V)[1] is None


def test_a_loop_that_stops_at_the_first_end_is_caught(rng):
    model, _, prompts = next(families(rng))
    free = generate(model, prompts, length=N)
    end = next(token for token in free[0] if any(token not in row for row in free[1:]))
    told = generate(model, prompts, length=N, end=end)
    assert max(map(len, told)) > min(map(len, told))


def test_a_penalty_that_does_not_see_what_was_said_is_caught(rng):
    model, _, _ = next(families(rng))
    once = Sampling(temperature=0, penalty=1e6)
    for prompt in ([1], [2, 3]):
        (row,) = generate(model, [prompt], length=V - len(prompt) - 1, sampling=once)
        scores = [again(model, prompt, row[:n], 0, {})[0] for n in range(len(row))]
        for n, logits in enumerate(scores):
            fresh = [v for v in range(V) if v not in [*prompt, *row[:n]] and logits[v] > 0]
            assert not fresh or row[n] in fresh  # one that was said is near 0, or far below


# Errors


@pytest.mark.parametrize(("given", "error", "message"), [
    ({"length": 0}, ValueError, "length must be at least 1, got 0"),
    ({"length": 2.0}, TypeError, "length must be a whole number, got float"),
    ({"sampling": 0.7}, TypeError, "sampling must be a Sampling, got float"),
    ({"sampling": Sampling()}, TypeError,
     r"rng must be a numpy\.random\.Generator where tokens are drawn, got NoneType"),
    ({"sampling": Sampling(), "rng": 7}, TypeError,
     r"rng must be a numpy\.random\.Generator where tokens are drawn, got int"),
    ({"sampling": Sampling(temperature=0, banned=(1, V))}, ValueError, r"a banned id must lie in \[0, 7\), got 7"),
    ({"sampling": Sampling(temperature=0, bias=np.zeros(4))}, ValueError, r"bias must have shape \(7,\), got \(4,\)"),
    ({"sampling": Sampling(temperature=0, banned=tuple(range(V)))}, ValueError,
     "bias and banned must leave one of the 7 tokens, got none"),
    ({"sampling": Sampling(temperature=0, banned=(0,), bias=np.where(np.arange(V) == 0, 0, -np.inf))}, ValueError,
     "bias and banned must leave one of the 7 tokens, got none"),
    ({"end": V}, ValueError, r"end must lie in \[0, 7\), got 7"),
    ({"end": (1, V)}, ValueError, r"end\[1\] must lie in \[0, 7\), got 7"),
    ({"end": ()}, ValueError, "end must be an id, several ids or None, got an empty tuple"),
    ({"end": "."}, TypeError, "end must be a whole number, got str"),
    ({"prompts": []}, ValueError, "prompts must be a sequence of at least one prompt, got list"),
    ({"prompts": "text"}, ValueError, "prompts must be a sequence of at least one prompt, got str"),
    ({"prompts": [[1], []]}, ValueError, r"prompts\[1\] must have shape \(T,\) with T at least 1, got \(0,\)"),
    ({"prompts": [1, 2]}, ValueError, r"prompts\[0\] must have shape \(T,\) with T at least 1, got \(\)"),
    ({"prompts": [[1], [1, 7]]}, ValueError, r"prompts\[1\] must lie in \[0, 7\), got 7 at \(1,\)"),
    ({"prompts": [[0.5]]}, TypeError, r"prompts\[0\] must be an integer array, got float64"),
    ({"source": np.zeros((1, 3), int)}, TypeError,
     "source must be None for a DecoderOnly, which does not encode, got one"),
])  # fmt: skip
def test_what_is_wrong_is_one_line_before_any_token_is_asked_for(rng, given, error, message):
    model, _, _ = next(families(rng))
    given = {"prompts": PROMPTS, "length": N} | given
    with pytest.raises(error, match=f"^stream: {message}$"):
        stream(model, given.pop("prompts"), **given)


def test_a_prompt_longer_than_the_positions_is_one_line(rng):
    model, _, _ = next(families(rng))
    generate(model, [[1] * 4], length=9)
    message = r"^LearnedPositions\.cache: room must be at most the 12 positions of the table, got 13$"
    with pytest.raises(ValueError, match=message):
        stream(model, [[1] * 4], length=10)


def test_a_model_that_encodes_needs_a_source_of_its_rows(rng):
    model, given, prompts = list(families(rng))[-1]
    with pytest.raises(TypeError, match=r"^stream: source must be given for a TiedTransformer, .*, got None$"):
        stream(model, prompts, length=N)
    with pytest.raises(ValueError, match=r"memory must have shape \(2, S, 8\), got \(3, 5, 8\)$"):
        stream(model, prompts[:2], length=N, **given)


def test_the_default_is_greedy():
    assert GREEDY.temperature == 0
