"""What attention may be given."""

import math
from typing import Any

from reference.core.masks import expect_bias, expect_mask, positions
from reference.core.randomness import expect_generator
from reference.core.shapes import expect_number, expect_positive, expect_shape


def expect_cap(where: str, cap: float) -> None:
    """Raise unless `cap` is a positive and finite number."""
    expect_number(where, "cap", cap)
    if not 0 < cap < math.inf:
        raise ValueError(f"{where}: cap must be positive and finite, got {cap}")


def expect_dropout(where: str, dropout: float, rng: Any) -> None:
    """Raise unless `dropout` is a rate in [0, 1) and `rng` None or a generator."""
    expect_number(where, "dropout", dropout)
    if not 0 <= dropout < 1:
        raise ValueError(f"{where}: dropout must lie in [0, 1), got {dropout}")
    expect_generator(where, rng)


def expect_attention(
    where: str,
    q: Any,
    k: Any,
    v: Any,
    *bias: Any,
    mask: Any = None,
    causal: bool = False,
    window: int | None = None,
    cap: float | None = None,
    slopes: Any = None,
    dropout: float = 0.0,
    rng: Any = None,
) -> None:
    """Raise unless these are inputs and options of one attention.

    Raises:
        TypeError: an array is not floating or complex, the mask not boolean, the window not a
            whole number, cap or dropout not a number, or rng not a generator.
        ValueError: the shapes do not fit together, an option is out of range, or what goes by
            position has more queries than keys.
    """
    expect_shape(where, "q", q, ("B", "H", "T", "K"))
    batch, heads, queries, width = q.shape
    expect_positive(where, "the head width", width)
    expect_shape(where, "k", k, (batch, "G", "S", width))
    expect_shape(where, "v", v, k.shape)
    groups, keys = k.shape[1:3]
    if groups != heads and (groups == 0 or heads % groups):
        raise ValueError(f"{where}: the heads of k and v must divide the {heads} of q, got {groups}")
    for i, b in enumerate(bias):
        expect_bias(where, f"bias[{i}]", b, (batch, heads, queries, keys))
    expect_mask(where, mask, (batch, heads, queries, keys))
    if window is not None:
        expect_positive(where, "window", window)
    if cap is not None:
        expect_cap(where, cap)
    if slopes is not None:
        expect_shape(where, "slopes", slopes, (heads,))
    if causal or window is not None or slopes is not None:
        positions(where, queries, keys)
    expect_dropout(where, dropout, rng)
