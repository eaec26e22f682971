"""Large problems: a few directions when right, and when wrong bisection to the very entries."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict import locate as module
from gradcheck.verdict.ground import Known
from gradcheck.verdict.halves import by_complex_step, by_ladders
from gradcheck.verdict.locate import SAMPLE, Halved, Located, _acquitted, _excess, halved, locate, located

WRONG = (5, 0.4, -2)  # entries, a fraction being one of the length


def tanh_layer(x, w):
    return np.tanh(x * w) + 0.1 * x * x


def backward(x, w, dy):
    slope = dy * (1 - np.tanh(x * w) ** 2)
    return slope * w + 0.2 * dy * x, slope * x


def blind(x, w):
    """The same, and no complex number comes through it."""
    return tanh_layer(np.real(x), np.real(w))


def spoilt(which, places):
    def wrong(x, w, dy):
        rows = list(backward(x, w, dy))
        rows[which] = rows[which].copy()
        rows[which][list(places)] *= 1.001
        return tuple(rows)

    return wrong


def data(n):
    rng = np.random.default_rng(0)
    return rng.normal(size=n), rng.normal(size=n)


def places(n):
    return [int(p * n) if isinstance(p, float) else p % n for p in WRONG]


def test_a_million_inputs_and_a_million_parameters_are_checked_within_155_evaluations():
    """150 are counted, of any seed: a ladder near by, one at the given point, and the contract."""
    report = gradcheck.check(pair(tanh_layer, backward), *data(10**6))
    assert report.verdict == "pass", str(report)
    assert report.evaluations <= 155
    assert min(g.digits for g in report.gradients) > 9  # the sum along a direction of 10^6 entries rounds


@pytest.mark.parametrize(
    ("forward", "which", "n"),
    [(tanh_layer, 0, 3000), (tanh_layer, 1, 3000), (blind, 0, 3000), (blind, 1, 3000), (tanh_layer, 1, 50_500)],
)
def test_wrong_entries_are_found_exactly_within_a_few_thousand_evaluations(forward, which, n):
    report = gradcheck.check(pair(forward, spoilt(which, places(n))), *data(n))
    assert [g.verdict for g in report.gradients] == [("pass", "fail")[which == 0], ("pass", "fail")[which == 1]]
    assert sorted(i for (i,) in report.gradients[which].wrong) == places(n)
    # 1853 and 3164 were counted at the most: a segment costs a complex step, or else a whole ladder
    assert report.evaluations <= (2000 if forward is tanh_layer else 3300)


@pytest.mark.parametrize("forward", [lambda x: x * x, lambda x: np.real(x) * np.real(x), tanh_layer, blind])
def test_one_wrong_entry_among_many_is_named_within_600_evaluations(forward):
    """563 were counted at the most; of three more halvings, to 10^6 entries, each costs 4."""
    n = 2**17
    if forward in (tanh_layer, blind):
        subject, arrays = pair(forward, spoilt(1, [n // 3])), data(n)
    else:
        wrong = np.where(np.arange(n) == n // 3, 1.01, 1)
        subject, arrays = pair(forward, lambda x, dy: 2 * dy * x * wrong), data(n)[:1]
    report = gradcheck.check(subject, *arrays)
    assert report.gradients[-1].wrong == [(n // 3,)] and report.evaluations + 3 * 4 <= 600


def test_three_wrong_entries_among_many_are_named_within_750_evaluations():
    """615 and 749 were counted."""
    n = 2**17
    for forward in (tanh_layer, blind):
        report = gradcheck.check(pair(forward, spoilt(1, places(n))), *data(n))
        assert sorted(i for (i,) in report.gradients[1].wrong) == places(n) and report.evaluations <= 750


def test_many_wrong_entries_of_a_large_array_cost_a_thousand_evaluations():
    """945 were counted, 256 of them for the map."""
    n = 2**17
    report = gradcheck.check(pair(tanh_layer, spoilt(1, range(17, n, 512))), *data(n))
    assert 1 <= len(report.gradients[1].wrong) <= 8 and all(i % 512 == 17 for (i,) in report.gradients[1].wrong)
    assert report.evaluations <= 1000


@pytest.mark.parametrize(("forward", "n"), [(tanh_layer, 30), (tanh_layer, 100), (blind, 100)])
def test_a_right_subject_needs_at_most_three_evaluations_an_entry_and_150(forward, n):
    report = gradcheck.check(pair(forward, backward), *data(n // 2))
    assert report.verdict == "pass" and report.evaluations <= 3 * n + 150


@pytest.mark.parametrize(("wrong", "steps"), [([37], 2 + 6), ([3, 100], 2 + 1 + 2 * 5 + 1)])
def test_the_complex_step_along_one_half_tells_that_along_the_other(ground, wrong, steps):
    def backward(x, dy):
        return 2 * x * dy * np.where(np.isin(np.arange(x.size), wrong), 1.01, 1)

    at = ground(lambda x: x * x, backward, np.linspace(1, 2, 128), exact=True)
    noise, before = Known(exact={(0, True): np.full(2, 1e-15)}), at.problem.count["complex forward"]
    probe, rng = Probe(0, seed=1), np.random.default_rng(2)
    found = halved(at, noise, probe, lambda c: _excess(c, True), 32, by_complex_step, rng)
    assert found.entries == wrong and found.complete
    assert at.problem.count["complex forward"] - before == steps


def test_a_large_problem_without_the_complex_step_is_right_within_140_evaluations():
    """114 were counted, as above: ladders for each array near by and at the given point."""
    report = gradcheck.check(pair(blind, backward), *data(60_000))
    assert report.verdict == "pass", str(report)
    assert report.evaluations <= 140


def test_of_many_wrong_entries_a_sample_is_located_and_it_is_said():
    n = 3000
    rng = np.random.default_rng(3)
    many = rng.choice(n, 500, replace=False)
    report = gradcheck.check(pair(tanh_layer, spoilt(0, many)), *data(n))
    (message,) = [f.message for f in report.findings if f.kind == "dense"]
    assert message == "x: many entries are wrong, of which a sample was located"
    found = {i for (i,) in report.gradients[0].wrong}
    assert found and found <= set(many.tolist())


def test_a_complex_step_that_is_not_believed_leaves_the_search_to_real_differences():
    n = 3000

    def forward(x, w):
        return np.tanh(np.abs(x * w) * np.sign(x * w)) + 0.1 * x * x

    report = gradcheck.check(pair(forward, spoilt(0, places(n))), *data(n))
    assert report.verdict == "fail"
    assert sorted(i for (i,) in report.gradients[0].wrong) == places(n)


def test_a_claim_that_is_no_number_is_located():
    n = 3000

    def wrong(x, w, dy):
        dx, dw = backward(x, w, dy)
        dx = dx.copy()
        dx[77] = np.nan
        return dx, dw

    report = gradcheck.check(pair(tanh_layer, wrong), *data(n))
    assert report.gradients[0].verdict == "fail" and report.gradients[0].worst_index == (77,)


def test_the_checker_needs_memory_for_a_few_copies_only():
    n = 10**5
    arrays = data(n)
    tracemalloc.start()
    gradcheck.check(pair(tanh_layer, backward), *arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60 * arrays[0].nbytes


# Halving


@pytest.fixture
def halving(ground):
    """Halve a direction of so many entries, some of which are odd by an amount."""

    def halving(size, odd, widest=32, means=by_ladders):
        asked = []

        def mapper(read, tasks):
            asked.append([(t.probe.start, t.probe.stop, t.steps is not None) for t in tasks])
            return map(read, tasks)

        def excess(c):
            return max([v for i, v in odd.items() if c.probe.start <= i < c.probe.stop], default=0.0)

        at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.linspace(1, 2, size), mapper=mapper)
        found = halved(at, Known(), Probe(0, seed=1), excess, widest, means, np.random.default_rng(2))
        return found, asked

    return halving


def test_halving_ends_at_the_odd_entries_in_their_order(halving):
    found, asked = halving(11, {7: 2.0, 2: 3.0})
    assert found.entries == [2, 7] and found.complete is True
    assert [(a, b) for a, b, _ in asked[0]] == [(0, 5), (5, 11)], "nothing is measured of the whole"
    assert all(ladder for depth in asked for *_, ladder in depth)


def test_each_depth_halves_what_was_odd_and_keeps_single_entries(halving):
    found, asked = halving(3, {0: 2.0, 2: 2.0})
    assert [[(a, b) for a, b, _ in depth] for depth in asked] == [[(0, 1), (1, 3)], [(0, 1), (1, 2), (2, 3)]]
    assert found.entries == [0, 2]


def test_what_is_off_by_one_bar_is_not_odd(halving):
    assert halving(8, {3: 1.0})[0].entries == [] and halving(8, {3: 1.0 + 1e-9})[0].entries == [3]


def test_one_entry_is_its_own_answer(halving):
    found, asked = halving(1, {})
    assert found.entries == [0] and not asked


def test_where_more_is_odd_than_can_be_followed_the_worst_few_are(halving):
    odd = {i: 2.0 + (i * 7) % 16 for i in range(16)}
    found, _ = halving(16, odd, widest=15)
    worst = sorted(odd, key=odd.get)[-SAMPLE:]
    assert SAMPLE == 4 and sorted(found.entries) == sorted(worst) and found.complete is False
    found, _ = halving(16, odd, widest=16)
    assert found.entries == list(range(16)) and found.complete is True


def test_segments_get_ladders_only_where_differences_decide(halving):
    _, asked = halving(4, {1: 2.0}, means=by_complex_step)
    assert not any(ladder for depth in asked for *_, ladder in depth)


# How far a segment is off


def test_a_segment_of_which_nothing_was_measured_is_not_accused(comparison):
    assert _excess(comparison(1.0), exact=True) == 0.0
    assert _excess(comparison(1.0, exact=5.0), exact=False) == 0.0


def test_a_segment_is_off_by_so_many_bars_of_what_is_believed(comparison):
    c = comparison([1.0, 2.0], 1.0, bar=0.25, claimed_bar=0.25, exact=[1.0, 1.0], exact_bar=1.75)
    assert _excess(c, exact=False) == 2.0 and _excess(c, exact=True) == 0.5
    kink = comparison(3.0, 0.5, bar=0.5, claimed_bar=0.5, ends=(0.0, 1.0))
    assert _excess(kink, exact=True) == 2.0 and _excess(comparison(0.3, 0.5, ends=(0.0, 1.0)), exact=False) == 0.0


def test_a_claim_that_is_no_number_is_infinitely_far_off(comparison):
    assert _excess(comparison([1.0, np.nan], 1.0), exact=False) > 1e300
    assert _excess(comparison([1.0, np.nan], exact=1.0), exact=True) > 1e300


def test_a_bar_of_zero_is_no_division_by_it(comparison):
    assert _excess(comparison(0.0, 0.0, bar=0.0, claimed_bar=0.0), exact=False) == 0.0
    assert _excess(comparison(0.0, exact=0.0, exact_bar=0.0, claimed_bar=0.0), exact=True) == 0.0


# Both together


@pytest.mark.parametrize("exact", [True, False])
def test_wrong_entries_are_compared_one_by_one(ground, exact):
    def backward(x, dy):
        return np.cos(x) * dy * np.where(np.isin(np.arange(x.size), (5, 17)), 1.01, 1)

    at = ground(np.sin, backward, np.linspace(0.5, 1, 300), exact=exact)
    found = locate(at, Known(), 0, exact, np.random.default_rng(2))
    assert found.complete and [c.probe.coordinate for c in found.comparisons] == [5, 17]
    assert sum(c.real is not None and bool(c.outside().all()) for c in found.comparisons) == (1 if exact else 2)
    assert not exact or all(c.exact_outside().all() for c in found.comparisons)
    assert found.known.exact if exact else found.known.largest > 0, "what was learnt of the noise is handed on"


@pytest.mark.parametrize(("exact", "ladders"), [(True, 1), (False, 30)])
def test_a_small_array_is_compared_entry_by_entry_and_the_worst_has_a_ladder(ground, exact, ladders):
    x = np.linspace(0.5, 1, 30)
    wrong = np.where(np.arange(30) % 3 == 0, 1 + np.arange(30) / 100, 1)  # entries 3, 6, ... more and more
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy * wrong, x, exact=exact)
    found = locate(at, Known(), 0, exact, np.random.default_rng(2))
    assert found.complete and [c.probe.coordinate for c in found.comparisons] == list(range(30))
    measured = [c for c in found.comparisons if c.real is not None]
    assert len(measured) == ladders
    outside = {c.probe.coordinate for c in found.comparisons if c.outside().any()}
    assert outside == ({27} if exact else set(range(3, 30, 3)))


@pytest.mark.parametrize(("exact", "size"), [(False, 32), (True, 256)])
def test_up_to_a_size_every_entry_is_compared_and_above_it_an_array_is_halved(ground, exact, size):
    def located(size):
        at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.linspace(0.5, 1, size), exact=exact)
        return locate(at, Known(), 0, exact, np.random.default_rng(2))

    assert len(located(size).comparisons) == size and located(size + 1).comparisons == []


def test_where_the_first_look_does_not_confirm_what_the_complex_step_sees_there_is_a_longer_one(ground):
    """Steps of the first look cross the kink beside the entry, on whose other side the claim would be right."""
    x = np.array([1e-3])
    at = ground(lambda x: np.where(x.real > 0, x, 3 * x), lambda x, dy: 2 * dy, x, exact=True)
    (c,) = locate(at, Known(), 0, True, np.random.default_rng(2)).comparisons
    assert c.outside().all()


@pytest.mark.parametrize("seen", [True, False])
def test_where_one_ladder_does_not_confirm_the_worst_the_six_worst_are_compared_at_length(
    ground, comparison, rng, monkeypatch, seen
):
    """Of eight entries the first is right, and of the others the last is off most."""
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.linspace(0.5, 1, 8), exact=True)
    once, at_length = [], []

    def glance(ground, known, probes, real, rng):
        return [comparison(1.0, exact=1.0 + 1e-3 * p.coordinate, probe=p) for p in probes], known

    def laddered(ground, known, found, where, steps):
        once.append(where)
        return [comparison(1.0, 1.0 + seen, probe=c.probe) if i in where else c for i, c in enumerate(found)]

    def compare(ground, known, probes, real, rng):
        at_length.append(([p.coordinate for p in probes], real))
        return [comparison(1.0, 2.0, probe=p) for p in probes], known.with_level(0, 2.0**-40)

    for name, fake in (("glance", glance), ("laddered", laddered), ("compare", compare)):
        monkeypatch.setattr(module, name, fake)
    found = locate(at, Known(), 0, True, rng)
    assert once == [[7]] and at_length == ([] if seen else [([7, 6, 5, 4, 3, 2], [True] * 6)])
    outside = [c.probe.coordinate for c in found.comparisons if c.outside().any()]
    assert outside == ([7] if seen else [2, 3, 4, 5, 6, 7]) and (found.known.largest > 0) is not seen


def test_where_nothing_is_wrong_nothing_is_compared(ground):
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.linspace(0.5, 1, 300), exact=True)
    found = locate(at, Known(), 0, True, np.random.default_rng(2))
    assert found.complete and found.comparisons == [] and (0, True) in found.known.exact


@pytest.mark.parametrize("kind", [Located, Halved])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).comparisons = None


def test_a_contradiction_of_the_whole_that_its_parts_do_not_show_is_no_evidence(comparison):
    c = comparison([2.0, 1.0], 1.0, bar=1e-3, probe=Probe(0, seed=1))
    found = _acquitted(c)
    assert np.isinf(found.real.bar).all() and np.isinf(c.real.bar).sum() == 0 and not found.outside().any()
    assert found.doubt == "differences along the whole array contradict the claim, in its parts they do not"


def test_unless_the_complex_step_confirms_it_or_no_differences_were_made(comparison):
    plain = comparison([2.0, 2.0], 1.0, bar=1e-8, exact=1.0, probe=Probe(0, seed=1))
    bare = comparison([np.nan, 1.0], probe=Probe(0, seed=1))
    assert _acquitted(plain) is plain and _acquitted(bare) is bare
    alike = comparison([2.0, 2.0], 1.0, probe=Probe(0, seed=1, by_value=True))
    assert _acquitted(alike) is alike, "equal entries are at a kink each, and all of them together at none"


@pytest.mark.parametrize(("complete", "claimed"), [(True, 2.0), (False, 2.0), (True, 1.0), (False, 1.0)])
def test_entries_are_located_where_a_direction_alone_is_wrong(ground, comparison, rng, monkeypatch, complete, claimed):
    """Without one of them the direction is acquitted; of a sample it is said that it is one."""
    near = ground(lambda x, y, z: x * y * z, lambda x, y, z, dy: (dy,) * 3, *np.ones((3, 3)))

    def locate(near, known, leaf, exact, rng):
        at = Probe(leaf, coordinate=1)
        found = [comparison([1.0, 1.0], 1.0, probe=at), comparison([1.0, claimed], 1.0, probe=at)]
        return Located(found, complete, known.with_level(None, known.largest + 1))

    monkeypatch.setattr(module, "locate", locate)
    right, wrong = (comparison([1.0, c], 1.0, bar=1e-3, probe=Probe(1, seed=1)) for c in (1.0, 2.0))
    joint = dataclasses.replace(wrong, probe=Probe(None, seed=1))
    columns, known, notes = located(near, Known(), [[], [right, wrong, joint], []], (False,) * 3, (1,), rng)
    assert known.largest == 1 and len(columns[1]) == 5 and not columns[0] and columns[1][0] is right
    assert columns[1][2] is joint and (columns[1][1] is wrong) is (claimed == 2.0)
    assert bool(columns[1][1].doubt) is (claimed == 1.0)
    assert [f.array for f in notes] == ([near.problem.leaves[1].name] if claimed == 2.0 and not complete else [])
    entry = comparison([1.0, 2.0], 1.0, probe=Probe(1, coordinate=0))
    for found in ([right, joint], [wrong, entry]):
        assert located(near, Known(), [[], found, []], (False,) * 3, (1,), rng) == ([[], found, []], Known(), [])


@pytest.mark.parametrize(("factor", "stands"), [(2.0, True), (1.0, False)])
@pytest.mark.parametrize("followed", [True, False])
def test_claims_integrated_along_two_directions_contradict_what_the_parts_are_too_coarse_for(
    ground, comparison, rng, monkeypatch, factor, stands, followed
):
    near = ground(np.sin, lambda x, dy: factor * np.cos(x) * dy, np.linspace(0.5, 1, 300))
    monkeypatch.setattr(module, "locate", lambda near, known, leaf, exact, rng: Located([], True, known))
    wrong = comparison([2.0, 2.0], 1.0, bar=1e-3, probe=Probe(0, seed=1), followed=followed)
    ((found,),), _, _ = located(near, Known(), [[wrong]], (False,), (0,), rng)
    assert (found is wrong) is (stands and followed) and found.outside().any() == (stands and followed)


def test_what_complex_numbers_contradict_as_well_is_asked_for_no_absorption(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "beside_absorbed", lambda ground, c, rng: asked.append(c) or ground)
    for way_in, count in ((lambda x: x, 0), (lambda x: x.astype(float), 1)):  # through the second only real parts come
        asked.clear()
        doubled = pair(lambda x, way_in=way_in: np.tanh(way_in(x)), lambda x, dy: 2 * dy / np.cosh(x) ** 2)
        report = gradcheck.check(doubled, np.array([0.3, -0.5, 1.1]))
        assert report.verdict == "fail" and len(asked) == count
