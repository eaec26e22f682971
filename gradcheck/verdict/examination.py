"""One check from start to end: contract, places, comparisons, verdicts."""

import numpy as np

from gradcheck.contract.examine import Contract
from gradcheck.diagnosis import explain
from gradcheck.precision.segments import LOW
from gradcheck.precision.shadow import compare_with_shadow
from gradcheck.reports.report import Gradient, Report
from gradcheck.reports.reproducer import script
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.conclude import conclude
from gradcheck.verdict.forward_mode import compare_forward_mode
from gradcheck.verdict.gathering import Gathering
from gradcheck.verdict.survey import convergence, error_map


class Examination(Gathering):
    def run(self) -> Report:
        contract = Contract(self.problem, self.rng, self.options.nondeterministic)
        contract.examine()
        self.findings += [*self.options.declared(), *self.problem.subject.findings, *contract.findings]
        if contract.fatal:
            return self._report([self._unexamined(leaf.name, leaf.value.shape) for leaf in self.problem.leaves])
        self._choose_places(contract)
        comparisons = self._compare()
        gradients = self._conclude(comparisons)
        self.findings += compare_forward_mode(self.at_near, self.along)
        self.findings += compare_with_shadow(self.problem, self.own, self.rng, self.u)
        for gradient in gradients:
            kinds = [f.kind for f in self.findings if f.array == gradient.name and f.severity == "fail"]
            if kinds and gradient.verdict != "fail":
                gradient.verdict, gradient.reason = "fail", "broken: " + ", ".join(dict.fromkeys(kinds))
        return self._report(gradients)

    def _conclude(self, comparisons: list[list[Comparison]]) -> list[Gradient]:
        values = [np.abs(c.real.value).max() for cs in comparisons for c in cs if c.real is not None]
        largest = float(np.nan_to_num(values).max(initial=0))
        gradients = []
        for i, (leaf, found, believed) in enumerate(zip(self.problem.leaves, comparisons, self.believed, strict=True)):
            gradient = conclude(leaf.name, leaf.value.shape, found, believed, largest, self.at_near.coarseness)
            gradient.ladder = convergence(gradient, found, believed)
            narrow = self.at_near.coarseness > LOW and not believed
            if narrow and gradient.verdict == "pass" and gradient.digits is not None:
                digits = f"checked to {max(gradient.digits, 0):.1f} digits, all that {_format(self.u)} leaves here"
                self.findings.append(Finding("precision", f"{gradient.name}: {digits}", "note", leaf.name))
            if gradient.jumps:
                message = "the forward pass jumps or moves in steps there: the claim was judged beside that"
                self.findings.append(Finding("jump", f"{gradient.name}: {message}", "note", leaf.name))
            if self.exact and not believed:
                message = f"complex step not believed for {leaf.name}: real differences contradict it"
                self.findings.append(Finding("complex", message, "note", leaf.name))
            if gradient.verdict == "fail":
                self._explain(gradient)
            if i in self.explained:
                complete = not any(f.kind == "dense" and f.array == leaf.name for f in self.findings)
                gradient.map = error_map(gradient, i, found, self.at_near, believed, complete, self.seed)
            elif gradient.verdict == "inconclusive":
                message = f"{gradient.name}: {gradient.reason}"
                self.findings.append(Finding("resolution", message, "inconclusive", gradient.name))
            gradients.append(gradient)
        if not any(self.sizes):
            message = "nothing was compared: no array has an entry"
            self.findings.append(Finding("vacuous", message, "inconclusive"))
        elif all(g.digits is None and g.verdict != "fail" for g in gradients) and self.near.y.size:
            flat = all(not g.reason or g.reason.startswith("below the noise") for g in gradients)
            what = "every gradient is below the noise" if flat else "no gradient was resolved"
            self.findings.append(Finding("vacuous", f"{what}: nothing was checked", "inconclusive"))
        return gradients

    def _explain(self, gradient: Gradient) -> None:
        at = "" if gradient.worst_index is None else "[" + ", ".join(map(str, gradient.worst_index)) + "]"
        message = f"{gradient.name}{at}: the pullback contradicts real differences"
        if gradient.numeric is not None:
            message = (
                f"{gradient.name}{at}: the pullback gives {gradient.claimed:.12g}, "
                f"differences give {gradient.numeric:.12g} +- {gradient.bar:.1e}"
            )
        self.findings.append(Finding("gradient", message, "fail", gradient.name))

    def _unexamined(self, name: str, shape: tuple[int, ...]) -> Gradient:
        guilty = any(f.array == name and f.severity == "fail" for f in self.findings)
        return Gradient(name, shape, "fail" if guilty else "inconclusive", reason="not compared")

    def _report(self, gradients: list[Gradient]) -> Report:
        for gradient, leaf in zip(gradients, self.problem.leaves, strict=True):
            gradient.dtype = leaf.value.dtype.name
        explain(self, gradients)
        severities = {f.severity for f in self.findings} | {g.verdict for g in gradients}
        verdict = next((v for v in ("fail", "inconclusive") if v in severities), "pass")
        reproducer = script(self.problem, gradients, self.findings, self.seed) if verdict == "fail" else ""
        return Report(self.problem.name, verdict, gradients, self.findings, self.problem.count, self.seed, reproducer)


def _format(u: float) -> str:
    return {2.0**-24: "float32", 2.0**-11: "float16", 2.0**-8: "bfloat16"}.get(u, "the subject's precision")
