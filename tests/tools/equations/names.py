"""Symbols among the tokens: names with their indices, changes, and functions that are called."""

from equations.tokens import split
from equations.tree import Call, Change, Symbol
from equations.words import OPERATORS, Words, label_of, starts_a_name


class Names(Words):
    """Reads a symbol; what stands in its subscripts and arguments is read by the whole reader."""

    def change(self):
        self.next()
        return Change(self.primary(bare=True))

    def symbol(self, bare):
        prefix = ""
        if self.peek() == "d" and not self.indices and starts_a_name(self.peek(1)):
            self.next()
            prefix = "d"
        name = prefix + self.name()
        while self.peek() == "'" and name not in self.functions:
            name += self.next()
        indices = ()
        if self.peek() == "_":
            name, indices = self.subscript(name)
        if name in self.functions and not bare and self.peek() in ("(", "'", "^"):
            return self.call(name)
        return Symbol(name, indices)

    def subscript(self, name):
        self.want("_")
        inner = self.inside() if self.peek() == "{" else [self.piece()]
        parts, _ = split(inner, {","})
        label = label_of(parts[0])
        if label and self.known(f"{name}_{label}"):
            name, parts = f"{name}_{label}", parts[1:]
        indices = []
        for part in parts:
            reader = type(self)(part, self.names, self.functions, indices=True, place=self.place)
            if OPERATORS & {token.text for token in part}:
                indices.append(reader.everything())
            else:
                if not part:
                    raise reader.refuse("an index must stand here")
                while reader.peek() is not None:
                    indices.append(reader.primary(bare=True))
        return name, tuple(indices)

    def call(self, name):
        mark = ""
        if self.peek() == "'":
            mark = self.next()
        elif self.peek() == "^" and self.peek(1) in ("*", "{"):
            self.next()
            star = [token.text for token in self.inside()] if self.peek() == "{" else [self.next()]
            if star != ["*"]:
                raise self.refuse(f"the mark of {name} must be a star")
            mark = "*"
        return Call(name, mark, self.arguments())
