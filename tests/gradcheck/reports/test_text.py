"""Reports as text: aligned, complete, and quiet about what is right."""

import dataclasses
import re

import numpy as np
import pytest

import gradcheck
from gradcheck.exact.answers import Exact
from gradcheck.reports.report import Gradient
from gradcheck.reports.style import BLOCKS, Style
from gradcheck.reports.text import least_exact, render
from gradcheck.subjects.findings import Finding

ENTRY = """\
gradcheck sine_wrong_at_one_entry: fail (N evaluations, seed 0)
  x (3, 4)  fail  at [1, 2] the pullback gives N, differences give N +- N

  where x is wrong: 1 of 12 entries, by their error as a part of the array's gradient
            0     3
    [0, :]  . . . .
    [1, :]  . . * .
    [2, :]  . . . .
            * over 10 %   . right"""


def without_diagnosis(report):
    return dataclasses.replace(report, gradients=[dataclasses.replace(g, diagnosis="") for g in report.gradients])


def with_gradient(report, number, **changes):
    """The report without diagnoses, and one of its gradients changed."""
    report = without_diagnosis(report)
    report.gradients[number] = dataclasses.replace(report.gradients[number], **changes)
    return report


def test_a_failing_report_reads_like_this(reports):
    text = str(without_diagnosis(reports["entry"]))
    text = re.sub(r"\+- \S+", "+- N", re.sub(r"\d+ evaluations", "N evaluations", text))
    text = re.sub(r"give(s?) -?\d+\.\d+", r"give\1 N", text)
    assert text == ENTRY


def test_the_text_is_plain_ascii_without_trailing_blanks(reports):
    for report in reports.values():
        assert str(report).isascii()
        assert all(line == line.rstrip() for line in str(report).splitlines())


def test_arrays_are_aligned(reports):
    lines = str(reports["wrong"]).splitlines()[1:4]
    assert [line.split()[0] for line in lines] == ["gamma", "beta", "x"]
    assert len({line.index("(") for line in lines}) == 1
    assert len({re.search("pass|fail", line).start() for line in lines}) == 1


def test_a_passing_report_has_a_line_for_each_array_and_nothing_else(reports):
    lines = str(reports["right"]).splitlines()
    assert len(lines) == 1 + len(reports["right"].gradients)
    assert all(re.search(r"pass  1\d\.\d digits by complex step, \d+\.\d by real differences", x) for x in lines[1:])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("kink", "1 at a kink"),
        ("zero", "zero, within"),
        ("empty", "x (0, 3)  inconclusive  nothing was compared: no array has an entry\n  inconclusive: nothing"),
        ("scalar", "t ()  fail  the pullback gives "),
        ("nan", "fail  at [0, 1] the pullback gives nan, differences give "),
        ("shape", "fail: the cotangent of x must have shape (3, 4), got (4,)"),
        ("shape", "fail  not compared"),
        ("dense", "note: x: many entries are wrong"),
        ("coarse", "digits by real differences; resolved to "),
        ("coarse", "what to do: the forward pass is too coarse"),
        ("noisy", "inconclusive: two forward passes at one point differ"),
        ("noisy", "what to do: draw from a generator that is handed over by keyword"),
    ],
)
def test_the_text_tells(reports, name, words):
    assert words in str(reports[name])


def test_a_bar_that_is_no_number_is_not_printed(reports):
    assert "+- nan" not in str(reports["nan"])


def test_a_diagnosis_stands_below_its_array(reports):
    report = with_gradient(reports["wrong"], 2, diagnosis="the last term is missing")
    lines = str(report).splitlines()
    assert lines[4].strip() == "likely: the last term is missing"
    assert lines[4].index("likely") == lines[3].index("at [")


def test_findings_that_a_line_tells_already_are_not_repeated(reports):
    assert any(f.kind == "gradient" for f in reports["wrong"].findings)
    assert str(reports["wrong"]).count("the pullback gives") == 1


def test_what_is_worse_comes_first(reports):
    findings = [Finding("a", "one", "note"), Finding("b", "two", "inconclusive"), Finding("c", "three", "fail")]
    report = dataclasses.replace(reports["right"], findings=findings)
    assert [line.split()[0] for line in str(report).splitlines()[-3:]] == ["fail:", "inconclusive:", "note:"]


def test_many_passing_arrays_are_told_in_one_line(reports):
    more = [Gradient(f"w{i}", (2,), "pass", digits=12.0 + i) for i in range(30)]
    more += [Gradient("flat", (2,), "pass", bar=1e-16)]
    report = dataclasses.replace(reports["wrong"], gradients=[*reports["wrong"].gradients, *more])
    lines = str(report).splitlines()
    assert lines[1].startswith("  x (3, 7)  fail")
    assert "  33 arrays pass, at least 12.0 digits (w0)" in lines
    assert "gamma" not in str(report)


def test_many_zero_arrays_have_no_digits_to_tell(reports):
    passing = [Gradient(f"w{i}", (2,), "pass", bar=1e-16) for i in range(30)]
    assert "  30 arrays pass" in str(dataclasses.replace(reports["empty"], gradients=passing)).splitlines()
    failing = [Gradient(f"w{i}", (2,), "fail") for i in range(30)]
    report = dataclasses.replace(reports["empty"], gradients=failing)
    assert str(report).count("fail  the pullback contradicts real differences") == 30


