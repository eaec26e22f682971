"""Pictures of attention maps: what a guide computes, drawn where the guide says so.

A line `<!-- picture: name -->` stands for the dictionary of that name, as the blocks above it leave it: of each map
its title, and the weights (T, S) with the names of the rows and of the columns.  The repository's own web page shows
nothing there.
"""

import contextlib
import doctest
import html
import io
import re

PLACE = re.compile(r"^<!-- picture: (\w+) -->$", re.MULTILINE)
CELL, HEAD, LETTER = 24, 20, 7  # of a map: its squares, the space for the names of columns, and a letter


def drawn(source):
    """A page with its pictures; its blocks are run if it has any."""
    parts = PLACE.split(source)
    if len(parts) == 1:
        return source
    values, text = {}, [parts[0]]
    for name, before, after in zip(parts[1::2], parts[:-1:2], parts[2::2], strict=True):
        for step in doctest.DocTestParser().get_examples(before):
            with contextlib.redirect_stdout(io.StringIO()):  # what it shows, the suite compares
                exec(compile(step.source, "guide", "single"), values)
        text += [f"```{{raw}} html\n{picture(values[name])}\n```", after]
    return "".join(text)


def picture(maps):
    figures = "".join(figure(title, *found) for title, found in maps.items())
    return f'<div class="maps">{figures}</div>'


def figure(title, weights, rows, columns):
    """One map: a square for each weight, the darker the larger; the names of its rows and columns."""
    parts, margin = [], 10 + LETTER * max(map(len, rows))
    for i, row in enumerate(rows):
        parts.append(f'<text class="row" x="{margin - 6}" y="{HEAD + CELL * i + 16}">{html.escape(row)}</text>')
    for j, column in enumerate(columns):
        x = margin + CELL * j + CELL / 2
        parts.append(f'<text class="column" x="{x:.0f}" y="{HEAD - 7}">{html.escape(column)}</text>')
    for i, row in enumerate(weights):
        for j, weight in enumerate(row):
            x, y = margin + CELL * j, HEAD + CELL * i
            place = f'x="{x}" y="{y}" width="{CELL}" height="{CELL}"'
            parts.append(f'<rect {place} fill-opacity="{weight:.2f}"><title>{weight:.2f}</title></rect>')
    width, height = margin + CELL * len(columns) + 2, HEAD + CELL * len(rows) + 2
    label = html.escape(f"{title}: attention weights of {len(rows)} rows and {len(columns)} columns")
    drawing = f'<svg class="map" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}"'
    drawing += f' height="{height}">{"".join(parts)}</svg>'
    return f'<figure>{drawing}<figcaption style="padding-left: {margin}px">{html.escape(title)}</figcaption></figure>'
