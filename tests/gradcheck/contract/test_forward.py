"""The forward pass: it writes to nothing, is finite, repeats itself, and its numbers leave steps room."""

import dataclasses
import itertools

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import pair
from gradcheck.contract.forward import Forward, first_forward, measure_noise
from gradcheck.subjects.declared import Declared
from gradcheck.subjects.problem import Problem

X = np.random.default_rng(1).normal(size=8)
U = 2.0**-52


def run(forward, *inputs):
    with np.errstate(all="ignore"):
        return first_forward(Problem(pair(forward, lambda *arguments: None), inputs, {}))


def told(made):
    return [(f.kind, f.severity, f.array, f.message) for f in made.findings]


def noise(forward, x=X, large=False):
    made = run(forward, x)
    with np.errstate(all="ignore"):
        return measure_noise(made, U, large, np.random.default_rng(2))


def test_a_forward_pass_without_fault_is_taken_as_it_is():
    made = run(np.sin, X)
    assert made.findings == () and made.comparable and made.problem.protect and not made.problem.narrow_only
    assert np.array_equal(made.y, np.sin(X)) and [x is X for x in made.point] == [True]


def test_the_output_is_kept_where_a_buffer_is_used_again():
    buffer = np.empty(8)
    made = run(lambda x: np.multiply(x, 2, out=buffer) if np.isrealobj(x) else 2 * x, X)
    buffer[:] = 0
    assert made.comparable and np.array_equal(made.y, 2 * X)


def test_complex_outputs_of_real_arrays_are_pairs():
    assert np.array_equal(run(lambda x: x * (1 + 2j), X).y.reshape(-1, 2), np.stack([X, 2 * X], axis=1))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_forward_pass_is_finite_or_the_first_entry_that_is_not_is_told(value):
    def forward(x):
        return np.where((np.arange(8) == 5) | (np.arange(8) == 6), value, x)

    with pytest.raises(ValueError, match="must be finite") as raised:
        run(forward, X)
    want = "gradcheck: the forward pass of forward must be finite where it is checked"
    assert str(raised.value) == f"{want}, got {value} at y[5]"


def test_of_several_outputs_the_one_that_is_not_finite_is_named():
    def forward(x):
        return {"a": x, "b": (x[:2], np.stack([x, np.where(np.arange(8) == 5, np.nan, x)]))}

    with pytest.raises(ValueError, match=r"got nan at y\.b\[1\]\[1, 5\]$"):
        run(forward, X)


def test_a_forward_pass_that_draws_from_nowhere_cannot_be_compared():
    rng = np.random.default_rng(0)
    made = run(lambda x: x * rng.uniform(size=x.shape), X)
    message = "two forward passes at one point differ: hand over a numpy.random.Generator, which is replayed"
    assert told(made) == [("stochastic", "inconclusive", None, message)] and not made.comparable


@pytest.mark.parametrize(("apart", "told_of"), [(4, "note"), (2.0**20, "inconclusive")])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_forward_passes_that_differ_by_roundings_alone_are_compared(apart, told_of, dtype):
    """As those of a library whose order of summation follows the memory that it is handed, or its threads."""
    eps, calls = float(np.finfo(dtype).eps), itertools.count()
    made = run(lambda x: 8 * x * x.dtype.type(1 + next(calls) * apart * eps), X.astype(dtype))
    ((_, severity, _, message),) = [f for f in told(made) if f[0] in {"scatter", "stochastic"}]
    assert severity == told_of and made.comparable == (told_of == "note")
    assert message.startswith("the forward pass is not deterministic") == (told_of == "note")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_draws_of_round_numbers_are_no_roundings(dtype):
    rng = np.random.default_rng(0)
    made = run(lambda x: x * (2 * (rng.random(8) < 0.9)), np.ones(8, dtype))
    assert [f.kind for f in made.findings if f.severity != "note"] == ["stochastic"] and not made.comparable


def subtracts(x, *others):
    x -= 1
    return np.sin(x)


