"""A pullback is linear in dy: in any part of the dtype's range, and for a dy of any structure."""

import dataclasses
import re

import numpy as np
import pytest
from promises import called, found

from gradcheck.contract.likeness import Rounding, measure_rounding
from gradcheck.contract.linear import is_linear
from gradcheck.contract.parts import parts

X = np.random.default_rng(1).normal(size=(4, 3))
U = 2.0**-52


def failures(spoil, x=X):
    """What a pullback of sin breaks that sees spoil(dy) in place of dy."""
    return found(is_linear, lambda x: (np.sin(x), lambda dy: spoil(dy) * np.cos(x)), x)


def kinds(spoil, x=X):
    return {kind for kind, _ in failures(spoil, x)}


def to_float32(g):
    return g.astype(np.float32).astype(np.float64)


RIGHT = {
    "as sign times magnitude": lambda g: np.sign(g) * np.abs(g),
    "zero rows skipped": lambda g: np.where(g.any(axis=1, keepdims=True), g, 0),
    "scaled by a power of two and back": lambda g: (g * 2.0**30) * 2.0**-30,
    "scaled by another number and back": lambda g: (g * 1e-8) * 1e8,
    "denormals flushed": lambda g: np.where(np.abs(g) < 2.3e-308, 0, g),
    "overflow far out": lambda g: (g * 1e120) * 1e-120,
    "underflow far in": lambda g: (g * 1e-120) * 1e120,
    "logarithm and exponential": lambda g: np.sign(g) * np.expm1(np.log1p(np.abs(g))),
    "not a number": lambda g: np.where(np.arange(12).reshape(4, 3) == 5, np.nan, g),
    "nothing": lambda g: 0 * g,
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_linear_but_for_rounding_keeps_the_promise(name):
    assert not kinds(RIGHT[name])


def test_an_empty_output_has_a_linear_pullback():
    assert not found(is_linear, lambda x: (x[:0], lambda dy: np.zeros(3)), np.ones(3))


@pytest.mark.parametrize("claim", [3.0, -0.25, 5e-324, 1e300])
@pytest.mark.parametrize("spoil", [lambda dy: 0, np.sum], ids=["dy forgotten", "beside dy"])
def test_of_an_empty_output_every_gradient_is_zero(claim, spoil):
    def claims(dy):
        return spoil(dy) + np.array([[0, 0, -0.0], [0, claim, claim]])

    message = f"the cotangent of x must be zero where the output has no entry, got {claim} at x[1, 1]"
    assert found(is_linear, lambda x: (x[:0], claims), np.ones((2, 3))) == {("homogeneous", "x"): message}


def test_a_saturated_softmax_is_linear_but_for_underflow():
    def softmax(x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        return p * 1.0, lambda dy: p * (dy - (p * dy).sum(axis=-1, keepdims=True))

    assert not found(is_linear, softmax, np.array([[0.0, -3.0, -700.0, 1.5], [2.0, -745.0, 0.3, 1.0]]))


@pytest.mark.parametrize(
    ("spoil", "power"),
    [
        (lambda g: g * g, "-1024 dy) is not -1024 B(dy)"),
        (np.abs, "-1024 dy) is not -1024 B(dy)"),
        (np.ones_like, "-1024 dy) is not -1024 B(dy)"),
        (lambda g: np.clip(g, -1.6, 1.6), "-1024 dy) is not -1024 B(dy)"),
        (lambda g: np.clip(g, -700, 700), "-1024 dy) is not -1024 B(dy)"),
        (lambda g: np.where(np.abs(g) < 0.4, 0, g), "1.16537e-156 dy) is not 1.16537e-156 B(dy)"),
    ],
)
def test_a_pullback_is_homogeneous(spoil, power):
    call, rng = called(lambda x: (np.sin(x), lambda dy: spoil(dy) * np.cos(x)), X), np.random.default_rng(2)
    with np.errstate(all="ignore"):
        finding = next(is_linear(call, measure_rounding(call, rng), rng))
    assert (finding.kind, finding.array, finding.severity) == ("homogeneous", "x", "fail")
    assert finding.message == f"the cotangent of x is not linear in dy: B({power}"


def test_a_pullback_of_nothing_is_nothing():
    message = "the cotangent of x is not linear in dy: B(0) is not 0"
    assert failures(lambda g: g if g.any() else np.ones_like(g)) == {("homogeneous", "x"): message}


def test_a_pullback_is_additive():
    def spoil(dy):  # homogeneous all the same
        return (dy.max(axis=1, keepdims=True) if dy.sum() > 0 else dy.min(axis=1, keepdims=True)) + 0 * dy

    call, rng = called(lambda x: (np.sin(x), lambda dy: spoil(dy) * np.cos(x)), X), np.random.default_rng(2)
    finding = next(f for f in is_linear(call, measure_rounding(call, rng), rng) if f.kind == "additive")
    assert finding.message.startswith("the cotangent of x is not linear in dy: B(dy) is not the sum of what dy at y[")


def test_the_entries_of_dy_that_are_tried_alone_are_named():
    def two(x):
        return (x, x[0]), lambda d: d[0] * (1 + (d[1] == 0))

    call, rng = called(two, X), np.random.default_rng(2)
    finding = next(f for f in is_linear(call, measure_rounding(call, rng), rng) if f.kind == "additive")
    one = r"y\[[01]\]\[\d(, \d)?\]"
    assert re.search(rf"of what dy at {one} and {one} alone, parts of a few sizes, and the rest give$", finding.message)


    call, rng = called(two, X), np.random.default_rng(2)
    finding = next(f for f in is_linear(call, measure_rounding(call, rng), rng) if f.kind == "additive")
    one = r"y\[[01]\]\[\d(, \d)?\]"
    assert re.search(rf"of what dy at {one} and {one} alone, parts of a few sizes, and the rest give$", finding.message)


FAR = {
    "clipped at 1e5": lambda g: np.clip(g, -1e5, 1e5),
    "clipped at 1e100": lambda g: np.clip(g, -1e100, 1e100),
    "infinite beyond float16": lambda g: np.where(np.abs(g) > 65504, np.inf, g),
    "flushed below 1e-6": lambda g: np.where(np.abs(g) < 1e-6, 0, g),
    "flushed below 1e-140": lambda g: np.where(np.abs(g) < 1e-140, 0, g),
    "tanh of 1e-6": lambda g: 1e6 * np.tanh(g / 1e6),
    "an epsilon": lambda g: g / (np.abs(g) + 1e-14) * np.abs(g),
    "scaled to norm 1e5": lambda g: g * min(1, 1e5 / max(np.linalg.norm(g), 1e-300)),
    "clipped at 1e290": lambda g: np.clip(g, -1e290, 1e290),
    "clipped at 1e305": lambda g: np.clip(g, -1e305, 1e305),
    "flushed below 1e-145": lambda g: np.where(np.abs(g) < 1e-145, 0, g),
    "flushed below 1e-200": lambda g: np.where(np.abs(g) < 1e-200, 0, g),
    "flushed below 1e-300": lambda g: np.where(np.abs(g) < 1e-300, 0, g),
    "halved below 1e-250": lambda g: np.where(np.abs(g) < 1e-250, g / 2, g),
    "through its square": lambda g: np.sign(g) * np.sqrt(g * g),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("part", [0.3, 0.01])
def test_a_clip_is_told_in_the_range_of_narrow_formats(dtype, part):
    x, top = X.astype(dtype), dtype(part * float(np.finfo(dtype).max))
    assert not kinds(lambda g: g * 1, x)
    assert "homogeneous" in kinds(lambda g: np.clip(g, -top, top), x)


@pytest.mark.parametrize(("dtype", "least"), [(np.float32, 1e-35), (np.float32, 1e-20), (np.float16, 1e-4)])
def test_a_flush_is_told_in_the_range_of_narrow_formats(dtype, least):
    assert "homogeneous" in kinds(lambda g: np.where(np.abs(g) < least, 0, g).astype(dtype), X.astype(dtype))


def test_a_matrix_product_may_overflow_at_the_end_of_the_range_and_a_clip_of_it_may_not_pass():
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(30, 20)), rng.normal(size=(20, 25))

    def product(spoil):
        return lambda x, w: (x @ w, lambda dy: (spoil(dy) @ w.T, x.T @ spoil(dy)))

    for dtype in (np.float64, np.float32):
        top = np.finfo(dtype).max / 1e6
        assert not found(is_linear, product(lambda dy: dy), x.astype(dtype), w.astype(dtype))
        clipped = product(lambda dy, top=top: np.clip(dy, -top, top))
        assert {kind for kind, _ in found(is_linear, clipped, x.astype(dtype), w.astype(dtype))} == {"homogeneous"}


@pytest.mark.parametrize("name", FAR)
def test_a_pullback_is_linear_far_from_ordinary_sizes(name):
    assert "homogeneous" in kinds(FAR[name])


def nonzero(g):
    return np.count_nonzero(g)


STRUCTURED = {
    "columns with a zero skipped": lambda g: g * (g != 0).all(axis=0),
    "divided by the number of nonzeros": lambda g: g * g.size / max(nonzero(g), 1),
    "halved beside a zero": lambda g: g * np.where(np.roll(g, 1, axis=1) == 0, 0.5, 1),
    "one-hot: doubled": lambda g: g * (2 if nonzero(g) == 1 else 1),
    "all equal: divided": lambda g: g / g.size if (g == g.flat[0]).all() else g,
    "of one sign below zero: nothing": lambda g: g * (g.max() >= 0),
    "above zero and unequal: off": lambda g: g * (1.01 if g.min() > 0 and g.min() < g.max() else 1),
    "rows that sum to zero skipped": lambda g: g * (g.sum(axis=1, keepdims=True) != 0),
    "columns that sum to zero skipped": lambda g: g * (g.sum(axis=0) != 0),
    "what sums to zero: nothing": lambda g: g * (g.sum() != 0),
    "its first nonzero doubled": lambda g: g if g.all() else g * (1 + (np.cumsum(g != 0) == 1).reshape(g.shape)),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_a_pullback_adds_up_however_dy_is_taken_apart(name):
    assert kinds(STRUCTURED[name]) & {"additive", "homogeneous"}


def test_no_part_of_dy_is_lost_where_another_output_has_none():
    def vjp(x):
        return (np.sin(x), x * x), lambda dy: (dy[0] * np.cos(x) + 2 * x * dy[1]) * (dy[1] != 0)

    def whole(x):
        return (np.sin(x), x * x), lambda dy: dy[0] * np.cos(x) + 2 * x * dy[1]

    assert not found(is_linear, whole, X)
    assert {kind for kind, _ in found(is_linear, vjp, X)} == {"additive"}


def test_the_array_whose_cotangent_is_not_linear_is_named():
    failed = found(is_linear, lambda a, b: (a * b, lambda dy: (dy * b, np.abs(dy) * a)), X, X + 1)
    assert {array for _, array in failed} == {"b"}


BITS = {
    "of 10 decimals": lambda g: np.round(g, 10),
    "in fixed point": lambda g: np.round(np.ldexp(g, 30)) / 2**30,
    "one entry through float32": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 7, to_float32(g), g),
}


@pytest.mark.parametrize("name", BITS)
def test_every_bit_of_dy_counts(name):
    assert kinds(BITS[name])


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_format_through_which_all_of_dy_goes_is_left_its_roundings_and_its_range_told(dtype):
    """It is a finding of the gradient that dy lost its bits; and no number of float64 fits the narrow range."""
    top = float(np.finfo(dtype).max)
    assert not kinds(lambda g: np.clip(g, -top, top).astype(dtype).astype(float))


@pytest.mark.parametrize("top", [1e4, 65504.0])
def test_a_float32_layer_is_linear_in_the_range_of_float32(top):
    x = X.astype(np.float32)
    assert not kinds(lambda g: g * 1, x)
    assert "homogeneous" in kinds(lambda g: np.clip(g, -top, top).astype(g.dtype), x)


def sized(size, count=2, u=U, large=False):
    """A call of y = x in which all numbers are of one size, with its pullback."""
    call = called(lambda x: (x * 1, lambda dy: dy * 1), np.ones(count))
    ones = size * np.ones(count)
    return dataclasses.replace(
        call, point=[ones], y=ones, g=np.array([ones, ones]), first=[ones], returned=[ones], u=u, large=large
    )


def rounding(narrow=0.0, natural=0.0):
    return Rounding({"x": 0.0}, {"x": narrow} if narrow else {}, {"x": natural}, 0.0)


EXACT = rounding()


def tried(call, known=EXACT, pullback=lambda dy: dy * 1):
    """The failures of a call with this pullback, and the sizes of dy (of one entry, or of equal ones) it is given."""
    seen = []
    call = dataclasses.replace(call, pullback=lambda dy: seen.append(float(dy[0])) or (None, (pullback(dy),)))
    with np.errstate(all="ignore"):
        failed = list(is_linear(call, known, np.random.default_rng(2)))
    return failed, seen


@pytest.mark.parametrize(
    ("u", "narrow", "up", "down"),
    [
        (U, 0.0, 1023, -1014),
        (U, 2.0**-23, 127, -118),
        (2.0**-23, 0.0, 127, -118),
        (U, 2.0**-10, 15, -14),
        (2.0**-10, 0.0, 15, -14),
    ],
)
def test_dy_is_scaled_by_powers_of_two_to_the_ends_of_the_range_of_the_narrowest_format(u, narrow, up, down):
    failed, seen = tried(sized(1.0, 1, u), rounding(narrow))
    of_parts = [1, -1, 0, 1, -1, 1]
    assert failed == [] and seen == [-(2.0**10), 2.0**up, 2.0**down, *of_parts]


def test_of_a_large_subject_one_ordinary_power_and_the_ends_are_tried():
    failed, seen = tried(sized(1.0, 1, large=True))
    assert failed == [] and seen == [-(2.0**10), 2.0**1023, 2.0**-1014, 1, -1, 1]


def half_for_one(g):
    return np.where(g == 1, g / 2, g)


def less_below_zero(g):
    return np.where(g < 0, 0.5 * g, g)


@pytest.mark.parametrize("spoil", [half_for_one, less_below_zero])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_a_loss_is_asked_for_what_it_makes_of_1_and_of_a_dy_below_zero(spoil, dtype):
    x = np.linspace(-1, 2, 5).astype(dtype)
    assert found(is_linear, lambda x: ((x * x).sum(), lambda dy: 2 * x * spoil(dy).astype(dtype)), x)
    assert not found(is_linear, lambda x: ((x * x).sum(), lambda dy: 2 * x * dy), x)


@pytest.mark.parametrize("narrow", [0.0, 2.0**-10])
@pytest.mark.parametrize("u", [U, 2.0**-23])
def test_no_narrow_format_excuses_what_depends_on_the_sign_of_dy_but_where_no_multiple_is_exact(u, narrow):
    def pullback(part):
        off = 3 * 2.0**-12  # float16 has such roundings, and sums in float32
        return lambda dy: dy + off * (dy.min() > 0 and dy[0] == 3) + part * dy * (np.abs(dy).max() != 3)

    g = np.array([3.0, -0.5])
    call = dataclasses.replace(sized(3.0, 2, u), first=[g], g=np.array([g, g]))
    said = "B(-dy) is not -B(dy) where dy is above zero"
    for part, told in ((0, True), (2.0**-40, u == U and not narrow)):
        failed, _ = tried(call, rounding(narrow), pullback(part))
        assert any(said in f.message for f in failed) is told


def test_without_numbers_no_end_is_tried():
    nothing = dataclasses.replace(sized(0.0, 1), g=np.zeros((2, 1)))
    assert tried(nothing) == ([], [0] * 4 + [1, 0, -1])


def test_a_number_that_stays_finite_far_out_is_held_against_the_power():
    (failure, *_), seen = tried(sized(1.0, 1), pullback=lambda g: np.minimum(g, 1e100))
    assert seen[1:3] == [2.0**1023, 2.0**-1014]
    assert failure.message == "the cotangent of x is not linear in dy: B(8.98847e+307 dy) is not 8.98847e+307 B(dy)"


def test_every_array_must_come_through_far_in():
    call = called(lambda a, b: (a + b, lambda dy: (dy * 1, dy * 2.0**-120 * 2.0**120)), np.ones(1), np.ones(1))
    with np.errstate(all="ignore"):
        assert not list(is_linear(call, measure_rounding(call, np.random.default_rng(2)), np.random.default_rng(2)))


def test_what_a_power_scales_to_the_last_bit_is_not_excused_by_roundings_at_another():
    call = dataclasses.replace(sized(1.0, 1), g=np.array([[1.0], [6.0]]))
    for clip, told in ((np.inf, []), (1e305, ["homogeneous"])):
        failed, _ = tried(call, rounding(natural=1.0), lambda dy, clip=clip: np.minimum(dy, clip))
        assert [f.kind for f in failed] == told


def off_by(error, at, size=1.0):
    """B(dy) = size dy, but off by an error for one dy."""
    return lambda dy: size * dy + error * (dy[0] == at)


@pytest.mark.parametrize("size", [2.0**-20, 1.0, 2.0**20])
@pytest.mark.parametrize(("u", "narrow", "part"), [(U, 0, 2.0**-39), (U, 2.0**-23, 2.0**-10), (2.0**-10, 0, 2.0**-5)])
def test_a_multiple_may_be_off_by_a_part_of_its_largest_entry(u, narrow, part, size):
    call = dataclasses.replace(sized(1.0, 1, u), first=[np.array([size])])
    for error, told in ((0.9, False), (1.1, True), (-1.1, True)):
        failed, _ = tried(call, rounding(narrow), off_by(error * part * 1024 * size, -1024, size))
        assert [f.kind for f in failed if "-1024 dy" in f.message] == ["homogeneous"] * told


def test_a_multiple_may_be_off_by_the_same_multiple_of_what_roundings_make():
    allowed = 1024 * 64 * 2.0**-10
    for error, told in ((0.99, False), (1.01, True)):
        call = dataclasses.replace(sized(1.0, 1), g=np.array([[1.0], [6.0]]))
        failed, _ = tried(call, rounding(natural=2.0**-10), off_by(error * allowed, -1024))
        assert [f.kind for f in failed] == ["homogeneous"] * told


def pieces_of(call):
    """The pieces of dy of which one is below zero."""
    taken_apart = parts(call, np.random.default_rng(2))
    return next(pieces for pieces, words in taken_apart if "below zero" in words)


def together(call):
    """The largest entries of these pieces."""
    return sum(np.abs(piece).max() for piece in pieces_of(call))


def rest(call):
    """The first entry of what these pieces leave of dy: no other dy that is tried begins so."""
    return pieces_of(call)[-1][0]


@pytest.mark.parametrize(
    ("u", "narrow", "part", "size"),
    [
        (U, 0, 2.0**13 * U, 2.0**-4),
        (U, 0, 2.0**13 * U, 2.0**10),
        (U, 2.0**-23, 2.0**-10, 1.0),
        (2.0**-10, 0, 2.0**-5, 1.0),
        (2.0**-10, 0, 2.0**-5, 2.0**10),
    ],
)
def test_a_sum_may_be_off_by_eight_thousand_roundings_of_the_largest_entries_together(u, narrow, part, size):
    call = dataclasses.replace(sized(1.0, 2, u), first=[np.full(2, 7 * size)], g=np.full((2, 2), 7.0))
    for error, told in ((0.9, False), (1.1, True)):
        failed, _ = tried(call, rounding(narrow), off_by(error * part * together(call) * size, rest(call), size))
        assert [f.kind for f in failed] == ["additive"] * told


def test_a_sum_may_be_off_by_what_roundings_make():
    call = dataclasses.replace(sized(1.0, 2), first=[np.full(2, 7.0)], g=np.full((2, 2), 7.0))
    for error, told in ((0.99, False), (1.01, True)):
        failed, _ = tried(call, rounding(natural=2.0**-10), off_by(error * 64 * 2.0**-10, rest(call)))
        assert [f.kind for f in failed] == ["additive"] * told


def test_a_sum_may_be_off_by_roundings_of_the_terms_that_cancel_in_a_saturated_gradient():
    """Nearer to zero this gradient is about 1, and here next to nothing."""
    call = dataclasses.replace(sized(1.0, 2), first=[np.full(2, 7 * 2.0**-40)], g=np.full((2, 2), 7.0))
    for error, told in ((4 * U, False), (100 * U, True)):
        failed, _ = tried(call, pullback=off_by(error, rest(call), 2.0**-40))
        assert [f.kind for f in failed] == ["additive"] * told


def test_the_terms_of_an_array_excuse_no_other():
    def vjp(a, b):
        return a + 2.0**-40 * b, lambda dy: (dy * 1, 2.0**-40 * dy)

    call = called(vjp, np.ones(2), np.ones(2))
    tiny = np.full(2, 7 * 2.0**-40)
    call = dataclasses.replace(call, g=np.full((2, 2), 7.0), first=[tiny, tiny])
    off = off_by(8 * U, rest(call), 2.0**-40)
    call = dataclasses.replace(call, pullback=lambda dy: (None, (off(dy), off(dy))))
    known = Rounding({"a": 0.0, "b": 0.0}, {}, {"a": 0.0, "b": 0.0}, 0.0)
    assert [f.array for f in is_linear(call, known, np.random.default_rng(2))] == ["b"]


@pytest.mark.parametrize("factor", [1.0, 300.0, 20000.0])
def test_a_gradient_that_a_thousandfold_leaves_the_range_of_float16_is_asked_of_less(factor):
    x = (X / factor).astype(np.float16)

    def backward(dy):
        with np.errstate(over="ignore"):
            return (factor * dy.astype(np.float32)).astype(np.float16)

    assert not found(is_linear, lambda x: ((factor * x.astype(np.float32)).astype(np.float16), backward), x)


@pytest.mark.parametrize("inside", [np.float32, np.float16])
def test_of_float16_a_pullback_that_is_not_linear_is_told_as_well(inside):
    x = X.astype(np.float16)

    def told(spoil):
        def backward(dy):
            return (spoil(dy.astype(inside)) * np.cos(x.astype(inside))).astype(np.float16)

        subject = lambda x: (np.sin(x.astype(inside)).astype(np.float16), backward)  # noqa: E731
        return {kind for kind, _ in found(is_linear, subject, x)}

    assert told(lambda dy: dy) == set()
    assert "homogeneous" in told(np.abs)
    assert told(lambda dy: np.maximum(dy, 0)) and told(lambda dy: np.clip(dy, -1, 1))


@pytest.mark.parametrize("size", [1e-20, 1e-22])
def test_what_is_rounded_among_the_smallest_numbers_of_a_dtype_is_linear(size):
    x = size * np.array([1.0, 2.0, -1.5, 7.0, 11.0], np.float32)
    assert not found(is_linear, lambda x: (x - np.tanh(x), lambda dy: np.tanh(x) ** 2 * dy), x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("units", [1, 2, 7, 70])
def test_so_is_what_is_a_few_of_those_off_in_a_sum_or_a_large_multiple(units, dtype):
    tiny = dtype(units) * np.finfo(dtype).smallest_subnormal
    assert not found(is_linear, lambda x: (x * tiny, lambda dy: dy * tiny), np.ones(5, dtype))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("order", [lambda x, dy: 3 * x * x * dy, lambda x, dy: dy * 3 * x * x])
def test_gradients_that_are_the_smallest_numbers_of_a_dtype_add_up_and_one_of_nothing_is_not_exact(order, dtype):
    one = np.sqrt(np.finfo(dtype).smallest_subnormal.astype(np.float64))
    for size in one * 2.0 ** np.arange(-8, 12, 2):
        x = (size * np.array([0.4, -1.3, 0.7])).astype(dtype)
        assert not found(is_linear, lambda x: (x * x * x, lambda dy: order(x, dy)), x), size


@pytest.mark.parametrize("count", [1, 2, 3, 20, 39])
def test_what_doubles_a_dy_of_so_many_entries_is_not_linear(count):
    def spoil(dy):
        return dy * (1 + (np.count_nonzero(dy) == count))

    for seed in range(4):
        call = called(lambda x: (np.sin(x), lambda dy: spoil(dy) * np.cos(x)), np.arange(40.0))
        rng = np.random.default_rng(seed)
        assert any(f.kind == "additive" for f in is_linear(call, measure_rounding(call, rng), rng))
