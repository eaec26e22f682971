"""Complex arrays as pairs of real ones: the real and the imaginary part of z along a last axis.

A real loss L has two derivatives at z = x + i y.  PyTorch's gradient is dL/dx + i dL/dy, JAX's dL/dx - i dL/dy; a
cotangent of a complex output is understood in the same way.  The checker sees the two numbers and needs neither.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcheck.subjects import alignment, trees
from gradcheck.subjects.adapted import Adapted, names, refuse_disguised
from gradcheck.subjects.findings import Finding
from gradcheck.subjects.nodes import is_leaf


class Pairs(Adapted):
    """Another subject, with every complex array as real pairs."""

    complex_safe = False
    elsewhere = "complex numbers"

    def __init__(self, subject: Adapted, inputs: tuple, convention: str):
        for name, tree in (("", subject.parameters), *zip(names(subject, inputs), inputs, strict=True)):
            refuse_disguised(tree, name)  # of the pairs nothing shows it any more
        self.inner, self.name = subject, subject.name
        self.given, self._sign = inputs, -1.0 if convention == "jax" else 1.0
        self.parameters = _paired(subject.parameters, 1.0)
        found = [path for path, _ in trees.leaves(subject.parameters, kinds="c")]
        for name, x in zip(names(subject, inputs), inputs, strict=True):
            found += [path for path, _ in trees.leaves(x, name, kinds="c")]
        which = f"{', '.join(found)} {'is' if len(found) == 1 else 'are'}" if found else "the output is"
        form = "dL/dx - i dL/dy, as in JAX" if convention == "jax" else "dL/dx + i dL/dy, as in PyTorch"
        message = f"{which} complex: compared as pairs (real, imaginary), gradients at x + i y taken for {form}"
        self._told = Finding("complex", message, "note")

    @property
    def findings(self) -> Sequence[Finding]:  # type: ignore[override]  # which the subject may add to as it is called
        return [*self.inner.findings, self._told]

    def signature(self) -> Callable:
        return self.inner.signature()

    def forward(self, parameters: Any, inputs: tuple, constants: dict) -> Any:
        return _paired(self.inner.forward(*self._complex(parameters, inputs), constants), 1.0)

    def vjp(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable]:
        y, pullback = self.inner.vjp(*self._complex(parameters, inputs), constants)
        pairs = _paired(y, 1.0)

        def pull(dy: Any) -> tuple[Any, tuple]:
            return self._cotangents(*pullback(_joined(y, dy, self._sign)))

        return pairs, pull

    def twice(self, parameters: Any, inputs: tuple, constants: dict) -> tuple[Any, Callable] | None:
        found = self.inner.twice(*self._complex(parameters, inputs), constants)
        if found is None:
            return None
        y, second = found

        def pairs(dy: Any) -> tuple[tuple[Any, tuple], Callable]:
            gradients, pullback = second(_joined(y, dy, self._sign))

            def pull(d_gradients: tuple[Any, tuple]) -> tuple[Any, tuple, Any]:
                # of g = dx + i s dy the cotangent is c_x + i s (s c_y), s being the sign: in both conventions one form
                *d_arrays, d_dy = pullback(self._complex(*d_gradients))
                return *self._cotangents(*d_arrays), _like(y, d_dy, 1.0)

            return self._cotangents(*gradients), pull

        return _paired(y, 1.0), pairs

    def _cotangents(self, d_parameters: Any, d_inputs: tuple) -> tuple[Any, tuple]:
        d_inputs = tuple(_like(x, dx, self._sign) for x, dx in zip(self.given, d_inputs, strict=True))
        return _like(self.inner.parameters, d_parameters, self._sign), d_inputs

    def _complex(self, parameters: Any, inputs: tuple) -> tuple[Any, tuple]:
        return _joined(self.inner.parameters, parameters, 1.0), _joined(self.given, inputs, 1.0)


def has_complex(tree: Any) -> bool:
    """Whether a tree holds a complex array, or is a complex number."""
    return isinstance(tree, complex) or any(True for _ in trees.leaves(tree, kinds="c"))


def paired(tree: Any) -> Any:
    """Return a tree with every complex array as real pairs."""
    return _paired(tree, 1.0)


def _paired(tree: Any, sign: float) -> Any:
    tree = np.asarray(tree) if isinstance(tree, complex) else tree
    return trees.rebuild(tree, iter([_pair(x, sign) for _, x in trees.leaves(tree, kinds="c")]), kinds="c")


def _pair(z: np.ndarray, sign: float) -> np.ndarray:
    return np.stack([z.real, sign * z.imag], axis=-1)


def _joined(like: Any, tree: Any, sign: float) -> Any:
    """Return the tree `like` around the numbers of one whose complex arrays are pairs."""
    like = np.asarray(like) if isinstance(like, float | complex) else like
    wanted = [x for _, x in trees.leaves(like, kinds="fc")]
    given = [x for _, x in trees.leaves(tree)]
    pairs = zip(wanted, given, strict=True)
    found = [x[..., 0] + 1j * sign * x[..., 1] if w.dtype.kind == "c" else x for w, x in pairs]
    return trees.rebuild(like, iter(found), kinds="fc")


def _like(template: Any, cotangent: Any, sign: float) -> Any:
    """Return a cotangent as pairs where the array it belongs to is complex; what holds no numbers stays what it is."""
    if not has_complex(template):
        return cotangent
    found = []
    wanted, given = trees.leaves(template, kinds="fc"), alignment.align(template, cotangent, "", kinds="fc")
    for (_, x), (_, dx) in zip(wanted, given, strict=True):
        holds_numbers = is_leaf(dx, "fciub") or isinstance(dx, float | complex)
        found.append(_pair(np.asarray(dx), sign) if x.dtype.kind == "c" and holds_numbers else dx)
    return trees.rebuild(template, iter(found), kinds="fc")
