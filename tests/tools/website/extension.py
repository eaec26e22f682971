"""What Sphinx learns: mathematics, equations, and links to equations and to lines of code."""

import html
import posixpath
import re

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util import logging
from website import api, figures, listings, mathematics
from website.entries import Entries
from website.mathematics import mathml

LOG = logging.getLogger(__name__)
ENTRIES = Entries()


def uri(app, document, target):
    """The way from a document of the site to another one, or to a file of the code."""
    here = posixpath.dirname(app.builder.get_target_uri(document))
    page, _, fragment = target.partition("#")
    return posixpath.relpath(f"{page}.html", here or ".") + (f"#{fragment}" if fragment else "")


class Equation(Directive):
    """A displayed equation of a page, with its number, which leads to the page of the equation."""

    required_arguments = 1

    def run(self):
        env, id = self.state.document.settings.env, self.arguments[0]
        if id in ENTRIES.guides:
            text = mathml(ENTRIES.guides[id][1], display=True)
            text = f'<div class="equation" id="{id}">{text}</div><span class="number">({id})</span>'
            return [nodes.raw("", f'<div class="numbered">{text}</div>', format="html")]
        entry = ENTRIES.all[id]
        own = env.docname == f"eq/{id}"
        there = uri(env.app, env.docname, f"{entry.document}#{id}" if own else f"eq/{id}")
        number = f'<a class="number" href="{there}">({id})</a>'
        identity = "" if own else f' id="{id}"'
        text = f'<div class="equation"{identity}>{mathml(entry.tex, display=True)}</div>'
        return [nodes.raw("", f'<div class="numbered">{text}{number}</div>', format="html")]


def link(shown, there, attributes='class="reference internal"', code=False):
    """What a role returns for a link: nodes, and no messages."""
    words = html.escape(shown)
    if code:  # the name of a test is broken where its words end, or its column would be half of a table
        words = f"<code>{words.replace('_', '_<wbr>') if shown.startswith('test_') else words}</code>"
    return [nodes.raw("", f'<a {attributes} href="{there}">{words}</a>', format="html")], []


def equation(name, rawtext, text, line, inliner, options=None, content=None):
    """The role `equation`: a link to an equation, which shows it."""
    shown, _, id = text.removesuffix(">").rpartition(" <") if text.endswith(">") else (text, "", text)
    env = inliner.document.settings.env
    if id in ENTRIES.guides:
        return link(shown, uri(env.app, env.docname, f"{ENTRIES.guides[id][0]}#{id}"))
    if id not in ENTRIES.all:
        message = inliner.reporter.warning(f"an equation must exist, got {id}", line=line)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    entry = ENTRIES.all[id]
    if env.docname == entry.document:
        there = f"#{id}"
    else:
        apart = env.docname.startswith(("eq/", "equations", "errata"))
        there = uri(env.app, env.docname, f"eq/{id}" if apart else f"{entry.document}#{id}")
    return link(shown, there, f'class="reference internal eq" data-eq="{id}"')


def src(name, rawtext, text, line, inliner, options=None, content=None):
    """The role `src`: a link to a file of the repository, or to a line of it."""
    shown, _, target = text.removesuffix(">").rpartition(" <")
    env = inliner.document.settings.env
    path, _, fragment = target.partition("#")
    there = uri(env.app, env.docname, f"code/{path}" + (f"#{fragment}" if fragment else ""))
    return link(shown, there, code=True)


def pdf(name, rawtext, text, line, inliner, options=None, content=None):
    """The role `pdf`: a link to the book."""
    shown, _, target = text.removesuffix(">").rpartition(" <")
    env = inliner.document.settings.env
    return link(shown, posixpath.relpath(target, posixpath.dirname(env.docname) or "."))


def small(app, pagename, templatename, context, doctree):
    """The template of the many small pages, which have no tree of all others beside them: it would be most of the site.

    The anchors of their headings are there, the signs that lead to them are not.
    """
    if not pagename.startswith(("eq/", "code/")):
        return None
    context["toctree"] = lambda **options: ""  # the theme asks for it all the same, and it is half of the build
    context["body"] = re.sub(r'<a class="headerlink".*?</a>', "", context["body"])
    return "small.html"


def setup(app):
    mathematics.setup(app)
    app.add_directive("equation", Equation)
    app.add_directive("flow", figures.Flow)
    app.add_directive("graph", figures.Graph)
    app.add_role("equation", equation)
    app.add_role("src", src)
    app.add_role("pdf", pdf)
    app.connect("autodoc-process-docstring", api.docstring(ENTRIES))
    app.connect("html-page-context", small, priority=100)  # before the theme
    app.connect("html-collect-pages", lambda app: listings.pages(app, ENTRIES))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
