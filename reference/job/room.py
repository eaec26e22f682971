"""How much memory a run takes at the least, so that nothing is begun that cannot fit."""

import os

from reference.job.settings import Settings

# Of the parameters at the end of a step, at the least: old and new ones, moments alike, the gradient.
COPIES = {"adam": 7, "adamw": 7, "muon": 5, "sgd": 3}
NUMBER, ID = 4, 8  # bytes of a float32 and of an int64


def parameters(settings: Settings) -> int:
    """Return how many numbers the model of these settings has."""
    d, f, words = settings.width, settings.hidden, settings.vocabulary + 1
    norm, attention, feedforward = 2 * d, 4 * (d * d + d), 2 * d * f + f + d
    encoder, decoder = attention + feedforward + 2 * norm, 2 * attention + feedforward + 3 * norm
    tables = words * d if settings.embeddings == "tied" else 3 * words * d + words
    return settings.layers * (encoder + decoder) + tables + (2 * norm if settings.norm == "pre" else 0)


def least(settings: Settings) -> int:
    """Return the bytes that a run needs for its parameters, its sequences, and the attention weights of one batch."""
    model = COPIES[settings.optimizer] * NUMBER * parameters(settings)
    sequences = 2 * ID * settings.length * (settings.training + settings.held_out)
    rows = min(settings.batch, settings.training)
    weights = NUMBER * 3 * settings.layers * settings.heads * rows * settings.length**2
    return model + sequences + weights


def memory() -> int | None:
    """Return the bytes of memory of this machine, None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def shortage(settings: Settings) -> str | None:
    """Say by how much a run of these settings would not fit in memory; None where it may."""
    wanted, there = least(settings), memory()
    if there is None or wanted <= there:
        return None
    return f"a run must fit in memory, {_gigabytes(there)}, got settings that take at least {_gigabytes(wanted)}"


def _gigabytes(size: int) -> str:
    return f"{-(-size // 10**9):,} GB"
