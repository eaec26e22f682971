"""What rotary positions may be given."""

from typing import Any

from reference.core.arrays import expect_beside
from reference.core.positions import expect_position_ids
from reference.core.shapes import MOST, expect_real, expect_shape, expect_whole
from reference.core.words import cut

BASE = 10000.0  # of the speeds, unless another is given


def pairs_of(rotary: Any, width: int) -> int:
    """Return how many pairs of the entries of a head of this width turn."""
    return int(width if rotary.width is None else rotary.width) // 2


def expect_turns(where: str, rotary: Any, width: int) -> None:
    """Raise unless heads of this width can turn: the entries that do come in pairs, each with a speed."""
    if rotary.width is None:
        expect_pairs(where, width)
    elif rotary.width % 2 or rotary.width > width:
        must = f"rotary.width must be even and at most the head width {width}"
        raise ValueError(f"{where}: {must}, got {cut(rotary.width)}")
    if rotary.by_pairs:
        _expect_ends(where, rotary)
    if rotary.speeds is None:
        return
    pairs = pairs_of(rotary, width)
    if len(rotary.speeds) != pairs:
        raise ValueError(f"{where}: rotary.speeds must be those of {pairs} pairs, got {len(rotary.speeds)}")
    if rotary.base != BASE:
        raise ValueError(f"{where}: rotary.base must be {BASE} where there are speeds, got {cut(rotary.base)}")


def _expect_ends(where: str, rotary: Any) -> None:
    """Raise unless it can be said which pairs, by their numbers, turn so many times within the length."""
    if rotary.length is None:
        raise ValueError(f"{where}: rotary.length must be given where it goes by pairs, got None")
    if rotary.speeds is not None:
        raise ValueError(f"{where}: rotary.speeds must be None where it goes by pairs, got {len(rotary.speeds)}")
    for name, least in (("base", 1), ("low", 0)):
        if not getattr(rotary, name) > least:
            got = getattr(rotary, name)
            raise ValueError(f"{where}: rotary.{name} must be above {least} where it goes by pairs, got {cut(got)}")


def expect_pairs(where: str, width: int) -> None:
    """Raise unless the entries of a head come in pairs."""
    if width % 2:
        raise ValueError(f"{where}: the head width must be even, got {width}")


def expect_places(where: str, x: Any, pairs: int, start: Any, position_ids: Any, angles: Any) -> None:
    """Raise unless one of start, position ids and angles, at most, says where x (B, H, T, K) stands.

    Raises:
        TypeError: start is no whole number, an id no integer, or angles are not real.
        ValueError: start is negative, ids are not (B or 1, T), angles not (B or 1, T, pairs), or there are two of them.
    """
    expect_whole(where, "start", start, 0, MOST)
    expect_position_ids(where, position_ids, x.swapaxes(1, 2))
    for name, given in (("position_ids", position_ids), ("angles", angles)):
        if given is not None and start:
            raise ValueError(f"{where}: start must be 0 where there are {name}, got {cut(start)}")
    if angles is None:
        return
    if position_ids is not None:
        raise ValueError(f"{where}: position_ids must be None where there are angles, got both")
    batch, _, length, _ = x.shape
    expect_shape(where, "angles", angles, ("B", "T", "R/2"))
    expect_real(where, "angles", angles)
    expect_beside(where, "angles", angles, x)
    if angles.shape not in ((batch, length, pairs), (1, length, pairs)):
        raise ValueError(f"{where}: angles must have shape ({batch} or 1, {length}, {pairs}), got {angles.shape}")
