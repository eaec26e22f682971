"""How many numbers a model has, by its settings alone.  Derivation: specs/scaling/parameters.md.

D width, F hidden width, V vocabulary, C classes, P width of keys and values, L layers.
"""

from typing import Any

from reference.core.families import ClassifierSettings, DecoderOnlySettings, EncoderOnlySettings, TransformerSettings


def parameters(settings: Any) -> int:
    """Return how many numbers a model of these settings has, its head included.

    Raises:
        TypeError: they are settings of no family.
    """
    if isinstance(settings, TransformerSettings):
        return _transformer(settings)
    if isinstance(settings, DecoderOnlySettings):
        return _decoder_only(settings)
    if isinstance(settings, EncoderOnlySettings):
        return _encoder_only(settings)
    raise TypeError(f"parameters: settings must be those of a family of models, got {type(settings).__name__}")


def width_of_keys(s: Any) -> int:
    """Return P, the width of all keys of a position."""
    groups = getattr(s, "key_value_heads", None) or s.heads
    return s.width // s.heads * groups


def maps_of_network(s: Any) -> int:
    """Return how many maps a feed-forward network has: three with a gate."""
    return 3 if getattr(s, "feedforward", "") == "swiglu" else 2


def hidden_width(s: Any) -> int:
    """Return F."""
    return s.hidden or 4 * s.width


def _attention(s: Any, bias: bool) -> int:
    d, p = s.width, width_of_keys(s)
    return 2 * d * d + 2 * d * p + bias * (2 * d + 2 * p)                       # (parameters.1)


def _network(s: Any, bias: bool) -> int:
    d, f, m = s.width, hidden_width(s), maps_of_network(s)
    return m * d * f + bias * ((m - 1) * f + d)                                 # (parameters.2)


def _norm(s: Any, shift: bool) -> int:
    d = s.width
    return (1 + shift) * d                                                      # (parameters.3)


def _transformer(s: TransformerSettings) -> int:
    d, v, tied, pre = s.width, s.vocabulary, s.embeddings == "tied", s.norm == "pre"
    attention, network, norm = _attention(s, True), _network(s, True), _norm(s, True)
    encoder = s.encoder_layers * (attention + network + 2 * norm) + pre * norm  # (parameters.4)
    decoder = s.decoder_layers * (2 * attention + network + 3 * norm) + pre * norm  # (parameters.5)
    return encoder + decoder + (v * d if tied else 3 * v * d + v)               # (parameters.6)


def _decoder_only(s: DecoderOnlySettings) -> int:
    d, v, t, learned = s.width, s.vocabulary, s.length, s.positions == "learned"
    tables, shift = 1 if s.embeddings == "tied" else 2, s.normalization == "layer"
    attention, network, norm = _attention(s, s.bias), _network(s, s.bias), _norm(s, shift)
    stack = s.layers * (attention + network + 2 * norm) + norm                  # (parameters.7)
    return stack + tables * v * d + learned * t * d                             # (parameters.8)


def _encoder_only(s: EncoderOnlySettings) -> int:
    d, v, t, pre = s.width, s.vocabulary, s.length, s.norm == "pre"
    attention, network, norm = _attention(s, True), _network(s, True), _norm(s, True)
    stack = s.layers * (attention + network + 2 * norm) + pre * norm            # (parameters.9)
    head = d * d + d + norm + v * d + v                                         # (parameters.10)
    if isinstance(s, ClassifierSettings):
        head = d * d + d + s.classes * d + s.classes                            # (parameters.12)
    return (v + t + s.segments) * d + norm + stack + head                       # (parameters.11)
