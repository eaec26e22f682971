"""The measured derivative: its bar holds, and what it says of kinks, jumps, noise and bad input is so."""

import dataclasses
import math

import mpmath
import numpy as np
import pytest
import thousand

import gradcheck
from gradcheck import derivative
from gradcheck.numeric.derivative import Column, Derivative, digits
from gradcheck.numeric.gradients import jacobian
from gradcheck.numeric.holomorphic import as_pairs, stacked

COVERED = 0.995


def without_complex(f):
    def real(x):
        if isinstance(x, complex):
            raise TypeError("no complex numbers here")
        return f(x)

    return real


@dataclasses.dataclass
class Measured:
    case: thousand.Case
    found: gradcheck.Derivative

    @property
    def error(self):
        return float(abs(mpmath.mpf(self.found.value) - self.case.truth)) if math.isfinite(self.found.bar) else 0.0

    @property
    def holds(self):
        return self.error <= self.found.bar


@pytest.fixture(scope="module", params=["real differences", "complex step"])
def measured(request):
    changed = without_complex if request.param == "real differences" else lambda f: f
    with np.errstate(all="ignore"):
        return [Measured(case, derivative(changed(case.f), case.x)) for case in thousand.cases()]


def test_the_bar_holds_for_a_thousand_functions(measured):
    assert len(measured) == 1000
    missed = [(m.case.kind, m.case.x, m.error / m.found.bar) for m in measured if not m.holds]
    assert np.mean([m.holds for m in measured]) >= COVERED, missed


def test_no_bar_is_wrong_by_much(measured):
    """Where a bar fails it is of the right size: none hides an error of another order of magnitude."""
    assert all(m.error <= 10 * m.found.bar for m in measured)


def test_something_is_claimed_of_every_function(measured):
    nothing = {m.case.kind for m in measured if not np.isfinite(m.found.bar)}
    assert nothing <= {"cancelled"}  # of which near 1 nothing but roundings are left
    assert np.mean([np.isfinite(m.found.bar) for m in measured]) >= 0.995
    smooth = [m.found.smoothness == "smooth" for m in measured]
    assert np.mean(smooth) >= 0.99  # a tremor of 1e-8 in a sine may look like a kink to the smallest steps


def test_the_median_bar_leaves_eleven_digits_for_31_evaluations_and_with_the_complex_step_fourteen_for_27(measured):
    exact = np.mean([m.found.method == "complex step" for m in measured]) > 0.5
    digits = np.median([-np.log10(m.found.bar / abs(float(m.case.truth))) for m in measured])
    assert digits > (13.5 if exact else 11)
    assert np.median([m.found.evaluations for m in measured]) == (27 if exact else 31)


def test_the_noise_of_a_narrow_format_inside_is_found(measured):
    found = [m.found.noise for m in measured if m.case.kind == "single"]
    assert min(found) > 2.0**-27 and np.median(found) < 2.0**-22  # more of it near the zeros of the sine
    assert max(m.found.noise for m in measured if m.case.kind == "sine") < 2.0**-45


# --- forms -----------------------------------------------------------------------------------------------------------


def close(a, b, bar):
    return bool((np.abs(np.asarray(a) - b) <= np.asarray(bar)).all())


def test_a_number_gives_a_number_and_counts_its_calls():
    calls = []

    def f(x):
        calls.append(type(x))
        return math.sin(x)  # takes no complex numbers

    d = derivative(f, 0.3)
    assert type(d.value) is type(d.bar) is float
    assert abs(d.value - math.cos(0.3)) <= d.bar < 1e-10
    assert d.right == d.left == d.value and d.method == "real differences"
    assert calls.count(np.float64) == d.evaluations == len(calls) - 1 == 31


def test_an_evaluation_with_complex_numbers_counts_four():
    calls = []

    def f(x):
        calls.append(type(x))
        return np.sin(x)

    d = derivative(f, 0.3)
    assert d.method == "complex step" and abs(d.value - math.cos(0.3)) <= d.bar < 1e-14 and d.digits > 14
    assert d.evaluations == calls.count(np.float64) + 4 * calls.count(np.complex128)
    assert calls.count(np.complex128) == 4, "once as it is tried, and three times a few roundings away"


