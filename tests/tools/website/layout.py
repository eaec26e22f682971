"""Where boxes and arrows go: layer by layer, from the top down, with few crossings (Sugiyama's method)."""

from dataclasses import dataclass
from itertools import chain, pairwise

from grandalf.graphs import Edge, Graph, Vertex
from grandalf.layouts import SugiyamaLayout
from scipy.optimize import linprog
from scipy.sparse import lil_array

GAP, STEP = 18, 34  # between boxes of a layer, and between layers
LANE = 4  # what an arrow takes of a layer that it passes
STRAIGHT = 8  # a bend far from both boxes counts as much as this many beside one


@dataclass
class Box:
    """What the layout needs to know of a vertex, and where it puts it: its middle."""

    w: float
    h: float
    xy: tuple = (0.0, 0.0)


@dataclass
class Line:
    """The points of an arrow between its two boxes."""

    points: list


class Layout(SugiyamaLayout):
    """The order within the layers is that of the library, the places are our own: see setxy."""

    def __init__(self, part):
        super().__init__(part)
        self.dw = self.dh = LANE
        self.xspace, self.yspace = GAP, STEP
        self.rooms = {}  # the height of the layer of each vertex

    def paths(self):
        """Each edge with its vertices from layer to layer."""
        for edge in self.g.E():
            yield edge, [vertex for _, vertex in sorted(self.ctrls[edge].items())] if edge in self.ctrls else edge.v

    def setxy(self):
        """The arrows as short and straight as the order allows: a linear program (Gansner et al. 1993, sec. 4)."""
        place = {vertex: k for k, vertex in enumerate(chain(*self.layers))}
        parts = [pair for _, path in self.paths() for pair in pairwise(path)]
        beside = [pair for layer in self.layers for pair in pairwise(layer)]
        count = len(place)
        bounds = lil_array((2 * len(parts) + len(beside), count + len(parts)))
        for k, (a, b) in enumerate(parts):  # the distance of a and b is at least what they differ by, either way
            bounds[2 * k, [place[a], place[b], count + k]] = 1, -1, -1
            bounds[2 * k + 1, [place[a], place[b], count + k]] = -1, 1, -1
        for k, (a, b) in enumerate(beside, 2 * len(parts)):
            bounds[k, [place[a], place[b]]] = 1, -1
        most = [0.0] * (2 * len(parts)) + [-(a.view.w + b.view.w) / 2 - self.xspace for a, b in beside]
        passed = {vertex for vertex in place if vertex not in self.g.sV}
        weights = [STRAIGHT if {a, b} <= passed else 1 for a, b in parts]
        found = linprog([0] * count + weights, A_ub=bounds.tocsr(), b_ub=most).x
        top = 0.0
        for layer in self.layers:
            height = max(vertex.view.h for vertex in layer)
            for vertex in layer:
                vertex.view.xy, self.rooms[vertex] = (found[place[vertex]], top + height / 2), height
            top += height + self.yspace

    def draw_edges(self):
        """An arrow goes straight through a layer, past the boxes beside it, and turns between two layers."""
        for edge, path in self.paths():
            places = [(*vertex.view.xy, self.rooms[vertex] / 2) for vertex in path]
            edge.view.points = [(x, y + side * half) for x, y, half in places for side in (-1, 1)][1:-1]


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
        bends = [x for edge in part.sE for x, _ in edge.view.points]
        low = min(*bends, *(v.view.xy[0] - v.view.w / 2 for v in part.sV), float("inf"))
        top = min(v.view.xy[1] - v.view.h / 2 for v in part.sV)
        for v in part.sV:
            x, y = v.view.xy
            middles[v.data] = x - low + left, y - top
        for edge in part.sE:
            inner = [(x - low + left, y - top) for x, y in edge.view.points]
            arrows.append((edge.v[0].data, edge.v[1].data, inner))
        height = max(height, *(middles[v.data][1] + v.view.h / 2 for v in part.sV))
        beyond = [x - low + left for x in bends]
        left = max(*beyond, *(middles[v.data][0] + v.view.w / 2 for v in part.sV), left) + 2 * GAP
    return middles, arrows, (left - 2 * GAP, height)


def place(part):
    """Lay out one connected part."""
    if len(part.sV) == 1:
        return
    layout = Layout(part)
    layout.init_all(roots=[v for v in part.sV if not v.e_in()])
    layout.draw(N=4)
