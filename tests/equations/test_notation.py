"""The notation says what a page says, and refuses what it does not know with file, line and token."""

from fractions import Fraction

import pytest
from equations import notation
from equations.tree import (
    Bracket,
    Call,
    Clause,
    Function,
    Number,
    Over,
    Power,
    Product,
    Quotient,
    Refused,
    Relation,
    Sum,
    Symbol,
    Tuple,
)

ONE, MINUS = Number(Fraction(1)), Number(Fraction(-1))
I, J, N = Symbol("i"), Symbol("j"), Symbol("n")


def read(tex, **lexicon):
    return notation.expression(tex, **lexicon)


def test_a_sum_reaches_to_the_end_of_its_term():
    tree = read(r"\sum_i x_{ni} \, w_i + b")
    body = Product((Symbol("x", (N, I)), Symbol("w", (I,))))
    assert tree == Sum((Over("sum", ("i",), None, body), Symbol("b")))


def test_a_stroke_divides_all_that_stands_before_it_in_its_term():
    assert read("a b / c") == Quotient(Product((Symbol("a"), Symbol("b"))), Symbol("c"))


def test_a_minus_is_a_factor():
    assert read("a - b") == Sum((Symbol("a"), Product((MINUS, Symbol("b")))))


def test_a_label_belongs_to_the_name_that_the_page_lists():
    assert read("w_{o,ec}", names=["w_o"]) == Symbol("w_o", (Symbol("e"), Symbol("c")))
    assert read("w_{o,ec}") == Symbol("w", (Symbol("o"), Symbol("e"), Symbol("c")))
    assert read("dw_{o,ec}", names=["w_o"]).name == "dw_o"


def test_a_gradient_is_a_name():
    assert read(r"d\hat x_i") == Symbol("dxhat", (I,))
    assert read(r"d\text{logits}_{ni}") == Symbol("dlogits", (N, I))
    assert read("x_d") == Symbol("x", (Symbol("d"),))


def test_a_prime_belongs_to_the_name():
    assert read("y'_i") == Symbol("y'", (I,))
    assert read(r"\bar m'") == Symbol("mbar'")


def test_an_index_may_have_an_index_or_be_an_expression():
    assert read(r"E_{a_n i}") == Symbol("E", (Symbol("a", (N,)), I))
    assert read(r"x_{t, i + K/2}").indices[1] == Sum((I, Quotient(Symbol("K"), Number(Fraction(2)))))


def test_a_sum_may_have_a_condition():
    tree = read(r"\sum_{n \,:\, a_n = i} y_n")
    assert tree == Over("sum", ("n",), Relation("=", Symbol("a", (N,)), I), Symbol("y", (N,)))


def test_a_bracket_is_a_number():
    assert read("[i = j]") == Bracket(Relation("=", I, J))


def test_a_fraction_takes_digits_one_by_one():
    assert read(r"\frac12") == Quotient(ONE, Number(Fraction(2)))
    assert read(r"\frac1D") == Quotient(ONE, Symbol("D"))


def test_a_function_has_its_power_before_its_argument():
    assert read(r"\tanh^2(x)") == Power(Function("tanh", (Symbol("x"),)), Number(Fraction(2)))


def test_the_pullback_of_a_layer_has_a_star_and_a_derivative_a_prime():
    assert read("N^{*}(dy)", functions=["N"]) == Call("N", "*", (Symbol("dy"),))
    assert read(r"\varphi'(x)", functions=["varphi"]) == Call("varphi", "'", (Symbol("x"),))


def test_an_equation_has_clauses_and_every_clause_its_sides():
    tex = r"(a, b) \leftarrow F(c) \qquad d_i = e_i = f_i \tag{p.1}"
    tree = notation.equation("p.1", tex, "p.md", 7, functions=["F"])
    first, second = tree.clauses
    assert first == Clause((Tuple((Symbol("a"), Symbol("b"))), Call("F", "", (Symbol("c"),))), replaces=True)
    assert [side.name for side in second.sides] == ["d", "e", "f"]
    assert not second.replaces


@pytest.mark.parametrize(
    ("tex", "message"),
    [
        (r"y = \exp x", r"p.md:7: the argument of \exp must stand in brackets, got x"),
        ("y = a / b c", "p.md:7: a factor after a stroke needs brackets, got c"),
        ("y = a +\n\\Box", r"p.md:8: must be something that is known here, got \Box"),
        (r"y = \sum_{\text{rows}} x", r"p.md:7: sum must run over index letters, got \text{rows}"),
        ("y = x \\quad y = (z", "p.md:7: must be , or ; or ), got the end of the equation"),
        (r"y \approx x", r"p.md:7: (p.1): a part of an equation must have a sign =, got y"),
        (r"y = \begin{cases} 1 & \text{if dry} \\ 0 & \text{otherwise} \end{cases}", None),
        ("y = x ^", "p.md:7: must go on, got the end of the equation"),
    ],
)
def test_what_is_not_known_is_refused_with_file_line_and_token(tex, message):
    if message is None:  # prose is the name of something that has no value: it must stand under Shapes
        assert notation.equation("p.1", tex, "p.md", 7).clauses[0].sides[1].rows[0][1] == Symbol("if dry")
        return
    with pytest.raises(Refused) as refused:
        notation.equation("p.1", tex, "p.md", 7)
    assert str(refused.value) == message
