import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

import gradcheck
from reference.scaling.law import Law, fit, projected

FOUND = 1e-6     # of numbers of size 1: where the cost is a millionth of a millionth it is flat to the search
NOISE = 0.01


def noisy(law, n, d, rng, noise=NOISE):
    return law.loss(n, d) * np.exp(noise * rng.normal(size=n.shape))


def numbers(law):
    return np.array(dataclasses.astuple(law))


def close(found, law, rtol=1e-4):  # A and B magnify an error of their exponent by log N and log D, about 15
    return np.allclose(numbers(found), numbers(law), rtol=rtol, atol=0)


def test_a_law_without_noise_is_found_again(law, cells):
    found = fit(*cells(), law.loss(*cells()))
    assert abs(found.a - law.a) < FOUND and abs(found.b - law.b) < FOUND
    assert close(found, law)


@pytest.mark.parametrize("a", [0.08, 0.34, 1.1])
@pytest.mark.parametrize("b", [0.05, 0.5, 1.4])
@pytest.mark.parametrize("e", [0.0, 0.3])
def test_any_exponents_are_found_to_three_digits(a, b, e, cells):
    n, d = cells()
    law = Law(E=e, A=0.7 * 1e6**a, B=0.9 * 5e6**b, a=a, b=b)
    found = fit(n, d, law.loss(n, d))
    assert abs(found.a - a) < 1e-3 and abs(found.b - b) < 1e-3
    assert abs(found.E - e) < 1e-2  # of losses of size 2; with small exponents E and the terms are nearly alike


def test_with_noise_the_cost_is_lower_than_that_of_the_truth(law, cells, rng):
    n, d = cells()
    losses = noisy(law, n, d, rng)

    def cost(one):
        r = np.abs(one.loss(n, d) / losses - 1)
        return np.where(r <= 0.01, r * r / 2, 0.01 * (r - 0.005)).sum()

    found = fit(n, d, losses)
    assert cost(found) < cost(law)
    everywhere = minimize(lambda z: cost(Law(z[0], *np.exp(z[1:3]), *z[3:])), [1.69, 6, 6, 0.34, 0.28],
                          method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000, "fatol": 1e-14})  # fmt: skip
    assert cost(found) <= everywhere.fun * (1 + 1e-9)  # a search over all five finds none that is lower


# Laws


def test_another_unit_of_loss_changes_no_exponent(law, cells, rng):
    n, d = cells()
    losses = noisy(law, n, d, rng)
    one, bits = fit(n, d, losses), fit(n, d, losses / np.log(2))
    assert close(bits, dataclasses.replace(one, E=one.E / np.log(2), A=one.A / np.log(2), B=one.B / np.log(2)))


def test_another_unit_of_size_changes_its_coefficient_alone(law, cells, rng):
    n, d = cells()
    losses = noisy(law, n, d, rng)
    one = fit(n, d, losses)
    assert close(fit(1000 * n, d, losses), dataclasses.replace(one, A=one.A * 1000**one.a))
    assert close(fit(n, d / 8, losses), dataclasses.replace(one, B=one.B / 8**one.b))


def test_the_order_of_the_cells_changes_nothing(law, cells, rng):
    n, d = cells()
    losses, order = noisy(law, n, d, rng), rng.permutation(n.size)
    assert close(fit(n[order], d[order], losses[order]), fit(n, d, losses))


def slopes_are_those(function, law, cells, rng):
    """Whether the slopes that it returns are those of its cost: a pullback, to the checker."""
    n, d = cells()
    given = n / 1e6, d / 1e7, noisy(law, n, d, rng), 0.05

    def subject(exponents):
        cost, _, slope = function(*given, *exponents)
        return np.array(cost), lambda dcost: dcost * slope

    return gradcheck.check(subject, np.array([0.4, 0.2])).verdict == "pass"


def test_the_slopes_are_those_of_the_least_cost(law, cells, rng):
    assert slopes_are_those(projected, law, cells, rng)


def test_a_cell_that_is_far_off_pulls_no_harder(law, cells, rng):
    n, d = cells()
    losses = noisy(law, n, d, rng, noise=1e-4)
    off = []
    for factor in (1.05, 1.5, 3.0, 100.0):
        wrong = losses.copy()
        wrong[7] *= factor
        off.append(np.abs(numbers(fit(n, d, wrong))[3:] - numbers(law)[3:]))
    assert (off[0] < 0.02).all() and all((more <= off[0]).all() for more in off[1:])


