"""Forward mode alone: a tangent is what the subject gives, and the gradient is put together from tangents."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.adapters.pushforward import Pushforward, column
from gradcheck.adapters.spans import DIRECTIONS, Span, spanned
from gradcheck.subjects import trees
from gradcheck.subjects.adapted import Adapted, Push, names
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.outputs import flat

ENTRIES = 256  # of all arrays together: up to this many each has a tangent of its own
SCALE = -1024.0  # a power of two, by which a linear map is multiplied without roundings
ROUNDINGS = 1e3  # of the largest entry: a map that is not linear differs by more


class ForwardMode(Adapted):
    """<g, J d> for one coordinate after the other makes the gradient: `pull` costs as many tangents as coordinates.

    Nothing is kept between two calls, so that a pushforward whose residuals go stale is found.
    """

    elsewhere = "gradients put together from tangents"

    def __init__(self, inner: Adapted):
        self._inner, self.name = inner, inner.name

    def prepare(self, inputs: tuple, constants: dict) -> tuple:
        self._inputs = self._inner.prepare(inputs, constants)
        self._given = self._inner.parameters
        for name, x in zip(names(self, self._inputs), self._inputs, strict=True):
            for path, z in trees.leaves(x, name, kinds="c"):
                raise TypeError(f"gradcheck: {path} must be real in forward mode, got {z.dtype}")
        found = [x for _, x in trees.leaves((self._given, self._inputs))]
        rng, size = np.random.default_rng(0), sum(x.size for x in found)
        self._spans = [spanned(x, rng) if size > ENTRIES else Span(x, None) for x in found]
        how = "a tangent for each entry"
        if size > ENTRIES:
            how = f"tangents along {DIRECTIONS} random directions of each array, for which its entries stand"
        self._told = [Finding("forward", f"forward mode alone: gradients are put together from {how}", "note")]
        self.units, self.complex_safe, self._tried = self._inner.units, self._inner.complex_safe, False
        starts = iter([span.start for span in self._spans])
        self.parameters = trees.rebuild(self._given, starts)
        return trees.rebuild(self._inputs, starts)

    def signature(self) -> Any:
        return self._inner.signature()

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        y = self._inner.forward(*self._moved(parameters, inputs), constants)
        self.complex_safe = self._inner.complex_safe
        return y

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Any]:
        y, push = self._inner.linearized(*self._moved(parameters, inputs), constants)

        def pull(dy: Any) -> tuple[Any, tuple]:
            g, found, last = flat(dy), [], None
            starts = [t for _, t in trees.leaves((parameters, inputs))]
            for i, start in enumerate(starts):
                slopes = np.zeros(start.shape, start.dtype)
                for k in range(slopes.size):
                    tangent = push(self._unit(starts, i, k))
                    now = column(y, tangent)
                    slopes.ravel()[k] = g @ now
                    if last is not None and not np.array_equal(column(y, last[0]), last[1], equal_nan=True):
                        self._tell("alias", "a later tangent changes one that the pushforward returned before")
                    last = tangent, now
                found.append(slopes)
            if not self._tried:
                self._tried = True
                self._try_linearity(starts, y, push)
            self.findings = [*self._inner.findings, *self._told]
            rest = iter(found)
            return trees.rebuild(parameters, rest), trees.rebuild(inputs, rest)

        return y, pull

    def jvp(self, parameters: Any, inputs: tuple, directions: Sequence[np.ndarray], constants: dict) -> Any:
        y, push = self._inner.linearized(*self._moved(parameters, inputs), constants)
        pairs = zip(self._spans, directions, strict=True)
        return column(y, push([span.along(d) for span, d in pairs]))

    def enclosed(self, enclose: Callable[[Adapted], Adapted]) -> Adapted:
        return ForwardMode(enclose(self._inner))  # coordinates along directions are no inputs of the user's

    def _moved(self, parameters: Any, inputs: tuple) -> tuple[Any, tuple]:
        ts = (t for _, t in trees.leaves((parameters, inputs), kinds="fc"))
        rest = iter([span.moved(t) for span, t in zip(self._spans, ts, strict=True)])
        return trees.rebuild(self._given, rest), trees.rebuild(self._inputs, rest)

    def _unit(self, starts: list[np.ndarray], i: int, k: int) -> list[np.ndarray]:
        """Return the tangents of all arrays that belong to one coordinate."""
        units = [np.zeros(start.shape, start.dtype) for start in starts]
        units[i].ravel()[k] = 1
        return [span.along(unit) for span, unit in zip(self._spans, units, strict=True)]

    def _try_linearity(self, starts: list[np.ndarray], y: Any, push: Push) -> None:
        rng = np.random.default_rng(0)
        pairs = zip(self._spans, starts, strict=True)
        tangents = [rng.normal(size=span.x.shape).astype(start.dtype) for span, start in pairs]
        scaled = [np.multiply(t, SCALE, dtype=t.dtype) for t in tangents]
        once, more = column(y, push(tangents)), column(y, push(scaled))
        slack = ROUNDINGS * float(np.finfo(once.dtype).eps) * np.abs(more).max(initial=0)
        if not (np.abs(more - SCALE * once) <= slack).all():
            self._tell("linear", f"forward mode is not linear: {SCALE:g} times the tangents give another tangent of y")

    def _tell(self, kind: str, message: str) -> None:
        if not any(finding.kind == kind for finding in self._told):
            self._told.append(Finding(kind, message))


def forward_mode(subject: Any) -> Adapted:
    """Check forward mode where there is no backward pass: `f(*inputs, **constants) -> (y, pushforward)`.

    `pushforward` takes a tangent for each input, of its structure (None for one that is no floating array), and returns
    the tangent of y, J d.  `forward_mode(torch_function(f))` and `forward_mode(jax_function(f))` check the
    `jvp` of an `autograd.Function` and a `custom_jvp` in the same way.

    The gradient under check is put together from tangents: where all arrays have together at most 256
    entries from one for each entry, so that a wrong one is named by its place; else each array is moved along 8
    random directions, whose slopes stand in the report for its entries.  A gradient costs that many tangents.

    Raises:
        TypeError: `subject` is not callable, or has no forward mode; at the check, an array is complex.

    >>> import gradcheck, numpy as np
    >>> subject = gradcheck.adapters.forward_mode(lambda x: (x * x, lambda dx: 2 * x * dx))
    >>> gradcheck.check(subject, np.arange(3.0) + 1).verdict
    'pass'
    """
    if isinstance(subject, Adapted):
        if type(subject).jvp is Adapted.jvp:
            raise TypeError(f"gradcheck: {subject.name} must have forward mode, got none in {type(subject).__name__}")
        return ForwardMode(subject)
    if not callable(subject) or isinstance(subject, type):
        got = f"the class {subject.__name__}" if isinstance(subject, type) else type(subject).__name__
        raise TypeError(f"gradcheck: forward_mode must get a function that returns (y, pushforward), got {got}")
    return ForwardMode(Pushforward(subject))
