"""The difference <dy, change of y> - sum <dx, change of x> of one program, in normal form.

A layer that is called has any derivative: where the pullback is called with the very cotangent that the difference has
at the layer's output, what it returns takes the place of that.
"""

from equations.atoms import Unprovable
from equations.calls import Calls
from equations.composition import is_one
from equations.meaning import Meaning
from equations.programs import section
from equations.terms import add, atom, scaled
from equations.tree import Call, Cases, Symbol, Tuple
from equations.walks import added, made, names_in, one_name, renamed


class Proof(Calls):
    """The proof for one program."""

    def __init__(self, page, program, equations=None):
        self.page, self.program = page, program
        equations = page.equations if equations is None else equations
        self.entries = page.shapes.entries
        own = {name for id in program.forward for name in made(equations[id])}
        self.by = one_name(self.entries, own)
        self.equations = {id: renamed(tree, self.by) for id, tree in equations.items()}
        self.watch = lambda proof: None  # after each clause
        self.calls, self.left, self.outputs = [], {}, []
        self.versions = 0
        own = {name for id in program.forward for name in made(self.equations[id])}
        replaced = [name for name in own if self.entries.get(name) and self.entries[name].differentiable]
        if replaced:
            raise Unprovable(f"{replaced[0]} goes from layer to layer in a loop, which has any number of them")
        self.inputs = [name for name, entry in self.entries.items() if entry.differentiable and name not in own]
        self.inputs = [name for name in self.inputs if self.entries[name].axes is not None]
        self.meaning = Meaning(page.shapes, self.inputs)

    def clauses(self, id):
        for clause in self.equations[id].clauses:
            yield clause.sides[0], clause.sides[1:]

    def run(self):
        """What is left of the difference."""
        used = {name for id in self.program.forward for _, sides in self.clauses(id) for name in names_in(sides[0])}
        for name, entry in self.entries.items():
            if "0 leaves all that belongs to it out" in entry.meaning and name not in used:
                self.meaning.defined[name, ""] = ((), {})
        for id in self.program.forward:
            self.forward(id)
        self.start()
        for id in self.program.backward:
            self.backward(id)
        missing = [name for name in self.inputs if not self.known(f"d{name}") and self.used(name)]
        others = [id for id in self.page.numbered if id not in self.program.backward]
        asked = {f"d{name}" for name in missing}
        for id in others:
            if section(self.page, id) == "Backward" and asked & set(made(self.equations[id])):
                self.backward(id)
        unused = [name for name in self.inputs if not self.used(name) and self.known(f"d{name}")]
        if unused or not any(map(self.used, self.inputs)):
            raise Unprovable(f"the output does not depend on {', '.join(unused) or 'anything'}")
        for name in self.inputs:
            if self.used(name):
                self.pair(f"d{name}", name)
        return self.meaning.normal(self.left)

    def used(self, name):
        return any(f"δ{name}" == str(a[0]).rstrip("<>") for m in self.left for a in m[0])

    def known(self, name):
        return any(key[0] == name for key in self.meaning.defined)

    def forward(self, id):
        for left, sides in self.clauses(id):
            names = [item.name for item in (left.items if isinstance(left, Tuple) else (left,))]
            if all(name in self.entries and self.entries[name].constant for name in names):
                continue
            if is_one(left, sides[0]) and self.layer(sides[0]):
                self.call(names, sides[0])
            else:
                self.define(left, sides[0])
            self.watch(self)

    def define(self, left, tree):
        m, hidden = self.meaning, {}
        if isinstance(tree, Cases):
            value, hidden = m.hiding(tree)
        else:
            value = m.mean_of(tree)
            for symbol in added(tree):
                hidden = add(hidden, m.hidden_at(symbol))
        letters, _ = m.define(left, value)
        m.hidden.pop(left.name, None)
        if hidden:
            m.hidden[left.name] = (letters, hidden)

    def start(self):
        """The outputs, and the inner product of their cotangents with their changes."""
        given = set()
        for id in self.program.backward:
            for _, sides in self.clauses(id):
                given |= {name for name in names_in(sides[0]) if name.startswith("d")}
        own = {name for id in self.program.backward for name in made(self.equations[id])}
        for name in dict.fromkeys(key[0] for key in self.meaning.defined):
            if f"d{name}" in given - own:
                self.outputs.append(name)
                for key in [key for key in self.meaning.defined if key[0] == name]:
                    letters, value = self.meaning.defined[key]
                    change = self.meaning.change(value)
                    dual = self.meaning.value(f"d{name}", key[1], letters)
                    self.left = add(self.left, self.meaning.summed(self.meaning.product(dual, change), letters))
        if not self.outputs:
            raise Unprovable("no output has a cotangent")

    def backward(self, id):
        for left, sides in self.clauses(id):
            right = sides[0]
            if isinstance(right, Call) and right.mark == "*":
                self.pull(left, right)
            elif isinstance(left, Symbol):
                entry = self.page.shapes.entry(left.name)
                if entry is None or entry.axes is not None:  # that of a layer is a tree
                    self.define(left, right)
            else:
                raise Unprovable(f"({id}) is no equation of one symbol")
            self.watch(self)

    def pair(self, dual, name):
        """Take <dx, change of x> away."""
        m = self.meaning
        parts = {key[1] for key in m.defined if key[0] == dual} or {""}
        for part in parts:
            axes = m.axes(name)
            if part:
                letters, value = m.defined[dual, part]
            else:
                letters = tuple(m.spread(axes))
                value = m.value(dual, "", letters)
            moved = m.product(value, atom(f"δ{name}{part}", letters))
            self.left = add(self.left, scaled(m.summed(moved, letters), -1))
