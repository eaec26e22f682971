"""Where boxes and arrows go: layer by layer, from the top down, with few crossings (Sugiyama's method)."""

from dataclasses import dataclass

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout

GAP, STEP = 18, 34  # between boxes of a layer, and between layers


@dataclass
class Box:
    """What the layout needs to know of a vertex, and where it puts it: its middle."""

    w: float
    h: float
    xy: tuple = (0.0, 0.0)


@dataclass
class Line:
    """The points of an arrow."""

    points: list

    def setpath(self, points):
        self.points = points


def layers(sizes, pairs):
    """The middle of each box, the points of each arrow, and the size of the drawing.

    `sizes` has the width and height of each box by its name, `pairs` the arrows; parts that no arrow joins stand side
    by side.  It is laid out from the end: what is given stands just above what is made of it.
    """
    middles, arrows, (width, height) = downward(sizes, [(b, a) for a, b in pairs])
    middles = {name: (x, height - y) for name, (x, y) in middles.items()}
    return middles, [(a, b, [(x, height - y) for x, y in inner[::-1]]) for b, a, inner in arrows], (width, height)


def downward(sizes, pairs):
    """The same from the beginning."""
    vertices = {name: Vertex(name) for name in sizes}
    for name, vertex in vertices.items():
        vertex.view = Box(*sizes[name])
    edges = [Edge(vertices[a], vertices[b]) for a, b in dict.fromkeys(pairs) if a != b]
    for edge in edges:
        edge.view = Line([])
    left, height, middles, arrows = 0.0, 0.0, {}, []
    for part in Graph(list(vertices.values()), edges).C:
        place(part)
        bends = [x for edge in part.sE for x, _ in edge.view.points[1:-1]]
        low = min(*bends, *(v.view.xy[0] - v.view.w / 2 for v in part.sV), float("inf"))
        top = min(v.view.xy[1] - v.view.h / 2 for v in part.sV)
        for v in part.sV:
            x, y = v.view.xy
            middles[v.data] = x - low + left, y - top
        for edge in part.sE:
            inner = [(x - low + left, y - top) for x, y in edge.view.points[1:-1]]
            arrows.append((edge.v[0].data, edge.v[1].data, inner))
        height = max(height, *(middles[v.data][1] + v.view.h / 2 for v in part.sV))
        beyond = [x - low + left for x in bends]
        left = max(*beyond, *(middles[v.data][0] + v.view.w / 2 for v in part.sV), left) + 2 * GAP
    return middles, arrows, (left - 2 * GAP, height)


def place(part):
    """Lay out one connected part."""
    if len(part.sV) == 1:
        return
    layout = SugiyamaLayout(part)
    layout.xspace, layout.yspace = GAP, STEP
    layout.route_edge = lambda edge, points: edge.view.setpath(points)
    layout.init_all(roots=[v for v in part.sV if not v.e_in()])
    layout.draw(N=4)
