"""What is exact beside steps of a format of few bits keeps its digits."""

import numpy as np
import pytest
from narrow import half

from gradcheck.verdict import beside
from gradcheck.verdict.beside import beside_steps
from gradcheck.verdict.ground import Known

X = np.array([0.7312, -1.2345, 0.4142, 1.6180])


def outputs(x):
    return np.append(half(np.sin(x[:2])), np.sin(x[2:]))


def entries(x):
    return np.array([half(np.sin(x[:2])).sum() + np.sin(x[2:]).sum()])


@pytest.mark.parametrize("forward", [outputs, entries])
@pytest.mark.parametrize("error", [0.0, 1e-6])
def test_an_error_of_the_exact_half_is_found_with_all_digits(ground, rng, forward, error):
    factors = np.array([1, 1, 1 + error, 1])
    place = ground(forward, lambda x, dy: np.cos(x) * dy * factors, X)
    (found,) = beside_steps(place, Known(), {0}, rng)
    assert found and all(c.real_tolerance.max() < 1e-9 for c in found if c.probe.coordinate is None)
    assert any(c.outside().any() for c in found) == (error > 0)


def test_where_all_moves_in_steps_there_is_nothing_more(ground, rng):
    place = ground(lambda x: half(np.sin(x)) + x, lambda x, dy: (1 + np.cos(x)) * dy, X)
    assert beside_steps(place, Known(), {0}, rng) == [[]]


@pytest.mark.parametrize(("size", "looked_at"), [(16, 31), (17, 32)])
def test_up_to_32_parts_of_an_array_are_looked_at_a_half_before_its_own_halves(monkeypatch, size, looked_at):
    """Only the last entry moves in no steps: of 17 that is not seen any more."""
    parts = []

    def smooth(ground, probe):
        parts.append((probe.start, probe.stop))
        return np.array([probe.start == size - 1])

    monkeypatch.setattr(beside, "_smooth", smooth)
    found = beside._stepping(None, 0, size, np.random.default_rng(1))
    assert parts[:3] == [(0, size), (0, size // 2), (size // 2, size)] and len(parts) == looked_at
    assert found == list(range(17 if size == 17 else 15))
