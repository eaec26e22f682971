"""Gradients through outputs that are far smaller than others: wrong ones are seen, and residues are no outputs."""

import dataclasses

import numpy as np
import pytest

import gradcheck
from gradcheck.subjects.findings import Finding
from gradcheck.verdict.facts import Gradient
from gradcheck.verdict.small_outputs import Output, _far_smaller, joined

SEEDS = range(3)
SIZES = 1e-10, 1e-13, 1e-14, 1.6e-19, 1e-150, 1e-280


def reports(subject, *shapes, seeds=SEEDS, make=lambda x: x, **options):
    for seed in seeds:
        rng = np.random.default_rng(seed)
        yield gradcheck.Checker(seed=seed, **options)(subject, *(make(rng.normal(size=shape)) for shape in shapes))


def verdicts(subject, *shapes, **options):
    """Return the verdicts on each array, of several seeds."""
    rows = [[g.verdict for g in report.gradients] for report in reports(subject, *shapes, **options)]
    return [set(column) for column in zip(*rows, strict=True)]


def small(factor, size=1e-14, check=np.asarray):
    """x moves the first output, w the second one."""

    def f(x, w):
        t, w = np.tanh(check(x)), check(w)
        return (size * t, w * w), lambda dy: (factor * size * dy[0] * (1 - t * t), 2 * dy[1] * w)

    return f


def auxiliary(of_x, of_w, size=1e-15):
    """Logits, and a loss far smaller, that depend on both arrays."""

    def f(x, w):
        y = x @ w

        def pullback(dy):
            d = 2 * size * y * dy["loss"]
            return (dy["logits"] + of_x * d) @ w.T, x.T @ (dy["logits"] + of_w * d)

        return {"logits": y, "loss": size * np.square(y).sum()}, pullback

    return f


def three(a, b):
    """Outputs of three sizes, in a tree."""

    def f(x, w):
        e = np.exp(-x * x)

        def pullback(dy):
            p, (q, z) = 1e-12 * dy["p"], dy["rest"]
            return a * p * w - 2e-40 * b * q * e * w * x + z, p * x + 1e-40 * q * e + z

        return {"p": 1e-12 * x * w, "rest": (1e-40 * e * w, x + w)}, pullback

    return f


@pytest.mark.parametrize("size", SIZES)
def test_a_wrong_gradient_of_what_moves_the_small_output_alone_fails(size):
    assert verdicts(small(1, size), 8, 8) == [{"pass"}, {"pass"}]
    for factor in (0, 2, 1.001):
        assert verdicts(small(factor, size), 8, 8) == [{"fail"}, {"pass"}]


def test_a_right_one_has_its_digits_and_a_wrong_one_its_diagnosis():
    (right,) = reports(small(1, 1e-150), 8, 8, seeds=[0])
    assert right.gradients[0].digits > 12 and right.verdict == "pass"
    message = "y[0]: far smaller than another output, and compared alone as well"
    assert [(f.severity, f.message) for f in right.findings if f.kind == "small"] == [("note", message)]
    (wrong,) = reports(small(2), 8, 8, seeds=[0])
    assert [g.cause for g in wrong.gradients] == ["factor", ""] and wrong.gradients[0].map is not None
    assert {(f.kind, f.array) for f in wrong.findings if f.severity == "fail"} == {("gradient", "x")}
    assert "seed 0: x[" in wrong.reproducer


def test_a_wrong_gradient_fails_whatever_else_the_array_moves():
    assert verdicts(auxiliary(1, 1), (4, 6), (6, 3)) == [{"pass"}, {"pass"}]
    assert verdicts(auxiliary(0, 1), (4, 6), (6, 3)) == [{"fail"}, {"pass"}]
    assert verdicts(auxiliary(1, 1.01), (4, 6), (6, 3)) == [{"pass"}, {"fail"}]


