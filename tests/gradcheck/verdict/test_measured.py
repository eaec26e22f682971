"""Comparisons as they count: what a narrow format, a tie or a saturated term excuses is excused."""

import numpy as np
import pytest

from gradcheck.numeric.probe import Probe
from gradcheck.subjects.declared import NOTHING, Declared
from gradcheck.verdict import measured as module
from gradcheck.verdict.compare import compare
from gradcheck.verdict.ground import Known
from gradcheck.verdict.measured import _with_any_slope, measured

X = np.array([0.5, -1.0, 2.0, 1.5])


def both(at, probe):
    """One comparison as it is measured, and as it counts."""
    (plain,), _ = compare(at, Known(), [probe], [True], np.random.default_rng(4))
    (found,), known = measured(at, Known(), [probe], [True], np.random.default_rng(4))
    return plain, found, known


def test_what_nothing_excuses_is_as_it_was_compared(ground):
    at = ground(np.sin, lambda x, dy: 1.01 * np.cos(x) * dy, X, exact=True)
    plain, found, known = both(at, Probe(0, seed=1))
    assert plain.outside().all() and found.outside().all()
    np.testing.assert_array_equal((found.real.value, found.real.bar), (plain.real.value, plain.real.bar))
    assert known.exact and not known.levels  # the complex step is believed: no ladder was in doubt


def test_steps_of_a_narrow_format_give_way_to_the_claim_along_a_segment(ground):
    at = ground(lambda x: np.sin(x).astype(np.float16).astype(float), lambda x, dy: np.cos(x) * dy, X, u=2.0**-11)
    plain, found, _ = both(at, Probe(0, seed=1))
    assert not plain.followed and found.followed and (found.real.bar < plain.real.bar).all()


def middle(x):
    return np.median(x)


def one_of_three(x, dy):
    return dy * (np.arange(x.size) == 1)


def test_a_tie_of_three_is_excused_at_the_given_point_and_not_at_a_generic_one(ground):
    x = np.array([0.1, 0.5, 0.5, 0.5, 0.9])
    given, near = (ground(middle, one_of_three, x, measures_noise=m) for m in (False, True))
    plain, found, _ = both(given, Probe(0, coordinate=1))
    assert plain.outside().any() and not found.outside().any()
    assert both(near, Probe(0, coordinate=1))[1].outside().any()


def test_the_rounding_of_terms_that_cancel_is_excused_everywhere(ground):
    x = np.array([18.0, 17.0, -18.5])
    at = ground(np.tanh, lambda x, dy: dy * (1 - np.tanh(x) ** 2), x, exact=True, measures_noise=False)
    plain, found, _ = both(at, Probe(0, coordinate=0))
    assert plain.exact_outside().any() or plain.outside().any(), "the inputs must show it"
    assert not (found.exact_outside() | found.outside()).any()


@pytest.mark.parametrize(("kinks", "contradicted"), [("any", False), (None, True)])
def test_where_any_slope_is_declared_right_at_kinks_no_claim_at_one_is_contradicted(ground, kinks, contradicted):
    x = np.array([0.0, 1.0, -2.0])
    declared = NOTHING if kinks is None else Declared(kinks=kinks)

    def backward(x, dy):
        return dy * np.where(x == 0, 9.0, np.sign(x))

    at = ground(np.abs, backward, x, declared=declared, measures_noise=False)
    _, found, _ = both(at, Probe(0, coordinate=0))
    assert found.kink.all() and found.outside().any() == contradicted


def test_only_the_cotangents_that_show_a_kink_are_excused_and_only_at_single_entries(comparison):
    c = comparison([9.0, 9.0], 1.0, kink=[True, False])
    assert _with_any_slope(c).outside().tolist() == [False, True]
    assert _with_any_slope(comparison([np.nan, 9.0], 1.0, kink=True)).outside().tolist() == [True, False]
    for other in (
        comparison([9.0, 9.0], 1.0, kink=True, probe=Probe(0, seed=1)),
        comparison([9.0, 9.0], 1.0),
        comparison([9.0, 9.0]),
    ):
        assert _with_any_slope(other) is other


def test_what_cancels_is_allowed_for_first_then_roundings_inside_and_steps_at_last(ground, monkeypatch, rng):
    asked = []

    def allowing(name):
        def allowed(ground, *rest):
            asked.append(name)
            comparisons = next(x for x in rest if isinstance(x, list))
            return (comparisons, Known()) if name == "steps" else comparisons

        return allowed

    for name in ("saturation", "roundings_inside", "steps"):
        monkeypatch.setattr(module, f"allowing_for_{name}", allowing(name))
    measured(ground(np.sin, lambda x, dy: np.cos(x) * dy, X), Known(), [Probe(0, seed=1)], [True], rng)
    assert asked == ["saturation", "roundings_inside", "steps"]
