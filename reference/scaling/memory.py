"""How many bytes a model takes while it is trained and while it generates.  Derivation: specs/scaling/memory.md.

S tokens are read and T said; D width, F hidden width, V vocabulary, C classes, P width of keys and values, H heads.
"""

from typing import Any

from reference.core.families import ClassifierSettings, DecoderOnlySettings, EncoderOnlySettings, TransformerSettings
from reference.core.shapes import expect_positive, expect_whole
from reference.scaling.flops import attention_table
from reference.scaling.parameters import hidden_width, maps_of_network, parameters, width_of_keys

NUMBER = 4  # bytes of a float32


def state(settings: Any, moments: int) -> int:
    """Return the bytes of parameters, moments and gradient at the end of a step: old ones, new ones, and one gradient.

    Raises:
        TypeError: they are settings of no family, or `moments` is no whole number.
        ValueError: `moments` is below 0.
    """
    expect_whole("state", "moments", moments, 0)
    n = parameters(settings)
    return NUMBER * n * (2 * (1 + moments) + 1)                     # (memory.1)


def residuals(settings: Any, read: int, said: int) -> int:
    """Return the least bytes that a forward pass keeps of one sequence for its pullback, the logits among them.

    Lengths and errors as for `reference.scaling.flops.forward`.
    """
    expect_whole("residuals", "read", read, 0)
    expect_whole("residuals", "said", said, 0)
    if isinstance(settings, TransformerSettings):
        return _transformer(settings, read, said)
    if isinstance(settings, ClassifierSettings):
        return _classifier(settings, read)
    if isinstance(settings, DecoderOnlySettings | EncoderOnlySettings):
        return _one_stack(settings, read + said)
    raise TypeError(f"residuals: settings must be those of a family of models, got {type(settings).__name__}")


def cache(settings: DecoderOnlySettings, room: int) -> int:
    """Return the bytes of the keys and values of one sequence while a decoder-only model generates up to `room` tokens.

    Raises:
        TypeError: `room` is no whole number.
        ValueError: `room` is below 1.
    """
    expect_positive("cache", "room", room)
    s, p, w = settings, width_of_keys(settings), settings.window or room
    ring = min(room, w)                                             # (memory.6)
    return 2 * NUMBER * s.layers * p * ring                         # (memory.7)


def _layer(s: Any, t: int) -> int:
    d, f, p, m = s.width, hidden_width(s), width_of_keys(s), maps_of_network(s)
    table = attention_table(s, t, t)
    return table + t * (4 * d + 2 * p + m * f)                      # (memory.2)


def _cross(s: TransformerSettings, t: int, keys: int) -> int:
    d, p, table = s.width, width_of_keys(s), attention_table(s, t, keys)
    return table + 3 * d * t + 2 * p * keys                         # (memory.3)


def _one_stack(s: Any, t: int) -> int:
    v, layer = s.vocabulary, _layer(s, t)
    return NUMBER * (s.layers * layer + t * v)                      # (memory.4)


def _classifier(s: ClassifierSettings, t: int) -> int:
    layer = _layer(s, t)
    return NUMBER * (s.layers * layer + s.classes)                  # (memory.8)


def _transformer(s: TransformerSettings, read: int, t: int) -> int:
    v, source, own, cross = s.vocabulary, _layer(s, read), _layer(s, t), _cross(s, t, read)
    return NUMBER * (s.encoder_layers * source + s.decoder_layers * (own + cross) + t * v)  # (memory.5)