def test_each_of_three_sizes_is_looked_at():
    assert verdicts(three(1, 1), 8, 8) == [{"pass"}, {"pass"}]
    assert verdicts(three(0, 1), 8, 8) == verdicts(three(1, 2), 8, 8) == [{"fail"}, {"pass"}]
    (report,) = reports(three(1, 1), 8, 8, seeds=[0])
    assert [f.message.split(":")[0] for f in report.findings if f.kind == "small"] == ["y.p", "y.rest[0]"]


def float32_alone(x):
    if x.dtype != np.float32:
        raise TypeError("float32 alone")
    return x


def without_complex(x):
    return np.asarray(x, float)


@pytest.mark.parametrize("check", [float32_alone, without_complex])
def test_subjects_of_one_dtype_are_judged_alike(check):
    make = (lambda x: x.astype(np.float32)) if check is float32_alone else (lambda x: x)
    assert verdicts(small(np.float32(1), np.float32(1e-14), check), 8, 8, make=make) == [{"pass"}, {"pass"}]
    assert verdicts(small(np.float32(2), np.float32(1e-14), check), 8, 8, make=make) == [{"fail"}, {"pass"}]


@pytest.mark.parametrize(("factor", "verdict"), [(0, "fail"), (2, "fail"), (1, "inconclusive")])
def test_probabilities_beside_masked_scores_fail_where_they_are_wrong(factor, verdict):
    """What the scores themselves show is hidden in the roundings of the mask, whatever the probabilities say."""

    def f(q, k):
        s = q @ k.T + np.where(np.tri(5) > 0, 0, -1e30)
        e = np.exp(s - s.max(-1, keepdims=True))
        p = e / e.sum(-1, keepdims=True)

        def pullback(dy):
            d = dy[0] + factor * p * (dy[1] - (dy[1] * p).sum(-1, keepdims=True))
            return d @ k, d.T @ q

        return (s, p), pullback

    assert verdicts(f, (5, 3), (5, 3)) == [{verdict}] * 2


def normalised(x):
    c = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt(np.square(c).mean(-1, keepdims=True) + 1e-5)
    y = c * r

    def pullback(dy):
        return r * (dy - dy.mean(-1, keepdims=True) - y * (dy * y).mean(-1, keepdims=True))

    return y, pullback


def sums_of_norms(x):
    y, pullback = normalised(x)
    return (y.sum(-1), y), lambda dy: (pullback(dy[0][:, None] + dy[1]),)


def sums_of_norms_alone(x, w):
    y, pullback = normalised(x)
    return (y.sum(-1), w * w), lambda dy: (pullback(np.repeat(dy[0][:, None], 6, 1)), 2 * dy[1] * w)


def residual(x, w):
    return (x - x * (1 + 3e-16), w * x), lambda dy: (dy[0] - dy[0] * (1 + 3e-16) + dy[1] * w, dy[1] * x)


def logarithm_of_exponential(x, w):
    return (np.log(np.exp(x)) - x, w * w), lambda dy: (0 * dy[0], 2 * dy[1] * w)


def zeros(x, w):
    return (0 * x, w * x), lambda dy: (dy[1] * w, dy[1] * x)


def circle(x, w):
    s, c = np.sin(x), np.cos(x)
    return (s * s + c * c - 1, w * x), lambda dy: (dy[0] * (2 * s * c - 2 * c * s) + dy[1] * w, dy[1] * x)


def threshold(x, w):
    return ((x > 0) * 1e-14 + 0 * x, w * w), lambda dy: (0 * dy[0], 2 * dy[1] * w)


RESIDUES = sums_of_norms_alone, residual, logarithm_of_exponential, zeros, circle, threshold


@pytest.mark.parametrize("subject", RESIDUES, ids=lambda f: f.__name__)
def test_what_only_roundings_leave_fails_no_right_gradient(subject):
    assert verdicts(subject, (4, 6), (4, 6)) == [{"pass"}, {"pass"}]


