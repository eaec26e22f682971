"""What attention may be given."""

from typing import Any

from reference.core.arrays import expect_beside
from reference.core.masks import expect_biases, expect_mask, positions
from reference.core.positions import given
from reference.core.randomness import expect_generator
from reference.core.shapes import (
    expect_above_zero,
    expect_flag,
    expect_positive,
    expect_real,
    expect_shape,
    expect_share,
)
from reference.core.turns import expect_places, pairs_of
from reference.core.words import cut


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
    scale: float | None = None,
    dropout: float = 0.0,
    rng: Any = None,
) -> None:
    """Raise unless these are inputs and options of one attention.

    Raises:
        TypeError: an array is not floating or complex, the slopes not real, the mask not boolean,
            causal no flag, the window not a whole number, cap, scale or dropout not a number, or rng
            not a generator.
        ValueError: the shapes do not fit together, an option is out of range, or what goes by
            position has more queries than keys.
    """
    expect_shape(where, "q", q, ("B", "H", "T", "K"))
    batch, heads, queries, width = q.shape
    expect_positive(where, "the head width", width)
    expect_shape(where, "k", k, (batch, "G", "S", width))
    expect_shape(where, "v", v, (*k.shape[:3], "W"))
    groups, keys = k.shape[1:3]
    if groups != heads and (groups == 0 or heads % groups):
        raise ValueError(f"{where}: the heads of k and v must divide the {heads} of q, got {cut(groups)}")
    for name, z in (("k", k), ("v", v), *((f"bias[{i}]", b) for i, b in enumerate(bias)), ("slopes", slopes)):
        expect_beside(where, name, z, q)
    expect_biases(where, bias, (batch, heads, queries, keys))
    expect_mask(where, mask, (batch, heads, queries, keys), q)
    expect_flag(where, "causal", causal)
    if window is not None:
        expect_positive(where, "window", window)
    if cap is not None:
        expect_above_zero(where, "cap", cap)
    if scale is not None:
        expect_above_zero(where, "scale", scale)
    if slopes is not None:
        expect_shape(where, "slopes", slopes, (heads,))
        expect_real(where, "slopes", slopes)
    if causal or window is not None or slopes is not None:
        positions(where, queries, keys)
    expect_share(where, "dropout", dropout)
    expect_generator(where, rng)


def expect_self_attention(
    where: str, layer: Any, x: Any, bias: tuple[Any, ...], mask: Any, rng: Any, position_ids: Any, angles: Any
) -> dict[str, Any]:
    """Raise unless a grouped attention may be given these; return what its rotary positions are given of them.

    Raises:
        TypeError: x or a bias is not floating or complex, the mask not boolean, an id no integer, an angle not real, or
            rng no generator.
        ValueError: the shapes do not fit together, a position is negative, or there are angles beside position ids or
            without rotary positions.
    """
    expect_generator(where, rng)
    expect_shape(where, "x", x, ("B", "T", layer.query.w.shape[0]))
    table = x.shape[0], layer.heads, x.shape[1], x.shape[1]
    expect_biases(where, bias, table)
    expect_mask(where, mask, table, x)
    if angles is not None and layer.rotary is None:
        raise ValueError(f"{where}: angles must be None without rotary positions, got some")
    pairs = 0 if layer.rotary is None else pairs_of(layer.rotary, layer.head_width)
    expect_places(where, x[:, None], pairs, 0, position_ids, angles)
    return given(position_ids) if angles is None else {"angles": angles}


def expect_groups(where: str, heads: int, groups: int) -> None:
    """Raise unless each head of key and value serves as many of the heads of query."""
    if heads % groups:
        raise ValueError(f"{where}: key_value_heads must divide the heads {heads}, got {cut(groups)}")


def expect_grouped(where: str, layer: Any) -> None:
    """Raise unless the parts of a grouped attention fit together; heads divide the columns of query."""
    width, inner = layer.query.w.shape
    expect_positive(where, "the head width", layer.head_width)
    expect_shape(where, "key.w", layer.key.w, (width, "G K"))
    shared = layer.key.w.shape[1]
    if shared == 0 or shared % layer.head_width or inner % shared:
        raise ValueError(
            f"{where}: key.w must have as many columns as a number of heads of width {layer.head_width} "
            f"that divides {layer.heads}, got {shared}"
        )
    expect_shape(where, "value.w", layer.value.w, (width, "G W"))
    values, groups = layer.value.w.shape[1], layer.key_value_heads
    if values % groups:
        raise ValueError(f"{where}: value.w must have as many columns for each of {groups} heads, got {values}")
    expect_shape(where, "output.w", layer.output.w, (values // groups * layer.heads, "D"))
    for name, norm in (("query_norm.gamma", layer.query_norm), ("key_norm.gamma", layer.key_norm)):
        if norm is not None:
            expect_shape(where, name, norm.gamma, (layer.head_width,))
    if layer.relative is not None:
        expect_shape(where, "relative.table", layer.relative.table, ("N", layer.heads))
