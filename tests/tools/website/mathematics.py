"""LaTeX to MathML, when the site is built: a browser shows it without a script."""

import re
from functools import cache

import math_core
from docutils import nodes

LINE = '<mo stretchy="true">\N{COMBINING LOW LINE}</mo></mover>'  # so says the converter for \\overline
MOVER = re.compile(r"</?mover\b")
CONVERTER = math_core.LatexToMathML()


@cache
def mathml(tex, display=False):
    """The MathML of an expression.

    Raises:
        math_core.LatexError: it has a macro that is not known, or brackets that do not match.
    """
    return overlined(CONVERTER.convert_with_local_state(tex, displaystyle=display))


def overlined(text):
    """A line above an expression as a border, which is as long as it is in every browser and font."""
    before, mark, after = text.rpartition(LINE)
    while mark:
        start, depth = len(before), 0
        for match in reversed(list(MOVER.finditer(before))):
            depth += 1 if match[0].startswith("</") else -1
            if depth < 0:
                start = match.start()
                break
        inner = before[start:].partition(">")[2]
        text = f'{before[:start]}<mrow class="overline">{inner}</mrow>{after}'
        before, mark, after = text.rpartition(LINE)
    return text


def inline(translator, node):
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block(translator, node):
    translator.body.append(f'<div class="equation">{mathml(node.astext(), display=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