def test_of_what_cancels_it_is_said_that_it_is_not_looked_at_again():
    for report in reports(sums_of_norms, (4, 6)):
        message = "y[0]: far smaller than another output, and moves in few steps: not compared alone"
        assert report.verdict == "pass" and [f.message for f in report.findings if f.kind == "small"] == [message]
        assert report.evaluations < 200


def test_outputs_of_similar_size_cost_nothing():
    (two,) = reports(small(1, 1e-8), 8, 8, seeds=[0])
    (far,) = reports(small(1, 1e-11), 8, 8, seeds=[0])
    assert two.evaluations < 230 < far.evaluations and not any(f.kind == "small" for f in two.findings)


def test_what_is_too_small_for_differences_is_left_alone():
    (report,) = reports(small(1, 1e-300), 8, 8, seeds=[0])
    assert report.verdict == "pass" and not any(f.kind == "small" for f in report.findings)


def modulus(factor, larger, size):
    """A modulus of which steps of a larger number's roundings are left, beside numbers as large as theirs."""

    def f(x, w):
        y = (larger + size * np.abs(x)) - larger
        return (y, 1e9 * w * w), lambda dy: (factor * size * dy[0] * np.sign(x), 2e9 * dy[1] * w)

    return f


def test_steps_next_to_which_a_kink_may_lie_decide_nothing():
    """A right slope was contradicted at an entry of -2.8e-3, from where eight steps reach the kink."""
    shapes = (20, 5), (20, 5)
    (report,) = reports(modulus(3, 1.4e4, 5.5e-9), *shapes, seeds=[0])
    assert [g.verdict for g in report.gradients] == ["inconclusive", "pass"] and report.verdict == "inconclusive"
    assert any(f.message.startswith("x: differences of an output far smaller") for f in report.findings)
    assert verdicts(modulus(1, 1.4e4, 5.5e-9), *shapes, seeds=[0]) == [{"inconclusive"}, {"pass"}]
    assert verdicts(modulus(3, 1.4e-4, 5.5e-9), *shapes, seeds=[0]) == [{"fail"}, {"pass"}]


def test_what_is_too_coarse_to_be_seen_is_undecided_at_most():
    def tail(x, w):  # some 1e-15, in steps of 1e-16
        t = np.tanh(x - 18)
        return (1 + t, w * w), lambda dy: (dy[0] * (1 - t * t), 2 * dy[1] * w)

    of_x, of_w = verdicts(tail, (4, 6), (4, 6))
    assert of_x == {"inconclusive", "pass"} and of_w == {"pass"}


def test_what_moves_in_a_few_steps_of_a_narrow_format_fails_no_right_gradient():
    def f(x, w):
        e, a, b = np.float32(1e-6), x.astype(np.float32), w.astype(np.float32)
        y = np.log(1 + e * a), np.float32(1e8) * b * b
        return y, lambda dy: tuple(d.astype(float) for d in (dy[0] * e / (1 + e * a), np.float32(2e8) * dy[1] * b))

    of_x, of_w = verdicts(f, (4, 6), (4, 6), seeds=range(5))
    assert of_x == {"inconclusive", "pass"} and of_w == {"pass"}


def test_parameters_of_ones_and_complex_arrays_are_judged_as_anywhere():
    @dataclasses.dataclass(frozen=True)
    class Scale:
        gamma: np.ndarray
        factor: float

        def vjp(self, x):
            def pullback(dy):
                d = 1e-14 * dy[0]
                return {"gamma": self.factor * (d * x).sum(0)}, d * self.gamma + 2 * dy[1] * x

            return (1e-14 * self.gamma * x, x * x), pullback

    assert verdicts(Scale(np.ones(6), 1.0), (4, 6)) == [{"pass"}, {"pass"}]
    assert verdicts(Scale(np.ones(6), 2.0), (4, 6)) == [{"fail"}, {"pass"}]

    def square(factor):
        return lambda z: ((1e-15 * z * z, abs(w) * w), lambda dy: (factor * 2e-15 * z.conj() * dy[0],))

    w = np.arange(1.0, 4.0)
    for factor, verdict in ((1, "pass"), (2, "fail")):
        assert verdicts(square(factor), 5, make=lambda x: x + 1j * x[::-1]) == [{verdict}]


