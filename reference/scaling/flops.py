"""How many flops the matrix products of a model take, by its settings alone.  Derivation: specs/scaling/flops.md.

S tokens are read and T said; D width, F hidden width, V vocabulary, C classes, P width of keys and values.
"""

from typing import Any

from reference.core.families import ClassifierSettings, DecoderOnlySettings, EncoderOnlySettings, TransformerSettings
from reference.core.shapes import expect_whole
from reference.functions.blockwise import LONG
from reference.scaling.parameters import hidden_width, maps_of_network, width_of_keys


def forward(settings: Any, read: int, said: int) -> int:
    """Return the flops of the products of one forward pass on one sequence.

    An encoder reads `read` tokens while its decoder says `said`; a model of one stack has all of them in one sequence,
    and one that says the class of a sequence has only those that it reads.
    From 512 queries and keys on attention runs in blocks, and a block that nobody sees is left out: of long sequences
    under a causal mask this is what they would take without that.

    Raises:
        TypeError: they are settings of no family, or a length is no whole number.
        ValueError: a length is below 0.

    Source: Kaplan et al. 2020 (arXiv:2001.08361), table 1; Hoffmann et al. 2022 (arXiv:2203.15556), appendix F.
    """
    expect_whole("forward", "read", read, 0)
    expect_whole("forward", "said", said, 0)
    if isinstance(settings, TransformerSettings):
        return _transformer(settings, read, said)
    if isinstance(settings, DecoderOnlySettings):
        return _stack(settings, read + said) + _output(settings, read + said)
    if isinstance(settings, ClassifierSettings):
        return _classifier(settings, read)
    if isinstance(settings, EncoderOnlySettings):
        return _encoder_only(settings, read + said)
    raise TypeError(f"forward: settings must be those of a family of models, got {type(settings).__name__}")


def training(settings: Any, read: int, said: int) -> int:
    """Return the flops of forward and backward pass on one sequence; each product has two in its pullback.

    Raises:
        TypeError, ValueError: as `forward` does.
    """
    c = forward(settings, read, said)
    return 3 * c                                                # (flops.7)


def attention_table(s: Any, queries: int, keys: int) -> int:
    """Return the entries of the weights that one layer of attention keeps: none where it runs in blocks."""
    return s.heads * queries * keys if queries * keys < LONG * LONG else 0


def _attention(s: Any, t: int, keys: int) -> int:
    d, p = s.width, width_of_keys(s)
    return 4 * d * d * t + 4 * d * p * keys + 4 * d * t * keys  # (flops.1)


def _network(s: Any, t: int) -> int:
    d, f, m = s.width, hidden_width(s), maps_of_network(s)
    return 2 * m * d * f * t                                    # (flops.2)


def _output(s: Any, t: int) -> int:
    d, v = s.width, s.vocabulary
    return 2 * d * v * t                                        # (flops.3)


def _stack(s: Any, t: int) -> int:
    attention, network = _attention(s, t, t), _network(s, t)
    return s.layers * (attention + network)                     # (flops.4)


def _encoder_only(s: EncoderOnlySettings, t: int) -> int:
    d, stack, output = s.width, _stack(s, t), _output(s, t)
    return stack + 2 * d * d * t + output                       # (flops.5)


def _classifier(s: ClassifierSettings, t: int) -> int:
    d, stack = s.width, _stack(s, t)
    return stack + 2 * d * d + 2 * d * s.classes                # (flops.8)


def _transformer(s: TransformerSettings, read: int, said: int) -> int:
    own, cross, source = _attention(s, said, said), _attention(s, said, read), _attention(s, read, read)
    network_said, network_read, output = _network(s, said), _network(s, read), _output(s, said)
    encoder, decoder = source + network_read, own + cross + network_said
    return s.encoder_layers * encoder + s.decoder_layers * decoder + output  # (flops.6)
