"""What every way to generate is given is looked at before any work."""

import numpy as np
import pytest

from reference.core.families import DecoderOnlySettings
from reference.generation.beam import beam_search
from reference.generation.greedy import greedy, teacher_forced
from reference.generation.sampling import Sampling, temper
from reference.generation.speculative import speculate
from reference.generation.stream import generate, stream
from reference.layers.layernorm import LayerNorm
from reference.models.decoder_only import DecoderOnly

SETTINGS = DecoderOnlySettings(vocabulary=7, length=12, width=8, heads=2)
MODEL = DecoderOnly.init(np.random.default_rng(0), SETTINGS)
IDS = np.array([[1, 2]])


def rng():
    return np.random.default_rng(0)


WAYS = {
    "greedy": lambda model: greedy(model, IDS, start=0, length=2),
    "teacher_forced": lambda model: teacher_forced(model, IDS, IDS),
    "stream": lambda model: stream(model, [[1]], length=2),
    "generate": lambda model: generate(model, [[1]], length=2),
    "beam_search": lambda model: beam_search(model, [[1]], length=2, beams=1),
    "speculate": lambda model: speculate(model, MODEL, [1], length=2, ahead=1, rng=rng()),
    "a small model": lambda model: speculate(MODEL, model, [1], length=2, ahead=1, rng=rng()),
}
PROMPTED = {
    "stream": lambda prompts: stream(MODEL, prompts, length=2),
    "generate": lambda prompts: generate(MODEL, prompts, length=2),
    "beam_search": lambda prompts: beam_search(MODEL, prompts, length=2, beams=1),
}


@pytest.mark.parametrize(
    ("model", "got"),
    [(None, "NoneType"), ("x", "str"), (LayerNorm.init(4), "LayerNorm"), (DecoderOnly, "the class DecoderOnly")],
    ids=str,
)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_model_is_one_clear_line(way, model, got):
    methods = "encode and decode" if way == "teacher_forced" else "cache and step"
    with pytest.raises(TypeError, match=rf"^\w+: (model|small) must be a model with {methods}, got {got}$"):
        WAYS[way](model)


@pytest.mark.parametrize(
    ("prompts", "error", "message"),
    [
        (np.array(3), ValueError, "prompts must be a sequence of at least one prompt, got ndarray"),
        ("12", ValueError, "prompts must be a sequence of at least one prompt, got str"),
        ([[1], [1, [2]]], ValueError, r"prompts\[1\] must have shape \(T,\) with .*, got lists within a list"),
        ([[2**63]], ValueError, r"prompts\[0\] must lie in \[0, 7\), got 9223372036854775808 at \(0,\)"),
        ([[2**70]], TypeError, r"prompts\[0\] must be an integer array, got object"),
    ],
)
@pytest.mark.parametrize("way", PROMPTED)
def test_prompts_that_are_none_are_one_clear_line(way, prompts, error, message):
    with pytest.raises(error, match=rf"^(stream|beam_search): {message}$"):
        PROMPTED[way](prompts)


@pytest.mark.parametrize("start", [2**63, 2**70, 10**5000], ids=["64 bits", "71 bits", "5,000 digits"])
def test_a_start_that_is_no_index_is_one_clear_line(start):
    with pytest.raises(ValueError, match=r"^greedy: start must be at most 100,000,000, got .{1,60}$"):
        greedy(MODEL, IDS, start=start, length=2)


@pytest.mark.parametrize("penalty", [1e308, 1e4, np.float64(1e5)])
def test_a_penalty_that_leaves_no_score_is_one_clear_line(penalty):
    with pytest.raises(ValueError, match=r"^beam_search: penalty must be one for which 9 tokens have a score, got 1"):
        beam_search(MODEL, [[1]], length=9, beams=2, penalty=penalty)
    assert beam_search(MODEL, [[1]], length=9, beams=1, penalty=500)[0][0].score <= 0


def test_a_temperature_of_few_bits_is_compared_in_all_of_them():
    logits = np.array([[1.0, 3.0]])
    assert np.array_equal(temper(logits, np.float16(0.5)), temper(logits, 0.5))
    assert type(Sampling(temperature=np.float16(0.5)).temperature) is float
