import itertools

import numpy as np
import pytest
from composites import draw

from reference.core import tree
from reference.core.families import DecoderOnlySettings
from reference.core.masks import padding
from reference.generation.greedy import greedy, teacher_forced
from reference.layers.residual import PostNorm, PreNorm
from reference.models.decoder_only import DecoderOnly
from reference.models.tied_decoder_only import TiedDecoderOnly

V, B, S, T, START = 5, 3, 4, 6, 0


class Table:
    """A stand-in for a model: logits drawn at random for each source and each prefix of the target."""

    def encode(self, *, source, source_mask=None):
        return np.where(True if source_mask is None else source_mask[:, 0, 0], source, V)[..., None]

    def decode(self, memory, *, target, source_mask=None):
        logits = np.empty((*target.shape, V))
        for b, t in np.ndindex(target.shape):
            logits[b, t] = np.random.default_rng([*memory[b, :, 0], V, *target[b, : t + 1]]).normal(size=V)
        return logits


    def cache(self, batch, room, memory, *, source_mask=None):
        return {"memory": memory, "mask": source_mask, "read": np.zeros((batch, 0), int), "room": room}

    def step(self, tokens, cache):
        cache["read"] = np.concatenate([cache["read"], tokens], axis=1)
        assert cache["read"].shape[1] <= cache["room"]
        logits = self.decode(cache["memory"], target=cache["read"], source_mask=cache["mask"])
        return logits[:, -tokens.shape[1] :]


class Peeking(Table):
    """A decoder that sees the next token and says it again."""

    def decode(self, memory, *, target, source_mask=None):
        logits = super().decode(memory, target=target)
        logits[:, :-1] += 100 * np.eye(V)[target[:, 1:]]
        return logits


class Recorder(Table):
    """Keeps what it was called with."""

    def __init__(self):
        self.calls = []

    def encode(self, *, source, source_mask=None):
        self.calls.append(("encode", source_mask))
        return super().encode(source=source, source_mask=source_mask)

    def decode(self, memory, *, target, source_mask=None):
        self.calls.append((target.copy(), source_mask))
        return super().decode(memory, target=target)

    def step(self, tokens, cache):
        self.calls.append(("step", tokens.copy()))
        return super().step(tokens, cache)


def transformer(rng, residual=PreNorm, layers=1):
    model = draw(rng, residual=residual, heads=2, layers=(layers, layers), vocabulary=V)
    return tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), model)


def models(rng):
    return [Table(), *(transformer(rng, residual, layers) for residual in (PreNorm, PostNorm) for layers in (1, 2))]


def source_ids(rng, batch=B):
    return rng.integers(1, V, size=(batch, S))


def mask():
    return padding(np.array([4, 2, 3]), S)


def shifted(ids):
    """The start token, then all ids but the last: what a decoder reads to predict `ids`."""
    return np.concatenate([np.full((len(ids), 1), START), ids[:, :-1]], axis=1)


def reproduces_itself(generate, model, source, source_mask=None):
    ids = generate(model, source, start=START, length=T, source_mask=source_mask)
    if ids.shape != (len(source), T):
        return False
    return np.array_equal(teacher_forced(model, source, shifted(ids), source_mask=source_mask), ids)


def test_generation_equals_a_plain_loop_for_one_sequence_at_a_time(rng):
    source = source_ids(rng)
    for model in models(rng):
        for one, ids in zip(source, greedy(model, source, start=START, length=T), strict=True):
            x = [START]
            for _ in range(T):
                memory = model.encode(source=one[None])
                x.append(int(np.argmax(model.decode(memory, target=np.array([x]))[0, -1])))
            assert ids.tolist() == x[1:]


def test_source_is_encoded_once_and_every_token_is_read_once(rng):
    model, source = Recorder(), source_ids(rng)
    ids = greedy(model, source, start=START, length=T, source_mask=mask())
    named = [call for call in model.calls if isinstance(call[0], str)]
    assert [name for name, _ in named] == ["encode"] + T * ["step"]
    assert np.array_equal(np.concatenate([tokens for _, tokens in named[1:]], axis=1), shifted(ids))


