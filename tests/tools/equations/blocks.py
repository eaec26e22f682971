"""Attention in blocks, whose number is no axis: its displayed equations run block by block, on dual balls."""

from fractions import Fraction

import numpy as np
from equations.displayed import Displayed, changed
from equations.duals import Dual
from equations.labelled import Labelled
from flint import arb

HEADS, QUERIES, KEYS, WIDTH, VALUES = 2, 3, 5, 2, 3  # one head of keys serves both; a value is wider than a key
ROWS, COLUMNS = 2, 2  # of a block; the last ones are shorter


def still(values):
    """The same numbers, which do not move."""
    return np.frompyfunc(lambda x: Dual(x.a), 1, 1)(values)


def slices(length, size):
    return [slice(start, min(start + size, length)) for start in range(0, length, size)]


class Blocks:
    """All that the page speaks of, at a random rational point."""

    def __init__(self, page, running, seed):
        self.page, self.running, self.seed = page, running, seed
        draw = Displayed(page, {}, seed)
        self.random, rational = draw.random, draw.rational

        def numbers(*shape, moves=True):
            made = np.empty(shape, object)
            for at in np.ndindex(shape):
                made[at] = Dual(rational(), rational() if moves else 0)
            return made

        self.q, self.k, self.v = numbers(HEADS, QUERIES, WIDTH), numbers(KEYS, WIDTH), numbers(KEYS, VALUES)
        self.bias, self.do = numbers(QUERIES, KEYS), numbers(HEADS, QUERIES, VALUES, moves=False)
        self.kept = np.array([self.random.random() < 0.6 for _ in range(HEADS * QUERIES * KEYS)])
        self.kept = self.kept.reshape(HEADS, QUERIES, KEYS)
        self.seen = np.tri(QUERIES, KEYS, KEYS - QUERIES, dtype=bool)
        self.seen[1] = False  # a query that sees nothing
        self.cap, self.slopes = Fraction(3, 2), (Fraction(1, 3), Fraction(1, 5))

    def program(self, rows, columns, head, data):
        """The page at one block, after its scores are made."""
        q, k, v, bias = data
        n, m = rows.stop - rows.start, columns.stop - columns.start
        block = Displayed(self.page, {"N": n, "M": m, "K": WIDTH, "W": VALUES, "P": n}, 0)
        block.set("q'", q[head, rows])
        block.set("k'", k[columns])
        block.set("v'", v[columns])
        block.set("b'", bias[rows, columns])
        block.give("eta", Fraction(2, 3))
        block.give("C", self.cap)
        block.give("a", self.slopes[head])
        block.give("rho", Fraction(2, 5))
        block.give("tau", np.arange(rows.start, rows.stop) + KEYS - QUERIES)
        block.give("pi", np.arange(columns.start, columns.stop))
        block.known["chi"] = Labelled(self.seen[rows, columns], ("N", "M"))
        block.give("kappa", self.kept[head, rows, columns].astype(int))
        block.run(*[f"blockwise.{k}" for k in range(1, 7)])
        return block

    def forward(self, data):
        """o (H, T, W) and l (H, T), by the running softmax as its page displays it."""
        o, l = np.empty((HEADS, QUERIES, VALUES), object), np.empty((HEADS, QUERIES), object)
        for head in range(HEADS):
            for rows in slices(QUERIES, ROWS):
                state, block = None, None
                for columns in slices(KEYS, COLUMNS):
                    block = self.program(rows, columns, head, data)
                    state = self.absorb(state, block, rows, columns)
                for name in ("m", "z", "y"):
                    block.set(name, state.values(name))
                block.run("blockwise.8")
                o[head, rows], l[head, rows] = block.values("o'"), block.values("l'")
        return o, l

    def absorb(self, state, block, rows, columns):
        running = Displayed(
            self.running, {"N": rows.stop - rows.start, "M": columns.stop - columns.start, "K": VALUES}, 0
        )
        if state is None:
            running.run("online_softmax.1")
        else:
            for name in ("m", "z", "y"):
                running.set(name, state.values(name))
        for name, own in (("s", "s"), ("c", "c"), ("v", "v'")):
            running.set(name, block.values(own))
        running.run("online_softmax.2")
        finite = np.frompyfunc(lambda x: x if x.a.is_finite() else Dual(0), 1, 1)
        running.set("mbar'", finite(running.values("m'")))
        running.run(*[f"online_softmax.{k}" for k in (3, 4, 5, 6)])
        for name in ("m", "z", "y"):
            running.set(name, running.values(f"{name}'"))
        return running

    def backward(self, data, o, l):
        """The gradients of q, k, v and of the bias."""
        whole = Displayed(self.page, {"B": 1, "H": HEADS, "T": QUERIES, "W": VALUES}, 0)
        whole.set("o", o[None])
        whole.known["do"] = Labelled(self.do[None], ("B", "H", "T", "W"))
        whole.run("blockwise.9")
        totals = {name: np.frompyfunc(lambda x: Dual(0), 1, 1)(z) for name, z in zip("qkvb", data, strict=True)}
        for head in range(HEADS):
            for rows in slices(QUERIES, ROWS):
                for columns in slices(KEYS, COLUMNS):
                    block = self.program(rows, columns, head, data)
                    block.set("l'", l[head, rows])
                    block.set("d'", whole.values("d")[0, head, rows])
                    block.set("do'", self.do[head, rows])
                    block.run(*[f"blockwise.{k}" for k in range(10, 20)])
                    at = {"q": (head, rows), "k": columns, "v": columns, "b": (rows, columns)}
                    for name, id in zip("qkvb", (20, 21, 22, 23), strict=True):
                        block.set(f"d{name}", totals[name][at[name]])
                        block.run(f"blockwise.{id}")
                        totals[name][at[name]] = block.values(f"d{name}")
        return totals

    def both_sides(self):
        """<do, change of o> and the sum of <dx, change of x>."""
        moving = (self.q, self.k, self.v, self.bias)
        o, _ = self.forward(moving)
        data = tuple(map(still, moving))
        totals = self.backward(data, *map(still, self.forward(data)))
        right = sum((changed(totals[name], z) for name, z in zip("qkvb", moving, strict=True)), arb(0))
        return changed(self.do, o), right
