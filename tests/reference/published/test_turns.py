import math

import pytest

from reference.layers.rotary import Rotary
from reference.published import turns
from reference.published.config import Config

ENDS = {"factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 8192}


YARN = {"factor": 4, "original_max_position_embeddings": 32}


def yarn(**changes):
    usual = {"factor": 4.0, "length": 32, "high": 32.0, "gain": 1 + 0.1 * math.log(4)}
    return Rotary(**usual | changes, by_pairs=True)


def config(kind="llama", **entries):
    return Config("config.json", {"model_type": kind, "num_hidden_layers": 3} | entries)


@pytest.mark.parametrize(
    ("entries", "turn"),
    [
        ({}, Rotary()),
        ({"rope_theta": 5e5, "rope_scaling": None}, Rotary(5e5)),
        ({"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2}}, Rotary(5e5, 2.0)),
        ({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", **ENDS}}, Rotary(5e5, 8.0, 8192, 1.0, 4.0)),
        ({"rope_parameters": {"rope_theta": 5e5, "rope_type": "llama3", **ENDS}}, Rotary(5e5, 8.0, 8192, 1.0, 4.0)),
        ({"rope_parameters": {"rope_theta": 50, "rope_type": "default"}}, Rotary(50.0)),
        ({"rope_scaling": {"type": "yarn", **YARN}}, yarn()),
        ({"rope_scaling": {"type": "yarn", "factor": 4}, "max_position_embeddings": 32}, yarn()),
        ({"rope_scaling": {"type": "yarn", **YARN}, "original_max_position_embeddings": 8}, yarn(length=8)),
        ({"rope_scaling": {"type": "yarn", **YARN, "factor": 0.5}}, yarn(factor=0.5, gain=1.0)),
        ({"rope_scaling": {"type": "yarn", **YARN, "beta_slow": 2, "beta_fast": 9}}, yarn(low=2.0, high=9.0)),
        ({"rope_scaling": {"type": "yarn", **YARN, "attention_factor": 0.7}}, yarn(gain=0.7)),
        ({"rope_scaling": {"type": "yarn", **YARN, "mscale": 2}}, yarn()),
        ({"rope_scaling": {"type": "yarn", **YARN, "mscale": 2, "mscale_all_dim": 0.5}}, yarn(
            gain=(1 + 0.2 * math.log(4)) / (1 + 0.05 * math.log(4)))),
    ],
)
def test_old_and_new_entries_say_how_pairs_turn(entries, turn):
    assert repr(turns.rotary(config(**entries))) == repr(turn)


KINDS = "must be one of 'default', 'linear', 'llama3', 'yarn'"
LENGTHS = f"'rope_type' {KINDS}, whose turns do not change with how much is read, got "


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"rope_scaling": {"type": "su"}}, f"'type' {KINDS}, got 'su'"),
        ({"rope_scaling": {"rope_type": "longrope"}}, LENGTHS + "'longrope'"),
        ({"rope_scaling": {"rope_type": "dynamic", "factor": 2}}, LENGTHS + "'dynamic'"),
        ({"rope_scaling": {"type": "yarn", "factor": 4}},
         "must have an entry 'original_max_position_embeddings', got none"),
        ({"rope_scaling": {"type": "yarn", **YARN, "beta_slow": 40}},
         "'beta_slow' must be below beta_fast, 32.0, got 40.0"),
        ({"rope_scaling": {"type": "yarn", **YARN, "truncate": False}}, "'truncate' must be True, got False"),
        ({"rope_scaling": {"type": "yarn", **YARN, "attention_factor": 0}},
         "'attention_factor' must be above 0, got 0.0"),
        (
            {"rope_scaling": {"type": "yarn", **YARN}, "rope_theta": 1},
            "'rope_theta' must be above 1 where pairs turn by YaRN, got 1.0",
        ),
        ({"rope_scaling": {"rope_type": "linear"}}, "must have an entry 'factor', got none"),
        ({"rope_scaling": {"rope_type": "linear", "factor": "2"}}, "'factor' must be a number in [0, inf), got '2'"),
        ({"rope_scaling": 2}, "'rope_scaling' must be an object, got 2"),
        ({"partial_rotary_factor": 0.5}, "'partial_rotary_factor' must be one of 1, 1.0, got 0.5"),
        (
            {"rope_scaling": {"rope_type": "llama3", **ENDS, "low_freq_factor": 4}},
            "'low_freq_factor' must be below high_freq_factor, 4.0, got 4.0",
        ),
    ],
)
def test_another_rotation_is_refused_in_one_line(refused, entries, said):
    assert refused(turns.rotary, config(**entries)).endswith(said)


SEEN = {"use_sliding_window": True, "sliding_window": 5}


@pytest.mark.parametrize(
    ("kind", "entries", "windows"),
    [
        ("llama", {"sliding_window": 5}, [None] * 3),
        ("mistral", {"sliding_window": 5}, [5] * 3),
        ("mistral", {"sliding_window": None}, [None] * 3),
        ("mistral", {}, [4096] * 3),
        ("qwen2", {"sliding_window": 5}, [None] * 3),
        ("qwen2", SEEN, [None] * 3),
        ("qwen2", {**SEEN, "max_window_layers": 1}, [None, 5, 5]),
        ("qwen3", {**SEEN, "layer_types": ["sliding_attention", "full_attention", "full_attention"]}, [5, None, None]),
    ],
)
def test_windows_are_those_of_the_kind(kind, entries, windows):
    assert turns.windows(config(kind, **entries)) == windows


@pytest.mark.parametrize(
    ("entries", "windows"),
    [
        ({}, [4096, None, 4096]),
        ({"sliding_window": 5}, [5, None, 5]),
        ({"sliding_window": None}, [None] * 3),
        ({"sliding_window": 5, "layer_types": ["full_attention"] * 3}, [None] * 3),
    ],
)
def test_windows_of_gemma_2_are_in_every_other_block(entries, windows):
    said = config("gemma2", **entries)
    assert turns.alternating(said) == windows
    assert turns.alternating(config("gemma2", **turns.alternating_entries(windows))) == windows


def test_kinds_of_layers_must_be_known_and_as_many_as_layers(refused):
    for said in (["full_attention"], ["full_attention", "chunked", "chunked"], [[], [], []], "full"):
        got = refused(turns.windows, config("qwen2", layer_types=said))
        assert got == f"config.json: 'layer_types' must be 3 times full_attention or sliding_attention, got {said!r}"


def test_the_first_layer_with_a_window_must_be_a_number(refused):
    got = refused(turns.windows, config("qwen2", **SEEN, max_window_layers="all"))
    assert got == "config.json: 'max_window_layers' must be a number in [0, inf), got 'all'"


def test_more_layers_than_anybody_publishes_are_refused_at_once(refused):
    got = refused(turns.windows, config(num_hidden_layers=10**9))
    assert got == "config.json: 'num_hidden_layers' must be at most 10000, got 1000000000"


@pytest.mark.parametrize("turn", [
    Rotary(), Rotary(50.0, 2.0), Rotary(50.0, 8.0, 32, 0.5, 4.0), yarn(low=0.5, high=4.0, gain=1.3),
])
@pytest.mark.parametrize(
    ("kind", "windows"),
    [("llama", [None] * 3), ("mistral", [5] * 3), ("qwen2", [None, 5, None]), ("qwen3", [None] * 3)],
)
def test_what_is_written_says_the_same(turn, kind, windows):
    said = config(kind, **turns.entries(kind, turn, windows))
    assert repr(turns.rotary(said)) == repr(turn) and turns.windows(said) == windows