@pytest.mark.parametrize("products", [1e12, 1e15])
def test_the_optimum_is_the_least_loss_of_its_budget(law, products):
    n, d = law.optimum(products)
    least = minimize_scalar(lambda log: law.loss(np.exp(log), products / np.exp(log)), bounds=(5, 30),
                            method="bounded", options={"xatol": 1e-9})  # fmt: skip
    np.testing.assert_allclose(n, np.exp(least.x), rtol=1e-5, atol=0)  # flat at the least: half of the digits
    np.testing.assert_allclose(n * d, products, rtol=1e-12, atol=0)


def test_nothing_is_negative(cells, rng):
    n, d = cells()
    for _ in range(3):
        found = fit(n, d, np.exp(rng.normal(size=n.size)))
        assert (numbers(found) >= 0).all() and np.isfinite(numbers(found)).all()


# Wrong versions


def parabola_exponent(law, sizes, budgets):
    """The exponent b / (a + b) of the best size in the budget, from the minima of parabolas through its cells."""
    best = []
    for c in budgets:
        square, slope, _ = np.polyfit(np.log(sizes), law.loss(sizes, c / sizes), 2)
        best.append(-slope / (2 * square))
    return np.polyfit(np.log(budgets), best, 1)[0]


def test_parabolas_are_off_where_the_fit_is_not(law):
    sizes, budgets = np.geomspace(1e6, 1e9, 7), np.geomspace(1e15, 1e18, 4)
    n, d = sizes.repeat(4), (budgets / sizes[:, None]).ravel()
    found = fit(n, d, law.loss(n, d))
    exact = law.b / (law.a + law.b)
    assert abs(found.b / (found.a + found.b) - exact) < 1e-5
    assert abs(parabola_exponent(law, sizes, budgets) - exact) > 0.01


def test_a_line_through_logarithms_misses_the_exponent(law, cells):
    n, _ = cells()
    slope, _ = np.polyfit(np.log(n), np.log(law.loss(n, 1e15)), 1)
    assert -slope < 0.75 * law.a


def test_squares_are_bent_by_one_cell(law, cells):
    n, d = cells()
    losses = law.loss(n, d)
    losses[7] *= 1.5
    assert abs(fit(n, d, losses).a - law.a) < 0.01 < abs(fit(n, d, losses, delta=1e6).a - law.a)


def test_coefficients_of_either_sign_fall_below_zero(cells):
    n, d = cells()
    losses = 30 - np.log(n) - np.log(d) / 2
    p, q = (n / 1e6) ** -0.1, (d / 1e7) ** -0.1
    free, *_ = np.linalg.lstsq(np.stack([np.ones(n.size), p, q], axis=1), losses)
    assert free[0] < 0 <= fit(n, d, losses).E


def test_a_wrong_slope_is_caught(law, cells, rng):
    def signed(*given):
        cost, c, slope = projected(*given)
        return cost, c, -slope

    def with_own_part(*given):  # of coefficients that move with the exponent: the same again
        cost, c, slope = projected(*given)
        return cost, c, slope + np.array([slope[0], 0])

    for wrong in (signed, with_own_part):
        assert not slopes_are_those(wrong, law, cells, rng)


# Bad input


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda n, d, y: (n[:7], d[:7], y[:7]), "fit: there must be at least 8 cells, got 7"),
        (lambda n, d, y: (n, d[:3], y), r"fit: d must have shape \(M,\) as all three, got \(3,\)"),
        (lambda n, d, y: (n[:, None], d, y), r"fit: n must have shape \(M,\) as all three, got \(20, 1\)"),
        (lambda n, d, y: (n, d, y - 7), "fit: losses must be positive and finite, got "),
        (lambda n, d, y: (n, d * np.inf, y), "fit: d must be positive and finite, got inf to inf"),
        (lambda n, d, y: (n[:8], d[:8], y[:8]), "fit: cells must have at least 3 numbers of parameters, got 2"),
        (lambda n, d, y: (n, d * 0 + 1, y), "fit: cells must have at least 3 numbers of tokens, got 1"),
    ],
)
def test_bad_cells_are_one_clear_line(change, said, law, cells):
    n, d = cells()
    with pytest.raises(ValueError, match=said):
        fit(*change(n, d, law.loss(n, d)))


def test_bad_numbers_are_one_clear_line(law, cells):
    with pytest.raises(ValueError, match="fit: delta must be positive and finite, got 0"):
        fit(*cells(), law.loss(*cells()), delta=0)
    with pytest.raises(TypeError, match="fit: delta must be a number"):
        fit(*cells(), law.loss(*cells()), delta="0.1")
    with pytest.raises(ValueError, match="optimum: products must be positive"):
        law.optimum(0)
    with pytest.raises(ValueError, match=r"optimum: A and B must be positive, got 0 and 410\.7"):
        dataclasses.replace(law, A=0.0).optimum(1e12)