@pytest.mark.parametrize("x", [2, 2.0, np.float64(2), np.float32(2), np.int64(2)])
def test_every_kind_of_number_is_one(x):
    d = derivative(lambda x: x * x, x)
    assert type(d.value) is float and abs(d.value - 4) <= d.bar


def test_twice_the_direction_has_twice_the_derivative():
    one, two, back = (derivative(math.exp, 0.3, v) for v in (1, 2.0, -0.25))
    assert two.value == 2 * one.value and two.bar == 2 * one.bar and back.value == -one.value / 4


@pytest.mark.parametrize("changed", [without_complex, lambda f: f])
def test_along_directions_of_arrays_each_output_has_its_bar(changed, rng):
    """Points and directions with all their bits, along which x + h v is rounded."""

    def f(x):
        if changed is without_complex and np.iscomplexobj(x):
            raise TypeError
        return np.tanh(a @ x) * size

    size = 10.0 ** np.arange(-4, 4)
    held = []
    for n in (1, 2, 7, 40, 300):
        for scale in (1e-3, 1.0, 1e3):
            a, x, v = rng.normal(size=(8, n)) / n**0.5 / scale, scale * rng.normal(size=n), rng.normal(size=n)
            d = derivative(f, x, v)
            with mpmath.workdps(40):
                z = [sum(mpmath.mpf(p) * mpmath.mpf(q) for p, q in zip(row, x, strict=True)) for row in a.tolist()]
                w = [sum(mpmath.mpf(p) * mpmath.mpf(q) for p, q in zip(row, v, strict=True)) for row in a.tolist()]
                true = [mpmath.sech(p) ** 2 * q * s for p, q, s in zip(z, w, size.tolist(), strict=True)]
                held += [abs(t - u) <= b for t, u, b in zip(true, d.value.tolist(), d.bar.tolist(), strict=True)]
            assert d.value.shape == d.bar.shape == (8,) and d.digits > 7 and d.smoothness == "smooth"
    assert len(held) == 120 and all(held)


@dataclasses.dataclass(frozen=True)
class Affine:
    w: np.ndarray
    b: np.ndarray
    slope: float = 0.5  # a constant, as every number that is an attribute

    def __call__(self, x):
        y = self.w @ x + self.b
        return np.where(y > 0, y, self.slope * y)


def test_trees_go_in_and_come_out(rng):
    layer = Affine(rng.normal(size=(3, 2)), rng.normal(size=3))
    step = Affine(rng.normal(size=(3, 2)), rng.normal(size=3))
    x, dx = rng.normal(size=2), rng.normal(size=2)
    d = derivative(lambda p: {"y": p[0](p[1]), "t": (p[2] ** 2, "text")}, (layer, x, 3.0), (step, dx, 2.0))
    y = layer.w @ x + layer.b
    dy = (step.w @ x + layer.w @ dx + step.b) * np.where(y > 0, 1, 0.5)
    assert close(d.value["y"], dy, d.bar["y"]) and d.bar["y"].shape == (3,)
    assert d.value["t"][0] == pytest.approx(12.0, rel=1e-14, abs=0) and type(d.value["t"][0]) is float
    assert d.value["t"][1] == "text"


def test_numbers_in_lists_count_and_whole_numbers_there_are_constants():
    d = derivative(lambda p: p[0] * p[1] ** p[2], [2.0, 3.0, 2], [1.0, 1.0, 5])
    assert abs(d.value - (9 + 12)) <= d.bar


def test_an_output_may_be_a_whole_number_on_one_side():
    assert derivative(lambda x: max(0, x), 1e-3).value == 1.0
    assert derivative(lambda x: 1 if x > 0 else 0, 0.5).value == 0.0


def test_f_may_write_to_what_it_gets_and_the_point_stays():
    x = np.array([1.0, 2.0])

    def f(x):
        x *= x
        return x

    d = derivative(f, x, np.array([1.0, 0.0]))
    assert close(d.value, [2.0, 0.0], d.bar) and x.tolist() == [1.0, 2.0]