@pytest.mark.parametrize(
    ("forward", "inputs", "what"),
    [
        (subtracts, (X,), "x"),
        (subtracts, (np.append(X, 1.0), X), "x"),
        (lambda a, b: np.multiply(a, b, out=a) + np.square(b, out=b), (X, X + 3), "a and b"),
        (lambda a, b: np.multiply(a, 2, out=a) + b, (X, X + 3), "a"),
        (lambda a, b: a + np.multiply(b, 1, out=b), (X, X + 3), "an array it was given"),
    ],
)
def test_a_forward_pass_writes_to_nothing_it_was_given(forward, inputs, what):
    before = [x.copy() for x in inputs]
    if len(inputs) == 2 and forward is subtracts:
        inputs = (X, np.array([np.nan]))  # compared with itself
    made = run(forward, *inputs)
    message = f"the forward pass writes to {what}"
    assert told(made) == [("mutation", "fail", None, message)]
    assert made.comparable and not made.problem.protect
    assert np.array_equal(X, before[0][:8])


def test_an_error_of_the_users_own_that_is_no_write_comes_through():
    def forward(x):
        raise ValueError("width must be 5")

    with pytest.raises(ValueError, match=r"^width must be 5") as caught:
        run(forward, X)
    assert caught.value.__notes__ == ["gradcheck: raised by the forward pass of the subject under check"]


@pytest.mark.parametrize(
    ("size", "got"),
    [
        (2.0**-1006, "1e-303"),
        (2.0**-1005, None),
        (2.0**990, None),
        (2.0**991, "2e+298"),
    ],
)
def test_arrays_at_the_ends_of_the_range_leave_steps_no_room(size, got):
    made = run(lambda x: x / 2, np.array([size, -size]))
    message = f"x must have entries between 3e-303 and 1e+298, or steps have no room, got entries of about {got}"
    assert told(made) == ([("range", "inconclusive", "x", message)] if got else [])
    assert made.comparable == (got is None)


@pytest.mark.parametrize(
    ("straight", "size", "comparable"), [((), 2.0**991, True), (("b",), 2.0**991, False), (("b",), 1.0, True)]
)
def test_beside_an_array_without_room_there_must_be_another_whose_gradient_is_compared(straight, size, comparable):
    subject, declared = pair(lambda a, b: a / size + b, lambda *arguments: None), Declared(straight_through=straight)
    made = first_forward(Problem(subject, (np.array([size, -size]), X[:2]), {}, declared))
    assert made.comparable is comparable and [f.array for f in made.findings] == (["a"] if size > 1 else [])


def narrow(x):
    if x.dtype == np.float64:
        raise TypeError("no kernel for float64")
    return 2 * x


def test_a_subject_that_refuses_float64_is_handed_its_own_dtype_from_then_on():
    made = run(narrow, X.astype(np.float32))
    message = "the subject refuses float64: it was checked in float32 alone"
    assert told(made) == [("narrow", "note", None, message)]
    assert made.comparable and made.problem.narrow_only
    assert np.array_equal(made.problem.forward([X]), 2 * X.astype(np.float32))


def test_every_dtype_in_which_such_a_subject_was_checked_is_told_once():
    def forward(a, b, c):
        return narrow(a) + narrow(b) + narrow(c)

    made = run(forward, X.astype(np.float32), X.astype(np.float16), X.astype(np.float32))
    assert "in float32, float16 alone" in made.findings[0].message


def test_a_narrow_subject_that_takes_float64_is_not_asked_to_stay_narrow():
    made = run(lambda x: 2 * x, X.astype(np.float32))
    assert made.findings == () and not made.problem.narrow_only


def test_one_wide_array_does_not_spare_a_narrow_one_the_question():
    made = run(lambda a, b: a + narrow(b), X, X.astype(np.float32))
    assert made.problem.narrow_only


def test_a_forward_pass_of_float64_is_run_twice_and_no_more():
    made = run(np.sin, X)
    assert made.problem.count == {"forward": 2}


def test_of_a_function_without_cancelling_terms_the_noise_is_its_rounding():
    assert U / 4 < noise(np.sin) < 16 * U  # inputs change by up to four roundings


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_terms_that_cancel_leave_their_noise(size):
    assert U / 8 * size < noise(lambda x: (size + 1) * x - size * x) < 64 * U * size


