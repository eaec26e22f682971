"""How rough a claim is: the noise of its last bits, of which what is smooth shows none."""

import types

import numpy as np
import pytest

from gradcheck.precision.roughness import roughness

SPACING = 2.0**-20


def of(claim):
    """The roughness of a claim (G,), as a function of where on the line it is made."""
    return roughness(types.SimpleNamespace(claim=lambda t: np.atleast_1d(np.asarray(claim(t), float))))


def test_a_claim_is_looked_at_at_seven_points_about_a_millionth_of_the_scale_apart():
    points = []
    of(lambda t: points.append(t) or 0.0)
    assert points == [SPACING * k for k in (-3, -2, -1, 0, 1, 2, 3)]


@pytest.mark.parametrize("smooth", [np.cos, np.exp, lambda t: 1 - t * t, lambda t: 1e-9 * np.exp(t)])
def test_what_is_smooth_is_no_rougher_than_its_own_rounding(smooth):
    assert (of(smooth) <= 2.0**-52 * smooth(0.0)).all()


def test_up_to_a_parabola_nothing_is_rough_and_a_cubic_is_by_its_third_difference():
    assert of(lambda t: (t / SPACING) ** 2 - 3 * (t / SPACING)).tolist() == [0]
    assert np.allclose(of(lambda t: (t / SPACING) ** 3), 6 / 20**0.5, rtol=1e-12, atol=0)


@pytest.mark.parametrize("size", [1e-12, 1e-3])
def test_of_noise_it_is_the_standard_deviation(size):
    rng = np.random.default_rng(3)
    found = of(lambda t: size * rng.normal(size=2000))
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(size, rel=0.05)  # of 8,000: 2 parts in 100


def test_the_steps_of_a_small_difference_are_as_rough_as_the_roundings_of_its_terms():
    """1 - y y at 18 is 1e-15: it moves in steps of the last bit of 1."""
    found = of(lambda t: 1 - np.tanh(18 + 18 * t * 2.0**10) ** 2)
    assert 2.0**-56 < found[0] < 2.0**-50


def test_every_cotangent_has_its_own():
    rng = np.random.default_rng(3)
    rough, smooth = of(lambda t: [rng.normal(), 1.0])
    assert rough > 0 and smooth == 0


def test_outside_the_domain_it_is_not_a_number_and_no_warning():
    with np.errstate(invalid="raise"):
        assert np.isnan(of(lambda t: np.inf)).all()
