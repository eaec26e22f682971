"""A script to paste that shows the worst disagreement by plain central differences, without the checker's judgement."""

import builtins
import contextlib
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gradcheck.numeric.points import is_constant
from gradcheck.numeric.scales import scale
from gradcheck.reports.literals import SMALL, literal
from gradcheck.subjects.adapted import Adapted, names
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.kinds import FunctionSubject, LayerSubject
from gradcheck.subjects.pairs import Pairs
from gradcheck.subjects.problem import Problem
from gradcheck.verdict.facts import Gradient

APART = 1e-9  # of the two numbers' size, and this many times what the differences leave open:
TAKEN = {*dir(builtins), "np", "rng", "subject", "Problem", "Checker"}  # names that mean something to a script
CLEARLY = 10  # a disagreement that the table shows

TABLE = """\
import numpy as np

from gradcheck.subjects.problem import Problem

rng = np.random.default_rng({seed})
{given}problem = Problem(subject, {inputs}, {constants})
arrays = [leaf.value.astype(np.float64) for leaf in problem.leaves]
{moved}d = {direction}  # the step, of {name}
dy = rng.standard_normal({outputs})
claimed = np.sum(problem.gradients(arrays, dy[None])[{leaf}][0] * d)
print("  step    central difference          the pullback     apart")
for h in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
    ahead, behind = list(arrays), list(arrays)
    ahead[{leaf}], behind[{leaf}] = arrays[{leaf}] + h * d, arrays[{leaf}] - h * d
    slope = dy @ (problem.forward(ahead) - problem.forward(behind)) / (2 * h)
    print(f"{{h:6.0e}} {{slope:21.12g}} {{claimed:21.12g}} {{claimed - slope:9.1e}}")
"""
CHECK = """\
{imports}from gradcheck import Checker

{given}print(Checker(seed={seed}{order})(subject{arguments}))
"""


def script(
    problem: Problem,
    gradients: Sequence[Gradient],
    findings: Sequence[Finding],
    seed: int,
    outputs: int,
    order: int = 1,
) -> str:
    """Return a script that runs where `subject` is, and the inputs that are too large to be written out.

    Large inputs are drawn anew if the disagreement shows there as well: each script has been run
    before it is handed out.  Where only the contract is broken, or the second order, the script repeats the check.
    """
    pairs = problem.subject if isinstance(problem.subject, Pairs) else None
    moved = {f.array for f in findings if f.kind == "moved"}
    constant = {leaf.name for leaf in problem.leaves if is_constant(leaf.value)}
    for gradient in sorted(gradients, key=lambda g: g.worst_index is None):
        ways = ((True, moved), (False, moved), (False, constant)) if gradient.map is not None and not pairs else ()
        for drawn, elsewhere in ways:
            given = _Given(problem, drawn, gradient)
            text = _table(problem, gradient, elsewhere, given, seed, outputs)
            with contextlib.suppress(Exception):  # of the subject's, at inputs that are not the user's
                if _shows(text, {"subject": problem.subject, **given.missing}, problem.count):
                    return _head(problem, given, f"{gradient.name}{_place(gradient.worst_index)}", seed) + text
    given = _Given(problem, False, None)
    imports = "import numpy as np\n" if "np." in given.statements + given.arguments else ""
    asked = (f", order={order}" if order > 1 else "") + (", exact=True" if any(g.exact for g in gradients) else "")
    asked += ", convention='jax'" if pairs and problem.declared.convention == "jax" else ""
    text = CHECK.format(
        imports=imports, given=given.statements, seed=seed, order=asked, arguments=given.arguments
    )
    return _head(problem, given, "the check once more", seed) + text


