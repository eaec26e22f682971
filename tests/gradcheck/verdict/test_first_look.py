"""The first look along every probe: what is measured, and what the readings say."""

import dataclasses

import numpy as np
import pytest

from gradcheck.numeric.constants import WINDOW
from gradcheck.numeric.ladder import STEPS
from gradcheck.numeric.probe import Probe
from gradcheck.numeric.reading import Exact, Reading, read_all
from gradcheck.subjects.declared import Declared
from gradcheck.subjects.problem import LARGE
from gradcheck.verdict import first_look
from gradcheck.verdict.first_look import claimed, first_tasks, with_exact, with_exact_noise, with_noise, with_real
from gradcheck.verdict.ground import Known

U = 2.0**-53
X = np.array([0.5, -1.0, 2.0, 1.5])
ENTRIES = [Probe(0, coordinate=i) for i in range(4)]
DENSE = [Probe(0, seed=i) for i in range(5)]
LEAN = STEPS[list(WINDOW)][[1, 2, 3, 4, 5, 6, 9]]


@pytest.fixture
def sine(ground):
    return lambda x=X, **changes: ground(np.sin, lambda x, dy: np.cos(x) * dy, x, **changes)


@pytest.fixture
def tasks(sine, rng):
    def tasks(probes, real=True, known=None, x=X, exact=True, **changes):
        real = [real] * len(probes) if isinstance(real, bool) else real
        return first_tasks(sine(x, exact=exact, **changes), known or Known(), probes, real, rng)

    return tasks


# What is measured


def test_a_ladder_is_climbed_where_it_is_asked_for_and_the_complex_step_taken_where_it_may_be(tasks):
    found = tasks(DENSE[:3], real=[True, False, True])
    assert [t.probe for t in found] == DENSE[:3] and all(t.exact for t in found)
    assert found[1].steps is None and all(np.array_equal(found[i].steps, LEAN) for i in (0, 2))
    assert not any(t.exact or t.jitter is not None for t in tasks(DENSE[:3], exact=False))


def test_without_the_complex_step_and_along_single_entries_the_ladder_is_longer(tasks):
    for found in (tasks(DENSE[:1], exact=False), tasks(ENTRIES[:1]), tasks(ENTRIES[:1], exact=False)):
        assert np.array_equal(found[0].steps, STEPS[list(WINDOW)])


def test_a_large_problem_has_fewer_steps_and_its_noise_is_not_measured_yet(tasks):
    found = tasks(DENSE, x=np.ones(LARGE + 1), exact=False)
    assert all(np.array_equal(t.steps, LEAN) and not t.noise for t in found)


def test_noise_is_measured_along_the_first_ladder_of_each_array(tasks):
    assert [i for i, t in enumerate(tasks(DENSE + ENTRIES, exact=False)) if t.noise] == [0]
    assert [i for i, t in enumerate(tasks(DENSE[:3], real=[False, True, True], exact=False)) if t.noise] == [1]
    assert not any(t.noise for t in tasks(DENSE, real=False, exact=False))


def test_but_not_yet_where_all_move_and_a_ladder_only_confirms_the_complex_step(tasks, summed, rng):
    assert [i for i, t in enumerate(tasks(DENSE + ENTRIES)) if t.noise] == [len(DENSE)], "one array is all there is"
    probes = [Probe(None, seed=1), Probe(0, seed=2), Probe(2, seed=3), Probe(2, seed=4), Probe(1, coordinate=0)]
    for known, noisy in ((Known(), [1, 2, 4]), (Known({2: 0.0}), [1, 4]), (Known({0: 1.0}), [2, 4])):
        tasks = first_tasks(summed, known, probes, [True] * 5, rng)
        assert [i for i, t in enumerate(tasks) if t.noise] == noisy


def test_but_not_where_it_is_known_or_a_kink_would_be_taken_for_it(tasks):
    assert not any(t.noise for t in tasks(DENSE, known=Known({0: 2.0**-50, 1: 0.0, None: 0.0})))
    assert not any(t.noise for t in tasks(DENSE, measures_noise=False))


