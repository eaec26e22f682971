"""float32 and float16: the mathematics is asked in float64, the implementation beside it, and neither is excused."""

import types

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.numeric.reading import Place
from gradcheck.precision.shadow import compare_with_shadow
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear

rng = np.random.default_rng(1)
X = rng.normal(size=(4, 6)).astype(np.float32)
U = 2.0**-24
ONES = np.ones(3, np.float32)


def shadowed(gradients, *arrays, y=(0.0, 0.0), u=2.0**-53, units=None, forward=None):
    """What is found of a subject whose gradients are what this function of the arrays and of dy (1, m) says.

    Its outputs are the same in every format, unless `forward` says what they are.
    """
    arrays = arrays or (ONES,)
    leaves = [types.SimpleNamespace(name=name, value=x) for name, x in zip("xw", arrays, strict=False)]
    subject = types.SimpleNamespace(units=units or {})
    forward = forward or (lambda arrays: np.ones(2))
    problem = types.SimpleNamespace(
        leaves=leaves, subject=subject, gradients=gradients, forward=forward, attempt=lambda x, size: forward(x)
    )
    own = Place([x.astype(float) for x in arrays], np.array(y), np.ones((2, len(y))))
    return compare_with_shadow(problem, own, u, np.random.default_rng(2))


def off_by(error, right=1.0):
    """A gradient of float64 that is `right` of every entry, and more by `error` in a narrow format."""

    def gradients(arrays, g):
        return [np.full((len(g), *x.shape), right) + (error if x.dtype != np.float64 else 0) for x in arrays]

    return gradients


FORWARD = [  # what a forward pass in float32 loses of 8, and the roundings in which its gradient is judged then
    (15.9 * U, U), (16.1 * U, 2.0**-13), (0.99 / 2**11, 2.0**-13), (1.01 / 2**11, 2.0**-10), (0.99 / 16, 2.0**-10),
    (1.01 / 16, U), (np.inf, U), (np.nan, U),
]  # fmt: skip


@pytest.mark.parametrize(("lost", "unit"), FORWARD)
def test_a_gradient_may_lose_what_the_forward_pass_loses(lost, unit):
    def forward(arrays):
        return 8 * np.array([1.0, 0.5]) * (1 + np.array([lost, 0]) * (arrays[0].dtype == np.float32))

    assert shadowed(off_by(63 * unit), forward=forward) == []
    (finding,) = shadowed(off_by(65 * unit), forward=forward)
    assert f"rounding explains {64 * unit:.1e}" in finding.message


@pytest.mark.parametrize(("part", "severity"), [(0.49, "inconclusive"), (1.51, "fail")])
def test_where_the_forward_pass_loses_all_of_a_difference_what_its_roundings_explain_is_not_judged(part, severity):
    """More, as a gradient that is another in float32, fails."""
    forward = lambda arrays: np.ones(2) * (1e-3 + 1e-2 * (arrays[0].dtype == np.float32))  # noqa: E731
    (finding,) = shadowed(off_by(part * 16e-2), forward=forward)  # of cotangents up to 0.5 or 1.5
    assert finding.severity == severity
    assert ("but the forward pass itself loses 1.0e-02 of 1.0e-03 there" in finding.message) == (part < 1)


def test_a_forward_pass_of_float16_loses_what_bfloat16_does_or_nothing_of_note():
    x = np.ones(3, np.float16)
    for lost, unit in ((15.9 * 2.0**-11, 2.0**-11), (16.1 * 2.0**-11, 2.0**-10)):
        forward = lambda arrays, lost=lost: np.ones(2) * (1 + lost * (arrays[0].dtype == np.float16))  # noqa: E731
        assert shadowed(off_by(63 * unit), x, forward=forward) == []
        assert len(shadowed(off_by(65 * unit), x, forward=forward)) == 1


