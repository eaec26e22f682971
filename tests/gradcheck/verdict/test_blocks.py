"""Arrays of a narrow format are compared block by block where all entries together tell too little."""

import numpy as np
import pytest
from narrow import brain, half

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.blocks import FEWEST, MOST, PART, SAMPLE, _length, in_blocks
from gradcheck.verdict.ground import Known
from gradcheck.verdict.measured import measured

U = 2.0**-11
F16 = np.float16


def soft(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def normal(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def normal_back(x, dy):
    y = normal(x)
    centred = dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


LAYERS = {
    "tanh": (np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2)),
    "sine": (np.sin, lambda x, dy: dy * np.cos(x)),
    "square": (lambda x: x * x, lambda x, dy: 2 * x * dy),
    "relu": (lambda x: np.maximum(x, 0), lambda x, dy: dy * (x > 0)),
    "modulus": (np.abs, lambda x, dy: dy * np.sign(x)),
    "softmax": (soft, lambda x, dy: soft(x) * (dy - (dy * soft(x)).sum(-1, keepdims=True))),
    "layer norm": (normal, normal_back),
}


def kernel(name, spoil=lambda dx: dx, inside=np.float32):
    """A layer that takes and gives float16 whatever comes, and computes in some format inside."""
    f, b = LAYERS[name]
    return pair(
        lambda x: f(x.astype(F16).astype(inside)).astype(F16),
        lambda x, dy: spoil(b(x.astype(F16).astype(inside), dy.astype(F16).astype(inside))).astype(F16),
    )


def verdict(subject, shape, seed=0):
    return gradcheck.check(subject, np.random.default_rng(seed).normal(size=shape).astype(F16)).verdict


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("inside", [np.float32, F16])
def test_right_kernels_that_have_only_float16_pass(name, inside):
    assert verdict(kernel(name, inside=inside), (6, 5)) == "pass"


@pytest.mark.parametrize("name", ["tanh", "square", "relu"])
def test_larger_ones_do_as_well(name):
    assert verdict(kernel(name), (20, 16)) == "pass"


@pytest.mark.parametrize("name", LAYERS)
def test_wrong_ones_fail(name):
    assert verdict(kernel(name, lambda dx: dx * 0.8), (6, 5)) == "fail"


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "pass"), (0.6, "fail")])
def test_of_bfloat16_a_factor_is_seen(factor, verdict):
    subject = pair(lambda x: brain(np.tanh(brain(x))), lambda x, dy: brain(factor * dy * (1 - np.tanh(brain(x)) ** 2)))
    assert gradcheck.check(subject, np.random.default_rng(0).normal(size=(6, 5))).verdict == verdict


def test_so_does_one_wrong_entry_of_three_hundred():
    def spoil(dx):
        dx = dx.copy()
        dx[7, 3] *= -1
        return dx

    report = gradcheck.check(kernel("sine", spoil), np.random.default_rng(0).normal(size=(20, 16)).astype(F16))
    assert report.verdict == "fail" and report.gradients[0].worst_index == (7, 3)


def test_a_report_says_to_how_many_digits_that_is():
    report = gradcheck.check(kernel("tanh"), np.random.default_rng(0).normal(size=(6, 5)).astype(F16))
    assert any(f.message.endswith("all that float16 leaves here") for f in report.findings)


def compared(ground, f, b, x, u=U, known=None):
    rng = np.random.default_rng(0)
    place = ground(f, b, x, u=u)
    dense, known = measured(place, Known(), [Probe(0, seed=3)], [True], rng)
    return dense, *in_blocks(place, known, [dense], rng)


def sine(x, dy):
    return dy * np.cos(x)


def test_what_is_told_well_enough_by_a_whole_array_is_left_as_it_is(ground):
    dense, (found,), _, changed = compared(ground, np.sin, sine, np.linspace(0.1, 2, 3), u=2.0**-24)
    assert found == dense and not changed


def test_blocks_take_the_place_of_a_whole_array_and_reach_every_entry_once(ground):
    x = np.random.default_rng(1).normal(size=90)
    dense, (found,), _, changed = compared(ground, lambda x: half(np.sin(x)), sine, x)
    assert changed == {0} and not any(c is d for c in found for d in dense)
    moved = np.sum([c.probe.direction([x])[0] != 0 for c in found], axis=0)
    np.testing.assert_array_equal(moved, np.ones(90))


def test_of_too_many_blocks_a_sample_acquits_nothing_and_contradicts_what_is_wrong_everywhere(ground):
    x = np.random.default_rng(1).normal(size=8 * MOST)
    right, wrong = (
        compared(ground, lambda x: half(np.sin(x)), lambda x, dy, k=k: k * sine(x, dy), x) for k in (1.0, 0.5)
    )
    assert right[1] == [right[0]] and not right[3]
    assert wrong[3] == {0} and any(c.outside().any() for c in wrong[1][0])
    assert sum(c.probe.coordinate is None for c in wrong[1][0]) >= SAMPLE


@pytest.mark.parametrize("u", [U, 2.0**-8])
def test_blocks_are_as_long_as_the_bar_of_a_whole_array_lets_one_entry_be_seen(ground, comparison, u):
    place = ground(lambda x: 3 * x, lambda x, dy: 3 * dy, np.linspace(1, 2, 400), u=u)
    wanted = PART * (0.1 if u == U else 0.25) * np.sqrt(np.mean(np.square(place.claim.values[0])))

    def length(times, **more):
        return _length(place, 0, [comparison(1.0, 1.0, bar=times * wanted, probe=Probe(0, seed=1), **more)])

    assert length(0.99) == 0 and length(3.99) == 25 and length(100.0) == length(np.inf) == FEWEST
    assert length(4.0, jump=True) == 0, "where f jumps nothing is compared"
    contradicted = comparison(1.0, 1.0 + 3 * wanted, bar=0.499 * wanted, probe=Probe(0, seed=1))
    assert _length(place, 0, [contradicted]) == 1606
    alone = ground(lambda x: x, lambda x, dy: dy, np.ones(1), u=u)
    assert _length(place, 0, []) == _length(alone, 0, [contradicted]) == 0