def test_a_report_without_arrays_is_its_head(reports):
    report = dataclasses.replace(reports["empty"], gradients=[], findings=[])
    assert len(str(report).splitlines()) == 1


def test_only_the_first_maps_are_drawn(reports):
    report = without_diagnosis(reports["entry"])
    five = [dataclasses.replace(report.gradients[0], name=f"x{i}") for i in range(5)]
    report = dataclasses.replace(report, gradients=five)
    assert str(report).count("is wrong: ") == 3
    assert str(report).splitlines()[-1] == "  and x3, x4, whose maps are on the page of to_html()"


def test_lines_are_wrapped_where_text_starts(reports):
    text = render(reports["coarse"], Style(width=72))
    assert max(map(len, text.splitlines())) <= 72
    start = re.search(r"-?\d+\.\d digits", text.splitlines()[1]).start()
    assert text.splitlines()[2][:start].strip() == ""


def test_colour_marks_verdicts_and_changes_no_word(reports):
    for report in reports.values():
        text = render(report, Style(colour=True))
        plain = re.sub(r"\x1b\[[\d;]*m", "", text)
        assert "\n".join(x.rstrip() for x in plain.splitlines()) == str(report)
        assert f"m{report.verdict}\x1b[0m" in text
        assert text.count("\x1b[0m") == len(re.findall(r"\x1b\[[1-9][\d;]*m", text))


def test_blocks_take_the_place_of_plain_marks(reports):
    text = render(reports["entry"], Style(marks=BLOCKS))
    assert "[1, :]  · · ▓ ·" in text and "▓ over 10 %   · right" in text


def test_a_failure_beside_two_equal_numbers_shows_what_they_differ_by(reports):
    report = with_gradient(reports["entry"], 0, claimed=1 / 3, numeric=1 / 3 + 1e-14, bar=1e-16)
    assert "the pullback gives 0.33333333333333, differences give 0.33333333333334 +- 1.0e-16" in str(report)


def test_a_failure_that_only_a_direction_shows_is_told_by_the_direction(reports):
    ladder = reports["entry"].gradients[0].ladder
    ladder = dataclasses.replace(ladder, index=None, moves="x", claimed=2.0, numeric=1.0, bar=0.1)
    report = with_gradient(reports["entry"], 0, wrong=[], ladder=ladder)
    line = str(report).splitlines()[1]
    assert "along a random direction of x the pullback gives 2, differences give 1 +- 1.0e-01" in line
    assert line.endswith("; no entry that was compared alone is off by more than its own bar")
    others = str(with_gradient(report, 0, wrong=[(0, 0)])).splitlines()[1]
    assert "along a random direction" in others and "no entry" not in others, "of others complex numbers tell"
    line = str(with_gradient(report, 0, worst_index=None)).splitlines()[1]
    assert line.endswith("; its entries were not compared one by one")


def test_of_wrong_arrays_of_which_no_entry_was_looked_at_none_is_called_right(normal):
    def forgotten(*arrays):
        return sum(x.sum() ** 2 for x in arrays), lambda dy: tuple(0.9 * dy * 2 * x.sum() * np.ones(3) for x in arrays)

    lines = str(gradcheck.check(forgotten, *normal(6, 3))).splitlines()
    assert sum("its entries were not compared one by one" in line for line in lines) == 2
    assert not any("no entry that was compared alone" in line for line in lines)


def test_an_array_whose_numbers_are_right_is_said_to_be_broken(reports):
    broken = {"verdict": "fail", "reason": "broken: mutation", "worst_index": (0,), "claimed": 1.0, "numeric": 1.0}
    report = with_gradient(reports["right"], 0, **broken)
    line = str(report).splitlines()[1]
    assert "digits" in line and line.endswith("broken: mutation") and "the pullback gives" not in line


@pytest.mark.parametrize(("cause", "start"), [("factor", "likely:"), ("unknown", "seen:")])
def test_what_is_merely_seen_is_not_called_likely(reports, cause, start):
    report = with_gradient(reports["wrong"], 2, cause=cause, diagnosis="something")
    assert str(report).splitlines()[4].strip() == f"{start} something"


def test_what_balls_say_stands_on_the_line_of_its_array(normal):
    report = gradcheck.check(lambda x: (np.sin(x), lambda dy: np.cos(x) * dy), normal(3), exact=True)
    line = str(report).splitlines()[1]
    assert re.search(r"1\d\.\d digits by complex step, .* alone; by balls: proved to \d\d digits here$", line)


def test_what_balls_say_of_many_passing_arrays_is_told_once(normal):
    def product(*arrays):
        return sum(arrays), lambda dy: (dy,) * len(arrays)

    lines = str(gradcheck.check(product, *normal(30, 3), exact=True)).splitlines()
    assert lines[1].startswith("  30 arrays pass") and re.fullmatch(r"  by balls: proved to \d\d digits here", lines[2])


def test_of_arrays_that_are_not_all_proved_the_one_that_is_not_is_told():
    answers = [Exact("proved", 88.0), Exact("proved", 70.0), Exact("proved")]
    assert least_exact(answers) == "proved to 70 digits here" and least_exact(answers[2:]) == "proved to be zero here"
    assert least_exact([*answers, Exact("not followed", reason="a cast")]) == "not followed: a cast"