@pytest.fixture
def summed(ground):
    """Three arrays."""
    arrays = (X, np.ones(3), np.ones(6))

    def backward(x, y, z, dy):
        return tuple(dy * np.ones_like(a) for a in (x, y, z))

    return ground(lambda x, y, z: x.sum() + y.sum() + z.sum(), backward, *arrays, exact=True)


def test_the_complex_steps_noise_is_measured_along_one_direction_an_array_or_four_entries(summed, rng):
    probes = [*DENSE, *ENTRIES, Probe(1, seed=3), Probe(1, coordinate=0), *(Probe(2, coordinate=i) for i in range(6))]
    made = first_tasks(summed, Known(), probes, [True] * len(probes), rng)
    found = [i for i, t in enumerate(made) if t.jitter is not None]
    assert found == [0, 9, 11, 12, 13, 14] and [made[i].repeats for i in found] == [2, 2, 3, 3, 3, 3]
    jitters = [t.jitter for t in made if t.jitter is not None]
    assert len(set(jitters)) == len(jitters)


def test_along_a_whole_array_it_is_repeated_twice_and_along_all_of_them_once(summed, rng):
    probes = [Probe(None), Probe(0), Probe(1)]
    assert [t.repeats for t in first_tasks(summed, Known(), probes, [True] * 3, rng)] == [1, 2, 2]


def test_noise_of_the_complex_step_that_is_known_is_not_measured_again(summed, tasks, rng):
    known = Known(exact={(0, True): np.zeros(2)})
    assert [t.jitter is not None for t in tasks([DENSE[0], ENTRIES[0]], known=known)] == [False, False]
    others = first_tasks(summed, known, [Probe(1), Probe(1, coordinate=0)], [True] * 2, rng)
    assert [t.jitter is not None for t in others] == [True, False]
    entries = Known(exact={(0, False): np.zeros(2)})
    assert [t.jitter is not None for t in tasks([DENSE[0], ENTRIES[0]], known=entries)] == [True, False]


def test_where_all_arrays_move_together_it_is_measured_along_that_direction_alone(tasks):
    probes = [Probe(None, seed=1), Probe(0, seed=2)]
    for x in (X, np.ones(LARGE + 1)):
        assert [t.jitter is not None for t in tasks(probes, x=x)] == [True, False]
        assert [t.jitter is not None for t in tasks(probes[1:], x=x)] == [True]
    assert not any(t.jitter for t in tasks(probes, known=Known(exact={(None, True): np.zeros(2)})))


# Claims


def test_a_claim_at_an_entry_is_the_gradient_times_the_step(sine):
    at = sine(4 * X)
    c = claimed(at, Probe(0, coordinate=2))
    assert c.unit == 4.0, "the array's scale, a power of two"
    np.testing.assert_allclose(c.claimed, at.place.g[:, 2] * np.cos(8.0) * 4, rtol=1e-15, atol=0)
    assert c.real is None and c.exact is None and (c.claimed_bar > 0).all() and (c.claimed_bar < 1e-12).all()


def test_along_a_direction_it_is_the_product_and_the_unit_is_the_size_of_a_moving_entry(sine):
    at = sine()
    probe = Probe(0, seed=3, start=1, stop=3)
    d = probe.direction([X])[0]
    c = claimed(at, probe)
    np.testing.assert_allclose(c.claimed, at.place.g @ (np.cos(X) * d), rtol=1e-14, atol=0)
    assert c.unit == pytest.approx(np.sqrt(np.square(d[1:3]).mean()), rel=1e-12, abs=0)


def test_entries_without_a_claim_do_not_count_for_the_unit_where_others_have_one(ground):
    x = np.array([1.0, -1e9, 0.5, 2.0])
    seen = ground(lambda x: np.exp(x), lambda x, dy: np.exp(x) * dy, x)
    c = claimed(seen, DENSE[0])
    d = DENSE[0].direction([x])[0]
    assert d[1] ** 2 > 1e16 and c.unit == pytest.approx(np.sqrt(np.square(d[[0, 2, 3]]).mean()), rel=1e-12, abs=0)
    still = ground(lambda x: 0 * x, lambda x, dy: 0 * dy, x)
    assert claimed(still, DENSE[0]).unit == pytest.approx(np.sqrt(np.square(d).mean()), rel=1e-12, abs=0)


