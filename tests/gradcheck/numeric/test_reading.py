"""One probe's numbers are what was asked for, and add up what they cost."""

import dataclasses

import numpy as np
import pytest

from gradcheck.adapters import pair
from gradcheck.numeric.constants import OTHER_SPACING, WIDE_BITS, WIDE_SPACING
from gradcheck.numeric.ladder import STEPS, few_bits
from gradcheck.numeric.probe import Along, Probe
from gradcheck.numeric.reading import Place, Task, read, read_all
from gradcheck.subjects.problem import Problem

X, G = np.array([0.5, 1.25]), np.array([[1.0, -1.0]])


def asked(task):
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (X,), {})
    return problem, read(problem, Place([X], np.sin(X), G), task)


def test_a_ladder_takes_two_evaluations_a_step_and_counts_them_itself():
    problem, reading = asked(Task(Probe(0, coordinate=0), STEPS[:7]))
    assert reading.sweep.central.shape == (7, 1) and reading.exact is None and reading.noise is None
    assert reading.count["forward"] == 14 and not problem.count


def test_the_complex_step_has_its_noise_if_that_is_asked_for():
    probe = Probe(0, coordinate=0)
    value = np.cos(0.5) * probe.direction([X])[0][0]
    for jitter in (None, 3):
        _, reading = asked(Task(probe, exact=True, jitter=jitter))
        assert np.allclose(reading.exact.value, value, rtol=1e-15, atol=0)
        assert (reading.exact.noise is None) == (jitter is None) and reading.sweep is None
        assert reading.count["complex forward"] == (1 if jitter is None else 2)


def test_the_noise_of_f_is_measured_along_the_probe():
    _, reading = asked(Task(Probe(0, seed=1), noise=True))
    assert reading.noise.shape == (1,) and (reading.noise < 1e-15).all() and reading.count["forward"] == 8


def test_the_noise_along_one_entry_is_read_from_two_tables():
    """In one of which its roundings may be all alike: the steps of either one are two of those here."""
    _, reading = asked(Task(Probe(0, coordinate=0), noise=True))
    assert reading.noise.shape == (1,) and (reading.noise < 1e-15).all() and reading.count["forward"] == 16
    grain = few_bits(np.array(WIDE_SPACING), WIDE_BITS) / 2
    for width in (grain, grain * OTHER_SPACING):
        x = np.array([1.0 + grain / 7])
        problem = Problem(pair(lambda x, w=width: x + w * np.round(x / w), lambda x, dy: dy), (x,), {})
        place = Place([x], problem.forward([x]), np.ones((1, 1)))
        assert read(problem, place, Task(Probe(0, coordinate=0), noise=True)).noise[0] > width / 16


def test_readings_of_many_tasks_are_counted_together():
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (X,), {})
    tasks = [Task(Probe(0, coordinate=k), STEPS[:5]) for k in (0, 1)]
    assert len(read_all(map, problem, Place([X], np.sin(X), G), tasks)) == 2
    assert problem.count["forward"] == 20


def test_the_complex_step_along_an_entry_is_taken_once_at_a_place_for_any_cotangents():
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (X,), {})
    place = Place([X], np.sin(X), G)
    tasks = [Task(probe, exact=True) for probe in (Probe(0, coordinate=1), Probe(0, seed=1))]
    read_all(map, problem, place, tasks)
    assert problem.count["complex forward"] == 2
    (again, _) = read_all(map, problem, dataclasses.replace(place, g=np.eye(2)), tasks)
    assert problem.count["complex forward"] == 3, "along a direction it is taken again"
    assert again.exact.value.tolist() == [0, np.cos(1.25)]
    read_all(map, problem, Place([X], np.sin(X), G), tasks)
    assert problem.count["complex forward"] == 5, "and at another place"


