"""The page `specs/guides/peers.md`, from the results of a run."""

import importlib.metadata
import os
import platform
import re
from pathlib import Path

import numpy as np

NAMES = {
    "gradcheck": "`gradcheck.check`",
    "torch slow": "`torch.autograd.gradcheck`",
    "torch fast": "the same, `fast_mode=True`",
    "jax": "`jax.test_util.check_grads`",
    "autograd": "`autograd.test_util.check_grads`",
    "scipy": "`scipy.optimize.check_grad`",
}


def written(results, checkers, seconds, limit, bar):
    wrong = [r for r in results if r.case.kind == "wrong" and not r.case.contract]
    broken = [r for r in results if r.case.contract]
    right = [r for r in results if r.case.kind == "right"]
    versions = ", ".join(f"{n} {importlib.metadata.version(n)}" for n in ("numpy", "scipy", "torch", "jax", "autograd"))
    template = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    return template.format(
        count=len(results) // len(checkers),
        right=len(of(checkers[0], right)),
        wrong=len(of(checkers[0], wrong + broken)),
        plain=len(of(checkers[0], wrong)),
        broken=len(of(checkers[0], broken)),
        machine=f"{platform.system()} on {platform.machine()}, {os.cpu_count()} cores, one thread",
        versions=f"Python {platform.python_version()}, {versions}",
        minutes=seconds / 60,
        verdicts=verdicts(checkers, wrong, right),
        cost=cost(checkers, wrong + right),
        messages=messages(checkers, wrong),
        contracts=by(checkers, broken, lambda case: case.contract, "contract", stopped=True),
        kinds=by(checkers, wrong, lambda case: case.bug_class, "kind of bug"),
        seconds=limit,
        bar=bar,
    )


def facts(page):
    """How many cases a page counts, and the verdicts of this project's checker on them, as they stand there."""
    counts = re.search(r"^\d+ hand-written .*? were given", page, re.MULTILINE)
    verdicts = re.search(rf"^\| {re.escape(NAMES['gradcheck'])} \|.*", page, re.MULTILINE)  # in the first table
    return [found[0] for found in (counts, verdicts)]


def of(checker, results):
    return [r for r in results if r.checker == checker]


def told(results, verdict):
    return sum(r.answer.verdict == verdict for r in results)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def verdicts(checkers, wrong, right):
    rows = []
    for checker in checkers:
        w, r = of(checker, wrong), of(checker, right)
        stopped = [told(part, "crash") + told(part, "time out") for part in (w, r)]
        row = [told(w, "fail"), told(w, "pass"), told(w, "inconclusive"), stopped[0]]
        row += [told(r, "pass"), told(r, "fail"), told(r, "inconclusive"), stopped[1]]
        rows.append([NAMES[checker], *row])
    head = ["checker", "wrong: found", "missed", "inconclusive", "crashed", "right: accepted", "false alarm"]
    return table([*head, "inconclusive", "crashed"], rows)


def cost(checkers, results):
    rows = []
    for checker in checkers:
        mine = of(checker, results)
        times = [1e3 * r.seconds for r in mine]
        row = [f"{np.median(times):.1f}", f"{np.quantile(times, 0.95):.1f}", f"{sum(times) / 1e3:.0f}"]
        rows.append([NAMES[checker], *row, f"{np.median([r.cost for r in mine]):.0f}"])
    head = ["checker", "milliseconds a case, median", "95 % below", "all, seconds", "evaluations a case, median"]
    return table(head, rows)


def messages(checkers, wrong):
    rows, several = [], [r for r in wrong if len(r.case.inputs) > 1]
    placed = [r for r in wrong if r.case.wrong_coordinates]
    for checker in checkers:
        found = [[r for r in of(checker, part) if r.answer.verdict == "fail"] for part in (several, placed, wrong)]
        named = sum(bool(r.answer.inputs) and r.answer.inputs <= set(r.case.wrong_inputs) for r in found[0])
        hit = sum(right_entry(r) for r in found[1])
        kinds = sum(bool(r.answer.kind) for r in found[2])
        pairs = zip((named, hit, kinds), found, strict=True)
        rows.append([NAMES[checker], *(f"{count} of {len(part)}" for count, part in pairs)])
    head = ["checker", "names the input", "points at a wrong entry", "names a kind of bug"]
    return table(head, rows)


def right_entry(result):
    if result.answer.entry is None:
        return False
    i, index = result.answer.entry
    flat = int(np.arange(result.case.inputs[i].size).reshape(result.case.inputs[i].shape)[index])
    return flat in result.case.wrong_coordinates.get(i, ())


def by(checkers, results, kind, title, stopped=False):
    rows = []
    for name in sorted({kind(r.case) for r in results}):
        alike = [[r for r in of(checker, results) if kind(r.case) == name] for checker in checkers]
        cells = [str(told(part, "fail")) for part in alike]
        for i, part in enumerate(alike):
            if stopped and (count := told(part, "crash") + told(part, "time out")):
                cells[i] += f" ({count})"
        rows.append([name, len(alike[0]), *cells])
    return table([title, "cases", *checkers], rows)