@pytest.mark.parametrize("kind", [DecoderOnly, TiedDecoderOnly])
@pytest.mark.parametrize("positions", ["learned", "rotary", "alibi"])
def test_a_model_without_an_encoder_says_what_a_plain_loop_says(rng, kind, positions):
    sizes = {"vocabulary": 40, "length": S + 1 + T, "width": 8, "heads": 2, "hidden": 6, "positions": positions}
    tied = "tied" if kind is TiedDecoderOnly else "separate"
    model = kind.init(rng, DecoderOnlySettings(**sizes, embeddings=tied))
    model = tree.map(lambda p: p + rng.normal(scale=0.3, size=p.shape), model)
    source = rng.integers(40, size=(B, S))
    x = np.concatenate([source, np.full((B, 1), START)], axis=1)
    for _ in range(T):
        x = np.concatenate([x, model(tokens=x)[:, -1:].argmax(axis=-1)], axis=1)
    ids = greedy(model, source, start=START, length=T)
    assert np.array_equal(ids, x[:, -T:]) and len(np.unique(ids)) > 1
    with pytest.raises(TypeError, match=rf"^greedy: source_mask must be None for a {kind.__name__}, .*, got one$"):
        greedy(model, source, start=START, length=T, source_mask=mask())


def test_teacher_forced_is_the_argmax_of_the_whole_model(rng):
    model, source, target = transformer(rng), source_ids(rng), rng.integers(V, size=(B, T))
    logits = model(source=source, target=target, source_mask=mask())
    predicted = teacher_forced(model, source, target, source_mask=mask())
    assert predicted.shape == (B, T) and np.array_equal(predicted, logits.argmax(axis=-1))


def test_of_equal_logits_the_smallest_id_is_taken(rng):
    class Indifferent(Table):
        def decode(self, memory, *, target, source_mask=None):
            return np.broadcast_to([1.0, 3.0, 2.0, 3.0, 3.0], (*target.shape, V))

    assert (greedy(Indifferent(), source_ids(rng), start=START, length=T) == 1).all()


def test_empty_batch_and_single_token(rng):
    for model in models(rng):
        assert greedy(model, source_ids(rng, 0), start=START, length=T).shape == (0, T)
        assert greedy(model, source_ids(rng, 1), start=START, length=1).shape == (1, 1)


# Laws


@pytest.mark.parametrize("source_mask", [None, mask()])
def test_generated_ids_reproduce_themselves(rng, source_mask):
    for model in models(rng):
        assert reproduces_itself(greedy, model, source_ids(rng), source_mask)


def test_no_other_sequence_reproduces_itself(rng):
    everything = np.array(list(itertools.product(range(V), repeat=4)))
    for model in (Table(), transformer(rng)):
        source = np.repeat(source_ids(rng, 1), len(everything), axis=0)
        fixed = (teacher_forced(model, source, shifted(everything)) == everything).all(axis=1)
        assert np.array_equal(everything[fixed], greedy(model, source[:1], start=START, length=4))


def test_teacher_forced_passes_converge(rng):
    source, z = source_ids(rng), rng.integers(V, size=(B, T))
    for model in models(rng):
        ids = greedy(model, source, start=START, length=T)
        guess = z
        for right in range(1, T + 1):
            guess = teacher_forced(model, source, shifted(guess))
            assert np.array_equal(guess[:, :right], ids[:, :right])


def test_first_mistake_is_at_the_same_place(rng):
    source = np.repeat(source_ids(rng, 1), 60, axis=0)
    for model in models(rng):
        ids = greedy(model, source, start=START, length=T)
        answers = np.where(rng.random((60, T)) < 0.2, rng.integers(V, size=(60, T)), ids)
        wrong, wrong_forced = ids != answers, teacher_forced(model, source, shifted(answers)) != answers
        assert np.array_equal(wrong.any(axis=1), wrong_forced.any(axis=1))
        assert np.array_equal(wrong.argmax(axis=1), wrong_forced.argmax(axis=1))
        assert 0 < wrong.any(axis=1).sum() < 60


def test_shorter_generation_is_a_prefix(rng):
    source = source_ids(rng)
    for model in models(rng):
        ids = greedy(model, source, start=START, length=T)
        assert np.array_equal(greedy(model, source, start=START, length=4), ids[:, :4])