def test_random_numbers_of_the_global_generators_are_the_same_in_every_call():
    d = derivative(lambda x: x * x * np.random.uniform(1, 2), 3.0)  # noqa: NPY002
    assert d.smoothness == "smooth" and d.digits > 10


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_narrow_array_is_widened(dtype):
    x = np.array([0.3, 0.5], dtype)
    d = derivative(np.sin, x, np.ones(2))
    assert d.value.dtype == np.float64 and d.digits > 13 and close(d.value, np.cos(x.astype(float)), d.bar)


def test_outputs_handed_out_in_a_narrow_format_have_its_roundoff():
    d = derivative(lambda x: np.sin(x).astype(np.float32), np.array([0.3, 1.0]), np.ones(2))
    assert close(d.value, np.cos([0.3, 1.0]), d.bar) and 3 < d.digits < 6 and d.noise >= 2.0**-26


def test_one_output_at_the_end_of_its_domain_takes_nothing_from_the_others():
    d = derivative(lambda x: np.stack([np.sqrt(x), np.exp(x)]), np.array(1e-3))
    assert close(d.value, [0.5 / np.sqrt(1e-3), np.exp(1e-3)], d.bar) and d.bar[1] < 1e-12
    d = derivative(lambda x: np.array([math.sqrt(x) if x >= 0 else math.nan, math.exp(x)]), 0.0)
    assert d.smoothness == "not resolved" and not np.isfinite(d.bar[0]) and abs(d.value[1] - 1) <= d.bar[1] < 1e-9


# --- kinks, jumps, steps ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [0.0, 1.0, -3.7, 1e-6, 1e5])
@pytest.mark.parametrize("slopes", [(0.0, 1.0), (-1.0, 1.0), (2.0, -3.0), (1.0, 1.001)])
def test_at_a_kink_both_slopes_are_told(x, slopes):
    left, right = slopes
    d = derivative(lambda t: (right if t > x else left) * math.expm1(t - x), x)
    assert d.smoothness == "kink" and d.method == "real differences"
    assert abs(d.left - left) <= d.bar and abs(d.right - right) <= d.bar and d.bar < 1e-4
    assert d.value == pytest.approx((left + right) / 2, abs=d.bar, rel=0)


@pytest.mark.parametrize(
    "f", [abs, lambda x: np.maximum(x, 0), lambda x: np.sqrt(x * x), lambda x: np.where(x > 0, x, 3 * x)]
)
def test_kinks_of_functions_that_take_complex_numbers_are_kinks(f):
    d = derivative(f, 0.0)
    assert d.smoothness == "kink" and d.right != d.left


def test_of_an_array_the_entries_at_a_kink_have_two_slopes_and_the_others_one():
    d = derivative(lambda x: np.maximum(x, 0), np.array([-1.0, 0.0, 2.0]), np.ones(3))
    assert d.smoothness == "kink" and d.left.tolist() == [0, 0, 1] and close(d.right, [0, 1, 1], d.bar)
    assert d.value[2] == 1 and close(d.value[1], 0.5, d.bar[1])


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-5, 1e-7, 1e-8])
def test_a_kink_beside_the_point_is_none(distance):
    d = derivative(lambda x: abs(x - 1) + x, 1 + distance)
    assert d.smoothness == "smooth" and abs(d.value - 2) <= d.bar < 1e-4


@pytest.mark.parametrize("f", [np.floor, np.sign, lambda x: x + 1e-3 * (x >= 0), lambda x: math.exp(x) + (x > 0)])
def test_at_a_jump_nothing_is_claimed(f):
    d = derivative(f, 0.0)
    assert d.smoothness == "jump" and math.isnan(d.value) and d.bar == math.inf and d.digits is None


def wild(x):
    return x * math.sin(1 / x) if x else 0.0


@pytest.mark.parametrize("f", [math.sqrt, np.cbrt, lambda x: math.log(x) if x > 0 else 0.0, wild])
def test_where_there_is_no_slope_nothing_is_claimed(f):
    d = derivative(f, 0.0)
    assert d.smoothness in ("not resolved", "jump") and math.isnan(d.value) and d.bar == math.inf


