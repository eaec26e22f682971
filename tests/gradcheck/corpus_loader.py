"""The corpus on which gradient checkers are judged: planted wrong backward passes, and right ones hard to check.

Plain NumPy and SciPy, a stranger both to the layers of this project and to its checker. Each file under `corpus/` is a
topic with one function `register(corpus)`; being there is enough. `load()` runs them all afresh, so that no state of a
stateful case travels from one user of the corpus to the next.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

CONTRACTS = ("writes", "repeats", "stale", "aliases", "nonlinear", "shape", "dtype", "nonfinite", "count", "layout")


@dataclass(frozen=True, eq=False)
class Case:
    """One subject: either `forward(*inputs)` and `backward(*inputs, dy)`, or `vjp(*inputs) -> (y, pullback)`."""

    name: str
    kind: str  # "right" or "wrong"
    inputs: tuple[np.ndarray, ...]
    forward: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None
    vjp: Callable[..., Any] | None = None
    bug_class: str | None = None
    wrong_inputs: tuple[int, ...] = ()  # the inputs whose gradient is wrong; none where a contract is broken instead
    wrong_coordinates: Mapping[int, frozenset[int]] | None = None  # flat indices by input; None: wrong as a whole
    relative_error: float | None = None  # roughly, where it is below 1e-2
    contract: str | None = None  # the way it misbehaves, one of CONTRACTS
    special_point: bool = False  # wrong only away from the arrays of all ones or all zeros that it is given
    narrow: bool = False  # computes in float32 inside, so nothing sharper can be seen
    note: str = ""


@dataclass(frozen=True)
class Subject:
    """One forward at one point, for which any number of backward passes are registered."""

    cases: list[Case]
    forward: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]

    def right(self, name: str, backward: Callable[..., Any], **more: Any) -> None:
        self.cases.append(Case(name, "right", self.inputs, self.forward, backward, **more))

    def wrong(
        self,
        name: str,
        bug_class: str,
        backward: Callable[..., Any],
        inputs: tuple[int, ...] = (0,),
        at: Mapping[int, Any] | None = None,
        error: float | None = None,
        **more: Any,
    ) -> None:
        """`at` maps an input to a boolean array, True where its gradient is wrong; without it the whole array is."""
        more.update(zip(("wrong_inputs", "wrong_coordinates"), _where(inputs, at, more.get("contract")), strict=True))
        case = Case(name, "wrong", self.inputs, self.forward, backward, None, bug_class, relative_error=error, **more)
        self.cases.append(case)


@dataclass(frozen=True)
class Corpus:
    """What a topic registers its cases with."""

    cases: list[Case] = field(default_factory=list)

    def subject(self, forward: Callable[..., Any], *inputs: Any) -> Subject:
        return Subject(self.cases, forward, tuple(np.asarray(x) for x in inputs))

    def right_vjp(self, name: str, vjp: Callable[..., Any], *inputs: Any, **more: Any) -> None:
        self.cases.append(Case(name, "right", tuple(np.asarray(x) for x in inputs), vjp=vjp, **more))

    def wrong_vjp(
        self,
        name: str,
        bug_class: str,
        vjp: Callable[..., Any],
        *inputs: Any,
        wrong: tuple[int, ...] = (0,),
        at: Mapping[int, Any] | None = None,
        **more: Any,
    ) -> None:
        wrong, coordinates = _where(wrong, at, more.get("contract"))
        arrays = tuple(np.asarray(x) for x in inputs)
        case = Case(name, "wrong", arrays, None, None, vjp, bug_class, wrong, coordinates, **more)
        self.cases.append(case)


def _where(inputs, at, contract):
    if contract is not None:
        return (), None
    if at is None:
        return tuple(inputs), None
    return tuple(at), {i: frozenset(np.flatnonzero(mask).tolist()) for i, mask in at.items()}


def load(topics: str = "*") -> list[Case]:
    """Every case of the topics whose name fits, built afresh, in a stable order."""
    corpus = Corpus()
    for path in sorted((Path(__file__).parent / "corpus").glob(f"{topics}.py")):
        spec = spec_from_file_location(f"gradcheck_corpus_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        topic = module_from_spec(spec)
        sys.modules[spec.name] = topic
        spec.loader.exec_module(topic)
        topic.register(corpus)
    return corpus.cases
