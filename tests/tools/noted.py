"""Code that notes which of its lines run and which way its branches go: what a trace sees, without one."""

import ast

from coverage.parser import PythonParser

PLACE = "where the notes are"  # a text in the code, then the notes themselves: no module has a name more
BLOCKS = ("body", "orelse", "finalbody", "handlers")
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While)


class Notes(list):
    """Of one module: for each statement whether it ran, and for each branch whether it went past its body."""

    __hash__ = object.__hash__  # as the constants of code must have

    def __init__(self, text):
        super().__init__()
        self.text = text
        self.lines = []  # for each note those that ran, if it is True
        self.branches = []  # first and last line, the note within the body and the note past it

    def code(self, path):
        """The module, in which a statement that notes it comes before each of its own."""
        tree = ast.parse(self.text)
        self._write(tree)
        return self._placed(compile(tree, path, "exec", dont_inherit=True))

    def ran(self, place):
        self[place] = True

    def arcs(self):
        """Pairs of lines, from where to where, as coverage has them."""
        parser = PythonParser(text=f"{self.text}\n")  # which takes no empty one
        parser.parse_source()
        ends = {}
        for start, end in parser.arcs():
            ends.setdefault(start, []).append(end)
        found = {(-1, line) for lines, ran in zip(self.lines, self, strict=True) if ran for line in lines}
        for start, last, within, past in self.branches:
            for end in ends[start] if len(ends.get(start, ())) == 2 else ():
                if self[within if start < end <= last else past]:
                    found.add((start, end))
        return found

    def _write(self, node):
        if isinstance(node, ast.Match):
            raise NotImplementedError(f"what is counted must have no `match`, got one in line {node.lineno}")
        within = len(self)
        for name in BLOCKS:
            if isinstance(block := getattr(node, name, None), list):
                setattr(node, name, [new for part in block for new in self._noted(part)])
        if isinstance(node, BRANCHES):
            self.branches.append((node.lineno, node.body[-1].end_lineno, within, len(self)))
            node.orelse.insert(0, self._note("{place}[{note}] = True", (), node))

    def _noted(self, part):
        """The part and its note, before it but for imports from the future; a docstring does not run."""
        notes = []
        if isinstance(part, ast.stmt) and not _is_text(part):
            first = min((above.lineno for above in getattr(part, "decorator_list", ())), default=part.lineno)
            notes = [self._note("{place}[{note}] = True", range(first, part.lineno + 1), part)]
        if isinstance(part, ast.ExceptHandler) and part.type:  # its line runs for exceptions of other kinds too
            either = self._note("{place}.ran({note}) or 0", [part.lineno], part.type).value
            either.values[1] = part.type
            part.type = either
        self._write(part)
        return [part, *notes] if isinstance(part, ast.ImportFrom) and part.module == "__future__" else [*notes, part]

    def _note(self, code, lines, at):
        (statement,) = ast.parse(code.format(place=repr(PLACE), note=len(self))).body
        self.append(False)
        self.lines.append(lines)
        for node in ast.walk(statement):
            ast.copy_location(node, at)
        return statement

    def _placed(self, code):
        """The same code, and that of all functions in it, with the notes in their place."""
        consts = (self if c == PLACE else self._placed(c) if hasattr(c, "co_consts") else c for c in code.co_consts)
        return code.replace(co_consts=tuple(consts))


def _is_text(part):
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