@pytest.mark.parametrize("probe", [Probe(0, seed=1), Probe(0, coordinate=1), Probe(None, seed=2)])
def test_a_longer_ladder_evaluates_only_the_steps_that_a_shorter_one_had_not(probe):
    """To the same bits as without it, where some outputs change at the widest steps alone."""
    problem = Problem(pair(lambda x: np.append(np.sin(x), x[1] > 1.3), lambda x, dy: np.cos(x) * dy[:2]), (X,), {})
    y, g = problem.forward([X]), np.random.default_rng(0).normal(size=(2, 3))
    place, plain = Place([X], y, g), Place([X], y, g)
    read_all(map, problem, place, [Task(probe, STEPS[4:9])])
    before = problem.count["forward"]
    (again,) = read_all(map, problem, dataclasses.replace(place, grain=np.zeros(3)), [Task(probe, STEPS)])
    levels = len(again.sweep.steps)
    assert problem.count["forward"] - before == 2 * (levels - 5)
    (fresh,) = read_all(map, problem, plain, [Task(probe, STEPS)])
    for field in dataclasses.fields(fresh.sweep):
        np.testing.assert_array_equal(getattr(again.sweep, field.name), getattr(fresh.sweep, field.name))


def test_outputs_of_ladders_are_kept_of_few_and_few_at_a_time():
    for size, kept in ((256, 1), (257, 0)):
        x = np.linspace(1, 2, size)
        place = Place([x], np.sin(x), np.ones((1, size)))
        problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (x,), {})
        read_all(map, problem, place, [Task(Probe(0, seed=1), STEPS[:2])])
        assert len(place.outputs) == kept
    problem, place = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (X,), {}), Place([X], np.sin(X), G)
    read_all(map, problem, place, [Task(Probe(0, seed=k), STEPS[:1]) for k in range(257)])
    assert len(place.outputs) == 256
    read_all(map, problem, place, [Task(Probe(0, seed=0), STEPS[:3])])
    assert len(place.outputs) == 256 and len(place.outputs[Probe(0, seed=0)]) == 3, "in a room of its own"


@pytest.mark.parametrize(("size", "kept"), [(4096, 1), (4097, 0)])
def test_slopes_of_up_to_4096_outputs_are_kept(size, kept):
    x = np.ones(size)
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (x,), {})
    place = Place([x], np.sin(x), np.ones((1, x.size)))
    read_all(map, problem, place, [Task(Probe(0, coordinate=1), exact=True)])
    assert len(place.slopes) == kept


@pytest.mark.parametrize("kind", [Place, Task])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).point = None


def test_its_noise_is_the_largest_of_some_repetitions():
    _, reading = asked(Task(Probe(0, coordinate=0), exact=True, jitter=3, repeats=5))
    assert reading.count["complex forward"] == 6


def test_of_all_arrays_together_the_noise_of_the_complex_step_is_measured_once():
    _, reading = asked(Task(Probe(None, seed=1), exact=True, jitter=3))
    assert reading.count["complex forward"] == 2 and reading.exact.noise.shape == (1,)


def test_slopes_of_a_direction_that_have_been_taken_are_not_taken_again_and_no_others_are_kept():
    problem = Problem(pair(np.sin, lambda x, dy: np.cos(x) * dy), (X,), {})
    taken, other, given = Probe(0, seed=1), Probe(0, seed=2), Along(0, seed=1, vectors=(X,))
    place = Place([X], np.sin(X), G, slopes={taken: np.array([3.0, 1.0])})
    readings = read_all(map, problem, place, [Task(probe, exact=True) for probe in (taken, other, given)])
    assert readings[0].exact.value.tolist() == [2.0] and readings[2].exact.value.any()
    assert problem.count["complex forward"] == 2 and set(place.slopes) == {taken}


def test_the_first_table_along_an_entry_is_as_wide_as_one_along_a_direction():
    asked = []
    problem = Problem(pair(lambda x: asked.append(float(x[0])) or np.sin(x), lambda x, dy: np.cos(x) * dy), (X,), {})
    read(problem, Place([X], np.sin(X), G), Task(Probe(0, coordinate=0), noise=True))
    (unit,) = {d for d in Probe(0, coordinate=0).direction([X])[0] if d}
    for table, size in ((asked[:8], 1.0), (asked[8:], OTHER_SPACING)):
        np.testing.assert_allclose(np.diff(table), unit * size * WIDE_SPACING, rtol=2.0**-20, atol=0)  # of its few bits


def test_without_tasks_nobody_is_asked():
    problem, _ = asked(Task(Probe(0, coordinate=0)))
    assert read_all(None, problem, Place([X], np.sin(X), G), []) == []


def test_a_mapper_that_loses_a_reading_is_told():
    problem, _ = asked(Task(Probe(0, coordinate=0)))
    with pytest.raises(ValueError, match="shorter"):
        read_all(lambda read, tasks: [], problem, Place([X], np.sin(X), G), [Task(Probe(0, coordinate=0))])
