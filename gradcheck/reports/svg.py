"""Scalable pictures as text: elements, and a pair of logarithmic axes."""

import html
import math
from collections.abc import Iterable, Sequence

import numpy as np

Point = tuple[float, float]


def tag(name: str, *content: str, **attributes: object) -> str:
    """Return an element; `content` is markup already, the values of attributes are escaped here."""
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    inside = "".join(f' {key}="{html.escape(_text(value))}"' for key, value in pairs)
    return f"<{name}{inside}>{''.join(content)}</{name}>"


def text(words: str, x: float, y: float, **attributes: object) -> str:
    """Return a word or two at a place; what follows a ^ is raised."""
    base, _, exponent = words.partition("^")
    raised = tag("tspan", html.escape(exponent), dy=-4, font_size="75%") if exponent else ""
    return tag("text", html.escape(base), raised, x=x, y=y, **attributes)


def picture(width: float, height: float, label: str, *content: str) -> str:
    box = f"0 0 {_text(width)} {_text(height)}"
    return tag("svg", tag("title", html.escape(label)), *content, viewBox=box, width=width, height=height, role="img")


def power(exponent: int) -> str:
    return f"10^{exponent}".replace("-", "−")


class LogAxes:
    """Axes whose decades are marked; points that are not positive numbers are left out."""

    WIDTH, HEIGHT = 430.0, 300.0
    LEFT, RIGHT, TOP, BOTTOM = 58.0, 14.0, 14.0, 44.0

    def __init__(self, xs: Iterable[float], ys: Iterable[float]):
        self.x, self.y = _decades(xs), _decades(ys)

    def place(self, x: float, y: float) -> Point:
        (x0, x1), (y0, y1) = self.x, self.y
        across = self.WIDTH - self.LEFT - self.RIGHT
        up = self.HEIGHT - self.TOP - self.BOTTOM
        return (
            self.LEFT + across * (math.log10(x) - x0) / (x1 - x0),
            self.HEIGHT - self.BOTTOM - up * (math.log10(y) - y0) / (y1 - y0),
        )

    def grid(self, x_title: str, y_title: str) -> str:
        parts = []
        right, foot = self.WIDTH - self.RIGHT, self.HEIGHT - self.BOTTOM
        for exponent in _ticks(*self.x):
            x, _ = self.place(10.0**exponent, 10.0 ** self.y[0])
            parts.append(tag("line", x1=x, x2=x, y1=self.TOP, y2=foot, class_="grid"))
            parts.append(text(power(exponent), x, foot + 16, text_anchor="middle"))
        for exponent in _ticks(*self.y):
            _, y = self.place(10.0 ** self.x[0], 10.0**exponent)
            parts.append(tag("line", x1=self.LEFT, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(text(power(exponent), self.LEFT - 7, y + 4, text_anchor="end"))
        middle = (self.TOP + foot) / 2
        parts.append(text(x_title, (self.LEFT + right) / 2, self.HEIGHT - 8, text_anchor="middle", class_="title"))
        turn = f"rotate(-90 13 {_text(middle)})"
        parts.append(text(y_title, 13, middle, text_anchor="middle", class_="title", transform=turn))
        return "".join(parts)

    def line(self, xs: Sequence[float], ys: Sequence[float], class_: str) -> str:
        places = [self.place(x, y) for x, y in self._shown(xs, ys)]
        return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), class_=class_)

    def dots(self, xs: Sequence[float], ys: Sequence[float], class_: str) -> str:
        parts = []
        for x, y in self._shown(xs, ys):
            cx, cy = self.place(x, y)
            parts.append(tag("circle", tag("title", f"step {x:.2g}: {y:.2g}"), cx=cx, cy=cy, r=3.2, class_=class_))
        return "".join(parts)

    def straight(self, x: float, y: float, slope: float, name: str) -> str:
        """Draw the part inside the axes of the line through (x, y) that rises with a power of x, and name it."""
        (x0, x1), (y0, y1) = self.x, self.y
        u, v = math.log10(x), math.log10(y)
        low, high = max(x0, u - (v - y0) / slope), min(x1, u + (y1 - v) / slope)
        ends = [(10.0**e, 10.0 ** (v + slope * (e - u))) for e in (low, high)]
        cx, cy = self.place(*ends[1])
        word = text(name, cx + (8 if high < x1 else -14), cy + (14 if high < x1 else 20), class_="guide")
        return self.line([x for x, _ in ends], [y for _, y in ends], "guide") + word

    def _shown(self, xs: Sequence[float], ys: Sequence[float]) -> list[Point]:
        return [(x, y) for x, y in zip(xs, ys, strict=True) if _positive(x) and _positive(y)]


def _positive(x: float) -> bool:
    return bool(math.isfinite(x) and x > 0)


def _decades(values: Iterable[float]) -> tuple[float, float]:
    """Return the exponents of the decades around the positive values, at least two apart."""
    logs = [math.log10(v) for v in values if _positive(v)] or [0.0]
    low, high = math.floor(min(logs) - 0.1), math.ceil(max(logs) + 0.1)
    return (low, high) if high - low >= 2 else (low - 1, high + 1)


def _ticks(low: float, high: float) -> list[int]:
    step = max(1, math.ceil((high - low) / 8))
    return [int(k) for k in np.arange(low, high + 0.5, step)]


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