def test_where_several_arrays_move_the_unit_is_the_largest_and_where_none_does_it_is_one(ground):
    two = ground(lambda a, b: a * b, lambda a, b, dy: (dy * b, dy * a), X, 1024 * X)
    c, d = claimed(two, Probe(None, seed=3)), Probe(None, seed=3).direction([X, 1024 * X])
    assert c.unit == pytest.approx(np.sqrt(np.square(d[1]).mean()), rel=1e-12, abs=0)
    assert claimed(two, Probe(0, start=4)).unit == 1.0


# The complex step


def test_the_complex_step_is_read_and_trusted_to_its_rounding_and_four_times_its_noise(sine):
    at, probe = sine(), DENSE[0]
    reading = Reading(probe, exact=Exact(np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.array([1e-14, 2e-14])))
    (c,), known = with_exact(at, Known({0: 0.5}), [claimed(at, probe)], [reading])
    assert np.array_equal(c.exact, [1.0, 2.0]) and known.levels == {0: 0.5}
    np.testing.assert_allclose(c.exact_bar, 16 * U * np.array([3, 5]) + [4e-14, 8e-14], rtol=1e-15, atol=0)
    assert np.array_equal(known.exact[0, True], [1e-14, 2e-14])


def test_what_was_declared_is_left_open_of_the_complex_step_too(sine):
    at, probe = sine(declared=Declared(noise=2.0**-10)), DENSE[0]
    reading = Reading(probe, exact=Exact(np.ones(2), np.full(2, 2.0), np.zeros(2)))
    (c,), _ = with_exact(at, Known(), [claimed(at, probe)], [reading])
    np.testing.assert_allclose(c.exact_bar, 2 * (16 * U + 2.0**-8), rtol=1e-15, atol=0)


def exact(value, noise=None):
    return Exact(np.full(2, value), np.zeros(2), None if noise is None else np.full(2, noise))


def test_noise_is_shared_among_probes_of_a_kind_and_the_largest_counts(sine):
    at, probes = sine(), [DENSE[0], DENSE[1], *ENTRIES[:3]]
    numbers = [exact(1.0, 1e-15), exact(1.0), exact(1.0, 3e-15), exact(1.0, 2e-15), exact(1.0)]
    readings = [Reading(p, exact=e) for p, e in zip(probes, numbers, strict=True)]
    known = Known(exact={(0, True): np.full(2, 7e-15)})
    found, known = with_exact(at, known, [claimed(at, p) for p in probes], readings)
    assert [c.exact_bar[0] for c in found] == [28e-15, 28e-15, 12e-15, 12e-15, 12e-15]
    assert set(known.exact) == {(0, True), (0, False)}


def test_a_seed_is_a_number_of_32_bits(tasks):
    found = [t.jitter for _ in range(100) for t in tasks(ENTRIES)]
    assert 2**31 < max(found) < 2**32


def test_an_output_of_a_narrow_dtype_hides_a_slope_that_is_lost_in_a_rounding_of_it(ground, rng):
    """y = 3e-4 x + 1 in float32: the smallest steps change nothing, and a claim of 0 is contradicted all the same."""

    def forward(x):
        return (3e-4 * np.real(x) + 1).astype(np.float32).astype(np.float64)

    for narrow, contradicted in ((2.0**-24, True), (0.0, False)):
        at = ground(forward, lambda x, dy: 0 * dy, X, narrow=narrow, u=2.0**-24)
        readings = read_all(map, at.problem, at.place, first_tasks(at, Known(), DENSE[:1], [True], rng))
        (c,) = with_real(at, Known(), [claimed(at, DENSE[0])], [0], readings)
        assert c.real.still.all(), "the inputs must show it"
        assert c.outside().all() == contradicted and c.jump.all() == (not contradicted)


