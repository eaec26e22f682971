"""The site, for Sphinx.  `python -m website` writes the sources that it reads."""

from pathlib import Path

from website import releases
from website.entries import ROOT

project = "backproof"
author = "The backproof authors"
copyright = author
version = release = releases.version(ROOT)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "website.extension"]
root_doc = "index"
smartquotes = False  # (..., D) is three full stops

default_role = "code"  # of docstrings
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # beside the letters of the shapes, they say little

myst_heading_anchors = 3

html_theme = "furo"
html_title = "backproof"
html_math_renderer = "mathml"
html_static_path = ["static"]
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
templates_path = ["templates"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would read the pages anew, which a browser does not do from a file
html_show_sphinx = False
PARTS = ("sidebar/brand", "sidebar/search", "sidebar/scroll-start", "navigation", "sidebar/scroll-end")
html_sidebars = {"**": [f"{part}.html" for part in PARTS]}
html_theme_options = {"footer_icons": [], "top_of_page_buttons": []}
