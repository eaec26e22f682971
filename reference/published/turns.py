"""What the configs of Llama and its kin say of positions: how pairs turn, and how far back a position sees."""

import math
from typing import Any

from reference.layers.rotary import Rotary
from reference.published.config import LAYERS, Config

# What older configs say in two entries, newer ones say in one.
OLD, NEW = "rope_scaling", "rope_parameters"
LENGTH = "original_max_position_embeddings"
FULL, SLIDING = "full_attention", "sliding_attention"
BASE, WINDOW, FIRST = 10000.0, 4096, 28  # where a config says none


def rotary(config: Config) -> Rotary:
    """Return the rotation of a config."""
    given = config.part(NEW if NEW in config.entries else OLD)
    base = given.number("rope_theta", config.number("rope_theta", BASE))
    given.choice("partial_rotary_factor", (1, 1.0), config.choice("partial_rotary_factor", (1, 1.0), 1))
    kind = _kind(given, "rope_type", _kind(given, "type", "default"))
    if kind == "default":
        return Rotary(base)
    if kind == "linear":
        return Rotary(base, given.number("factor"))
    if kind == "yarn":
        return _yarn(config, given, base)
    ends = [given.number(f"{end}_freq_factor") for end in ("low", "high")]
    if not ends[0] < ends[1]:
        raise given.wrong("low_freq_factor", f"below high_freq_factor, {ends[1]}", ends[0])
    return Rotary(base, given.number("factor"), given.size(LENGTH), *ends)


KINDS = "default", "linear", "llama3", "yarn"
BY_LENGTH = "dynamic", "longrope"  # by which a token is turned anew once more of them have been read


def _kind(given: Config, name: str, default: str) -> str:
    """Return how speeds are made."""
    if given.entries.get(name) in BY_LENGTH:
        must = f"one of {', '.join(map(repr, KINDS))}, whose turns do not change with how much is read"
        raise given.wrong(name, must, given.entries[name])
    return str(given.choice(name, KINDS, default))


def _yarn(config: Config, given: Config, base: float) -> Rotary:
    """Return the rotation of YaRN: its published code lets the share of slower turns go by pairs.

    Source: Peng et al. 2023 (arXiv:2309.00071), eq. 22 for the factor of what turns where the config gives none.
    """
    places = (config, LENGTH), (given, LENGTH), (config, "max_position_embeddings")
    said, name = next((place for place in places if place[1] in place[0].entries), (given, LENGTH))
    length, factor = said.size(name), given.number("factor")
    given.choice("truncate", (True,), True)
    if base <= 1:
        raise config.wrong("rope_theta", "above 1 where pairs turn by YaRN", base)
    slow, fast = (given.number(f"beta_{end}", usual) or usual for end, usual in (("slow", 1.0), ("fast", 32.0)))
    if not slow < fast:
        raise given.wrong("beta_slow", f"below beta_fast, {fast}", slow)
    scales = given.number("mscale", 0.0), given.number("mscale_all_dim", 0.0)
    above, below = (1.0 + 0.1 * z * math.log(max(factor, 1)) for z in (scales if all(scales) else (1.0, 0.0)))
    gain = given.number("attention_factor", above / below)
    if gain == 0:
        raise given.wrong("attention_factor", "above 0", gain)
    return Rotary(base, factor, length, slow, fast, by_pairs=True, gain=gain)


def windows(config: Config) -> list[int | None]:
    """Return the window of each block, None where it sees all that came before."""
    layers = config.size("num_hidden_layers", most=LAYERS)
    kind = config.choice("model_type", ("llama", "mistral", "qwen2", "qwen3"))
    window = None if config.is_null("sliding_window") else config.size("sliding_window", WINDOW)
    if kind == "llama" or (kind != "mistral" and not config.flag("use_sliding_window", False)):
        window = None
    first = config.number("max_window_layers", FIRST) if kind in ("qwen2", "qwen3") else 0
    said = [SLIDING if window is not None and i >= first else FULL for i in range(layers)]
    said = config.entries.get("layer_types", said) if kind in ("qwen2", "qwen3") else said
    return _windows(config, said, layers, window)


def alternating(config: Config) -> list[int | None]:
    """Return the window of each block of a Gemma 2: one in every other, from the first on, unless the config says."""
    layers = config.size("num_hidden_layers", most=LAYERS)
    window = None if config.is_null("sliding_window") else config.size("sliding_window", WINDOW)
    said = config.entries.get("layer_types", [FULL if i % 2 else SLIDING for i in range(layers)])
    return _windows(config, said, layers, window)


def _windows(config: Config, said: Any, layers: int, window: int | None) -> list[int | None]:
    if not isinstance(said, list) or len(said) != layers or not all(each in (FULL, SLIDING) for each in said):
        raise config.wrong("layer_types", f"{layers} times {FULL} or {SLIDING}", said)
    return [window if each == SLIDING else None for each in said]


def alternating_entries(seen: list[int | None]) -> dict[str, Any]:
    """Return what a config of Gemma 2 says of such windows."""
    window = next((each for each in seen if each is not None), WINDOW)  # others want one where no block has it
    return {"sliding_window": window, "layer_types": [FULL if each is None else SLIDING for each in seen]}


def entries(kind: str, turn: Rotary, seen: list[int | None]) -> dict[str, Any]:
    """Return what a config of the kind says of such a rotation, and of such windows."""
    scaling: dict[str, Any] = {"rope_type": "default"}
    if turn.by_pairs:
        ends = {"beta_slow": turn.low, "beta_fast": turn.high}
        scaling = {"rope_type": "yarn", "factor": turn.factor, **ends, LENGTH: turn.length}
        scaling["attention_factor"] = turn.gain
    elif turn.length is not None:
        ends = {"low_freq_factor": turn.low, "high_freq_factor": turn.high}
        scaling = {"rope_type": "llama3", "factor": turn.factor, **ends, LENGTH: turn.length}
    elif turn.factor != 1:
        scaling = {"rope_type": "linear", "factor": turn.factor}
    said: dict[str, Any] = {NEW: {"rope_theta": turn.base, **scaling}}
    window = next((each for each in seen if each is not None), None)
    if kind == "mistral":
        said["sliding_window"] = window
    elif kind != "llama":
        types = [FULL if each is None else SLIDING for each in seen]
        said |= {"use_sliding_window": window is not None, "sliding_window": window, "layer_types": types}
    return said
