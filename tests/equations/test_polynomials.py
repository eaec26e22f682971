"""The normal form: the same sum of products in other letters is the same, and nothing else is."""

from fractions import Fraction

import pytest
from equations.functions import Functions
from equations.points import counterexample, vanishes
from equations.terms import add, atom, constant, scaled

I, J, K = ("D", "i"), ("D", "j"), ("K", "k")


@pytest.fixture
def algebra():
    made = Functions()
    made.moving |= {"x", "w"}
    return made


def minus(one, two):
    return add(one, scaled(two, -1))


def test_the_letters_of_a_sum_do_not_matter(algebra):
    one = algebra.summed(algebra.product(atom("x", [I]), atom("w", [I, K])), [I])
    two = algebra.summed(algebra.product(atom("w", [J, K]), atom("x", [J])), [J])
    assert minus(one, two) == {}
    assert minus(one, algebra.summed(algebra.product(atom("x", [I]), atom("w", [K, I])), [I])) != {}


def test_sums_may_be_exchanged_and_products_distributed(algebra):
    xi, xj = atom("x", [I]), atom("x", [J])
    square = algebra.product(algebra.summed(xi, [I]), algebra.summed(xj, [J]))
    assert minus(square, algebra.summed(algebra.product(xi, xj), [J, I])) == {}
    assert minus(square, algebra.summed(algebra.product(xi, xi), [I])) != {}


def test_a_sum_over_what_does_not_occur_is_the_length_of_the_axis(algebra):
    assert algebra.summed(atom("c"), [I]) == algebra.product(atom("c"), atom("|D|"))


def test_whole_powers_of_roots_of_numbers_are_numbers(algebra):
    root = algebra.power(constant(2), Fraction(1, 2))
    assert algebra.product(root, root) == constant(2)
    assert algebra.power(constant(Fraction(4, 9)), Fraction(1, 2)) == constant(Fraction(2, 3))


def test_a_sum_that_is_a_denominator_folds(algebra):
    e = algebra.function("exp", atom("x", [I]))
    z = algebra.summed(e, [I])
    assert algebra.product(z, algebra.power(z, -1)) == constant(1)


def test_a_linear_denominator_reduces(algebra):
    e = algebra.function("exp", atom("x", [I]))
    p = add(constant(1), e)
    assert algebra.product(p, algebra.power(p, -1)) == constant(1)


def test_the_exponential_of_a_sum_is_a_product(algebra):
    x, c = atom("x", [I]), atom("c")
    shifted = algebra.function("exp", minus(x, c))
    factor = algebra.function("exp", c)
    assert minus(algebra.product(shifted, factor), algebra.function("exp", x)) == {}
    whole = algebra.summed(shifted, [I])  # the shift drops out of a share
    one, two = algebra.product(shifted, algebra.power(whole, -1)), algebra.function("exp", x)
    assert minus(one, algebra.product(two, algebra.power(algebra.summed(two, [I]), -1))) == {}


def test_a_logarithm_takes_positive_factors_out(algebra):
    x, c = atom("x", [I]), atom("c")
    sum_of = lambda p: algebra.summed(algebra.function("exp", p), [I])  # noqa: E731
    assert minus(algebra.function("log", sum_of(add(x, c))), add(algebra.function("log", sum_of(x)), c)) == {}
    e = algebra.function("exp", x)
    late = algebra.function("log", add(constant(1), algebra.power(e, -1)))
    assert minus(late, minus(algebra.function("log", add(constant(1), e)), x)) == {}


def test_a_root_takes_only_positive_factors_out(algebra):
    x, s = atom("x", [I]), atom("s")
    algebra.positives.add("s")
    half = Fraction(1, 2)
    assert algebra.power(algebra.product(s, s), half) == s
    assert algebra.power(algebra.product(x, x), half) != x  # it is the size of x
    both, rest = add(algebra.product(s, s, x), algebra.product(s, s, s, s)), add(x, algebra.product(s, s))
    assert minus(algebra.power(both, half), algebra.product(s, algebra.power(rest, half))) == {}


def test_partial_fractions(algebra):
    e = algebra.function("exp", atom("x", [I]))
    p = add(constant(2), e)
    one = algebra.product(algebra.power(e, -1), algebra.power(p, -1))
    assert minus(one, scaled(minus(algebra.power(e, -1), algebra.power(p, -1)), Fraction(1, 2))) == {}


def test_a_sum_over_what_is_the_same_picks_it(algebra):
    algebra.indicators.add("same")
    same = atom("same", [I, J])
    assert algebra.summed(algebra.product(same, atom("x", [J])), [J]) == atom("x", [I])
    assert algebra.summed(algebra.product(same, same), [I, J]) == atom("|D|")
    assert minus(algebra.product(same, atom("x", [J])), algebra.product(same, atom("x", [I]))) == {}


def test_an_indicator_is_its_own_square_and_splits_a_function(algebra):
    algebra.indicators.add("h")
    hit = atom("h", [I])
    assert algebra.product(hit, hit) == hit
    both = algebra.function("exp", algebra.product(hit, atom("x", [I])))
    one = algebra.function("exp", atom("x", [I]))
    zero = algebra.function("exp", {})
    assert minus(both, add(algebra.product(hit, one), algebra.product(minus(constant(1), hit), zero))) == {}


def test_a_map_picks_one(algebra):
    algebra.maps.add("pick y")
    pick = atom("pick y", [K, I])
    assert algebra.summed(pick, [I]) == constant(1)
    twice = algebra.summed(algebra.product(pick, atom("pick y", [K, J]), atom("x", [J])), [J])
    assert minus(twice, algebra.product(pick, atom("x", [I]))) == {}


def test_the_change_of_a_function_is_its_derivative(algebra):
    x, dx = atom("x", [I]), atom("δx", [I])
    t = algebra.function("tanh", x)
    assert minus(algebra.change(t), algebra.product(minus(constant(1), algebra.product(t, t)), dx)) == {}
    r = algebra.power(add(algebra.product(x, x), constant(1)), Fraction(-1, 2))
    expected = scaled(algebra.product(r, r, r, x, dx), -1)
    assert minus(algebra.change(r), expected) == {}
    assert algebra.change(atom("c", [I])) == {}


def test_what_is_left_is_refuted_at_small_integers_or_not_seen_to_differ(algebra):
    x = atom("x", [I])
    assert counterexample(algebra, algebra.summed(x, [I])).startswith("the two sides differ by ")
    sine, cosine = (algebra.function(name, x) for name in ("sin", "cos"))
    one = algebra.summed(add(algebra.product(sine, sine), algebra.product(cosine, cosine), constant(-1)), [I])
    assert one != {}  # the prover does not know it
    assert counterexample(algebra, one) is None
    assert vanishes(algebra, one)
    assert not vanishes(algebra, add(one, constant(Fraction(1, 10**50))))
