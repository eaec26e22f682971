"""Claims are not contradicted by differences that see nothing of a term that a larger number absorbs."""

import dataclasses
from unittest.mock import ANY

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.verdict import lost_terms
from gradcheck.verdict.absorbed import DOUBT
from gradcheck.verdict.lost_terms import Lossless, allowing_for_lost_terms

LARGE = -1e30


def normed(y):
    d = y - y.mean(-1, keepdims=True)
    s = np.sqrt((d * d).mean(-1, keepdims=True) + 1e-6)
    return d / s, lambda dy: (dy - dy.mean(-1, keepdims=True) - d * (dy * d).mean(-1, keepdims=True) / s**2) / s


def block(change=lambda *d: d, large=LARGE, norm=None, way_in=lambda x: x, name="add"):
    """Attention beside a residual, under a mask that hides all of the first row and a part of the second."""

    def layer(q, k, v):
        q, k, v = way_in(q), way_in(k), way_in(v)
        mask = np.zeros((len(q), len(k)))
        mask[0] = mask[1, 2:] = large
        z = q @ k.T / 2
        z = z + mask if name == "add" else z - (-mask)
        e = np.exp(z - z.max(-1, keepdims=True))
        p = e / e.sum(-1, keepdims=True)
        y, back = (p @ v + q, lambda dy: dy) if norm is None else norm(p @ v + q)

        def pullback(dy):
            dy = back(dy)
            dp = dy @ v.T
            ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / 2
            return change(ds @ k + dy, ds.T @ q, p.T @ dy)

        return y, pullback

    return layer


def drawn(seed):
    return np.random.default_rng(seed).normal(size=(3, 4, 4))


def real(x):
    if np.iscomplexobj(x):
        raise TypeError("real numbers alone")
    return x


def verdicts(layer, seed=0):
    return {g.name: (g.verdict, g.reason) for g in gradcheck.Checker(seed=seed)(layer, *drawn(seed)).gradients}


@pytest.mark.parametrize("options", [
    {}, {"name": "subtract"}, {"large": -3e38}, {"large": np.finfo(np.float64).min}, {"norm": normed}, {"way_in": real},
])  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1])
def test_a_right_block_under_a_mask_that_absorbs_a_row_does_not_fail(options, seed):
    found = verdicts(block(**options), seed)
    assert found["v"] == ("pass", "")
    assert {found["q"], found["k"]} <= {("pass", ""), ("inconclusive", DOUBT)}


def test_it_is_told_what_to_do():
    report = gradcheck.check(block(way_in=real), *drawn(0))
    assert "a mask of -1e4 in the place of -1e30" in str(report)


@pytest.mark.parametrize(("change", "wrong"), [
    (lambda dq, dk, dv: (dq, dk, dv * 1.01), "v"), (lambda dq, dk, dv: (dq * (1 + 1e-6), dk, dv), "q"),
    (lambda dq, dk, dv: (dq, dk * 1.001, dv), "k"), (lambda dq, dk, dv: (dq - 1e-3, dk, dv), "q"),
])  # fmt: skip
@pytest.mark.parametrize("way_in", [lambda x: x, real])
def test_a_wrong_one_fails(change, wrong, way_in):
    assert verdicts(block(change, way_in=way_in))[wrong][0] == "fail"


def test_where_no_term_is_lost_nothing_is_excused(ground):
    near = ground(*as_pair(block(large=-1e4)), *drawn(0))
    assert not Lossless(near).is_other


def test_nor_where_f_itself_would_be_another(ground):
    """The absorbed number is subtracted again, and what is left is another than without."""

    def f(x):
        return (x + 1e30) - 1e30 + x

    near = ground(f, lambda x, dy: 2 * dy, np.array([1.0, 2.0]))
    assert not Lossless(near).is_other
    assert gradcheck.check(pair(f, lambda x, dy: 2 * dy), np.array([1.0, 2.0])).verdict == "fail"


def test_what_is_lost_has_a_slope(ground):
    near = ground(*as_pair(block()), *drawn(0))
    lossless = Lossless(near)
    assert lossless.is_other
    direction = {i: np.random.default_rng(1).normal(size=(4, 4)) for i in range(3)}
    claims = near.problem.gradients(near.place.point, near.place.g)
    expected = sum((claims[i] * d).sum((1, 2)) for i, d in direction.items())
    np.testing.assert_allclose(lossless.slope(direction), expected, rtol=1e-6, atol=1e-8)


def test_what_cannot_be_run_so_excuses_nothing(ground):
    def f(x):
        if type(x) is not np.ndarray:
            raise TypeError("plain arrays alone")
        return x + 1e30

    assert not Lossless(ground(f, lambda x, dy: dy, np.ones(3))).is_other


def test_it_is_asked_only_where_something_is_contradicted(ground, monkeypatch):
    from gradcheck.numeric.probe import Probe
    from gradcheck.verdict.compare import compare
    from gradcheck.verdict.ground import Known

    near = ground(*as_pair(block()), *drawn(0))
    rng = np.random.default_rng(0)
    monkeypatch.setattr(lost_terms, "Lossless", None)
    known = Known()
    for leaf in (0, 2):
        (c,), _ = compare(near, known, [Probe(leaf, seed=1)], [True], rng)
        known = dataclasses.replace(known, loses=leaf != 0)
        assert allowing_for_lost_terms(near, known, [c, dataclasses.replace(c, real=None)]) == ([c, ANY], known)


def as_pair(layer):
    return lambda *x: layer(*x)[0], lambda *x: layer(*x[:-1])[1](x[-1])