def test_between_the_steps_of_a_staircase_the_slope_is_zero():
    d = derivative(np.floor, 0.5)
    assert d.value == 0 and d.bar < 1e-12 and d.smoothness == "smooth" and d.digits is None


def test_what_saturation_hides_is_within_the_bar():
    d = derivative(math.tanh, 20.0)
    assert d.value == 0 and 4 * math.exp(-40) < d.bar < 1e-13


def test_of_mere_noise_nothing_much_is_claimed(rng):
    d = derivative(lambda x: x + 1e-3 * rng.normal(), 1.0)
    assert d.bar > 1e-3 and d.noise > 1e-5


# --- scales ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [1e-300, 1e-12, 1e-6, 1e-3])
def test_a_function_of_size_one_at_a_small_number_is_stepped_through_by_its_own_size(x):
    d = derivative(math.exp, x)
    assert abs(d.value - math.exp(x)) <= d.bar < 1e-7


@pytest.mark.parametrize("x", [1e3, 1e6, 1e9])
def test_a_wave_at_a_large_number_is_no_noise(x):
    d = derivative(math.sin, x)
    assert abs(d.value - math.cos(x)) <= d.bar < 1e-2


def test_at_a_number_whose_neighbours_are_further_than_a_wave_nothing_is_claimed():
    d = derivative(math.sin, 1e20)
    assert d.smoothness == "not resolved" and math.isnan(d.value)


def test_an_entry_far_smaller_than_its_array_is_resolved_by_its_own_size():
    x = np.array([1e-7, 1.0, 2.0])
    d = derivative(lambda x: np.sqrt(x), x, np.array([1.0, 0.0, 0.0]))
    assert abs(d.value[0] - 0.5 / np.sqrt(1e-7)) <= d.bar[0] < 1


@pytest.mark.parametrize("x", [-6.0, -8.0, -12.0])
def test_what_is_left_of_larger_numbers_has_their_grain(x):
    d = derivative(without_complex(lambda x: 1 + math.tanh(x)), x)
    assert abs(d.value - 1 / math.cosh(x) ** 2) <= d.bar


@pytest.mark.parametrize("octave", range(3, 9))
def test_at_the_top_of_a_wave_the_roundings_of_its_flanks_are_within_the_bar(octave):
    """A table of differences sees none of them there, and the derivative itself is a few roundings of them."""
    a, tops = 2.0**octave * math.pi, np.arange(1, 2 ** (octave + 1), 2) / 2 ** (octave + 1)
    for x in tops[-16:].tolist():
        d = derivative(lambda x: math.sin(a * x), x)
        with mpmath.workdps(40):
            true = a * mpmath.cos(mpmath.mpf(a) * mpmath.mpf(x))
        assert abs(true) < 1e-9 and abs(d.value - true) <= d.bar < 1e-9


# --- the complex step ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [lambda x: x * np.abs(x), lambda x: x * np.conj(x), lambda x: x * np.real(x)])
def test_a_complex_step_that_real_differences_contradict_is_not_believed(f):
    d = derivative(f, 3.0)
    assert d.method == "real differences" and abs(d.value - 6) <= d.bar


def test_one_output_that_contradicts_it_is_enough():
    d = derivative(lambda x: np.stack([np.sin(x), x * np.abs(x)]), np.array(3.0))
    assert d.method == "real differences" and close(d.value, [math.cos(3), 6], d.bar)


# --- bad input -------------------------------------------------------------------------------------------------------

