"""Arrays of a narrow format are compared block by block where all entries together tell too little."""

import dataclasses

import numpy as np
import pytest
from narrow import brain, half

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.precision.formats import FEW_BITS
from gradcheck.verdict import blocks
from gradcheck.verdict.blocks import _at_length, _compared, _length, _looked, _of_one, in_blocks
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
    dense, (found,), _, changed = compared(ground, lambda x: half(30 + np.sin(x)), sine, x)
    assert changed == {0} and not any(c is d for c in found for d in dense)
    moved = np.sum([c.probe.direction([x])[0] != 0 for c in found], axis=0)
    np.testing.assert_array_equal(moved, np.ones(90))


def test_of_too_many_blocks_a_sample_acquits_nothing_and_contradicts_what_is_wrong_everywhere(ground, monkeypatch):
    monkeypatch.setattr(blocks, "MOST", 100)
    monkeypatch.setattr(blocks, "SAMPLE", 16)
    x = np.random.default_rng(1).normal(size=808)  # 202 blocks of four
    right, wrong = (
        compared(ground, lambda x: half(30 + np.sin(x)), lambda x, dy, k=k: k * sine(x, dy), x) for k in (1.0, 0.5)
    )
    assert right[1] == [right[0]] and not right[3]
    assert wrong[3] == {0} and any(c.outside().any() for c in wrong[1][0])
    assert sum(c.probe.coordinate is None for c in wrong[1][0]) >= 16


@pytest.mark.parametrize("u", [U, 2.0**-8])
def test_blocks_are_as_long_as_the_bar_of_a_whole_array_lets_one_entry_be_seen(ground, comparison, u):
    place = ground(lambda x: 3 * x, lambda x, dy: 3 * dy, np.linspace(1, 2, 400), u=u)
    wanted = 0.75 * (0.1 if u == U else 0.25) * np.sqrt(np.mean(np.square(place.claim.values[0])))

    def length(times, **more):
        return _length(place, 0, [comparison(1.0, 1.0, bar=times * wanted, probe=Probe(0, seed=1), **more)])

    assert length(0.99) == 0 and length(3.99) == 25 and length(100.0) == length(np.inf) == 4
    assert length(4.0, jump=True) == 0, "where f jumps nothing is compared"
    fine = comparison(1.0, 1.0, bar=0.9 * wanted, probe=Probe(0, seed=1))
    beside = comparison(1.0, 1.0, bar=np.inf, probe=Probe(0, coordinate=1)), comparison(1.0, probe=Probe(0, seed=2))
    assert _length(place, 0, [fine, *beside]) == 0, "an entry, and what has no differences, say nothing of it"
    contradicted = comparison(1.0, 1.0 + 3 * wanted, bar=0.499 * wanted, probe=Probe(0, seed=1))
    assert _length(place, 0, [contradicted]) == 1606
    alone = ground(lambda x: x, lambda x, dy: dy, np.ones(1), u=u)
    assert _length(place, 0, []) == _length(alone, 0, [contradicted]) == 0
    flat = ground(lambda x: 3 * x, lambda x, dy: 0 * dy, np.linspace(1, 2, 400), u=u)
    assert _length(flat, 0, [contradicted]) == 0, "of an array whose gradient is zero nothing is wanted"
    broken = ground(lambda x: 3 * x, lambda x, dy: np.inf * np.sign(dy), np.linspace(1, 2, 400), u=u)
    assert _length(broken, 0, [contradicted]) == 0


def test_blocks_may_be_needed_from_float16_on():
    assert FEW_BITS * 1.9 < U and FEW_BITS * 2.1 > U


def of_ones(ground, size, u=U):
    """A place where all of the claim is one."""
    place = ground(lambda x: x, lambda x, dy: dy, np.ones(size), u=u)
    return dataclasses.replace(place, claim=dataclasses.replace(place.claim, values=[np.ones((2, size))]))