def test_a_forward_pass_is_asked_only_where_a_gradient_loses_more_than_its_own_roundings():
    asked = []
    forward = lambda arrays: asked.append(arrays[0].dtype) or np.zeros(2)  # noqa: E731
    assert shadowed(off_by(0.0), forward=forward) == [] and asked == []
    assert len(shadowed(off_by(0.1), forward=forward)) == 1, "of outputs that are 0 nothing is lost"
    assert asked == [np.float32, np.float64]


def test_a_layer_that_computes_in_float16_inside_is_judged_by_that():
    def rounded(x, dtype):
        return x.astype(np.float16).astype(x.dtype) if dtype == np.float32 else x

    def subject(factor):
        def backward(x, dy):
            return rounded(np.cos(rounded(x, x.dtype)) * dy, x.dtype) * (factor if x.dtype == np.float32 else 1)

        return pair(lambda x: rounded(np.sin(rounded(x, x.dtype)), x.dtype), backward)

    assert gradcheck.check(subject(1), X).verdict == "pass"
    assert gradcheck.check(subject(1.1), X).verdict == "fail"


def test_a_gradient_that_is_the_same_in_both_is_no_finding():
    assert shadowed(off_by(0.0)) == []


def test_where_all_arrays_are_float64_nothing_is_asked():
    def refuse(arrays, g):
        raise AssertionError("asked")

    assert shadowed(refuse, np.ones(3), np.ones(2)) == []


def test_the_array_and_its_worst_entry_are_named_with_both_gradients_and_what_rounding_explains():
    def gradients(arrays, g):
        (x,) = arrays
        return [(1 + np.array([0, 0.01, 0, 0, 0.25, 0.02]) * (x.dtype == np.float32)).reshape(1, 2, 3)]

    (finding,) = shadowed(gradients, np.ones((2, 3), np.float32))
    message = "x[1, 1]: in float32 the pullback gives 1.25, in float64 1; rounding explains 3.8e-06"  # 64 roundings
    assert (finding.kind, finding.severity, finding.array) == ("precision", "fail", "x") and finding.message == message


def test_what_is_told_is_what_was_given_at_the_very_point():
    visits = iter(range(10))

    def gradients(arrays, g):
        return [np.full((len(g), 3), 1 + float(arrays[0].dtype == np.float32) + 0.001 * (next(visits, 0) % 5))]

    (finding,) = shadowed(gradients)
    assert "the pullback gives 2, in float64 1; " in finding.message


@pytest.mark.parametrize(("u", "asked"), [(U / 2, False), (U / 2.5, True)])
def test_nothing_is_said_where_the_layer_computes_as_narrowly_in_float64(u, asked):
    assert bool(shadowed(off_by(0.25), u=u)) == asked


def test_nothing_is_asked_where_all_arrays_are_float64():
    assert shadowed(lambda arrays, g: pytest.fail("asked"), np.ones(3)) == []


def test_the_narrowest_of_all_arrays_counts():
    gradients = off_by(50 * 2.0**-11)
    assert len(shadowed(gradients, ONES)) == 1
    assert shadowed(gradients, ONES, ONES.astype(np.float16)) == []


def test_a_format_that_numpy_lacks_is_known_by_the_subject():
    assert shadowed(off_by(0.2), units={"x": 2.0**-8}) == [] and len(shadowed(off_by(0.3), units={"x": 2.0**-8})) == 1


@pytest.mark.parametrize("right", [2.0**-10, 1.0, 8.0])
@pytest.mark.parametrize(("roundings", "told"), [(63, False), (65, True), (-65, True)])
def test_a_gradient_may_be_off_by_64_of_its_own_roundings(roundings, told, right):
    def gradients(arrays, g):  # nearer to zero, where terms are asked, it is nothing
        (x,) = arrays
        return [np.full((len(g), 3), right * (1 + roundings * U * (x.dtype != np.float64))) * (len(g) == 1)]

    assert bool(shadowed(gradients)) == told


JUST = [(1 - 2.0**-26, False), (1 + 2.0**-26, True)]  # parts of a bar, nearer to it than a rounding of float32