X = np.array([1.0, 2.0])
BAD = {
    "not callable": ((3, 1.0), TypeError, "f must be callable, got int"),
    "text": ((np.sin, "1"), TypeError, "x must be a real number or hold a floating array, got str"),
    "bool": ((np.sin, True), TypeError, "x must be a real number or hold a floating array, got bool"),
    "whole": ((np.sin, np.arange(3)), TypeError, r"x must be a real number or hold a floating array, got int64\[3\]"),
    "not callable at a complex number": ((3, 1j), TypeError, "f must be callable, got int"),
    "no complex direction": ((np.sin, X + 1j), ValueError, "direction must be given for x of 2 entries, got None"),
    "complex shape": ((np.sin, X + 1j, 1.0), ValueError, r"direction must have the shape of x, \(2,\), got \(\)"),
    "ragged direction": ((np.sin, X + 1j, [[1], [2, 3]]), TypeError, "direction must be real or complex, got list"),
    "direction of a set": ((np.sin, X + 1j, {1, 2}), TypeError, "direction must be real or complex, got object"),
    "whole number beyond all": ((np.sin, 1j, 10**400), TypeError, "direction must be real or complex, got object"),
    "complex in a tree": ((np.sin, [X + 1j]), TypeError, r"x\[0\] must be a real floating array, got dtype complex128"),
    "longdouble": ((np.sin, X.astype(np.longdouble)), TypeError, "x must be of float64 or narrower, got float128"),
    "masked": ((np.sin, np.ma.masked_array(X)), TypeError, "x must be a real floating array, got a masked array"),
    "nan": ((np.sin, math.nan), ValueError, "x must be finite, got nan"),
    "inf inside": ((np.sin, {"a": np.array([1, np.inf])}), ValueError, r"x.a must be finite, got inf at \[1\]"),
    "empty": ((np.sin, np.zeros((0, 2))), ValueError, "x must have an entry, got none"),
    "no direction": ((np.sin, X), ValueError, "direction must be given for x of 2 entries, got None"),
    "shape": ((np.sin, X, np.ones(3)), ValueError, r"direction must have the shape of x, \(2,\), got \(3,\)"),
    "structure": ((lambda p: p["a"], {"a": X}, {"b": X}), ValueError, "direction.a must be like x, got nothing there"),
    "complex direction": ((np.sin, X, X * 1j), TypeError, "direction must be real, got complex128"),
    "nan direction": ((np.sin, X, X * math.nan), ValueError, r"direction must be finite, got nan at \[0\]"),
}


@pytest.mark.parametrize(("arguments", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_line_before_any_call(arguments, error, message):
    f, *rest = arguments
    calls = []

    def counted(x):
        calls.append(x)
        return f(x)

    with pytest.raises(error, match=f"^gradcheck.derivative: {message}[^\n]*$"):
        derivative(counted if callable(f) else f, *rest)
    assert not calls


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: None, TypeError, "f must return a real number or a floating array, got NoneType"),
        (lambda x: np.zeros(2, int), TypeError, r"f must return a real number or a floating array, got int64\[2\]"),
        (lambda x: x + 1j, TypeError, r"f\(x\) must be real, got complex128"),
        (lambda x: (x, [math.inf]), ValueError, r"f\(x\)\[1\]\[0\] must be finite, got inf"),
    ],
)
def test_an_output_that_is_no_real_number_is_refused_after_one_call(f, error, message):
    calls = []

    def counted(x):
        calls.append(x)
        return f(x)

    with pytest.raises(error, match=f"^gradcheck.derivative: {message}$"):
        derivative(counted, 1.0)
    assert len(calls) == 1


def test_an_error_of_f_at_the_point_itself_is_its_own():
    with pytest.raises(ValueError, match=r"math domain error|expected a positive input"):
        derivative(math.log, -1.0)


