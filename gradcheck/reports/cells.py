"""A map of errors in a few lines of text: one mark a cell, by how large the error is beside the gradient."""

import numpy as np

from gradcheck.reports.facts import ErrorMap
from gradcheck.reports.style import Style

GRADES = (0.0, 0.01, 0.1, 1.0)  # of the array's gradient, from which on a wrong cell gets the next mark
MEANING = ("less", "over 1 %", "over 10 %", "over 100 %")
MOST = (16, 64)  # rows and columns of text

Span = tuple[int, int]


def draw(map: ErrorMap, style: Style) -> list[str]:
    """Return a header, a line a row of cells, and a legend of the marks in use."""
    grade, rows, columns = _grades(map)
    labels = [label(map.shape, row) for row in rows]
    width = max(len(name) for name in labels)
    apart = " " if len(columns) <= MOST[1] // 4 else ""
    body = []
    for name, line in zip(labels, grade, strict=True):
        marks = [style.paint(style.marks[g], "wrong" if g else "right") for g in line]
        body.append(f"{name:>{width}}  {apart.join(marks)}")
    across = len(columns) + len(apart) * (len(columns) - 1)
    first, last = str(columns[0][0]), str(columns[-1][1] - 1)
    header = first if len(columns) == 1 else f"{first}{last:>{max(across - len(first), len(last) + 1)}}"
    return [f"{'':{width}}  {header}", *body, f"{'':{width}}  {_legend(grade, map, style)}"]


def label(shape: tuple[int, ...], row: Span) -> str:
    """Return the index of a row of cells, such as [2, 0, :]; the first to the last where it is a block."""
    leading = shape[:-1]
    if not leading:
        return "[:]" if shape else "[]"
    first, last = (np.unravel_index(k, leading) for k in (row[0], row[1] - 1))
    parts = []
    for start, stop, length in zip(first, last, leading, strict=True):
        whole = start == 0 and stop == length - 1 and length > 1
        parts.append(":" if whole else str(start) if start == stop else f"{start}:{stop + 1}")
    return f"[{', '.join(parts)}, :]"


def _grades(map: ErrorMap) -> tuple[np.ndarray, list[Span], list[Span]]:
    """Return the grade of each cell, of the worst of several where there are more than fit."""
    grade = np.where(map.wrong, np.digitize(map.share, GRADES), 0)
    rows, columns = list(map.rows), list(map.columns)
    for axis, (spans, most) in enumerate(zip((rows, columns), MOST, strict=True)):
        count = min(len(spans), most)
        edges = [len(spans) * k // count for k in range(count)]
        grade = np.maximum.reduceat(grade, edges, axis=axis)
        stops = [*edges[1:], len(spans)]
        spans[:] = [(spans[a][0], spans[b - 1][1]) for a, b in zip(edges, stops, strict=True)]
    return grade, rows, columns


def _legend(grade: np.ndarray, map: ErrorMap, style: Style) -> str:
    used = [g for g in range(len(GRADES), 0, -1) if (grade == g).any()]
    names = [f"{style.paint(style.marks[g], 'wrong')} {MEANING[g - 1]}" for g in used]
    if not grade.all():
        names.append(f"{style.paint(style.marks[0], 'right')} right")
    what = "error" if map.whole else "mean error of a block"
    return f"{what} beside the array's gradient: {'   '.join(names)}"