def test_four_roundings_of_the_outputs_hide_what_the_smallest_step_changes(ground, rng):
    def forward(x):
        return (3e-4 * np.real(x) + 1).astype(np.float32).astype(np.float64)

    def compared(narrow):
        at = ground(forward, lambda x, dy: 0 * dy, X, narrow=narrow, u=2.0**-24)
        readings = read_all(map, at.problem, at.place, first_tasks(at, Known(), DENSE[:1], [True], rng))
        return with_real(at, Known(), [claimed(at, DENSE[0])], [0], readings)[0]

    c = compared(1.0)
    most = np.abs(c.real.value) * c.sweep.steps[-1] / c.sweep.weight[-1]
    assert compared(most.max() / 3.9).jump.sum() == 0 and compared(most.max() / 4.1).jump.sum() == 1


def test_of_a_large_problem_that_of_all_arrays_together_serves(sine):
    at, probes = sine(np.ones(LARGE + 1)), [Probe(None, seed=1), DENSE[0]]
    readings = [Reading(probes[0], exact=exact(1.0, 1e-15)), Reading(probes[1], exact=exact(1.0))]
    found, _ = with_exact(at, Known(), [claimed(at, p) for p in probes], readings)
    assert found[1].exact_bar.tolist() == [4e-15, 4e-15]


@pytest.fixture
def product(ground):
    """y = a b, with the complex step along all arrays and along each, and its noise along all."""
    a, b = X, np.array([0.7, 1.3, -0.4, 2.2])

    def product(factor=1.0, noise=0.0):
        at = ground(lambda a, b: a * b, lambda a, b, dy: (factor * dy * b, dy * a), a, b, exact=True)
        probes, rng = [Probe(None, seed=1), Probe(0, seed=2), Probe(1, seed=3)], np.random.default_rng(0)
        tasks = first_tasks(at, Known(), probes, [True, False, False], rng)
        readings = read_all(map, at.problem, at.place, tasks)
        readings[0].exact.noise = readings[0].exact.noise + noise
        comparisons = [claimed(at, p) for p in probes]
        seen, known = with_exact(at, Known(), comparisons, readings)
        return at, seen, known, with_exact_noise(at, Known(), seen, readings, rng), readings

    return product


def test_of_a_small_problem_the_claim_lends_each_array_its_own(product):
    _, seen, known, again, readings = product()
    assert again is readings, "nothing else is measured"
    for i, c in enumerate(seen[1:]):
        assert c.noise is not None and (c.noise > 0).any() and np.array_equal(known.exact[i, True], c.noise)
        np.testing.assert_array_equal(c.exact_bar, 16 * U * readings[i + 1].exact.size + 4 * c.noise)
    assert (known.exact[None, True] >= seen[0].noise).all()


def test_but_an_array_whose_claim_the_complex_step_contradicts_has_it_measured(product):
    at, seen, _, again, readings = product(factor=1 + 1e-9)
    assert seen[1].exact_outside().any() and not seen[2].exact_outside().any()
    assert again[1].exact.noise is not None and again[2].exact.noise is None
    np.testing.assert_array_equal(again[1].exact.slopes, readings[1].exact.slopes)
    assert at.problem.count["complex forward"] == 3 + 1 + 2, "the step itself is not taken again"


def test_and_every_array_where_complex_numbers_are_noisier_than_the_claim(product):
    _, _, _, quiet, readings = product(noise=1e-16)
    assert quiet is readings
    _, _, _, loud, _ = product(noise=1e-12)
    assert all(r.exact.noise is not None for r in loud)


def test_without_noise_of_entries_that_of_their_whole_array_serves(sine):
    at = sine()
    known = Known(exact={(0, True): np.full(2, 1e-15), (None, True): np.ones(2)})
    found, _ = with_exact(at, known, [claimed(at, ENTRIES[0])], [Reading(ENTRIES[0], exact=exact(1.0))])
    assert found[0].exact_bar.tolist() == [4e-15, 4e-15]


