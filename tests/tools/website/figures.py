"""Drawings that the build makes, as SVG within the page: the data flow of a page, and what the pages are built of."""

import html
import re
import textwrap
from itertools import pairwise

from docutils import nodes
from docutils.parsers.rst import Directive
from website import flow, layout, pagegraph
from website.mathematics import mathml

WIDE = 24  # letters of a title in one line


def svg(boxes, pairs, label, across=False):
    """A drawing of boxes, each (width, height, kind, content in HTML), by name, with arrows between them.

    They lead from the top down, or across from the left.
    """
    turn = (lambda pair: pair[::-1]) if across else tuple
    sizes = {name: turn(box[:2]) for name, box in boxes.items()}
    middles, arrows, size = layout.layers(sizes, pairs)
    parts = [arrow(a, b, inner, middles, sizes, turn) for a, b, inner in arrows]
    middles, (width, height) = {name: turn(middle) for name, middle in middles.items()}, turn(size)
    for name, (w, h, kind, content) in boxes.items():
        x, y = middles[name][0] - w / 2, middles[name][1] - h / 2
        parts.append(
            f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="5"/>'
            f'<foreignObject x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}"><div class="box">{content}</div>'
            "</foreignObject>"
        )
    view = f"-6 -6 {width + 12:.0f} {height + 12:.0f}"
    return (
        f'<svg class="drawing" role="group" aria-label="{html.escape(label)}" viewBox="{view}" width="{width + 12:.0f}"'
        f' height="{height + 12:.0f}">{"".join(parts)}</svg>'
    )


def arrow(a, b, inner, middles, sizes, turn):
    """An arrow from the foot of one box to the head of another, by way of the points between."""
    (ax, ay), (bx, by) = middles[a], middles[b]
    start, end = (ax, ay + sizes[a][1] / 2), (bx, by - sizes[b][1] / 2)
    points = [start, *inner, end]
    path = f"M{place(start, turn)}"
    for (px, py), (qx, qy) in pairwise(points):
        middle = (py + qy) / 2
        path += "C" + " ".join(place(point, turn) for point in ((px, middle), (qx, middle), (qx, qy)))
    x, y = end
    head = " ".join(place(point, turn) for point in ((x, y), (x - 4, y - 7), (x + 4, y - 7)))
    return f'<path class="arrow" d="{path}"/><path class="head" d="M{head}z"/>'


def place(point, turn):
    x, y = turn(point)
    return f"{x:.0f} {y:.0f}"


def figure(drawing, caption):
    return f'<figure class="drawn" tabindex="0">{drawing}<figcaption>{caption}</figcaption></figure>'


class Flow(Directive):
    """How the numbers of a page flow: its symbols with their shapes, joined by its equations."""

    def run(self):
        from website.extension import ENTRIES, uri

        env = self.state.document.settings.env
        page = ENTRIES.pages[env.docname]
        drawn = []
        for title in flow.TITLES:
            nodes_, pairs = flow.graph(page, title)
            if len(pairs) > 1:
                drawn.append(figure(self.drawing(nodes_, pairs, title, env, uri), caption(title)))
        return [nodes.raw("", f'<div class="flow">{"".join(drawn)}</div>', format="html")] if drawn else []

    def drawing(self, symbols, pairs, title, env, uri):
        boxes = {}
        for name, symbol in symbols.items():
            content = f"<span>{mathml(symbol.tex)}</span>"
            if symbol.shape:
                content += f"<small>{html.escape(symbol.shape)}</small>"
            if symbol.id:
                number = symbol.id.rpartition(".")[2]
                content += f'<a class="eq" data-eq="{symbol.id}" href="#{symbol.id}">({number})</a>'
            width = 14 + 8 * max(len(plain(symbol.tex)) + (len(number) + 3 if symbol.id else 0), len(symbol.shape))
            boxes[name] = (max(width, 40), 40 if symbol.shape else 24, symbol.kind, content)
        return svg(boxes, pairs, f"Data flow, {title.lower()}")


def plain(tex):
    """About as many characters as an expression is wide."""
    return re.sub(r"\\[a-z]+|[\\{}_^ ]", lambda match: "x" if len(match[0]) > 1 else "", tex)


def caption(title):
    return f"{title}: what each symbol is made of, by the equation of that number. Dashed: given. Blue: the result."


class Graph(Directive):
    """What the pages are built of: of all pages, or round one of them."""

    optional_arguments = 1

    def run(self):
        from website.extension import ENTRIES, uri

        env, only = self.state.document.settings.env, next(iter(self.arguments), None)
        drawing = linked(*pagegraph.graph(ENTRIES, only), lambda name: uri(env.app, env.docname, name), only)
        return [nodes.raw("", figure(drawing, "An arrow leads to what is built of a page."), format="html")]


def linked(titles, pairs, kinds, there, only):
    """The drawing of pages, each a link to it; the one that it is on stands out."""
    boxes = {}
    for name, title in titles.items():
        lines = textwrap.wrap(title, WIDE)
        words = "<br>".join(map(html.escape, lines))
        content = f"<b>{words}</b>" if name == only else f'<a href="{there(name)}">{words}</a>'
        kind = f"page {kinds[name]}" + " here" * (name == only)
        boxes[name] = (16 + 7.2 * max(map(len, lines)), 10 + 16 * len(lines), kind, content)
    return svg(boxes, pairs, "Pages, and what they are built of", across=True)
