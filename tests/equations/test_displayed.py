"""The displayed equations run on balls: a second way to the verdicts, and the way where the prover does not reach."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from equations import pages
from equations.blocks import Blocks
from equations.displayed import RADIUS, Displayed, agree, changed
from equations.duals import Dual
from equations.programs import programs
from flint import arb

PAGES = {page.name: page for page in pages.load(*pages.ROOMS)}
POINTS = range(3)
# Page, an example whose equations are run, lengths of axes, what is given besides the inputs, the outputs.
CASES = [
    ("linear", "(2, 3, 7) to 5", {"...": 3, "D": 4, "K": 2}, {}, "y"),
    ("softmax", "rows of 7", {"...": 2, "S": 4}, {}, "p"),
    ("layernorm", "(2, 3, 7)", {"...": 3, "D": 4}, {"varepsilon": Fraction(1, 7)}, "y"),
    ("rmsnorm", "(2, 3, 7)", {"...": 3, "D": 4}, {"varepsilon": Fraction(1, 7), "omega": Fraction(1, 3)}, "y"),
    ("gelu", "(2, 3, 5)", {"...": 9}, {}, "y"),
    ("gelu_tanh", "(2, 3, 5)", {"...": 9}, {"c": Fraction(4, 5), "k": Fraction(1, 22)}, "y"),
    ("sigmoid", "(2, 3, 5)", {"...": 9}, {}, "y"),
    ("silu", "(2, 3, 5)", {"...": 9}, {}, "y"),
    ("softplus", "(2, 3, 5)", {"...": 9}, {}, "y"),
    ("relu", "(2, 3, 5)", {"...": 9}, {}, "y"),
    ("embedding", "one id three times", {"...": 4, "V": 5, "D": 3}, {"a": [2, 0, 2, 4]}, "y"),
    ("cross_entropy", "mean, ignored, z-loss", {"...": 3, "N": 2, "V": 4},
     {"y": [3, 0], "nu": [0, 2], "a": Fraction(1, 10), "zeta": Fraction(1, 5), "mu": True}, "L"),
    ("kl_divergence", "sum, masked", {"...": 3, "N": 2, "V": 4},
     {"target": None, "tau": Fraction(5, 2), "nu": [0, 2], "mu": True}, "L"),
    ("attend", "every option", {"B": 1, "H": 2, "G": 1, "T": 2, "S": 3, "K": 2, "W": 3, "P": 1, "Q": 2, "R": 1},
     {"g": [0, 0], "m": True, "C": Fraction(3, 2), "a": [Fraction(1, 3), Fraction(1, 5)], "rho": Fraction(2, 5),
      "n": 2, "lambda": 0, "tau": [1, 2], "kappa": [[[[1, 0, 1], [1, 1, 0]], [[0, 1, 1], [1, 1, 1]]]],
      "eta": Fraction(3, 5)}, "o", "omega"),
]  # fmt: skip


def both_sides(page, example, lengths, given, *outputs, seed):
    """<dy, change of y> of all outputs and the sum of <dx, change of x> of a page at a random rational point."""
    program, run = programs(page)[example], Displayed(page, lengths, seed)
    for name, values in given.items():
        if values is True:  # a condition that holds
            run.give(name, 1)
            run.known[name] = dataclasses.replace(run.known[name], values=np.ones(run.shape(name), bool))
        else:
            run.give(name, values)
    made = {clause.sides[0].name for id in program.forward for clause in page.equations[id].clauses}
    inputs = [name for name, e in page.shapes.entries.items() if e.differentiable and name not in made]
    moving = {name: run.give(name, moves=True) for name in inputs}
    run.run(*program.forward)
    left = sum((changed(run.give(f"d{name}"), run.values(name)) for name in outputs), arb(0))
    run.run(*program.backward)
    return left, sum((changed(run.values(f"d{name}"), moved) for name, moved in moving.items()), arb(0))


@pytest.mark.parametrize("seed", POINTS)
@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_what_is_proved_for_all_values_holds_at_random_points_to_60_digits(case, seed):
    name, *rest = case
    left, right = both_sides(PAGES[name], *rest, seed=seed)
    assert abs(float(left.mid())) > 1e-6  # something moves
    assert agree(left, right), (left, right)


@pytest.mark.parametrize("seed", POINTS)
def test_attention_in_blocks_holds_at_random_points_to_60_digits(seed):
    left, right = Blocks(PAGES["blockwise"], PAGES["online_softmax"], seed).both_sides()
    assert abs(float(left.mid())) > 1e-6  # something moves
    assert agree(left, right), (left, right)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("blockwise", r"ds_{tj} = p_{tj} \, (dp_{tj} - d'_t)", r"ds_{tj} = p_{tj} \, (dp_{tj} + d'_t)"),
        ("blockwise", r"dv'_{je} = \sum_t w_{tj} \, do'_{te}", r"dv'_{je} = \sum_t p_{tj} \, do'_{te}"),
        ("blockwise", r"dk_{ju} \leftarrow dk_{ju} + dk'_{ju}", r"dk_{ju} \leftarrow dk'_{ju}"),
        ("blockwise", r"l'_t = \begin{cases} m_t + \log(z_t)", r"l'_t = \begin{cases} m_t - \log(z_t)"),
        ("online_softmax", "r = \\exp(m - \\bar m')", "r = \\exp(\\bar m' - m)"),
    ],
)
def test_a_wrong_equation_of_attention_in_blocks_is_refuted(name, old, new):
    assert PAGES[name].source.count(old) == 1
    own = PAGES | {name: dataclasses.replace(PAGES[name], source=PAGES[name].source.replace(old, new))}
    left, right = Blocks(own["blockwise"], own["online_softmax"], 0).both_sides()
    assert not left.overlaps(right)


def test_balls_that_are_too_wide_do_not_agree():
    wide = arb(1, 10 * RADIUS)
    assert agree(arb(1), arb(1))
    assert not agree(wide, arb(1))
    assert not agree(arb(1), arb(1) + arb(2) ** -200)


@pytest.mark.parametrize(
    ("made", "value", "slope"),
    [
        (lambda x: x * x, 9, 6),
        (lambda x: Dual(1) / x, Fraction(1, 3), Fraction(-1, 9)),
        (lambda x: x - x, 0, 0),
        (lambda x: Dual(2) * x + x, 9, 3),
        (lambda x: x % Dual(2), 1, 0),
    ],
)
def test_dual_numbers_carry_the_slope(made, value, slope):
    found = made(Dual(3, 1))
    assert found.a.overlaps(Dual(value).a)
    assert found.b.overlaps(Dual(slope).a)
