"""Heat maps of a failing array: what the pullback gives, what differences give, the error itself and in bars."""

import math
from collections.abc import Callable, Sequence

from gradcheck.reports.cells import coarse, label
from gradcheck.reports.svg import picture, power, tag, text
from gradcheck.verdict.facts import ErrorMap, Grid

MOST = (32, 64)  # rows and columns of cells
WIDTH = 168.0  # of the cells together, where there are few
WIDE = (4.5, 26.0)  # the least and the greatest width of a cell
HIGH = 9.0  # the least height
FOOT = 46.0
NEGATIVE, NEUTRAL, POSITIVE = (5, 113, 176), (247, 247, 247), (202, 0, 32)
RIGHT, LIGHT, DARK = (217, 234, 217), (253, 212, 158), (127, 0, 0)
NO_NUMBER = (110, 110, 110)

Colour = tuple[int, int, int]


def heat_maps(map: ErrorMap) -> list[tuple[str, str]]:
    """Return (caption, picture) for the claim, the numeric gradient, their difference, and the error in bars."""
    map = coarse(map, *MOST)
    decades = max([math.ceil(math.log10(b)) for row in map.bars for b in row if 1 < b < math.inf], default=1)

    def bars(b: float) -> Colour:
        return RIGHT if b <= 1 else _between(LIGHT, DARK, math.log10(min(b, 10.0**decades)) / decades)

    pairs = zip(map.claimed, map.numeric, strict=True)
    error = tuple(tuple(a - t for a, t in zip(*rows, strict=True)) for rows in pairs)
    return [
        ("the pullback gives", _signed(map, map.claimed, _largest(map.claimed, map.numeric))),
        ("differences give", _signed(map, map.numeric, _largest(map.claimed, map.numeric))),
        ("pullback − differences", _signed(map, error, _largest(error))),
        ("error in bars (green: within one)", _heat(map, map.bars, bars, (LIGHT, DARK), ("1", power(decades)))),
    ]


def _largest(*grids: Grid) -> float:
    return max((abs(v) for grid in grids for row in grid for v in row if math.isfinite(v)), default=0.0) or 1.0


def _signed(map: ErrorMap, grid: Grid, top: float) -> str:
    def colour(v: float) -> Colour:
        return _between(NEUTRAL, POSITIVE if v > 0 else NEGATIVE, abs(v) / top)

    return _heat(map, grid, colour, (NEGATIVE, NEUTRAL, POSITIVE), (f"−{top:.3g}", "0", f"{top:.3g}"))


def _heat(
    map: ErrorMap, grid: Grid, colour: Callable[[float], Colour], ramp: Sequence[Colour], ends: Sequence[str]
) -> str:
    labels = [label(map.shape, row) for row in map.rows]
    left, top = 7.0 * max(len(name) for name in labels) + 8, 20.0
    wide = min(max(WIDTH / len(map.columns), WIDE[0]), WIDE[1])
    high = max(wide, HIGH)
    across, down = wide * len(map.columns), high * len(map.rows)
    cells = []
    for i, (name, line) in enumerate(zip(labels, grid, strict=True)):
        y = top + i * high
        if high > 10 or i % 2 == 0:
            cells.append(text(name, left - 6, y + high / 2 + 4, text_anchor="end"))
        for j, value in enumerate(line):
            a, b = map.columns[j]
            at = label(map.shape, map.rows[i], str(a) if b - a == 1 else f"{a}:{b}")
            fill = _css(colour(value) if not math.isnan(value) else NO_NUMBER)
            hint = tag("title", f"{at}: {value:.6g}")
            cells.append(tag("rect", hint, x=left + j * wide, y=y, width=wide, height=high, fill=fill))
    first, last = str(map.columns[0][0]), str(map.columns[-1][1] - 1)
    cells.append(text(first, left + wide / 2, top - 6, text_anchor="middle"))
    if last != first:
        cells.append(text(last, left + across - wide / 2, top - 6, text_anchor="middle"))
    frame = tag("rect", x=left, y=top, width=across, height=down, class_="frame")
    total = left + max(across, 120.0) + 16
    return picture(total, top + down + FOOT, "heat map", *cells, frame, _scale(left, top + down + 14, ramp, ends))


def _scale(x: float, y: float, ramp: Sequence[Colour], ends: Sequence[str]) -> str:
    """Return a bar of the colours with the values at its ends."""
    steps, wide = 24, 5.0
    parts = []
    for k in range(steps):
        position = k / (steps - 1) * (len(ramp) - 1)
        i = min(int(position), len(ramp) - 2)
        fill = _css(_between(ramp[i], ramp[i + 1], position - i))
        parts.append(tag("rect", x=x + k * wide, y=y, width=wide + 0.5, height=8, fill=fill))
    for k, words in enumerate(ends):
        place = x + steps * wide * k / (len(ends) - 1)
        parts.append(text(words, place, y + 22, text_anchor="middle"))
    return "".join(parts)


def _between(a: Colour, b: Colour, share: float) -> Colour:
    share = min(max(share, 0.0), 1.0)
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _css(colour: Colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
