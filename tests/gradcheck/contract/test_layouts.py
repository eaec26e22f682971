"""Strided, Fortran-ordered and broadcast arrays hold the same numbers and get the same answer."""

import numpy as np
import pytest
from promises import called, found

from gradcheck.contract.layouts import fortran, strided, takes_any_layout
from gradcheck.contract.likeness import Rounding, measure_rounding
from gradcheck.numeric.wider import WIDER
from gradcheck.subjects.declared import Declared

X = np.random.default_rng(1).normal(size=(3, 4))


def square(x):
    return x * x * x


def honest(x, dy):
    return 3 * x * x * dy


def failures(subject, *inputs, **options):
    return found(takes_any_layout, subject, *inputs, **options)


def back(backward, forward=square):
    return lambda x: (forward(x), lambda dy: backward(x, dy))


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 1)])
def test_a_strided_array_holds_the_same_numbers_backwards_in_every_second_place(shape):
    x = np.arange(np.prod(shape)).reshape(shape).astype(np.float32)
    view = strided(x)
    assert np.array_equal(view, x) and view.dtype == x.dtype and view.base is not x
    assert view.strides[-1] == -2 * x.itemsize
    assert np.isnan(view.base).sum() == x.size, "and what lies between is no number"


def test_a_number_has_one_layout():
    x = np.array(2.0)
    assert strided(x) is x and fortran(x) is x
    row = np.arange(6.0)[::2]
    assert fortran(row) is row


def test_a_fortran_ordered_array_holds_the_same_numbers_with_the_first_axis_innermost():
    assert np.array_equal(fortran(X), X) and fortran(X).flags.f_contiguous and not fortran(X).flags.c_contiguous


@pytest.mark.parametrize(("shape", "passes"), [((5,), 1), ((3, 4), 2)])
def test_arrays_of_one_axis_have_no_other_order(shape, passes):
    call = called(back(honest), np.ones(shape))
    rounding, before = measure_rounding(call, np.random.default_rng(2)), call.problem.count["forward"]
    assert list(takes_any_layout(call, rounding, np.random.default_rng(2))) == []
    assert call.problem.count["forward"] - before == passes


def test_an_output_of_two_axes_has_another_order_than_an_input_of_one():
    def vjp(x):
        return np.outer(x, x), lambda dy: np.where(dy.flags.f_contiguous, 2, 1) * (dy + dy.T) @ x

    assert set(failures(vjp, X[0])) == {("layout", "x")}


def test_a_pullback_that_reads_entries_and_not_memory_keeps_the_promise():
    assert failures(back(honest), X) == {}


@pytest.mark.parametrize(
    ("sees", "layout"),
    [
        (lambda a: a.strides[-1] < 0, "strided"),
        (lambda a: a.flags.f_contiguous, "Fortran-ordered"),
        (lambda a: a.strides == (0, 0), "zero-stride"),
    ],
)
def test_the_memory_layout_of_a_cotangent_changes_nothing(sees, layout):
    subject = back(lambda x, dy: honest(x, dy) * (2 if sees(dy) else 1))
    assert failures(subject, X) == {("layout", "x"): f"{layout} arrays change the cotangent of x"}


@pytest.mark.parametrize(
    ("sees", "layout"),
    [(lambda a: a.strides[-1] < 0, "strided"), (lambda a: a.flags.f_contiguous, "Fortran-ordered")],
)
def test_the_forward_pass_reads_entries_and_not_memory(sees, layout):
    subject = back(honest, lambda x: square(x) + bool(sees(x)))
    assert failures(subject, X) == {("layout", None): f"{layout} inputs change the output"}


def test_arrays_come_in_the_layout_that_is_tried_and_not_in_the_one_in_which_they_were_given():
    subject = back(honest, lambda x: square(x) + bool(x.strides[-1] < 0))
    assert set(failures(subject, np.asfortranarray(X))) == {("layout", None)}


def test_the_array_whose_cotangent_is_another_is_named():
    def vjp(a, b):
        return a * b, lambda dy: (dy * b, dy * a * (1 if dy.flags.c_contiguous else 2))

    assert {array for _, array in failures(vjp, X, X + 1)} == {"b"}


def test_a_zero_stride_cotangent_is_compared_with_the_cotangent_of_ones():
    seen = []

    def vjp(x):
        return square(x), lambda dy: seen.append(np.array(dy)) or honest(x, dy)

    call = called(vjp, X)
    seen.clear()
    list(takes_any_layout(call, measure_rounding(call, np.random.default_rng(2)), np.random.default_rng(2)))
    assert np.array_equal(seen[-1], np.ones_like(X)) and np.array_equal(seen[-2], np.ones_like(X))


