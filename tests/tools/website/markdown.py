"""A page of specs/ as a page of the site: its mathematics, equations and links in the words of MyST.

The page on the host of the repository and the page of the site say the same; what differs is markup.  Mathematics
becomes the role `math`, a displayed equation the directive `equation`, a link to one the role `equation`, and a link to
a file of the repository, or the name of a test, the role `src`.
"""

import posixpath
import re

from house.tree import ID

ANCHOR = re.compile(rf'<a id="{ID}"></a>\*\*\([^)]*\)\*\* ?')
PIECE = re.compile(
    r"(?P<math>\$`[^`]*`\$)|(?P<code>`[^`]+`)|\[(?P<text>(?:\$?`[^`]*`\$?|[^\[\]`])*)\]\((?P<target>[^)\s]+)\)"
)
FENCE = re.compile(r"```(\w*)\s*$")
SHAPE = re.compile(r"(?<=\| )\((?:\.\.\.|[A-Z])[^()`$]*\)(?= \|)")  # which no narrow column may break
NAMES = {"specs/README.md": "notation.md"}


class Converter:
    """Converts the pages of a repository; `tests` gives the path and line of a test of the page, or None."""

    def __init__(self, root, ids, tests=lambda path, name: None):
        self.root, self.ids, self.tests = root, ids, tests

    def page(self, path, source):
        """The page at `path`, such as specs/layers/linear.md, for the site."""
        out, opened, body = [], None, []
        for line in source.splitlines():
            if opened is None and (match := FENCE.match(line)):
                opened, body = match[1], []
            elif opened is None:
                out.append(self.line(path, ANCHOR.sub("", line).rstrip()))
            elif line.strip() == "```":
                out += self.fence(opened, body)
                opened = None
            else:
                body.append(line)
        return "\n".join(out) + "\n"

    def fence(self, language, body):
        text = "\n".join(body)
        if language == "math" and (tag := re.search(r"\\tag\{([^}]*)\}", text)):
            return [f"```{{equation}} {tag[1]}", "```"]
        return [f"```{language}", text, "```"]

    def line(self, path, text):
        if text.startswith("|"):
            text = SHAPE.sub(lambda match: match[0].replace(" ", "\N{NO-BREAK SPACE}"), text)
        return PIECE.sub(lambda match: self.piece(path, match), text)

    def piece(self, path, match):
        if match["math"]:
            return f"{{math}}`{match['math'][2:-2]}`"
        if match["code"]:
            place = self.tests(path, match["code"][1:-1])
            return f"{{src}}`{match['code'][1:-1]} <{place}>`" if place else match["code"]
        return self.link(path, match["text"], match["target"])

    def link(self, path, text, target):
        if re.match(r"[a-z]+:", target):
            return f"[{self.line(path, text)}]({target})"
        name, _, fragment = target.partition("#")
        if fragment in self.ids:
            return f"{{equation}}`{fragment}`" if text == fragment else f"{{equation}}`{text} <{fragment}>`"
        full = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
        if full.endswith(".md") and full.startswith("specs/"):
            full = NAMES.get(full, full.removeprefix("specs/"))
            end = f"#{fragment}" if fragment else ""
            return f"[{self.line(path, text)}]({'' if not name else '/' + full}{end})"
        if (self.root / full).is_file():
            return f"{{src}}`{text.strip('`')} <{full}>`"
        return self.line(path, text)
