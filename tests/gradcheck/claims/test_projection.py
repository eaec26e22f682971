"""The derivatives of a projection, first and second, as they are measured; and what it hands on."""

import numpy as np
import pytest

import gradcheck.claims.projection as module
from gradcheck.claims.projection import MOST, Projection

P = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
Z = np.array([[2.0, 1 - 3j], [1 + 3j, -1.0]])


def on_simplex(p):
    return p / p.sum()


def symmetric(a):
    return (a + a.T) / 2


def hermitian(z):
    return (z + z.conj().T) / 2


def on_sphere(p):
    return p / np.linalg.norm(p)


def slope_on_simplex(p):
    """d(p_i / s) / dp_j = (1[i = j] - p_i / s) / s."""
    s = p.sum()
    return (np.eye(p.size) - (p / s)[:, None]) / s


def test_cotangents_are_pulled_and_directions_pushed_through_the_slope_at_the_inputs(rng):
    projection = Projection(on_simplex, (P,), "torch")
    for p in (P, 2 * P, P + 0.1 * rng.random(5)):
        g, d = rng.normal(size=(2, 5))
        # the complex step is right to the last bits; a few roundings of sums of five terms
        np.testing.assert_allclose(projection.pulled((p,), (g,))[0], g @ slope_on_simplex(p), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(projection.push((p,))([d])[0], slope_on_simplex(p) @ d, rtol=1e-13, atol=1e-14)


def test_the_slope_of_what_takes_no_complex_numbers_is_measured_by_differences(rng):
    u, g = P / np.linalg.norm(P), rng.normal(size=5)
    projection = Projection(on_sphere, (u,), "torch")
    # differences resolve eleven digits
    np.testing.assert_allclose(projection.pulled((u,), (g,))[0], g - u * (u @ g), rtol=0, atol=1e-9)
    assert not projection.is_known_twice


def test_the_bend_is_the_derivative_of_the_pulled_cotangents(rng):
    g, d = rng.normal(size=(2, 5))
    projection, s = Projection(on_simplex, (P,), "torch"), P.sum()
    assert projection.is_known_twice
    # of g'p / s twice: d_i d_j is -(g_i + g_j) / s^2 + 2 g'p / s^3
    want = -(g * d.sum() + g @ d) / s**2 + 2 * (g @ P) / s**3 * d.sum()
    np.testing.assert_allclose(projection.bend((P,), (g,), [d]), want, rtol=0, atol=1e-9)  # by differences
    bent, want = projection.pulled((P,), (g,), np.ones(5))[0], g @ slope_on_simplex(P) + 1
    np.testing.assert_allclose(bent, want, rtol=1e-12, atol=0)


def test_an_affine_projection_has_one_slope_and_no_bend(rng):
    calls = []

    def counted(a):
        calls.append(a)
        return symmetric(a)

    a, g, d = symmetric(rng.normal(size=(3, 3))), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    projection = Projection(counted, (a,), "torch")
    calls.clear()
    np.testing.assert_allclose(projection.pulled((5 + a,), (g,))[0], symmetric(g), rtol=0, atol=1e-12)  # of the slope
    assert projection.is_known_twice and not projection.bend((a,), (g,), [d]).any() and not calls


def test_a_slope_that_changes_by_roundings_is_one():
    calls = []

    def rounded(p):
        calls.append(p)
        return p * p.sum() / p.sum()

    projection = Projection(rounded, (P,), "torch")
    calls.clear()
    np.testing.assert_allclose(projection.pulled((P + 1,), (P,))[0], P, rtol=0, atol=1e-14)  # roundings of the slope
    assert not calls


def test_a_slope_that_changes_little_is_not_taken_for_one():
    def nearly(p):
        return p * (1 + 1e-6 * (p - P))

    projection = Projection(nearly, (P,), "torch")
    away = projection.pulled((P + 1,), (np.ones(5),))[0]
    np.testing.assert_allclose(away, 1 + 1e-6 * (P + 2), rtol=1e-12, atol=0)  # 1 + c (2 p - P) at p = P + 1


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_complex_arrays_are_pairs_and_their_cotangents_follow_the_convention(convention, rng):
    g, d = rng.normal(size=(2, 2, 2)) + 1j * rng.normal(size=(2, 2, 2))
    projection = Projection(hermitian, (Z,), convention)
    # Re <g, P d> = Re <P g, d>, with the same map for g and for its conjugate
    np.testing.assert_allclose(projection.pulled((Z,), (g,))[0], hermitian(g), rtol=0, atol=1e-12)
    np.testing.assert_allclose(projection.push((Z,))([d])[0], hermitian(d), rtol=0, atol=1e-12)
    turned = Projection(lambda z: z + 0.5j * (z - Z).real, (Z,), convention)  # y moves with x as well
    want = g + 0.5 * g.imag * (1 if convention == "torch" else -1)  # dx + dy / 2, of dx + i dy or dx - i dy
    np.testing.assert_allclose(turned.pulled((Z,), (g,))[0], want, rtol=0, atol=1e-12)
    real = projection.pulled((Z,), (g.real,))[0]
    np.testing.assert_allclose(real, hermitian(g.real), rtol=0, atol=1e-12)
    assert real.dtype == np.complex128


def test_several_inputs_move_together_and_what_is_no_array_stays(rng):
    def together(x, n, tree):
        mean = (x + tree["y"]) / 2
        return mean, n, {"y": mean}

    x = rng.normal(size=3)
    inputs = (x, 7, {"y": x})
    projection = Projection(together, inputs, "torch")
    a, b = rng.normal(size=(2, 3))
    d_x, d_n, d_tree = projection.pulled(inputs, (a, None, {"y": b}))
    np.testing.assert_allclose([d_x, d_tree["y"]], [(a + b) / 2] * 2, rtol=0, atol=1e-12)
    assert d_n == 7 and projection(inputs)[1] == 7
    np.testing.assert_allclose(projection.push(inputs)([a, b]), [(a + b) / 2] * 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("d", [np.ones(4), np.ones(5) * 1j, None, "no array"])
def test_what_is_no_cotangent_is_handed_on_as_it_came(d):
    projection = Projection(on_simplex, (P,), "torch")
    assert projection.pulled((P,), (d,))[0] is d
    assert not projection.bend((P,), (d,), [P]).any()


def test_a_number_of_numpys_is_a_cotangent_of_a_number():
    projection = Projection(lambda x: np.maximum(x, 1 + 0 * x), (np.asarray(2.0),), "torch")
    assert projection.pulled((np.asarray(2.0),), (np.float64(3),))[0] == 3
    assert projection.pulled((np.asarray(0.5),), (3.0,))[0] == pytest.approx(3.0)  # affine where it was measured


def test_arrays_keep_their_dtype_and_are_read_only_where_the_given_ones_are():
    p = (P / P.sum()).astype(np.float32)
    projection = Projection(lambda p: np.asarray(on_simplex(p), np.float64), (p,), "torch")
    (back,) = projection((p,))
    (pushed,) = projection.push((p,))([p])
    assert {x.dtype for x in (back, pushed, projection.pulled((p,), (p,))[0])} == {np.dtype(np.float32)}
    assert back.flags.writeable and pushed.flags.writeable
    p.flags.writeable = False
    (back,), (pushed,) = projection((p,)), projection.push((p,))([p])
    assert not back.flags.writeable and not pushed.flags.writeable


@pytest.mark.parametrize(
    ("project", "x", "message"),
    [
        (symmetric, np.arange(4.0).reshape(2, 2), "must lie in the declared domain, got them 5.0e-01 away from it"),
        (lambda p: p * (1 + 1e-9), P, "got them 3.0e-10 away from it"),
        (lambda p: p[:-1], P, r"domain must return True, False or inputs of shapes \(5,\), got \(4,\)"),
        (lambda p: None, P, r"inputs of shapes \(5,\), got NoneType"),
        (lambda p: 1, P, r"inputs of shapes \(5,\), got int"),
        (lambda p: ("yes",), P, r"inputs of shapes \(5,\), got str"),
        (lambda p: (), P, r"inputs of shapes \(5,\), got nothing"),
        (lambda p: p * np.nan, P, "domain must return finite inputs, got nan"),
        (lambda z: z.real, Z, r"inputs of shapes complex \(2, 2\), got \(2, 2\)"),
        (lambda p: p, np.ones(1025), "a projection takes at most 1024 entries, got 1025"),
        (lambda p: p, np.ones(MOST // 2 + 1, complex), f"at most {MOST} entries, got {MOST + 2}"),
    ],
)
def test_what_does_not_fit_is_refused(project, x, message):
    with pytest.raises(ValueError, match=message):
        Projection(project, (x,), "torch")


def test_as_many_entries_are_taken_as_the_message_says(monkeypatch):
    monkeypatch.setattr(module, "MOST", 5)  # the derivative of 1,024 entries takes a minute
    assert Projection(on_simplex, (P / P.sum(),), "torch").is_known_twice
    with pytest.raises(ValueError, match="at most 5 entries, got 6"):
        Projection(on_simplex, (np.full(6, 1 / 6),), "torch")


def test_zeros_lie_where_they_are_brought_back_to():
    projection = Projection(symmetric, (np.zeros((2, 2)),), "torch")
    assert np.array_equal(projection.pulled((np.zeros((2, 2)),), (np.eye(2),))[0], np.eye(2))


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_a_slope_of_complex_numbers_is_not_that_of_their_conjugates(convention):
    """A projection on the half of the plane above, in which all numbers stay as its slope is measured."""

    def above(z):
        assert (z.imag > 0).all()
        return z.real + 1j * np.maximum(z.imag, 0 * z.imag)

    z, d = np.array([1.0 + 2.0j, -3.0 + 1.0j]), np.array([1j, 1.0 + 1j])
    projection = Projection(above, (z,), convention)
    np.testing.assert_allclose(projection.push((z,))([d])[0], d, rtol=0, atol=1e-12)  # of the slope


@pytest.mark.parametrize("size", [1.0, 2.0**20, 2.0**-20])
def test_roundings_of_a_projection_lie_within_the_domain_and_what_is_more_does_not(size):
    def on_simplex_of_size(p):
        return size * (p / p.sum())

    x = size * P * (1 - 0.9 * 2.0**-40)  # which its sum moves by that part of itself
    (back,) = Projection(on_simplex_of_size, (x,), "torch")((x,))
    assert 0 < np.abs(back - x).max() < size * 2.0**-40
    with pytest.raises(ValueError, match="away from it"):
        Projection(on_simplex_of_size, (size * P * (1 - 1.1 * 2.0**-40),), "torch")


def test_another_slope_is_measured_a_16th_of_each_number_away_at_the_most():
    asked = set()

    def counted(p):
        if np.iscomplexobj(p):
            asked.add(tuple(p.real))
        return on_simplex(p)

    Projection(counted, (P,), "torch")
    away = np.array(list(asked)) / P - 1
    far = away[np.abs(away).max(axis=1) > 1e-9]  # else it is the given point, but for roundings
    np.testing.assert_allclose(far, far[:1] + 0 * far, rtol=0, atol=1e-9)
    assert np.abs(far[0]).max() == pytest.approx(2.0**-4, rel=1e-9, abs=0)
    assert (np.abs(far[0]) > 2.0**-10).all() and (far[0] < 0).any()


def test_a_projection_to_one_point_is_affine_and_its_slope_is_zero():
    calls = []

    def constant(p):
        calls.append(p)
        return P + 0 * p

    projection = Projection(constant, (P,), "torch")
    calls.clear()
    assert not projection.pulled((P + 1,), (np.ones(5),))[0].any() and not calls


def test_complex_numbers_must_be_taken_near_by_as_well():
    def on_simplex_alone(p):
        if np.iscomplexobj(p) and np.abs(p.real - P).max() > 0:
            raise TypeError("real numbers only")
        return p / p.sum()

    assert not Projection(on_simplex_alone, (P,), "torch").is_known_twice
    assert Projection(on_simplex, (P,), "torch").is_known_twice


def test_a_complex_array_takes_no_complex_step():
    projection = Projection(hermitian, (Z,), "torch")
    with pytest.raises(TypeError, match=r"^gradcheck: a complex array takes no complex step$"):
        projection._split(np.zeros(8, complex))
