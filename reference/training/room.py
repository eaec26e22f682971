"""How much memory a run takes at the least, so that nothing is begun that cannot fit."""

import os
from typing import Any

from reference.core.families import BlockSettings, DecoderOnlySettings, EncoderOnlySettings, TransformerSettings
from reference.training.settings import Run

MOMENTS = {  # arrays like the model that an optimizer keeps, at the least
    "adafactor": 0, "adagrad": 1, "adam": 2, "adamw": 2, "amsgrad": 3, "lion": 1, "momentum": 1, "muon": 1, "nadam": 2,
    "rmsprop": 1, "sgd": 0,
}  # fmt: skip
NUMBER, ID = 4, 8  # bytes of a float32 and of an int64


def parameters(settings: Any) -> int:
    """Return how many numbers a model of these settings has."""
    if isinstance(settings, TransformerSettings):
        return _transformer(settings)
    return _decoder_only(settings) if isinstance(settings, DecoderOnlySettings) else _encoder_only(settings)


def _block(s: BlockSettings, attentions: int) -> int:
    d, f, norm = s.width, s.hidden, 2 * s.width
    return attentions * (4 * (d * d + d) + norm) + 2 * d * f + f + d + norm


def _transformer(s: TransformerSettings) -> int:
    blocks = s.encoder_layers * _block(s, 1) + s.decoder_layers * _block(s, 2)
    table = s.vocabulary * s.width
    return blocks + (table if s.embeddings == "tied" else 3 * table + s.vocabulary) + 4 * s.width * (s.norm == "pre")


def _decoder_only(s: DecoderOnlySettings) -> int:
    d, hidden, maps = s.width, s.hidden or 4 * s.width, 3 if s.feedforward == "swiglu" else 2
    narrow = d // s.heads * (s.key_value_heads or s.heads)
    norm = (2 if s.normalization == "layer" else 1) * d
    biases = s.bias * (2 * d + 2 * narrow + (maps - 1) * hidden + d)
    block = 2 * d * d + 2 * d * narrow + maps * d * hidden + biases + 2 * norm
    tables = s.vocabulary * d * (1 if s.embeddings == "tied" else 2) + s.length * d * (s.positions == "learned")
    return s.layers * block + tables + norm


def _encoder_only(s: EncoderOnlySettings) -> int:
    d = s.width
    tables = (s.vocabulary + s.length + s.segments) * d + 2 * d
    head = d * d + d + 2 * d + s.vocabulary * d + s.vocabulary
    return s.layers * _block(s, 1) + tables + 2 * d * (s.norm == "pre") + head


def least(run: Run) -> int:
    """Return the bytes that a run needs for its parameters, its sequences, and the attention weights of one batch."""
    task, length = run.task, max(run.task.sizes)
    copies = 3 + 2 * MOMENTS[run.training.optimizer]  # old and new parameters and moments, and the gradient
    model = copies * NUMBER * parameters(run.model)
    sequences = ID * sum(task.sizes) * (task.training + task.held_out)
    rows = min(run.training.batch, task.training)
    layers = getattr(run.model, "layers", 0) or run.model.encoder_layers + 2 * run.model.decoder_layers
    return model + sequences + NUMBER * layers * run.model.heads * rows * length**2


def memory() -> int | None:
    """Return the bytes of memory of this machine, None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def shortage(run: Run) -> str | None:
    """Say by how much a run would not fit in memory; None where it may."""
    wanted, there = least(run), memory()
    if there is None or wanted <= there:
        return None
    return f"a run must fit in memory, {_gigabytes(there)}, got settings that take at least {_gigabytes(wanted)}"


def _gigabytes(size: int) -> str:
    return f"{-(-size // 10**9):,} GB"