@pytest.mark.parametrize("kind", [Derivative, Column])
def test_what_is_known_is_filled_in_once(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(kind).value = None


@pytest.mark.parametrize("direction", [2.0, 2 + 1j, -0.25j])
def test_along_a_complex_direction_a_holomorphic_function_has_its_derivative_times_that(direction):
    found = derivative(np.exp, 0.3 + 0.2j, direction)
    assert found.smoothness == "smooth" and abs(found.value - direction * np.exp(0.3 + 0.2j)) <= found.bar < 1e-8


@pytest.mark.parametrize(
    ("value", "bar", "part"),
    [
        ([3.0, 4.0], [1e-6, 1e-9], 1e-6 / np.sqrt(12.5)),
        ([3.0, 0.0], [2.0, 9.0], 9 / np.sqrt(4.5)),
        ([1.0], [0.0], 1e-17),
        ([1e300, 1e300], [1e290, 1e290], 1e-10),
    ],
)
def test_digits_are_those_of_the_largest_bar_beside_the_root_mean_square_and_at_most_seventeen(value, bar, part):
    assert digits(np.array(value), np.array(bar)) == pytest.approx(-np.log10(part), rel=1e-12, abs=0)


def test_where_everything_lies_within_its_bar_or_is_not_resolved_there_are_no_digits():
    assert digits(np.array([3.0, 0.0]), np.array([3.0, 9.0])) is None
    assert digits(np.ones(2), np.array([0.1, np.inf])) is None


def test_the_method_is_the_complex_step_where_it_served_along_every_entry():
    """Along the second entry it says 0."""
    both = jacobian(lambda x: np.sin(x[0]) + x[1] * np.conj(x[1]), np.array([0.3, 1.5]))
    assert both.method == "real differences" and close(both.value, [math.cos(0.3), 3], both.bar)
    assert jacobian(lambda x: np.sin(x[0]) + x[1] * x[1], np.array([0.3, 1.5])).method == "complex step"


def test_of_a_complex_number_the_bar_is_that_of_the_distance_and_both_directions_are_counted():
    calls, z = [], 0.3 + 0.2j
    found = derivative(lambda z: calls.append(z) or np.exp(z), z)
    assert found.smoothness == "smooth" and abs(found.value - np.exp(z)) <= found.bar
    assert found.evaluations == len(calls)
    parts = derivative(as_pairs(np.exp), stacked(z), stacked(1 + 0j))
    assert type(found.bar) is float and found.bar == np.hypot(*parts.bar)
    assert found.right == found.left == found.value and type(found.right) is complex


def test_of_a_complex_array_there_is_an_array_along_the_direction_that_is_given():
    z, d = X + 1j * X[::-1], np.array([1j, 2.0])
    found = derivative(lambda z: z * z, z, d)
    assert found.value.shape == found.bar.shape == (2,) and close(found.value, 2 * z * d, found.bar)
    assert derivative(lambda z: z * z, z[:1]).value.shape == (1,), "of one entry the direction is 1"


@pytest.mark.parametrize(
    ("f", "smoothness"),
    [
        (lambda z: abs(z.real) + 1j * z.imag, "kink"),
        (lambda z: z.real + 1j * abs(z.imag), "kink"),
        (lambda z: z.real + 1j * (z.imag > 0), "jump"),
        (lambda z: (z.real > 0) + 1j * abs(z.imag), "jump"),
        (lambda z: z.conjugate(), "not holomorphic"),
        (lambda z: 2 * z.real + 1j * z.imag, "not holomorphic"),
        (lambda z: z.real + 2j * z.imag, "not holomorphic"),
        (lambda z: 3 * z, "smooth"),
    ],
)
def test_of_a_complex_number_the_smoothness_is_that_along_both_parts(f, smoothness):
    found = derivative(f, 0j)
    assert found.smoothness == smoothness
    if smoothness == "kink":
        right, left = (f(0j + h) / h for h in (1.0, -1.0))
        assert abs(found.right - right) < 1e-9 and abs(found.left - left) < 1e-9


@pytest.mark.parametrize("nearer", [-1, 1])
def test_a_kink_as_near_as_the_smallest_steps_lies_within_the_bar(rng, nearer):
    """At 5e-11 to 10^-6: slopes to both sides are those of the two pieces until the steps are as small as that."""
    for exponent in np.arange(-10.25, -6, 0.25):
        x = float(rng.uniform(0.5, 2))
        d = derivative(lambda t, kink=x + nearer * 10.0**exponent: abs(t - kink), x)
        low, high = min(d.left, d.right, d.value) - d.bar, max(d.left, d.right, d.value) + d.bar
        assert low <= -nearer <= high, (exponent, d)


def test_where_a_glance_leaves_a_doubt_the_complex_step_is_believed_after_the_longer_look():
    d = derivative(lambda x: 1 / x, 1e-3)
    assert d.method == "complex step" and d.evaluations > 27 and abs(d.value + 1e6) <= d.bar < 1e-7