@pytest.mark.parametrize(("part", "told"), JUST)
@pytest.mark.parametrize("changes", [(0, 1, 0, 0, 0), (0, 0, 0, 0, -1), (0, 1, 0, -1, 0)])
@pytest.mark.parametrize("where", ["the gradient changes", "the difference scatters"])
def test_a_gradient_may_be_off_by_16_times_what_a_few_roundings_change_from_the_point_itself(
    where, changes, part, told
):
    """It is 1 there, and changes at some of the points nearby, in both formats or in the narrow one alone."""
    visits = {np.dtype(np.float32): iter(changes), np.dtype(np.float64): iter(changes)}
    bar = 16 * (2.0**-10 + 4 * U) + float(np.finfo(np.float32).tiny)

    def gradients(arrays, g):
        (x,) = arrays
        if len(g) > 1:
            return [np.zeros((4, 3))]
        change, narrow = 2.0**-10 * next(visits[x.dtype]), x.dtype == np.float32
        return [np.full((1, 3), 1 + change * (narrow or where == "the gradient changes") + part * bar * narrow)]

    assert bool(shadowed(gradients)) == told


@pytest.mark.parametrize(("part", "told"), [(0.99, False), (1.01, True)])
def test_the_median_change_of_an_array_is_a_floor_for_every_entry(part, told):
    visits = iter(range(10))

    def gradients(arrays, g):
        (x,) = arrays
        if len(g) > 1:
            return [np.zeros((4, 3))]
        error = part * 16 * 2.0**-10 * np.array([1, 0, 0]) * (x.dtype == np.float32)
        return [(2.0**-10 * np.array([0, 1, 4]) * (next(visits) % 5 == 3) + error)[None]]

    assert bool(shadowed(gradients)) == told


@pytest.mark.parametrize(("part", "told"), JUST)
@pytest.mark.parametrize("scale", [0.25, 1.0, 16.0])
def test_a_gradient_may_be_off_by_four_roundings_of_y_dy_by_x(scale, part, told):
    largest = []

    def gradients(arrays, g):
        (x,) = arrays
        if len(g) == 1:
            largest.append(float(np.abs(g).max()))
        error = part * 4 * U * 32 * largest[0] / scale
        return [np.full((len(g), 3), error * (x.dtype == np.float32))]

    assert bool(shadowed(gradients, np.full(3, scale, np.float32), y=(0.5, -32.0))) == told


def test_numbers_that_underflow_are_no_finding():
    tiny = float(np.finfo(np.float32).tiny)
    assert shadowed(off_by(tiny, 0.0)) == [] and len(shadowed(off_by(1.01 * tiny, 0.0))) == 1


@pytest.mark.parametrize(("roundings", "told"), [(10, False), (30, True)])
def test_a_gradient_may_be_off_by_16_roundings_of_the_terms_that_cancel_in_it(roundings, told):
    """Nearer to zero it is 1, at the point nothing: terms are what an entry's gradient is there, at most 1 or y."""

    def gradients(arrays, g):
        (x,) = arrays
        return [np.full((len(g), 3), float(len(g) > 1) + roundings * U * (x.dtype == np.float32))]

    assert bool(shadowed(gradients)) == told


def test_terms_are_asked_at_the_very_point():
    asked = []

    def gradients(arrays, g):
        (x,) = arrays
        if len(g) > 1:
            asked.append(x)
        return [np.full((len(g), 3), 0.25 * (x.dtype == np.float32))]

    shadowed(gradients, np.full(3, 1.1, np.float32))
    assert np.array_equal(asked[0], np.full(3, 1.1, np.float32) / np.float32(8))


def test_one_entry_above_its_own_roundings_is_asked_for_its_terms():
    def gradients(arrays, g):
        error = 10 * U * np.array([1.0, 0.0, 0.0]) * (arrays[0].dtype == np.float32)
        return [np.full((len(g), 3), float(len(g) > 1)) + error]

    assert shadowed(gradients) == []


