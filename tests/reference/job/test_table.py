import collections
import io

import numpy as np
import pytest
from rich.console import Console

from reference.job import catalogue, table
from reference.layers.linear import Linear


class NoBias(Linear):
    """A linear layer that forgets the gradient of its bias."""

    def vjp(self, x):
        y, linear_pullback = super().vjp(x)

        def pullback(dy):
            d_self, dx = linear_pullback(dy)
            return self.cotangent(w=d_self.w, b=np.zeros_like(d_self.b)), dx

        return y, pullback


@pytest.fixture
def shown(monkeypatch, rng):
    """shown(*kinds, **options): whether all pass, and the text, for layers of these kinds."""

    long = "a name with [brackets] that is longer than what a narrow terminal has room for"

    def shown(*kinds, width=80, name=long, order=1, **options):
        w, b, x = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=(2, 3))
        found = [catalogue.Example(f"layers.{k.__name__}", name, k(w=w, b=b), (x,), {}) for k in kinds]
        monkeypatch.setattr(catalogue, "examples", lambda *_: iter(found))
        console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, **options)
        return table.show_verdicts(console, 0, order=order), console.file.getvalue()

    return shown


def test_all_passing_is_told_with_digits_cost_and_time(shown):
    passed, text = shown(Linear, width=120)
    assert passed
    row = next(line for line in text.splitlines() if "[brackets]" in line)
    verdict, digits, real, compared, evaluations, seconds = row.split()[-6:]
    assert verdict == "pass"
    assert float(digits) > 11
    assert float(real) > 6
    assert int(compared) > 14  # the entries of w, b and x, and directions
    assert int(evaluations.replace(",", "")) > 0
    assert float(seconds) >= 0
    assert "1 of 1 examples of 1 module proved" in text


def test_what_fails_is_told_with_its_report(shown):
    passed, text = shown(Linear, NoBias)
    assert not passed
    assert "layers.NoBias, a name with [brackets]" in text
    assert "gradcheck NoBias: fail" in text
    assert "gradcheck Linear" not in text
    assert "1 of 2 examples of 2 modules proved" in text


def test_of_the_second_order_the_digits_of_the_symmetry_stand_beside_the_others(shown):
    passed, text = shown(Linear, width=120, order=2)
    assert passed
    head = next(line for line in text.splitlines() if line.startswith("backward pass of"))
    row = next(line for line in text.splitlines() if "[brackets]" in line)
    assert head.split()[-6:] == ["digits", "real", "symm", "derivs", "evals", "time"]
    verdict, _, _, symmetric, *_ = row.split()[-7:]
    assert (verdict, float(symmetric) > 8) == ("pass", True)
    assert "symm     digits to which the derivative of the pullback is symmetric" in text
    assert "symm" not in shown(Linear)[1]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_name_of_45_characters_is_broken_at_a_blank_and_indented_at_80_columns(shown, terminal):
    options = {"force_terminal": True, "color_system": None} if terminal else {}
    _, text = shown(Linear, name="TiedTransformer, PreNorm, heads 4, all masked", **options)
    lines = [line.rstrip() for line in text[text.index("backward pass of") :].splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith(" TiedTransformer, PreNorm, heads 4, all "))
    assert lines[at].split()[5] == "pass"
    assert lines[at + 1] == "   masked"
    assert max(map(len, lines)) <= 80


def test_a_name_of_43_characters_stands_on_one_line_at_80_columns(shown):
    _, text = shown(Linear, name="language model and loss, mixture of experts")
    (line,) = (line for line in text.splitlines() if "language" in line)
    assert line.startswith(" language model and loss, mixture of experts ")
    assert len(line) == 80


@pytest.mark.parametrize("width", [80, 60])
def test_the_table_fits_the_width_and_has_no_control_characters_outside_a_terminal(shown, width):
    _, text = shown(Linear, width=width)
    rows = text[: text.index("digits   resolved")].splitlines()
    assert max(map(len, rows)) <= width
    assert "\x1b" not in text
    assert "\r" not in text
    assert "[brackets]" in text


def test_a_terminal_sees_a_bar_and_then_the_table(shown):
    passed, text = shown(Linear, force_terminal=True, color_system="standard")
    assert passed
    assert "proving backward passes" in text
    assert "\x1b[32mpass" in text


def test_a_gradient_that_is_zero_everywhere_has_no_digits(monkeypatch):
    import gradcheck
    from reference.job.verify import Verdict

    example = catalogue.Example("functions.flat", "flat", None, (), {})
    report = gradcheck.Report("flat", "pass", [gradcheck.Gradient("x", (2,), "pass")], [], collections.Counter(), 0)
    monkeypatch.setattr(catalogue, "examples", lambda *_: iter([example]))
    monkeypatch.setattr(table, "verdicts", lambda *_: iter([Verdict(example, report, 0.0)]))
    console = Console(file=io.StringIO(), width=80)
    assert table.show_verdicts(console, 0)
    assert console.file.getvalue().count("zero") == 2