def doubled(x, w):
    """At the top of a module, where other processes find it."""
    return small(2)(x, w)


def test_workers_find_the_same():
    one, two = (next(reports(doubled, 8, 8, seeds=[0], workers=n)) for n in (1, 2))
    assert str(one) == str(two) and one.verdict == "fail"


def test_a_pullback_that_refuses_such_cotangents_is_judged_by_the_rest():
    def f(x, w):
        t = np.tanh(x)

        def pullback(dy):
            assert dy[1].any() or dy[0].size == 1, "all of one output is zero"
            return 1e-14 * dy[0] * (1 - t * t), 2 * dy[1] * w

        return (1e-14 * t, w * w), pullback

    (report,) = reports(f, 8, 8, seeds=[0])
    assert not any(f.kind == "small" for f in report.findings)
    assert {f.kind for f in report.findings if f.severity == "fail"} == {"raises"}  # for another dy


def output(place, top, first=0.0):
    return Output(place, f"y[{place}]", 3, top, 0.0, first)


def places(found):
    groups, residues = found
    return [[x.place for x in group] for group in groups], [x.place for x in residues]


def test_groups_are_of_similar_size_and_without_residues():
    outputs = [output(2, 1.0), output(0, 2.0**-29), output(4, 2.0**-31), output(1, 2.0**-60), output(3, 2.0**-62)]
    assert places(_far_smaller(outputs)) == ([[4, 1], [3]], [])
    residues = [outputs[0], output(1, 1e-16, 1e-16), output(4, 1e-16, 1e-18), output(3, 2.0**-950), output(5, 0.0)]
    assert places(_far_smaller(residues)) == ([[4]], [1])
    assert places(_far_smaller(outputs[:2])) == ([], [])


ZERO, DIGITS = Gradient("x", (3,), "pass"), Gradient("x", (3,), "pass", digits=13.0)
OPEN, WRONG = Gradient("x", (3,), "inconclusive", reason="below the noise"), Gradient("x", (3,), "fail")
TOLD = [
    (ZERO, ZERO, False),
    (ZERO, DIGITS, True),
    (ZERO, OPEN, True),
    (ZERO, WRONG, True),
    (DIGITS, DIGITS, False),
    (DIGITS, OPEN, False),
    (DIGITS, WRONG, True),
    (OPEN, DIGITS, False),
    (OPEN, WRONG, True),
    (WRONG, DIGITS, False),
    (WRONG, WRONG, False),
]


@pytest.mark.parametrize(("whole", "alone", "tells"), TOLD)
def test_the_verdict_on_small_outputs_counts_where_it_tells_more(whole, alone, tells):
    kept, answered = Finding("moved", "x", "note", "x"), Finding("resolution", "x", "inconclusive", "x")
    vacuous, other = Finding("vacuous", "", "inconclusive"), Finding("resolution", "w", "inconclusive", "w")
    note, said = Finding("small", "y[0]", "note"), Finding("gradient", "x", "fail", "x")
    unsaid, more = Finding("vacuous", "nothing", "inconclusive"), ()
    if (whole, alone) == (DIGITS, OPEN):
        more = (Finding("small", "x: how it moves the smaller outputs was not resolved", "note", "x"),)
    found, findings = joined((whole,), (kept, answered, vacuous, other), (alone,), (note, said, unsaid))
    assert found == ((alone if tells else whole),)
    assert findings == ((kept, other, note, said) if tells else (kept, answered, vacuous, other, note, *more))
