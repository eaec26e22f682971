"""python -m website SOURCES SITE [BROWSER]: make the site, and with a browser the book.

A warning of Sphinx is an error, and so are a broken entry and LaTeX that is not understood.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main
from website import book, fonts
from website.assemble import assemble
from website.mathematics import mathml

HERE = Path(__file__).parent
QUIET = ["-W", "--keep-going", "-q", "-j", "2"]
SHORTER = [  # what no style and no reader needs, and which every table, heading and line of code has
    (r'<span class="(?:n|nc|nf|nn|o|p|w)">([^<]*)</span>', r"\1"),  # names and signs: two thirds of a line of code
    (r'<span class="pre">([^<]*)</span>', r"\1"),
    (r'<code class="docutils literal notranslate">', '<code class="literal">'),
    (r'<tr class="row-(?:odd|even)">', "<tr>"),
    (r"<td><p>((?:(?!</?p>).)*)</p></td>", r"<td>\1</td>"),
    (r' title="Link to this heading"', ' aria-label="Link"'),
    (r"<pre\b", '<pre tabindex="0"'),  # the keyboard moves what is too long
    (r'<meta name="viewport" content="width=device-width, initial-scale=1" />', ""),  # stands there twice
]
COLOURS = re.compile(r"<style>(\s*body \{\s*--color-code-background.*?)</style>", re.DOTALL)  # of code, in every page


def build(sources, site, browser=None):
    """Make the site; return the exit status of Sphinx."""
    sources, site = sources.resolve(), site.resolve()
    static, trees = sources.with_name("static"), sources.with_name("doctrees")
    for folder in (sources, site, static, trees):  # nothing of another build, whose pages may be gone
        shutil.rmtree(folder, ignore_errors=True)
    static.mkdir(parents=True)
    fonts.write(static / fonts.NAME)
    entries = assemble(sources, book=bool(browser))
    (static / "equations.js").write_text(cards(entries), encoding="utf-8")
    where = ["-c", str(HERE), "-d", str(trees), "-D", f"html_static_path=static,{static}"]
    status = main([*QUIET, *where, "-b", "html", str(sources), str(site)])
    if status:
        return status
    for path in site.rglob("*.map"):  # for those who write the theme
        path.unlink()
    with (site / "_static/site.css").open("a", encoding="utf-8") as sheet:
        sheet.write(COLOURS.search((site / "index.html").read_text(encoding="utf-8"))[1])
    for path in site.rglob("*.html"):
        path.write_text(compact(path.read_text(encoding="utf-8")), encoding="utf-8")
    small(site)
    if browser:
        book.write(entries, site, browser)
    return 0


def small(site):
    """One style sheet and one script for the many small pages, of those that the other pages load one by one."""
    start = (site / "index.html").read_text(encoding="utf-8")
    sheets, scripts = r'<link rel="stylesheet"[^>]* href="([^"?]+)', r'<script[^>]* src="([^"?]+)'
    for ending, pattern, between in (("css", sheets, "\n"), ("js", scripts, "\n;\n")):  # not all scripts end in one
        parts = [(site / path).read_text(encoding="utf-8") for path in re.findall(pattern, start)]
        (site / f"_static/small.{ending}").write_text(between.join(parts), encoding="utf-8")


def compact(text):
    """A page without the indentation of its templates and the marks of its tables; code keeps its lines."""
    text = re.sub(r"\n+</pre>", "\n</pre>", COLOURS.sub("", text))  # a block ends in an empty line, for doctest
    for pattern, other in SHORTER:
        text = re.sub(pattern, other, text)
    parts = re.split(r"(<pre\b.*?</pre>)", text, flags=re.DOTALL)
    return "".join(part if k % 2 else re.sub(r"\s*\n\s*", "\n", part) for k, part in enumerate(parts))


def cards(entries):
    """What is shown of each equation where it is referred to, as a script: a page that is a file may load no other."""
    shown = {id: [entry.title, mathml(entry.tex, display=True)] for id, entry in entries.all.items()}
    return f"window.equations = {json.dumps(shown, ensure_ascii=False, separators=(',', ':'))};\n"


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
