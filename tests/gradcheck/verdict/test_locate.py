"""Large problems: a few directions when right, and when wrong bisection to the very entries."""

import tracemalloc

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.probe import Probe
from gradcheck.verdict.comparison import Comparison
from gradcheck.verdict.locate import _excess

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


def test_a_million_inputs_and_a_million_parameters_are_checked_within_140_evaluations():
    """126 were counted: a ladder near by, one at the given point, and the contract."""
    report = gradcheck.check(pair(tanh_layer, backward), *data(10**6))
    assert report.verdict == "pass", str(report)
    assert report.evaluations <= 140
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


def test_a_segment_of_which_nothing_was_measured_is_not_accused():
    assert _excess(Comparison(Probe(0), 1.0, np.ones(1), np.zeros(1)), exact=True) == 0.0
