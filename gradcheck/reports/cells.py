"""A map of errors in a few lines of text: one mark a cell, by how large the error is beside the gradient."""

import dataclasses

import numpy as np

from gradcheck.reports.style import Style
from gradcheck.verdict.facts import ErrorMap, Span

GRADES = (0.0, 0.01, 0.1, 1.0)  # of the array's gradient, from which on a wrong cell gets the next mark
MEANING = ("less", "over 1 %", "over 10 %", "over 100 %")
MOST = (16, 64)  # rows and columns of text


def draw(map: ErrorMap, style: Style) -> list[str]:
    """Return what is shown, a header, a line a row of cells, and a legend of the marks in use."""
    count, what = int(map.wrong.sum()), "entries" if map.whole else "blocks"
    mean = "" if map.whole else "mean "
    title = f"{count} of {map.wrong.size} {what}, by their {mean}error as a part of the array's gradient"
    if not count:
        title = f"none of {map.wrong.size} {what} alone is off by more than its own bar"
    if map.sampled:
        title += ", of a sample of entries"
    map = coarse(map, *MOST)
    if map.merged:
        title += ", the largest of those in a cell"
    grade = np.where(map.wrong, np.digitize(map.share, GRADES), 0)
    labels = [label(map.shape, row) for row in map.rows]
    width = max(len(name) for name in labels)
    apart = " " if len(map.columns) <= MOST[1] // 4 else ""
    body = []
    for name, line in zip(labels, grade, strict=True):
        marks = [style.paint(style.marks[g], "wrong" if g else "right") for g in line]
        body.append(f"{name:>{width}}  {apart.join(marks)}")
    across = len(map.columns) + len(apart) * (len(map.columns) - 1)
    first, last = str(map.columns[0][0]), str(map.columns[-1][1] - 1)
    header = first if first == last else f"{first}{last:>{max(across - len(first), len(last) + 1)}}"
    return [title, f"{'':{width}}  {header}", *body, f"{'':{width}}  {_legend(grade, map.sampled, style)}"]


def label(shape: tuple[int, ...], row: Span, column: str = ":") -> str:
    """Return the index of a row of cells, such as [2, 0, :]; from the first to the last where it is no block."""
    leading = shape[:-1]
    if not leading:
        return f"[{column}]" if shape else "[]"
    first, last = ([int(i) for i in np.unravel_index(k, leading)] for k in (row[0], row[1] - 1))
    moves = next((k for k, (i, j) in enumerate(zip(first, last, strict=True)) if i != j), len(leading))
    if any(first[moves + 1 :]) or any(i != n - 1 for i, n in zip(last[moves + 1 :], leading[moves + 1 :], strict=True)):
        return " to ".join(f"[{', '.join(map(str, index))}, {column}]" for index in (first, last))
    parts = [str(i) for i in first[:moves]]
    if moves < len(leading):
        whole = first[moves] == 0 and last[moves] == leading[moves] - 1
        parts += [":" if whole else f"{first[moves]}:{last[moves] + 1}", *(":" for _ in leading[moves + 1 :])]
    return f"[{', '.join(parts)}, {column}]"


def coarse(map: ErrorMap, most_rows: int, most_columns: int) -> ErrorMap:
    """Return a map of at most so many cells; each stands for several and shows the one that is most wrong."""
    if len(map.rows) <= most_rows and len(map.columns) <= most_columns:
        return map
    rows, columns = _groups(len(map.rows), most_rows), _groups(len(map.columns), most_columns)
    bars = np.array(map.bars)
    at = [[_worst(bars, r, c) for c in columns] for r in rows]
    return dataclasses.replace(
        map,
        rows=tuple((map.rows[a][0], map.rows[b - 1][1]) for a, b in rows),
        columns=tuple((map.columns[a][0], map.columns[b - 1][1]) for a, b in columns),
        claimed=tuple(tuple(map.claimed[i][j] for i, j in line) for line in at),
        numeric=tuple(tuple(map.numeric[i][j] for i, j in line) for line in at),
        bars=tuple(tuple(map.bars[i][j] for i, j in line) for line in at),
        merged=True,
    )


def _worst(bars: np.ndarray, rows: Span, columns: Span) -> Span:
    block = bars[slice(*rows), slice(*columns)]
    i, j = np.unravel_index(int(np.argmax(block)), block.shape)
    return rows[0] + int(i), columns[0] + int(j)


def _groups(count: int, most: int) -> list[Span]:
    parts = min(count, most)
    return [(count * k // parts, count * (k + 1) // parts) for k in range(parts)]


def _legend(grade: np.ndarray, sampled: bool, style: Style) -> str:
    used = [g for g in range(len(GRADES), 0, -1) if (grade == g).any()]
    names = [f"{style.paint(style.marks[g], 'wrong')} {MEANING[g - 1]}" for g in used]
    if not grade.all():
        names.append(f"{style.paint(style.marks[0], 'right')} {'not known to be wrong' if sampled else 'right'}")
    return "   ".join(names)