def test_the_terms_of_an_array_excuse_no_other():
    def gradients(arrays, g):
        w = arrays[1]
        right = float(len(g) > 1)
        return [np.full((len(g), 3), right), np.full((len(g), 3), 10 * U * (w.dtype == np.float32))]

    assert [f.array for f in shadowed(gradients, ONES, ONES)] == ["w"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_entry_that_is_not_finite_is_the_worst(value):
    def gradients(arrays, g):
        narrow = arrays[0].dtype == np.float32
        return [np.array([[1, 1 + narrow, value if narrow else 1.0]])]

    (finding,) = shadowed(gradients)
    assert finding.message.startswith(f"x[2]: in float32 the pullback gives {value}, in float64 1;")


def test_each_array_is_compared_and_an_empty_one_is_not():
    broken = shadowed(off_by(0.25), np.zeros(0, np.float32), ONES)
    assert [f.array for f in broken] == ["w"]
    assert [f.array for f in shadowed(off_by(0.25), ONES, ONES)] == ["x", "w"]


def test_both_are_asked_at_the_same_five_points_a_few_roundings_apart_for_the_same_cotangents():
    seen = []
    shadowed(lambda arrays, g: seen.append((arrays[0], g)) or [np.ones((len(g), 3))], np.full(3, 1.1, np.float32))
    narrow, wide = seen[:5], seen[5:]
    assert [x.dtype for x, _ in narrow] == [np.float32] * 5 and [x.dtype for x, _ in wide] == [np.float64] * 5
    for (x, dy), (same, too) in zip(narrow, wide, strict=True):
        assert np.array_equal(x, same) and np.array_equal(dy, too) and dy.shape == (1, 2)
    base, g = narrow[0]
    assert np.array_equal(base, np.full(3, 1.1, np.float32)) and np.array_equal(g, g.astype(np.float16))
    for of, known in ((lambda row: row[0], base), (lambda row: row[1], g)):
        apart = max(np.abs(of(row).astype(float) / known - 1).max() for row in narrow[1:])
        assert 2 * U <= apart <= 6 * U, "by up to four roundings, and rounded once more"
        assert all(np.array_equal(of(row), of(row).astype(np.float32)) for row in narrow)


def test_a_point_that_leaves_the_domain_is_replaced_by_the_very_point():
    seen = []

    def gradients(arrays, g):
        if arrays[0].max() > np.float32(1.1):
            raise ValueError("x must be at most 1.1")
        seen.append(arrays[0])
        return [np.full((len(g), 3), 1.0)]

    x = np.full(3, 1.1, np.float32)
    assert shadowed(gradients, x) == [] and len(seen) == 10
    assert all((point <= x).all() for point in seen)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(x, dy):
    p = softmax(x)
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


RIGHT = {
    "layer norm": LayerNorm(*rng.normal(size=(2, 6)).astype(np.float32)),
    "linear": Linear(rng.normal(size=(6, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)),
    "softmax": pair(lambda x: softmax(x), softmax_backward),
}


@pytest.mark.parametrize("name", RIGHT)
def test_float32_layers_pass_with_the_digits_of_float64(name):
    report = gradcheck.check(RIGHT[name], X)
    assert report.verdict == "pass", str(report)
    assert min(g.digits for g in report.gradients) > 11


def test_float16_layers_pass():
    report = gradcheck.check(RIGHT["softmax"], X.astype(np.float16))
    assert report.verdict == "pass", str(report)


def test_a_bug_of_the_mathematics_fails_in_float32():
    subject = pair(np.sin, lambda x, dy: np.cos(x) * dy * x.dtype.type(1.001))
    report = gradcheck.check(subject, X)
    assert report.verdict == "fail"
    assert "gradient" in {f.kind for f in report.findings}


def test_a_bug_of_the_narrow_implementation_fails_although_it_is_right_in_float64():
    def backward(x, dy):
        c = np.cos(x)
        return dy * (c.astype(np.float16).astype(x.dtype) if x.dtype == np.float32 else c)

    report = gradcheck.check(pair(lambda x: np.sin(x), backward), X)
    assert report.verdict == "fail"
    (finding,) = [f for f in report.findings if f.severity == "fail"]
    assert (finding.kind, finding.array) == ("precision", "x")
    assert finding.message.startswith("x[") and "in float32 the pullback gives" in finding.message
    assert "in float64" in finding.message and "rounding explains" in finding.message
    assert report.gradients[0].verdict == "fail" and report.gradients[0].reason == "broken: precision"
    assert report.gradients[0].digits > 11, "the mathematics is right"


def test_a_narrow_gradient_that_is_no_number_fails():
    def backward(x, dy):
        dx = dy * np.cos(x)
        return np.where(x > 1, np.nan, dx).astype(x.dtype) if x.dtype == np.float32 else dx

    report = gradcheck.check(pair(np.sin, backward), X)
    assert {f.kind for f in report.findings if f.severity == "fail"} == {"finite", "precision"}


def test_rounding_is_no_bug_where_terms_cancel():
    offset = X + np.float32(1000)
    report = gradcheck.check(RIGHT["layer norm"], offset)
    assert report.verdict == "pass", str(report)


def tanh_in_float32(factor=1.0):
    def forward(x):
        return np.tanh(x.astype(np.float32)).astype(x.dtype)

    def backward(x, dy):
        return factor * dy * (1 - np.tanh(x.astype(np.float32)).astype(x.dtype) ** 2)

    return pair(forward, backward)


def test_a_layer_that_computes_in_float32_passes_with_the_digits_that_float32_leaves():
    report = gradcheck.check(tanh_in_float32(), X.astype(np.float64))
    assert report.verdict == "pass", str(report)
    assert 1.5 < report.gradients[0].digits < 7  # the root of 6e-8 is what differences leave


@pytest.mark.parametrize("factor", [1.02, 0.5, -1.0])
def test_a_layer_that_computes_in_float32_is_not_excused_by_it(factor):
    assert gradcheck.check(tanh_in_float32(factor), X.astype(np.float64)).verdict == "fail"


def test_an_empty_array_beside_a_narrow_one_is_no_obstacle():
    def vjp(x, none):
        return x * x + none.sum(), lambda dy: (2 * x * dy, np.full_like(none, dy.sum()))

    report = gradcheck.check(vjp, X, np.zeros((0, 3), np.float32))
    assert report.verdict == "pass", str(report)


def test_one_cotangent_is_asked_at_the_point_and_at_four_nearby_in_both_formats():
    asked = []
    shadowed(lambda arrays, g: asked.append((arrays[0].dtype, g.shape)) or [np.ones((len(g), 3))])
    assert asked == [(np.float32, (1, 2))] * 5 + [(np.float64, (1, 2))] * 5


def test_a_gradient_that_overflows_inside_is_what_it_is_in_the_end():
    assert shadowed(lambda arrays, g: [np.ones((len(g), 3)) + 1 / np.exp(1e6 * arrays[0].astype(float))]) == []


@pytest.mark.parametrize("factor", [1, 1.5])
def test_a_number_at_the_end_of_the_range_leaves_roundings_that_are_numbers(factor):
    top = np.array([65504, -65504, 1, 0.5, 0.25, -0.3, 0.7], np.float16)

    def backward(x, dy):
        narrow = factor if x.dtype == np.float16 else 1
        return (narrow * dy * np.cos(x)).astype(x.dtype)

    report = gradcheck.check(pair(np.sin, backward), top)
    assert report.verdict == ("pass" if factor == 1 else "fail") and "nan" not in str(report), str(report)


def test_where_the_narrow_gradient_alone_is_infinite_what_rounding_explains_is_a_number():
    (finding,) = shadowed(lambda arrays, g: [np.ones((len(g), 3)) * (np.inf if arrays[0].dtype == np.float32 else 1)])
    assert "gives inf, in float64 1; rounding explains" in finding.message and "nan" not in finding.message


def test_where_the_wide_gradient_is_infinite_there_is_nothing_to_compare():
    assert shadowed(lambda arrays, g: [np.full((len(g), 3), np.inf)]) == []