def test_a_change_of_side_is_no_noise_of_the_complex_step(sine):
    """A change above the root of the roundoff, of the array's largest derivative, is one of sides."""
    at, probes = sine(), [ENTRIES[0], ENTRIES[1]]
    readings = [Reading(probes[0], exact=exact(-8.0)), Reading(probes[1], exact=exact(1e-3, 5e-8))]
    found, _ = with_exact(at, Known(), [claimed(at, p) for p in probes], readings)
    assert found[0].exact_bar[0] == 4 * 5e-8
    small = [Reading(probes[0], exact=exact(1e-3, 1e-9))]
    assert with_exact(at, Known(), [claimed(at, probes[0])], small)[0][0].exact_bar[0] == 0
    readings[1] = Reading(probes[1], exact=exact(1e-3, 1e-7))
    found, _ = with_exact(at, Known(), [claimed(at, p) for p in probes], readings)
    assert found[0].exact_bar[0] == 0


def test_where_no_complex_step_was_taken_nothing_changes(sine):
    at = sine()
    first, known = [claimed(at, DENSE[0])], Known({0: 0.25})
    assert with_exact(at, known, first, [Reading(DENSE[0])]) == (first, known)


# Ladders


@pytest.fixture
def ladders(sine, rng):
    """ladders(...): grounds, comparisons without numbers, and readings with ladders along them."""

    def ladders(probes, real=None, **changes):
        at = sine(**changes)
        real = [True] * len(probes) if real is None else real
        readings = read_all(map, at.problem, at.place, first_tasks(at, Known(), probes, real, rng))
        return at, [claimed(at, p) for p in probes], readings

    return ladders


def test_what_such_a_ladder_does_not_confirm_has_its_noise_measured_unless_it_is_plain(ground, rng):
    def noisy(x):
        return np.sin(x) + 1e-9 * np.sin(1e13 * np.real(x))

    def seen(forward, factor=1.0, **changes):
        at = ground(forward, lambda x, dy: factor * np.cos(x) * dy, X, exact=True, **changes)
        tasks = first_tasks(at, Known(), DENSE[:1], [True], rng)
        assert not tasks[0].noise
        readings = read_all(map, at.problem, at.place, tasks)
        before = with_real(at, Known(), [claimed(at, DENSE[0])], [0], readings)
        before, known = with_exact(at, Known(), before, readings)
        return before, *with_noise(at, known, before)

    before, after, known = seen(noisy)
    assert before[0].outside().any() and not after[0].outside().any() and known.level(0) > 1e-11
    for smooth in (seen(np.sin), seen(np.sin, 1.01), seen(noisy, measures_noise=False)):
        assert smooth[0] is smooth[1] and not smooth[2].levels


def test_every_ladder_gives_an_estimate_with_what_it_was_made_of(ladders):
    at, comparisons, readings = ladders([*DENSE[:2], *ENTRIES], real=[True, False, True, True, True, True])
    found = with_real(at, Known(), comparisons, list(range(6)), readings)
    assert found[1] is comparisons[1]
    for c, r in zip(found, readings, strict=True):
        if r.sweep is not None:
            assert c.sweep is r.sweep and c.bounds.shape == r.sweep.steps.shape
            assert not c.outside().any() and (c.real.bar < 1e-8).all()


def test_only_the_places_named_are_changed_and_each_gets_its_own(ladders):
    at, comparisons, readings = ladders([DENSE[0], ENTRIES[0], ENTRIES[2]])
    found = with_real(at, Known(), comparisons, [2, 0], [readings[2], readings[0]])
    assert found[1] is comparisons[1] and found[0].sweep is readings[0].sweep and found[2].sweep is readings[2].sweep
    assert not found[0].outside().any() and not found[2].outside().any() and comparisons[0].real is None


def test_noise_counts_as_known_or_as_measured_along_that_very_ladder(ladders):
    at, comparisons, readings = ladders(DENSE[:2])
    for reading in readings:
        reading.noise = None
    readings[1] = dataclasses.replace(readings[1], noise=np.array([0.0, 2.0**-30]))
    quiet, loud = with_real(at, Known({0: 2.0**-40}), comparisons, [0, 1], readings)
    np.testing.assert_array_equal(quiet.bounds, 8 * 2.0**-40 * quiet.sweep.weight)
    np.testing.assert_array_equal(loud.bounds, 8 * 2.0**-30 * loud.sweep.weight)
    (known,) = with_real(at, Known({0: 2.0**-20}), comparisons[1:], [0], readings[1:])
    np.testing.assert_array_equal(known.bounds, 8 * 2.0**-20 * known.sweep.weight)