@pytest.mark.parametrize(("y", "x"), [(1.0, 1.0), (64.0, 1.0), (1.0, 64.0), (0.25, 0.25)])
def test_a_change_that_no_rounding_makes_counts_as_two_to_the_forty_roundings_of_the_largest_number(y, x):
    """Of 1 where all are smaller: a function may add it."""
    steps = iter(range(10**6))
    jump = noise(lambda a: y + 0 * a + 1e9 * (next(steps) > 1), np.array([x, 0.0]))
    assert jump == 2.0**40 * U * max(1.0, y, x)


@pytest.mark.parametrize("y", [1e-3, 1.0, 1e3])
def test_an_output_that_does_not_change_has_the_noise_of_its_size(y):
    assert noise(lambda x: 0 * x - y) == U * y


def test_of_an_empty_output_there_is_no_noise():
    assert noise(lambda x: x[:0]) == 0


def test_a_point_nearby_outside_the_domain_adds_no_noise():
    steps = iter(range(10**6))
    assert noise(lambda x: np.ones(8) if next(steps) < 2 else np.full(8, np.nan)) == U


def test_an_output_that_leaves_the_domain_hides_no_change_of_another():
    steps = iter(range(10**6))
    assert noise(lambda x: np.ones(2) if next(steps) < 2 else np.array([np.nan, 1 + 2.0**-20])) == 2.0**-20


def test_the_roundings_are_those_of_the_coarsest_array():
    """x changes by two or four of its roundings where it is drawn to move; float32 has 2^-23."""
    made = run(lambda a, b: a.astype(float) + 0 * b, X.astype(np.float32), X)
    assert 2.0**-24 < measure_noise(made, U, False, np.random.default_rng(2)) < 2.0**-19


def test_arrays_keep_their_dtype_while_noise_is_measured():
    kinds = set()
    made = run(lambda x: kinds.add(x.dtype) or x * 1, X.astype(np.float32))
    kinds.clear()
    measure_noise(made, 2.0**-23, False, np.random.default_rng(2))
    assert kinds == {np.dtype(np.float32)}


@pytest.mark.parametrize(("large", "passes"), [(True, 1), (False, 2)])
def test_noise_costs_two_forward_passes_and_of_a_large_subject_one(large, passes):
    made = run(np.sin, X)
    before = made.problem.count["forward"]
    measure_noise(made, U, large, np.random.default_rng(2))
    assert made.problem.count["forward"] - before == passes


def test_noise_is_the_largest_change_of_all_the_points_nearby():
    changes = iter([0.0, 0.0, 2.0**-20, 2.0**-19])
    assert noise(lambda x: 1 + 0 * x + next(changes)) == 2.0**-19


def test_what_is_known_is_filled_in_once():
    with pytest.raises(dataclasses.FrozenInstanceError):
        object.__new__(Forward).problem = None


def test_an_error_of_the_forward_passs_own_is_no_write_even_if_it_is_raised_once():
    calls = []

    def forward(x):
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("mine")
        return np.sin(x)

    with pytest.raises(ValueError, match=r"^mine"):
        gradcheck.check(pair(forward, lambda x, dy: dy), np.ones(3))


@pytest.mark.parametrize(
    ("y", "arrays", "apart", "noted"),
    [
        ([1e6, 1e-6], [np.float64], 1e-7, True),
        ([1e6, 1e-6], [np.float64], 1e-4, False),
        ([1.0, 0.5], [np.float64], 0.99e4 * 2.0**-52, True),
        ([1.0, 0.5], [np.float64], 1.01e4 * 2.0**-52, False),
        ([1.0, 1.0], [np.float64, np.float32], 1e-5, True),
        ([1.0, 1.0], [np.float64, np.float64], 1e-5, False),
        ([1.0, 1.0], [np.float32], 5e-5, True),
        ([1.0, 1.0], [np.float32], 5e-4, False),
    ],
)
def test_runs_differ_by_roundings_beside_the_largest_output_and_in_the_widest_that_arrays_have(y, arrays, apart, noted):
    """Up to ten thousand of them, but no more than the root of one."""
    calls = []

    def forward(*xs):
        calls.append(1)
        return np.array(y) + xs[0].astype(float) + apart * len(calls)

    inputs = [np.zeros(2, dtype) for dtype in arrays]
    found = first_forward(Problem(pair(forward, lambda *xs: xs[-1]), tuple(inputs), {})).findings
    assert (("scatter", "note") in [(f.kind, f.severity) for f in found]) is noted