@pytest.mark.parametrize(("size", "taken"), [(1024, 1024), (1025, 64)])
def test_up_to_1024_blocks_all_are_compared_and_of_more_64_drawn_at_random(
    ground, monkeypatch, comparison, size, taken
):
    asked = []

    def compared(ground, known, leaf, segments, rng):
        asked.extend(segments)
        return [comparison(1.0, 1.0, probe=Probe(0, start=i, stop=j)) for i, j in segments], known, True

    monkeypatch.setattr(blocks, "_length", lambda *_: 2)
    monkeypatch.setattr(blocks, "_compared", compared)
    found = in_blocks(of_ones(ground, 2 * size), Known(), [[]], np.random.default_rng(0))[2]
    assert len(set(asked)) == len(asked) == taken and found == ({0} if taken == size else set())
    assert asked[:3] == [(0, 2), (2, 4), (4, 6)] or taken < size


def test_of_wrong_blocks_the_first_32_entries_are_compared_alone_over_the_six_widest_steps(
    ground, comparison, monkeypatch
):
    ladders = []

    def laddered(ground, known, found, where, steps):
        ladders.append(([c.probe.coordinate for c in found], where, steps))
        return found

    def compared(ground, known, leaf, segments, rng):
        wrong = [comparison(1.0, 1.0 + (start > 0), probe=Probe(0, start=start, stop=stop)) for start, stop in segments]
        return wrong, known, True

    monkeypatch.setattr(blocks, "laddered", laddered)
    monkeypatch.setattr(blocks, "_length", lambda *_: 30)
    monkeypatch.setattr(blocks, "over_many_steps", lambda ground, c, rng: c)
    monkeypatch.setattr(blocks, "_compared", compared)
    whole, alone = comparison(1.0, 1.0, probe=Probe(0)), comparison(1.0, 1.0, probe=Probe(0, coordinate=7))
    (found,), _, changed = in_blocks(of_ones(ground, 70), Known(), [[whole, alone]], None)
    (entries, where, steps), *more = ladders
    assert entries == list(range(30, 62)) and where == list(range(32)) and not more and changed == {0}
    np.testing.assert_array_equal(steps, STEPS[:6])
    assert [(c.probe.start, c.probe.stop) for c in found[1:4]] == [(0, 30), (30, 60), (60, 70)]
    assert found[0] is alone and [c.probe.coordinate for c in found[4:]] == entries


@pytest.fixture
def stages(monkeypatch):
    """stages(looked, over_many_steps): what is seen of a probe at first, and of a comparison over many steps.

    It returns what is asked over many steps, every block in a group of its own.
    """

    def stages(looked, over_many_steps=lambda c: c):
        asked = []

        def blocks_over_many_steps(ground, comparisons, most, rng):
            asked.extend((c.probe.start, c.probe.stop) for c in comparisons[:most])
            found = [*map(over_many_steps, comparisons[:most]), *comparisons[most:]]
            return found, len(comparisons[:most]), len(comparisons) <= most

        monkeypatch.setattr(blocks, "_looked", lambda ground, known, probes: [*map(looked, probes)])
        monkeypatch.setattr(blocks, "blocks_over_many_steps", blocks_over_many_steps)
        monkeypatch.setattr(blocks, "_at_length", lambda ground, known, found, rng: (found, known))
        return asked

    return stages


@pytest.fixture
def of(comparison):
    """of(probe, claimed, value, bar): what there might be along a probe whose entries move by two, for each of one."""
    return lambda probe, *numbers: comparison(*(2 * np.array(x) for x in numbers), probe=probe, unit=2.0)