def layouts_seen(**options):
    seen = []

    def vjp(x):
        return square(x), lambda dy: seen.append(dy.strides) or honest(x, dy)

    call = called(vjp, X, **options)
    rounding = measure_rounding(call, np.random.default_rng(2))
    seen.clear()
    return call, lambda c: (list(takes_any_layout(c, rounding, np.random.default_rng(2))), seen)[1]


def test_every_layout_is_tried_once_and_of_a_large_subject_one():
    call, tried = layouts_seen()
    assert tried(call) == [(64, -16), (8, 24), (32, 8), (0, 0)]
    call, tried = layouts_seen(large=True)
    assert tried(call) == [(64, -16)]


def test_where_one_layout_is_declared_no_other_is_tried():
    call, tried = layouts_seen(declared=Declared(layouts=False))
    assert tried(call) == []


def test_a_pullback_that_writes_to_its_cotangent_is_given_no_broadcast_one():
    def vjp(x):
        def pullback(dy):
            dy *= 3 * x * x
            return dy

        return square(x), pullback

    assert failures(vjp, X) == {}


def picky(message):
    def forward(x):
        if not x.flags.c_contiguous:
            raise TypeError(*message)
        return square(x)

    return forward


@pytest.mark.parametrize(
    ("message", "told"),
    [((), "no message"), (("must be contiguous\nin every axis",), "must be contiguous")],
)
def test_a_forward_pass_may_refuse_a_layout_which_is_noted(message, told):
    subject = back(honest, picky(message))
    notes = found(takes_any_layout, subject, X, severity="note")
    assert failures(subject, X) == {}
    assert notes == {("refuses", None): f"the forward pass refuses Fortran-ordered arrays: TypeError: {told}"}


@pytest.mark.parametrize(
    ("sees", "layout"),
    [(lambda a: a.strides[-1] < 0, "strided"), (lambda a: a.flags.f_contiguous, "Fortran-ordered")],
)
def test_a_pullback_may_refuse_none_even_where_the_forward_pass_does(sees, layout):
    subject = back(lambda x, dy: honest(x, dy) * (2 if sees(dy) else 1), picky(()))
    assert failures(subject, X) == {("layout", "x"): f"{layout} arrays change the cotangent of x"}


def differs(part, size=1.0):
    """A sum in another order: where the layout is another, a part of the largest number is added."""

    def vjp(x):
        other = part * size * (not x.flags.c_contiguous)
        return size * x + other, lambda dy: size * dy + part * size * (not dy.flags.c_contiguous)

    return vjp


@pytest.mark.parametrize("size", [2.0**-20, 1.0, 2.0**20])
def test_a_sum_in_another_order_may_differ_by_eight_thousand_roundings(size):
    x = np.array([[1.0, -0.5], [0.25, 0.75]])
    assert failures(differs(2.0**-40, size), x) == {}
    assert set(failures(differs(2.0**-38, size), x)) == {("layout", None), ("layout", "x")}


@pytest.mark.parametrize(("part", "told"), [(2.0**-7, set()), (2.0**-3, {None, "x"}), (4.0, {None, "x"})])
def test_in_a_coarse_format_it_may_differ_by_a_few_hundredths(part, told):
    call = called(differs(part), np.array([[1.0, -0.5], [0.25, 0.75]], np.float16))
    exact = Rounding({"x": 0.0}, {}, {"x": 0.0}, 0.0)
    assert {f.array for f in takes_any_layout(call, exact, np.random.default_rng(2))} == told


def test_the_eight_thousand_roundings_are_those_of_the_largest_entry():
    factor = np.array([[1.0, 2.0**-10], [2.0**-10, 1.0]])

    def vjp(x):
        return x * factor, lambda dy: dy * factor + 2.0**-40 * (not dy.flags.c_contiguous)

    exact = Rounding({"x": 0.0}, {}, {"x": 0.0}, 0.0)
    assert not list(takes_any_layout(called(vjp, np.ones((2, 2))), exact, np.random.default_rng(2)))


@pytest.mark.parametrize(("part", "told"), [(0.99, False), (1.01, True)])
def test_a_cotangent_may_differ_by_what_roundings_make(part, told):
    call = called(back(lambda x, dy: dy + part * 64 * 2.0**-10 * (not dy.flags.c_contiguous), lambda x: x * 1), X)
    known = Rounding({"x": 0.0}, {}, {"x": 2.0**-10}, 0.0)
    assert bool(list(takes_any_layout(call, known, np.random.default_rng(2)))) == told