def test_beside_more_noise_than_any_format_has_an_estimate_that_it_hides_is_none(ladders):
    at, comparisons, readings = ladders(DENSE[:1])
    for reading in readings:
        reading.noise = None
    (hazy,) = with_real(at, Known({0: 2.0**-9}), comparisons, [0], readings)
    (lost,) = with_real(at, Known({0: 2.0**-9 * (1 + 1e-9)}), comparisons, [0], readings)
    assert hazy.resolved and (hazy.real.bar > np.abs(hazy.real.value)).all() and not lost.resolved


def test_what_the_roundings_of_the_point_lose_is_added(sine, rng):
    """At 1e9 + x a step below 2^-37 of x is rounded, in every entry but where a single one moves."""
    at = sine(X + 2.0**30)
    readings = read_all(map, at.problem, at.place, first_tasks(at, Known({0: 2.0**-60}), DENSE[:1], [True], rng))
    (c,) = with_real(at, Known({0: 2.0**-60}), [claimed(at, DENSE[0])], [0], readings)
    lost = at.claim.lost(at.place.point, DENSE[0], c.sweep.steps)
    assert lost.any() and np.array_equal(c.bounds, 4 * U * c.sweep.weight + lost)


def test_a_claim_hides_below_a_rounding_where_nothing_moves(ground, rng):
    """y = 1 for every x: a claim of up to four roundings of sum |g| over the widest step is not contradicted."""
    for size, rounding in ((1.0, 0.0), (1.0, 2.0**-40), (64.0, 0.0)):
        at = ground(lambda x, s=size: 0 * x + s, lambda x, dy: 0 * dy + 1e-30, X, rounding=rounding)
        readings = read_all(map, at.problem, at.place, first_tasks(at, Known(), DENSE[:1], [True], rng))
        (c,) = with_real(at, Known(), [claimed(at, DENSE[0])], [0], readings)
        most = 4 * max(U * size, rounding) * np.abs(at.place.g).sum(axis=1) / STEPS[list(WINDOW)][0]
        np.testing.assert_allclose(c.real.bar, most, rtol=1e-12, atol=0)


def test_a_claim_at_an_entry_has_the_bar_of_that_entry_not_of_the_array(ground):
    """Of the median rounding at least: that of one entry of a thousandth among equals is theirs."""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    at = ground(np.sin, lambda x, dy: dy * np.array([1e3, 1e3, 1e3, 1.0]), x)
    small, direction = claimed(at, ENTRIES[3]), claimed(at, Probe(0, seed=1, start=3))
    assert (small.claimed_bar > 10 * direction.claimed_bar).all()


def test_an_estimate_is_hidden_by_as_many_roundings_as_four(ground, rng):
    at = ground(lambda x: 0 * x + 1, lambda x, dy: 0 * dy + 1e-30, X, narrow=2.0**-24)
    readings = read_all(map, at.problem, at.place, first_tasks(at, Known(), DENSE[:1], [True], rng))
    (c,) = with_real(at, Known(), [claimed(at, DENSE[0])], [0], readings)
    assert c.real.still.all() and not c.outside().any()


def test_the_largest_derivative_of_an_array_is_that_along_every_cotangent(sine):
    """A change of 1e-7 is a rounding beside 8 along the other cotangent, and one of sides beside 1e-3."""
    at, value = sine(), np.array([8.0, 1e-3])
    reading = Reading(DENSE[0], exact=Exact(value, np.zeros(2), np.full(2, 5e-8)))
    (c,), _ = with_exact(at, Known(), [claimed(at, DENSE[0])], [reading])
    assert c.exact_bar.tolist() == [4 * 5e-8] * 2


def test_beside_a_large_array_one_may_be_nothing_but_rounding(sine):
    """What is a change of sides for the small array alone is a rounding beside 1e-4 of the largest."""
    at, probes = sine(), [Probe(None, seed=1), Probe(0, seed=2)]
    readings = [Reading(probes[0], exact=exact(1e8)), Reading(probes[1], exact=exact(1e-3, 5e-5))]
    known = Known(exact={(None, True): np.zeros(2)})
    found, _ = with_exact(at, known, [claimed(at, p) for p in probes], readings)
    assert found[1].exact_bar[0] == 4 * 5e-5



