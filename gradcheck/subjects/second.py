"""The second order: the pullback as a forward pass of its own, of the arrays and of dy."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Broken, NoSecond
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import like, output_names, pieces
from gradcheck.subjects.problem import Problem
from gradcheck.subjects.raised import in_one_line, is_write

ABSENT = "the subject hands over no second pullback"


class Second(Adapted):
    """The gradients of a problem for one dy, an array each; its pullback is that problem's second pullback.

    Parameters keep their names; inputs are arrays, those of the problem without its constants, and those of dy.
    """

    complex_safe = False

    def __init__(self, first: Problem, y: Any, g: np.ndarray):
        """`y` is the problem's output, as it came, and `g` (m,) the numbers of dy."""
        self._first, self.name, self.units = first, first.name, first.subject.units
        self.parameters = {leaf.name: leaf.value for leaf in first.leaves if leaf.is_parameter}
        given = [leaf for leaf in first.leaves if not leaf.is_parameter]
        dy = "the cotangent" if any(leaf.name.startswith("dy") for leaf in first.leaves) else "dy"
        paths = [dy + path.removeprefix("y") for path, _ in output_names(y)]
        self.input_names = (*(leaf.name for leaf in given), *paths)
        self.inputs = (*(leaf.value for leaf in given), *pieces(y, like(y, g)))

    def forward(self, parameters: dict, inputs: tuple, constants: dict) -> list[np.ndarray]:
        first, arrays, g = self._parts(parameters, inputs)
        y, pullback = first.vjp(arrays)
        return [np.asarray(d) for d in first.pull(pullback, like(y, g, first.protect))]

    def vjp(self, parameters: dict, inputs: tuple, constants: dict) -> tuple[list[np.ndarray], Callable]:
        """Raise NoSecond where the problem has no second pullback."""
        first, arrays, g = self._parts(parameters, inputs)
        found = first.twice(arrays)
        if found is None:
            raise NoSecond(ABSENT)
        y, second = found
        gradients, pullback = second(like(y, g, first.protect))

        def pull(d_gradients: list[np.ndarray]) -> tuple[dict, tuple]:
            rest = iter(d_gradients)
            c_parameters = trees.rebuild(first.subject.parameters, rest)
            c_inputs = tuple(trees.rebuild(x, rest) if _moves(x) else None for x in first.inputs)
            d_parameters, d_inputs, d_dy = pullback((c_parameters, c_inputs))
            rows, count = first.per_leaf(d_parameters, d_inputs), len(parameters)
            return dict(zip(parameters, rows[:count], strict=True)), (*rows[count:], *pieces(y, d_dy))

        return [np.asarray(d) for d in first.per_leaf(*gradients)], pull

    def _parts(self, parameters: dict, inputs: tuple) -> tuple[Problem, list[np.ndarray], np.ndarray]:
        """Return the problem, as protected as the arrays are that came, its arrays and the numbers of dy."""
        count = len(self._first.leaves) - len(parameters)
        g = np.concatenate([np.zeros(0, np.float16), *(x.ravel() for x in inputs[count:])])
        arrays = [*parameters.values(), *inputs[:count]]
        protect = not any(x.flags.writeable for x in arrays)
        return self._first.changed(count=Counter(), protect=protect), arrays, g


def _moves(x: Any) -> bool:
    """Whether an input is differentiated."""
    return any(True for _ in trees.leaves(x))


def second_order(first: Problem, g: np.ndarray) -> Problem:
    """Return the problem whose forward pass is the pullback of another, for dy with the numbers of `g` (m,)."""
    y, _ = first.vjp([leaf.value for leaf in first.leaves])
    subject = Second(first, y, g)
    problem = Problem(subject, subject.inputs, {}, first.declared)
    problem.narrow_only = first.narrow_only
    return problem


def refusal(problem: Problem) -> Finding | None:
    """Return why the second pullback of a problem of second order cannot be checked: a note, or a failure."""
    try:
        y, pullback = problem.vjp([leaf.value for leaf in problem.leaves])
        problem.pull(pullback, [np.ones_like(d) for d in y])
    except NoSecond as error:
        message = f"no second derivative: {error}; the pullback was checked for symmetry alone"
        return Finding("second", message, "note")
    except Exception as error:  # whatever a second pullback raises that the first order never called
        if isinstance(error, Broken) or is_write(error):
            return None  # which the contract tells
        return Finding("raises", f"the second pullback raises {in_one_line(error)}")
    return None
