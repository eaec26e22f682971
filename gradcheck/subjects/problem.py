"""One check's subject at one set of inputs, as functions of a flat list of arrays."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from gradcheck.subjects import alignment, trees
from gradcheck.subjects.adapted import Adapted, leaf_list
from gradcheck.subjects.declared import NOTHING, Declared
from gradcheck.subjects.formats import laid, native
from gradcheck.subjects.kinds import adapt
from gradcheck.subjects.moved import told
from gradcheck.subjects.outputs import brief, flat, like
from gradcheck.subjects.pairs import Pairs, has_complex, paired
from gradcheck.subjects.raised import during
from gradcheck.subjects.randomness import Draws

Arrays = Sequence[np.ndarray]
MADE = ("_trees", "_aligners", "handed", "returned")  # anew, where a problem is sent
LARGE = 100_000  # entries from which one ladder of real differences serves all arrays together
# In plain forward passes.
COST = {"forward": 1, "pullback": 2, "complex forward": 4, "forward mode": 3, "second pullback": 6}


class Problem:
    """`forward(arrays)` is the output as one vector; `vjp(arrays)` that and the pullback of one vector.

    Arrays are handed over read-only while `protect` is True, so that a write raises.
    """

    def __init__(self, subject: Any, inputs: tuple, constants: dict, declared: Declared = NOTHING):
        self.subject: Adapted = adapt(subject)
        list(trees.ends((inputs, constants)))  # refuses what lies too deep
        self.draws = Draws()
        with self.draws.replayed():
            self.inputs = self.subject.prepare(inputs, constants)
        self.constants, self.declared = constants, declared
        self.subject.parameters, self.inputs = native(self.subject.parameters), native(self.inputs)
        if has_complex((self.subject.parameters, self.inputs)):
            self.subject, self.inputs = Pairs(self.subject, self.inputs, declared.convention), paired(self.inputs)
        self.leaves = list(leaf_list(self.subject, self.inputs))
        if not self.leaves:
            got = ", ".join(brief(x) for x in self.inputs) or "no input"
            raise TypeError(f"gradcheck: {self.subject.name} must have a floating array to differentiate, got {got}")
        self.held: dict[int, np.ndarray] = {}  # those of all arrays that stay what they are, by their place
        self.narrow_only = False  # whether the subject takes no wider arrays than the user gave
        self.protect, self.once = True, False  # `once`: a pullback may be called a single time
        self.count: Counter[str] = Counter()
        self.returned: tuple[Any, tuple] = None, ()  # what the last pullback has for parameters and for all inputs
        self.handed: list[np.ndarray] = []
        self._build()

    def with_paired_outputs(self) -> "Problem":
        """Return the problem with the complex outputs of real arrays as pairs."""
        return self.changed(subject=Pairs(self.subject, self.inputs, self.declared.convention))

    def refuse_unknown(self, names: Collection[str]) -> Collection[str]:
        """Return names of arrays that may be held.

        Raises:
            ValueError: a name is none of an array's, or no other array is left.
        """
        there = [leaf.name for leaf in self.leaves]
        for name in names:
            if name not in there:
                raise ValueError(f"gradcheck: straight_through must name arrays among {', '.join(there)}, got {name!r}")
        if set(there) <= set(names):
            raise ValueError(f"gradcheck: straight_through must leave an array to compare, got all: {', '.join(names)}")
        return names

    def with_held(self, names: Collection[str]) -> "Problem":
        """Return the problem with some arrays as constants."""
        held = {i: leaf.value for i, leaf in enumerate(self.leaves) if leaf.name in names}
        return self.changed(leaves=[leaf for leaf in self.leaves if leaf.name not in names], held=held)

    def _build(self) -> None:
        constants = trees.builder(self.constants, keep=True) or (lambda _: self.constants)
        self._trees: list[Any] = [trees.builder(self.subject.parameters), trees.builder(self.inputs), constants]
        self._aligners = [alignment.aligner(tree) for tree in (self.subject.parameters, *self.inputs)]

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key not in MADE}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, handed=[], returned=(None, ()))
        self._build()

    def changed(self, **attributes: Any) -> "Problem":
        """Return the same problem with other attributes; both count into one."""
        twin = object.__new__(Problem)
        twin.__dict__.update(vars(self), **attributes)
        if "constants" in attributes:
            twin._build()
        return twin

    def fresh(self) -> "Problem":
        """Return the same problem with a count of its own (for work that may run elsewhere)."""
        return self.changed(count=Counter())

    @property
    def is_large(self) -> bool:
        return sum(leaf.value.size for leaf in self.leaves) > LARGE

    @property
    def name(self) -> str:
        return self.subject.name

    @property
    def complex_safe(self) -> bool:
        return self.subject.complex_safe

    def forward(self, arrays: Arrays) -> np.ndarray:
        """Return all outputs as one vector, real or complex as they come."""
        self.count["complex forward" if np.iscomplexobj(arrays[0]) else "forward"] += 1
        with during("the forward pass"), told(self.leaves, arrays), self.draws.replayed():
            return flat(self.output(arrays)).copy()  # the user may use one buffer again and again

    def attempt(self, arrays: Arrays, size: int) -> np.ndarray:
        """Return the outputs at a point that may lie outside the domain: an error there is not a number."""
        try:
            y = self.forward(arrays)
        except Exception:  # whatever the user's code raises when a step takes it out of its domain
            return np.full(size, np.nan)
        return y.astype(np.float64, copy=False) if y.size == size else np.full(size, np.nan)

    def output(self, arrays: Arrays) -> Any:
        return self.subject.forward(*self._hand_over(arrays))

    def vjp(self, arrays: Arrays, as_is: bool = False) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        """Return the output and the pullback, trees as the user's code has them; `as_is`: in the arrays' own layout."""
        self.count["forward"] += 1
        with during("vjp"), told(self.leaves, arrays), self.draws.replayed():
            y, pullback = self.subject.vjp(*self._hand_over(arrays, as_is))
            return y, self.draws.continuing(pullback)

    def pull(self, pullback: Callable, dy: Any) -> list[Any]:
        """Return the cotangent of each leaf as it came: perhaps absent, of another shape or dtype."""
        self.count["pullback"] += 1
        with during("the pullback"), told(self.leaves, self.handed):
            self.returned = pullback(dy)
        return self.per_leaf(*self.returned)

    def per_leaf(self, d_parameters: Any, d_inputs: tuple) -> list[Any]:
        """Return what cotangents of the parameters and of the inputs have for each leaf."""
        rows = [row for a, d in zip(self._aligners, (d_parameters, *d_inputs), strict=True) for row in a(d)]
        return [value for i, (_, value) in enumerate(rows) if i not in self.held]

    def twice(self, arrays: Arrays) -> tuple[Any, Callable] | None:
        """Return the output and a function of dy: gradients and second pullback; see `Adapted.twice`."""
        with during("the second vjp"), told(self.leaves, arrays), self.draws.replayed():
            found = self.subject.twice(*self._hand_over(arrays))
            return None if found is None else (found[0], self.draws.continuing(found[1]))

    def jvp(self, arrays: Arrays, directions: Arrays) -> np.ndarray | None:
        """Return J d as one vector, or None where the subject has no forward mode."""
        parameters, inputs, constants = self._hand_over(arrays)
        directions = self._with_held(directions, {i: np.zeros_like(x) for i, x in self.held.items()})
        with during("forward mode"), self.draws.replayed():
            dy = self.subject.jvp(parameters, inputs, directions, constants)
        if dy is None:
            return None
        self.count["forward mode"] += 1
        return flat(dy)

    def gradients(self, arrays: Arrays, g: np.ndarray) -> list[np.ndarray]:
        """Return the analytic gradients (G, *shape) of <g, y> for every cotangent of g (G, m)."""
        rows = []
        y, pullback = self.vjp(arrays)
        for k, dy in enumerate(g):
            if k and (self.once or not self.protect):  # the first call may have spoilt what the second one needs
                y, pullback = self.vjp(arrays)
            rows.append([np.array(d, dtype=np.float64) for d in self.pull(pullback, like(y, dy, self.protect))])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    @staticmethod
    def _with_held(arrays: Sequence[Any], held: dict[int, Any]) -> list[Any]:
        rest = iter(arrays)
        return [held[i] if i in held else next(rest) for i in range(len(arrays) + len(held))]

    def _hand_over(self, arrays: Arrays, as_is: bool = False) -> tuple[Any, tuple, dict]:
        if not as_is:
            arrays = [laid(x, leaf.value) for x, leaf in zip(arrays, self.leaves, strict=True)]
        if self.narrow_only:
            arrays = [x.astype(leaf.value.dtype, copy=False) for x, leaf in zip(arrays, self.leaves, strict=True)]
        if self.protect:
            self.handed = [trees.read_only(x) if x.flags.writeable else x for x in arrays]
        else:
            self.handed = [np.array(x) for x in arrays]
        return *self.around(self.handed, self.held), self._trees[2](iter(()))

    def around(self, arrays: Sequence[Any], held: dict[int, Any]) -> tuple[Any, tuple]:
        """Return parameters and inputs around other arrays, of any library; `held` has what stays, by its place."""
        leaves = iter(self._with_held(arrays, held))
        parameters, inputs, _ = self._trees
        return (
            self.subject.parameters if parameters is None else parameters(leaves),
            self.inputs if inputs is None else inputs(leaves),
        )