# Whose noise stands for whose


@pytest.fixture
def lent(product, comparison, monkeypatch):
    """lent(...): the tasks that are made of three comparisons whose complex steps are these, beside noise of claims."""
    at = product()[0]
    probes = [Probe(None, seed=1), Probe(0, seed=2), Probe(1, seed=3)]

    def lent(joint, known=None, own=None, value=1.0, places=(0, 1, 2), noise=(2.0**-40, 2.0**-30)):
        tasks = []

        def read(mapper, problem, place, asked):
            tasks.extend(asked)
            return [Reading(task.probe, exact=exact(2.0, 1.0)) for task in asked]

        monkeypatch.setattr(first_look, "read_all", read)
        of = [Exact(np.ones(2), np.array([8.0, 4.0]), joint), *(Exact(np.ones(2), np.ones(2), own) for _ in range(2))]
        readings = [Reading(probes[i], exact=of[i]) for i in places]
        found = [comparison([1.0, 1.0], exact=[1.0, value], probe=probes[i], noise=np.array(noise)) for i in places]
        again = with_exact_noise(at, known or Known(), found, readings, np.random.default_rng(0))
        changed = [r.probe.leaf for r, old in zip(again, readings, strict=True) if r is not old]
        assert [task.probe.leaf for task in tasks] == changed
        return tasks

    return lent


@pytest.mark.parametrize(("entry", "most"), [(0, 2.0**-37 + 2.0**-47), (1, 2.0**-27 + 2.0**-48)])
def test_complex_numbers_are_noisier_than_eight_times_the_claim_and_a_rounding(lent, entry, most):
    """Of either cotangent, each beside its own; a rounding is 2^-53 of the size of the products."""
    noise = np.zeros(2)
    for factor, loud in ((1.0, False), (1 + 2.0**-12, True)):
        noise[entry] = factor * most
        assert bool(lent(noise)) is loud


def test_what_is_measured_of_arrays_draws_its_points_anew(lent):
    tasks = [task for _ in range(40) for task in lent(np.ones(2))]
    assert {task.probe.leaf for task in tasks} == {0, 1} and all(task.exact and task.repeats == 2 for task in tasks)
    assert not any(task.noise or task.steps is not None for task in tasks)


def test_of_an_array_alone_noise_is_lent_only_where_all_have_moved_together(lent):
    assert lent(None, value=2.0), "the complex step lies outside"
    assert not lent(None, value=2.0, places=(1, 2)) and not lent(None, value=2.0, places=(0,))


def test_where_the_noise_along_all_arrays_is_known_that_along_them_is_asked_no_more(lent):
    known = Known(exact={(None, True): np.zeros(2)})
    assert not lent(np.ones(2), known) and len(lent(np.ones(2), known, value=2.0)) == 2
    assert [task.probe.leaf for task in lent(np.ones(2), Known(exact={(0, True): np.zeros(2)}))] == [1]


def test_an_array_whose_noise_has_been_measured_borrows_none(lent):
    assert not lent(np.ones(2), own=np.zeros(2))


def test_the_seed_of_a_measured_noise_is_a_number_of_32_bits(product, monkeypatch):
    at, seen, _, _, readings = product(factor=1 + 1e-9)
    seeds = []

    def read(mapper, problem, place, tasks):
        seeds.extend(task.jitter for task in tasks)
        return readings[1:2]

    monkeypatch.setattr(first_look, "read_all", read)
    rng = np.random.default_rng(0)
    for _ in range(100):
        with_exact_noise(at, Known(), seen, readings, rng)
    assert len(set(seeds)) == 100 and 2**31 < max(seeds) < 2**32