class _Given:
    """How a script comes by the inputs: written out, drawn, or as variables that are `missing` from it."""

    def __init__(self, problem: Problem, drawn: bool, gradient: Gradient | None):
        self.missing: dict[str, Any] = {}
        self.statements = ""
        self.inputs: list[str] = []
        subject, inputs = _as_handed_over(problem)
        for i, (name, x) in enumerate(zip(names(subject, inputs), inputs, strict=True)):
            variable = _variable(name, i)
            self.inputs.append(variable)
            if drawn and isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.size > SMALL:
                cast = "" if x.dtype == np.float64 else f".astype({x.dtype.name!r})"
                self.statements += f"{variable} = rng.standard_normal({x.shape}){cast}\n"
                if gradient is not None and gradient.name == name and gradient.worst_index:
                    at = _place(gradient.worst_index)
                    self.statements += f"{variable}{at} = {float(x[gradient.worst_index])!r}\n"
            elif (text := literal(x)) is not None:
                self.statements += f"{variable} = {text}\n"
            else:
                self.missing[variable] = x
        self.constants: dict[str, str] = {}
        for name, value in problem.constants.items():
            self.constants[name] = literal(value) or _variable(name, 0)
            if literal(value) is None:
                self.missing[self.constants[name]] = value

    @property
    def arguments(self) -> str:
        return "".join(f", {x}" for x in self.inputs) + "".join(f", {k}={x}" for k, x in self.constants.items())


def _as_handed_over(problem: Problem) -> tuple[Adapted, tuple]:
    """Return subject and inputs without the pairs that the checker makes of complex numbers."""
    subject = problem.subject
    return (subject.inner, subject.given) if isinstance(subject, Pairs) else (subject, problem.inputs)


def _variable(name: str, position: int) -> str:
    """Return a name for a variable that hides nothing which the script needs."""
    variable = "".join(c if c.isalnum() else "_" for c in name).strip("_") or f"input_{position}"
    return f"{variable}_" if variable in TAKEN else variable


def _table(problem: Problem, gradient: Gradient, moved: set, given: _Given, seed: int, outputs: int) -> str:
    leaf = [other.name for other in problem.leaves].index(gradient.name)
    size = scale(problem.leaves[leaf].value)
    step = f"{size:g}" if not 0.01 < size < 100 else "1.0"
    direction = f"{step} * rng.uniform(0.5, 1.5, {gradient.shape})"
    if gradient.worst_index is not None:
        direction = f"np.zeros({gradient.shape})\nd{_place(gradient.worst_index) or '[()]'} = {step}"
    return TABLE.format(
        seed=seed,
        outputs=outputs,
        given=given.statements,
        inputs=f"({', '.join(given.inputs)}{',' * (len(given.inputs) == 1)})",
        constants="{" + ", ".join(f"{name!r}: {x}" for name, x in given.constants.items()) + "}",
        moved="".join(_moves(problem, moved)),
        direction=direction,
        name=gradient.name,
        leaf=leaf,
    )


def _moves(problem: Problem, moved: set) -> Iterator[str]:
    for i, leaf in enumerate(problem.leaves):
        if leaf.name in moved:
            which = "ones" if leaf.value.any() else "zeros"
            yield f"arrays[{i}] += rng.uniform(0.25, 0.75, {leaf.value.shape})  # {leaf.name}: {which} hide mistakes\n"


def _shows(text: str, variables: dict[str, Any], count: Counter) -> bool:
    """Run the script; return whether its table shows differences that agree with each other, but not with the claim."""
    with contextlib.redirect_stdout(io.StringIO()) as output, np.errstate(all="ignore"):
        exec(text, variables)
    count.update(variables["problem"].count)
    rows = np.array([line.split() for line in output.getvalue().splitlines()[1:]], float)
    _, slopes, (claimed, *_), _ = rows.T
    if np.isnan(claimed):
        return True
    best = slopes[2:4]
    size = max(abs(claimed), *np.abs(best))
    return bool((np.abs(best - claimed) > max(APART * size, CLEARLY * float(np.ptp(best)))).all())


def _head(problem: Problem, given: _Given, what: str, seed: int) -> str:
    need = f", and have {', '.join(given.missing)} as in the check" if given.missing else ""
    thing = "the layer or function"
    subject, _ = _as_handed_over(problem)
    if type(subject) not in (LayerSubject, FunctionSubject):
        adapter = re.sub("(?<!^)(?=[A-Z])", "_", type(subject).__name__).lower()
        thing = f"the {adapter}(...) of gradcheck.adapters"
    return f"# gradcheck of {problem.name}, seed {seed}: {what}. Put {thing} into `subject`{need}.\n"


def _place(index: tuple[int, ...] | None) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""
