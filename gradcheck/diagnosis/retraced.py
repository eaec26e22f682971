"""One derivative of the forward pass that explains the claims if it is another one.

What is found is confirmed: at two points, and for several cotangents, the claims are what comes out.
"""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from gradcheck.diagnosis import followed, several, suspects  # noqa: F401  (`followed` has what traced arrays take)
from gradcheck.diagnosis.compounds import compounds
from gradcheck.diagnosis.evidence import Diagnosis
from gradcheck.diagnosis.flows import Flows
from gradcheck.diagnosis.residuals import replaced
from gradcheck.diagnosis.stages import line
from gradcheck.diagnosis.suspects import Suspect
from gradcheck.diagnosis.words import decimal
from gradcheck.numeric.points import generic
from gradcheck.subjects.problem import Arrays, Problem

MOST = 12000  # suspects
WORK = 200_000_000  # entries of derivatives that they are made of, about
REVERSED = 2  # times the effect of leaving it out: it has the wrong sign
MULTIPLES = {"branch": "branch", "slope": "slope", "mean term": "mean term", "normalisation": "product term"}


@dataclasses.dataclass(frozen=True)
class Told:
    """What is said of each array that is explained; `whole`: one other derivative explains all that are wrong."""

    of: dict[int, Diagnosis] = dataclasses.field(default_factory=dict)
    whole: bool = False


def found(problem: Problem, point: Arrays) -> Told:
    """Return what is said of arrays whose wrong claims are those of another derivative of one step."""
    if problem.subject.elsewhere or problem.is_large:
        return Told()
    rng = np.random.default_rng(4)
    points = point, [generic(np.asarray(x), rng) for x in point]
    try:
        one, two = (Flows(problem, p, np.random.default_rng(5)) for p in points)
        true = all(flows.are_true(problem, p, rng) for flows, p in zip((one, two), points, strict=True))
    except Exception:  # the user's code may not take traced arrays
        return Told()
    if not true or len(one.graph.steps) != len(two.graph.steps):
        return Told()
    told: dict[int, Diagnosis] = {}
    names = [leaf.name for leaf in problem.leaves]
    for suspect, times, leaf in _fitting(one, two):
        name, text = _named(one, suspect, times)
        for i in [leaf] if leaf is not None else np.flatnonzero(one.wrong).tolist():
            where = f"in `{line(one.graph, suspect.at)}`"
            said = f"the claim for {names[i]} comes out if {text}" + ("" if where in text else f", {where}")
            if leaf is None or i not in told:
                told[i] = Diagnosis(name, said, sure=False)
        if leaf is None:
            return Told(told, whole=True)
    return Told(told)


def _named(flows: Flows, suspect: Suspect, times: float) -> tuple[str, str]:
    """Return cause and words, where what is left out counts some times."""
    if times == 1:
        return suspect.name, suspect.text
    text = suspect.text.replace("nothing flows back", f"what flows back counts {decimal(1 - times, 6)} times")
    if suspect.name in MULTIPLES:
        return MULTIPLES[suspect.name], text
    effect = suspect.effect(flows)
    alone = effect is not None and any(
        np.allclose(d, -t, rtol=1e-7, atol=1e-9 * np.abs(t).max(initial=0))
        for d, t, bad in zip(flows.leaves(effect), flows.leaves(flows.right), flows.wrong, strict=True)
        if bad and d.any()
    )
    return ("factor" if alone or times == REVERSED else "term"), text


def _fitting(one: Flows, two: Flows) -> Iterator[tuple[Suspect, float, int | None]]:
    """Yield suspects that explain all arrays, or one of them, and how often they count."""
    wrong, sizes = one.wrong, [d.size for d in one.graph.edges.values()]
    most = min(MOST, WORK * len(sizes) // max(sum(sizes), 1))
    for suspect in itertools.islice(_all(one), most):
        effect = _effect(suspect, one)
        if effect is None or not effect.any():
            continue
        ways = {1.0}
        if suspect.any_multiple:
            ways |= {s for s in (one.times(effect, i) for i in (None, *np.flatnonzero(wrong))) if s}
        for times in sorted(ways, key=lambda s: s != 1):
            fits = one.explained(times * effect)
            which = [None] if all(fits) else [i for i, bad in enumerate(wrong) if bad and fits[i]]
            again = _effect(suspect, two) if which else None
            if again is None:
                continue
            confirmed = two.explained(times * again)
            for i in which:
                if all(confirmed) if i is None else confirmed[i]:
                    yield suspect, float(f"{times:.8g}"), i


def _effect(suspect: Suspect, flows: Flows) -> np.ndarray | None:
    try:
        effect = suspect.effect(flows)
    except Exception:  # whatever a step raises for the values of another one
        return None
    return effect if effect is not None and np.isfinite(effect).all() else None


def _all(flows: Flows) -> Iterator[Suspect]:
    graph = flows.graph
    places = list(suspects.groups(graph))
    yield from (suspects.dropped(graph, edges) for edges in places)
    yield from several.held(graph)
    yield from several.uses(graph)
    yield from several.assigned(graph)
    yield from several.commuted(graph)
    yield from compounds(flows)
    for edges in places:
        yield from suspects.others(graph, edges)
    for edge in reversed(graph.edges):
        yield from suspects.elsewhere(graph, edge)
    turns = {edge for edges in places if len(edges) > 1 for edge in edges}
    for edges in places:
        if len(edges) > 1 or edges[0] not in turns:
            yield from replaced(graph, edges)