def test_a_claim_lends_nothing_that_is_known_or_that_it_has_not(product, comparison):
    at, probes = product()[0], [Probe(None, seed=1), Probe(0, seed=2)]
    for noise, known, bars in (
        (np.ones(2), {(None, True): np.zeros(2)}, [0.0, 4.0]),
        (np.ones(2), {(None, True): np.zeros(2), (0, True): np.zeros(2)}, [0.0, 0.0]),
        (None, {(None, True): np.zeros(2), (0, True): np.zeros(2)}, [0.0, 0.0]),
        (None, {(None, True): np.full(2, 0.5)}, [2.0, 2.0]),
    ):
        found = [comparison([1.0, 1.0], probe=p, noise=noise) for p in probes]
        seen, _ = with_exact(at, Known(exact=known), found, [Reading(p, exact=exact(1.0)) for p in probes])
        assert [c.exact_bar.max() for c in seen] == bars


def test_where_no_direction_moves_all_arrays_a_claim_lends_nothing(product, comparison):
    at, probe = product()[0], Probe(0, seed=2)
    c = comparison([1.0, 1.0], probe=probe, noise=np.ones(2))
    (seen,), known = with_exact(at, Known(), [c], [Reading(probe, exact=exact(1.0))])
    assert not seen.exact_bar.any() and not known.exact


def test_along_all_arrays_there_is_the_noise_of_each_of_them_as_wholes(product, comparison):
    at, probe = product()[0], Probe(None, seed=1)
    known = Known(exact={(0, True): np.full(2, 1.0), (1, True): np.full(2, 2.0), (1, False): np.full(2, 8.0)})
    c = comparison([1.0, 1.0], probe=probe)
    (seen,), _ = with_exact(at, known, [c], [Reading(probe, exact=exact(1.0))])
    assert seen.exact_bar.tolist() == [12.0, 12.0]


def test_an_array_of_unknown_noise_has_that_along_all_arrays_whatever_others_have(product, comparison):
    at, probe = product()[0], Probe(0, seed=1)
    known = Known(exact={(None, True): np.full(2, 0.25), (1, True): np.full(2, 2.0)})
    (seen,), _ = with_exact(at, known, [comparison([1.0, 1.0], probe=probe)], [Reading(probe, exact=exact(1.0))])
    assert seen.exact_bar.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("sizes", "measured"), [((4, 0), False), ((1, 0), False), ((4, 1), True), ((1, 1), True)])
def test_the_only_array_with_entries_is_all_there_is(ground, rng, sizes, measured):
    arrays = map(np.ones, sizes)
    at = ground(lambda a, b: a.sum() + b.sum(), lambda a, b, dy: (dy + 0 * a, dy + 0 * b), *arrays, exact=True)
    (task,) = first_tasks(at, Known(), [Probe(0, seed=1)], [True], rng)
    assert task.noise is measured


def test_noise_is_measured_where_one_cotangent_alone_is_in_doubt(product, comparison, sweep, monkeypatch):
    at, made = product()[0], sweep(*[lambda t: t] * 2)
    monkeypatch.setattr(first_look, "read_all", lambda *a: [Reading(Probe(None), noise=np.array([0.25, 0.5]))])

    def measured(claimed, exact):
        bounds = np.ones(made.steps.shape)
        c = comparison(claimed, 1.0, exact=exact, probe=Probe(None, seed=1), sweep=made, bounds=bounds)
        assert not c.is_plain()
        return with_noise(at, Known(), [c])[1].levels

    assert not measured([1.0, 1.0], [1.0, 1.0])
    for told, exact in (([1.0, 1.0 + 1e-9], [1.0, 1.0]), ([1.0, 1.0], [1.0, 1.0 + 1e-9])):
        assert measured(told, exact) == {None: 0.5}, "the larger counts"


def test_comparisons_without_readings_are_refused(ground, comparison):
    at = ground(np.sin, lambda x, dy: np.cos(x) * dy, np.ones(3))
    joint = [comparison(1.0, 1.0, probe=Probe(None, seed=1), noise=np.zeros(1))]
    for refusing in (lambda: with_exact(at, Known(), joint, []), lambda: with_real(at, Known(), joint, [0], [])):
        with pytest.raises(ValueError, match="shorter"):
            refusing()
    with pytest.raises(ValueError, match="shorter"):
        first_look._lending(at, Known(), joint, [])