def test_what_the_output_owes_to_roundings_excuses_no_cotangent():
    def vjp(x, b):
        return x - x.mean() + 2.0**-40 * b, lambda dy: (
            dy - dy.mean(),
            2.0**-40 * dy + 2.0**-26 * (not dy.flags.c_contiguous),
        )

    x = 2.0**30 + np.random.default_rng(3).uniform(-1, 1, (3, 4))
    assert {array for _, array in failures(vjp, x, 2.0**40 * np.ones((3, 4)))} == {"b"}


def mean_far_from_zero(error):
    """exp of the differences from the mean of entries near 1e6: the mean's roundings are many of the result's."""

    def forward(x):
        noise = error * np.abs(x).max() * 2.0**-52 * (not x.flags.c_contiguous)
        return x - (x.mean() + noise)

    return back(lambda x, dy: dy - dy.mean(), forward)


@pytest.mark.parametrize(("error", "told"), [(2, False), (2.0**20, True)])
def test_what_roundings_of_the_inputs_make_of_the_output_is_no_failure(error, told):
    x = 2.0**30 + np.random.default_rng(3).uniform(-1, 1, (3, 4))
    assert set(failures(mean_far_from_zero(error), x)) == ({("layout", None)} if told else set())


def test_where_a_subject_writes_to_what_it_is_given_a_number_may_be_written_to_as_well():
    def vjp(x):
        def pullback(dy):
            dx = 3 * x * x * dy
            dy[...] = dy
            return dx

        return np.sum(x * x * x), pullback

    assert not called(vjp, X).problem.protect and failures(vjp, X) == {}


def in_another_order(values, x):
    """The numbers, one rounding away where x is no C-contiguous array: as of another kernel, or of another sum."""
    return values if x.flags.c_contiguous else np.nextafter(values, values.dtype.type(9))


def mean(x):
    return in_another_order(x.astype(np.float32).mean(-1, keepdims=True), x)


@pytest.mark.parametrize("size", [1e-5, 1e-8, 1e-12])
@pytest.mark.parametrize("and_x", [False, True])
def test_what_cancels_may_differ_by_the_roundings_of_its_terms(size, and_x):
    """NumPy's exponential of a strided array is another in its last bit, which is that of 1."""
    subject = back(lambda x, dy: dy * np.exp(x), lambda x: in_another_order(np.exp(x), x) - 1 - (x if and_x else 0))
    assert failures(subject, size * X) == {}


@pytest.mark.skipif(not WIDER, reason="no format here is wider than float64")
def test_so_may_a_quotient_of_what_cancels_and_no_more():
    """Beside ordinary entries, where one is divided by 2e-8: no rounding of the inputs makes as much of it."""
    x = np.append(X[0], 2e-8)
    other = lambda x, off: (in_another_order(np.exp(x), x) - 1) / x * (1 + off * (not x.flags.c_contiguous))  # noqa: E731
    back_of = lambda off: back(lambda x, dy: dy / 2, lambda x: other(x, off))  # noqa: E731
    assert ("layout", None) not in failures(back_of(0.0), x) and ("layout", None) in failures(back_of(1e-6), x)


def test_a_sum_in_float32_may_differ_by_the_roundings_of_float32():
    assert failures(back(lambda x, dy: dy - dy.mean(-1, keepdims=True), lambda x: x - mean(x)), X) == {}
    assert failures(back(lambda x, dy: dy * (1 + mean(x)), lambda x: x * x), X) == {}


def in_memory_order(x):
    return x.ravel(order="K").reshape(x.shape)


@pytest.mark.parametrize("size", [1.0, 1e-5, 1e-8])
@pytest.mark.parametrize(
    "wrong",
    [lambda x: np.exp(in_memory_order(x)) - 1, lambda x: x - in_memory_order(x).astype(np.float32).mean(-1)[:, None]],
)
def test_but_not_by_numbers_that_are_read_in_another_order(size, wrong):
    assert set(failures(back(honest, wrong), size * X)) == {("layout", None)}


@pytest.mark.parametrize(("part", "told"), [(0.99, set()), (1.01, {"x"})])
def test_terms_that_cancel_may_differ_as_the_output_does_beside_the_size_of_an_entry(part, told):
    """Of (exp x - 1) / x near 1e-13 other instructions for strided numbers make a thousandth more, as exp rounds."""
    tops = []

    def vjp(x):
        more = 2.0**-40 * (x.strides != (8,))

        def pull(dy):
            tops.append(float(np.abs(dy).max()))
            return dy + part * 64 * tops[0] * more / 2.0**-20

        return x + more, pull

    call = called(vjp, 2.0**-20 * np.ones(3))
    exact = Rounding({"x": 0.0}, {}, {"x": 0.0}, 0.0)
    found = {f.array for f in takes_any_layout(call, exact, np.random.default_rng(2))}
    assert found - {None} == told