@pytest.mark.parametrize("u", [U, 2.0**-8])
@pytest.mark.parametrize(
    ("claimed", "bar", "of_bfloat16", "is_enough"),
    [
        (0.0, 0.0749, 0.1874, True),  # three quarters of the tenth, or the quarter, that is needed of an entry
        (0.0, 0.0751, 0.1876, False),
        (2.0, 0.1499, 0.3749, True),  # or of the claim
        (2.0, 0.1501, 0.3751, False),
        (9.0, 0.3749, 0.3749, True),  # if that is half of what an entry has
        (9.0, 0.3751, 0.3751, False),
    ],
)
def test_blocks_are_halved_until_their_bar_is_enough(ground, of, stages, u, claimed, bar, of_bfloat16, is_enough):
    looks, bar = [], bar if u == U else of_bfloat16

    def looked(probe):
        looks.append((probe.start, probe.stop))
        return of(probe, claimed, claimed, bar if probe.length(8) == 4 else 0.01)

    stages(looked)
    found, *_ = _compared(of_ones(ground, 8, u), Known(), 0, [(0, 4), (4, 8)], np.random.default_rng(0))
    again = [] if is_enough else [(0, 2), (2, 4), (4, 6), (6, 8)]
    assert looks == [(0, 4), (4, 8), *again] and len(found) == (2 if is_enough else 4)
    assert len({c.probe.seed for c in found}) == 1 and found[0].probe.seed > 0


def test_what_is_too_wide_or_contradicted_is_asked_over_many_steps_before_it_is_halved(ground, of, stages):
    numbers = {0: (0.0, 9.0), 4: (9.0, 0.01), 8: (0.0, 0.01), 12: (0.0, np.inf)}  # what differences show, and its bar
    asked = stages(lambda probe: of(probe, 0.0, *numbers[probe.start]), lambda c: of(c.probe, 0.0, 0.0, 0.01))
    segments = [(i, i + 4) for i in numbers]
    found, _, is_whole = _compared(of_ones(ground, 16), Known(), 0, segments, np.random.default_rng(0))
    assert asked == [(0, 4), (4, 8), (12, 16)] and len(found) == 4 and is_whole


@pytest.mark.parametrize(("count", "is_whole"), [(128, True), (129, False)])
def test_128_groups_are_asked_over_many_steps_and_of_more_the_rest_is_not_and_acquits_no_claim(
    ground, of, stages, monkeypatch, count, is_whole
):
    asked = stages(
        lambda probe: of(probe, 0.0, 0.0, 9.0 if probe.length(0) == 2 else 0.01),
        lambda c: of(c.probe, 0.0, 0.0, 0.01),
    )
    segments = [(2 * i, 2 * i + 2) for i in range(count)]
    *_, whole = _compared(of_ones(ground, 2 * count), Known(), 0, segments, np.random.default_rng(0))
    assert len(asked) == 128 and whole is is_whole
    monkeypatch.setattr(blocks, "_length", lambda *_: 2)
    found = in_blocks(of_ones(ground, 2 * count), Known(), [[]], np.random.default_rng(0))[2]
    assert found == ({0} if is_whole else set())


@pytest.mark.parametrize(("wrong", "named"), [([70], [70]), ([3, 70], [3, 70]), (range(80), [])])
def test_a_block_with_few_wrong_entries_is_halved_down_to_them(ground, of, monkeypatch, wrong, named):
    def over_many_steps(ground, c, rng):
        return of(c.probe, 1.0 if {*range(c.probe.start, c.probe.stop)} & {*wrong} else 0.0, 0.0, 0.1)

    monkeypatch.setattr(blocks, "over_many_steps", over_many_steps)
    whole = [of(Probe(0, seed=5, start=0, stop=80), 1.0, 0.0, 0.1)]
    found = blocks._closer(of_ones(ground, 80), whole, np.random.default_rng(0))
    contradicted = [c.probe for c in found if c.outside().any()]
    assert {probe.seed for probe in contradicted} == {5}
    if named:
        assert all(probe.length(0) <= 4 for probe in contradicted)
        assert [any(probe.start <= i < probe.stop for probe in contradicted) for i in named] == [True] * len(named)
        assert len(contradicted) == len(named)
    else:
        assert len(contradicted) == 8, "so many wrong ones are no longer halved"


