"""A report as plain data, with keys that stay."""

import dataclasses
import json
import math
from typing import Any

from gradcheck.exact.answers import Exact
from gradcheck.reports import advice
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import ErrorMap, Facts, Gradient, Ladder, Symmetry

SCHEMA_VERSION = 1  # goes up when a key changes its meaning or is taken away; new keys leave it


def to_dict(report: Facts) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "subject": report.subject,
        "verdict": report.verdict,
        "seed": report.seed,
        "evaluations": report.evaluations,
        "calls": {call: int(count) for call, count in sorted(report.calls.items())},
        "gradients": [_gradient(g, report.findings) for g in report.gradients],
        "findings": [{**_plain(f), "advice": advice.for_finding(f)} for f in report.findings],
        "symmetry": _symmetry(report.symmetry),
        "reproducer": report.reproducer,
    }


def to_json(data: dict[str, Any], indent: int | None) -> str:
    return json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)


def _gradient(g: Gradient, findings: list[Finding]) -> dict[str, Any]:
    return {
        **_plain(g),
        "advice": advice.for_gradient(g, findings),
        "ladder": _ladder(g.ladder),
        "map": _map(g.map),
        "exact": _exact(g.exact),
    }


def _ladder(ladder: Ladder | None) -> dict[str, Any] | None:
    if ladder is None:
        return None
    return {**_plain(ladder), "remainder": _value(ladder.remainder.tolist()), "order": _value(ladder.order)}


def _exact(found: Exact | None) -> dict[str, Any] | None:
    return None if found is None else {**_plain(found), "said": str(found)}


def _symmetry(found: Symmetry | None) -> dict[str, Any] | None:
    return None if found is None else {**_plain(found), "digits": found.digits}


def _map(map: ErrorMap | None) -> dict[str, Any] | None:
    return None if map is None else _plain(map)


def _plain(thing: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, but for those that have a form of their own."""
    names = [field.name for field in dataclasses.fields(thing) if field.name not in ("ladder", "map", "exact")]
    return {name: _value(getattr(thing, name)) for name in names}


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_value(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