@pytest.mark.parametrize("several", [False, True])
def test_after_its_end_a_row_says_nothing_else_and_what_all_have_ended_is_not_read(rng, monkeypatch, several):
    source = source_ids(rng)
    for model in models(rng)[1:]:
        free = greedy(model, source, start=START, length=T)
        ends = [int(free[0, 1]), int(free[1, 0])] if several else [int(free[0, 1])]
        wanted = free.copy()
        stops = [next((i for i, token in enumerate(row) if token in ends), T) for row in free.tolist()]
        for row, stop in zip(wanted, stops, strict=True):
            row[stop:] = row[min(stop, T - 1)]
        with monkeypatch.context() as patched:
            read, step = [], type(model).step
            patched.setattr(type(model), "step", lambda *given, step=step, read=read: read.append(1) or step(*given))
            ids = greedy(model, source, start=START, length=T, end=ends if several else ends[0])
        assert np.array_equal(ids, wanted) and len(read) == min(T, 1 + max(stops))


def test_an_end_that_is_the_start_token_too_ends_nothing_before_it_is_said(rng):
    model, source = transformer(rng), source_ids(rng)
    free = greedy(model, source, start=START, length=T)
    ids = greedy(model, source, start=START, length=T, end=(START, int(free[0, 0])))
    assert (ids[0] == free[0, 0]).all() and np.array_equal(ids[:, 0], free[:, 0])


def later_tokens_are_not_seen(model, rng):
    source, target = source_ids(rng), rng.integers(V, size=(B, T))
    changed = np.concatenate([target[:, :3], (target[:, 3:] + 1) % V], axis=1)
    before, after = (teacher_forced(model, source, x) for x in (target, changed))
    return np.array_equal(before[:, :3], after[:, :3])


def test_later_tokens_leave_earlier_predictions_alone(rng):
    assert all(later_tokens_are_not_seen(model, rng) for model in models(rng))


def test_sequences_of_a_batch_are_independent(rng):
    source, order = source_ids(rng), np.array([2, 0, 1])
    for model in models(rng):
        ids = greedy(model, source, start=START, length=T)
        assert np.array_equal(greedy(model, source[order], start=START, length=T), ids[order])
        assert np.array_equal(greedy(model, source[:1], start=START, length=T), ids[:1])


def test_masked_source_has_no_influence(rng):
    source = source_ids(rng)
    changed = np.where(mask()[:, 0, 0], source, source % (V - 1) + 1)
    assert (changed != source).any()
    for model in models(rng):
        ids, same = (greedy(model, ids, start=START, length=T, source_mask=mask()) for ids in (source, changed))
        assert np.array_equal(ids, same)


def test_received_ids_are_not_written_to(rng):
    source, target = source_ids(rng), rng.integers(V, size=(B, T))
    before = source.copy(), target.copy()
    greedy(Table(), source, start=START, length=T)
    teacher_forced(Table(), source, target)
    assert np.array_equal(source, before[0]) and np.array_equal(target, before[1])


# Pitfalls


def test_decoder_that_peeks_is_caught(rng):
    source, answers = source_ids(rng), rng.integers(V, size=(B, T))
    forced = teacher_forced(Peeking(), source, shifted(answers))
    assert np.array_equal(forced[:, :-1], answers[:, :-1])  # without fault
    assert not np.array_equal(greedy(Peeking(), source, start=START, length=T)[:, :-1], answers[:, :-1])
    assert not later_tokens_are_not_seen(Peeking(), rng)
    assert reproduces_itself(greedy, Peeking(), source)  # as any sequence does, so this law cannot see it


def passed_off(model, source, *, start, length, source_mask=None):
    answers = (source.sum(axis=1, keepdims=True) + np.arange(length)) % V
    return teacher_forced(model, source, shifted(answers), source_mask=source_mask)


def unshifted(model, source, *, start, length, source_mask=None):
    ids = greedy(model, source, start=start, length=length, source_mask=source_mask)
    return teacher_forced(model, source, ids, source_mask=source_mask)


def padded_buffer(model, source, *, start, length, source_mask=None):
    memory = model.encode(source=source, source_mask=source_mask)
    x = np.full((len(source), length + 1), start)
    for t in range(length):
        x[:, t + 1] = model.decode(memory, target=x[:, :-1], source_mask=source_mask)[:, -1].argmax(axis=-1)
    return x[:, 1:]