def test_what_is_contradicted_is_not_halved_and_one_entry_is_looked_at_again(ground, of, stages, monkeypatch):
    stages(lambda probe: of(probe, 0.0, 2.0 * (probe.start == 0), 1.0))
    monkeypatch.setattr(blocks, "_of_one", lambda ground, c, wanted: (c.probe.start, wanted))
    found, *_ = _compared(of_ones(ground, 7), Known(), 0, [(0, 4), (4, 7)], np.random.default_rng(0))
    assert found[0].probe.stop == 4 and [entry for entry, _ in found[1:]] == [4, 5, 6]
    np.testing.assert_allclose([wanted for _, wanted in found[1:]], 0.075, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("bars", "asked", "best"),
    [
        ([0.7, 0.2, 0.3, 0.4, 0.6], 5, 0.2),
        ([0.7, 0.0999, 0.05, 0.0, 0.0], 2, 0.0999),  # which is enough
        ([0.9, 0.9, 0.9, 0.9, 0.3], 5, 0.3),
        ([0.9, 0.9, 0.9, 0.9, 0.8], 5, 0.8),  # what was seen first
        ([0.9, -0.1, 0.9, 0.5, 0.6], 5, 0.5),  # the second contradicts the claim
    ],
)
def test_an_entry_is_looked_at_by_other_steps_and_as_at_a_kink_until_its_bar_is_enough(
    of, monkeypatch, bars, asked, best
):
    looks = []

    def at_two_steps(ground, probe, stretch, may_bend):
        looks.append((probe, stretch, may_bend))
        bar = bars[len(looks) - 1]
        return of(probe, 0.0, 9.0 * (bar < 0), abs(bar))

    monkeypatch.setattr(blocks, "at_two_steps", at_two_steps)
    found = _of_one(None, of(Probe(0, seed=1, start=3, stop=4), 0.0, 0.0, 0.8), 0.1)
    order = [(2, False), (4, False), (1 / 4, False), (1 / 16, False), (1, True)]
    assert looks == [(Probe(0, coordinate=3), *look) for look in order[:asked]]
    assert found.real.bar[0] == 2 * best and (found.probe.stop == 4) == (best == 0.8)


def test_what_two_steps_contradict_or_leave_open_is_looked_at_over_the_six_widest_steps(of, monkeypatch):
    ladders = []

    def at_two_steps(ground, probe):
        unresolved = probe.start == 8  # the others are contradicted, but for the tenth
        return of(probe, 0.0, 0.0 if probe.start in (8, 9) else 2.0, np.inf if unresolved else 1.0)

    def laddered(ground, known, found, where, steps):
        ladders.append((where, steps))
        return found

    monkeypatch.setattr(blocks, "at_two_steps", at_two_steps)
    monkeypatch.setattr(blocks, "laddered", laddered)
    found = _looked(None, Known(), [Probe(0, start=i, stop=i + 1) for i in range(10)])
    ((where, steps),) = ladders
    assert where == list(range(9)) and len(found) == 10
    np.testing.assert_array_equal(steps, STEPS[:6])


@pytest.mark.parametrize(
    ("confirmed", "batches"), [([0] * 9, [6, 3]), ([1] * 6 + [0] * 3, [6]), ([1] * 5 + [0] * 4, [6, 3])]
)
def test_what_is_still_contradicted_is_compared_at_length_six_at_a_time_until_all_six_are_confirmed(
    of, monkeypatch, confirmed, batches
):
    at_length = []

    def measured(ground, known, probes, real, rng):
        at_length.append(real)
        return [of(probe, 0.0, 2.0 * confirmed[probe.start], 0.5) for probe in probes], known

    monkeypatch.setattr(blocks, "measured", measured)
    wrong = [of(Probe(0, start=i, stop=i + 1), 0.0, 2.0, 1.0) for i in range(9)]
    found, _ = _at_length(None, Known(), [*wrong, of(Probe(0, start=9, stop=10), 0.0, 0.0, 1.0)], None)
    assert at_length == [[True] * n for n in batches]
    assert [c.real.bar[0] for c in found[: sum(batches)]] == [1.0] * sum(batches) and found[9].real.bar[0] == 2.0