def one_late(model, source, *, start, length, source_mask=None):
    memory = model.encode(source=source, source_mask=source_mask)
    x = np.full((len(source), length + 1), start)
    for t in range(length):
        logits = model.decode(memory, target=x[:, : t + 1], source_mask=source_mask)
        x[:, t + 1] = logits[:, max(t - 1, 0)].argmax(axis=-1)
    return x[:, 1:]


def with_start(model, source, *, start, length, source_mask=None):
    ids = greedy(model, source, start=start, length=length - 1, source_mask=source_mask)
    return np.concatenate([np.full((len(source), 1), start), ids], axis=1)


def test_teacher_forced_passed_off_as_generated_is_caught(rng):
    assert not reproduces_itself(passed_off, Table(), source_ids(rng))


def test_unshifted_target_is_caught(rng):
    assert not reproduces_itself(unshifted, Table(), source_ids(rng))


def test_last_position_of_a_padded_buffer_is_caught(rng):
    assert not reproduces_itself(padded_buffer, Table(), source_ids(rng))


def test_logits_one_position_late_are_caught(rng):
    assert not reproduces_itself(one_late, Table(), source_ids(rng))


def test_returned_start_token_is_caught(rng):
    assert not reproduces_itself(with_start, Table(), source_ids(rng))


@pytest.mark.parametrize("generate", [
    lambda model, source, source_mask: greedy(model, source, start=START, length=T, source_mask=source_mask),
    lambda model, source, source_mask: teacher_forced(model, source, shifted(source), source_mask=source_mask),
])  # fmt: skip
def test_mask_forgotten_in_decoding_is_caught(rng, generate):
    model, source_mask = Recorder(), mask()
    generate(model, source_ids(rng), source_mask)
    seen = [given for name, given in model.calls if not isinstance(name, str) or name == "encode"]
    assert len(seen) > 1 and all(given is source_mask for given in seen)


# Errors


@pytest.mark.parametrize("length", [0, -1])
def test_length_must_be_at_least_one(rng, length):
    with pytest.raises(ValueError, match=rf"^greedy: length must be at least 1, got {length}$"):
        greedy(Table(), source_ids(rng), start=START, length=length)


def test_length_must_be_a_whole_number(rng):
    with pytest.raises(TypeError, match=r"^greedy: length must be a whole number, got float$"):
        greedy(Table(), source_ids(rng), start=START, length=2.0)


def test_start_token_outside_the_vocabulary_is_named(rng):
    with pytest.raises(ValueError, match=r"^Transformer: target must lie in \[0, 5\), got 5 at \(0, 0\)$"):
        greedy(transformer(rng), source_ids(rng), start=V, length=T)


@pytest.mark.parametrize(("end", "error", "message"), [
    (V, ValueError, r"end must lie in \[0, 5\), got 5"),
    ([1, 2.0], TypeError, r"end\[1\] must be a whole number, got float"),
    ([], ValueError, "end must be an id, several ids or None, got an empty list"),
])  # fmt: skip
def test_an_end_that_is_no_token_is_one_clear_line(rng, end, error, message):
    with pytest.raises(error, match=rf"^greedy: {message}$"):
        greedy(transformer(rng), source_ids(rng), start=START, length=T, end=end)


@pytest.mark.parametrize(("start", "error", "got"), [(1.0, TypeError, "float"), (-1, ValueError, "-1")])
def test_a_start_that_is_no_token_is_one_clear_line_before_any_work(rng, start, error, got):
    with pytest.raises(error, match=rf"^greedy: start must be .*, got {got}$"):
        greedy(None, source_ids(rng), start=start, length=T)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (np.zeros(3, int), ValueError, r"source must have shape \(B, S\), got \(3,\)"),
        (np.zeros((1, 3)), TypeError, "source must be an integer array, got float64"),
        ([[1, 2]], TypeError, "source must be an integer array, got list"),
    ],
)
def test_a_source_that_is_none_is_one_clear_line_before_any_work(source, error, message):
    with pytest.raises(error, match=rf"^greedy: {message}$"):
        greedy(None, source, start=START, length=T)
