"""Scripts to paste: they run as they stand and show the disagreement."""

import contextlib
import dataclasses
import io
import re
import subprocess
import sys

import numpy as np
import pytest

import gradcheck
from gradcheck.reports.reproducer import script
from gradcheck.subjects.adapted import names
from gradcheck.subjects.kinds import adapt
from gradcheck.subjects.problem import Problem


def table(report, **variables):
    """Run the script beside some variables; return differences (5,) and claims (5,)."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(report.reproducer, variables)
    rows = np.array([line.split() for line in output.getvalue().splitlines()[1:]], float)
    assert rows.shape == (5, 4)
    return rows[:, 1], rows[:, 2]


def disagrees(report, **variables):
    slopes, claims = table(report, **variables)
    size = np.abs(slopes[2:4]).max() + np.abs(claims[0])
    return bool((np.abs(slopes[2:4] - claims[2:4]) > 1e-3 * size).all()) and np.ptp(slopes[2:4]) < 1e-3 * size


class Scaled:
    """y = gain * sin(x) with a wrong gradient of x; gain hides nothing unless it is all ones."""

    def __init__(self, gain, power=2):
        self.gain, self.power = gain, power

    def vjp(self, x, *, shift=0.0, note=None):
        def pullback(dy):
            return Scaled(dy * np.sin(x + shift)), self.gain**self.power * np.cos(x + shift) * dy

        return self.gain * np.sin(x + shift), pullback


def double(x, scale=1.0):
    return scale * x * x, lambda dy: scale * x * dy


def test_only_a_failing_report_has_one(reports):
    assert {name for name, report in reports.items() if report.reproducer} == {
        name for name, report in reports.items() if report.verdict == "fail"
    }


@pytest.mark.parametrize("name", ["wrong", "entry", "dense", "sparse", "nan"])
def test_it_says_what_it_shows(reports, name):
    gradient = next(g for g in reports[name].gradients if g.verdict == "fail")
    at = ", ".join(map(str, gradient.worst_index))
    assert f"seed 0: {gradient.name}[{at}]." in reports[name].reproducer.splitlines()[0]


def test_a_function_is_shown_at_its_own_small_inputs(normal):
    x = normal(3, 4)
    report = gradcheck.check(double, x)
    assert "x as in the check" not in report.reproducer
    assert disagrees(report, subject=double)
    slopes, claims = table(report, subject=double)
    np.testing.assert_allclose(slopes[2:4], 2 * claims[2:4], rtol=1e-6, atol=0)


def test_it_runs_as_a_file_of_its_own(normal, tmp_path):
    report = gradcheck.check(double, normal(3, 4))
    script = tmp_path / "again.py"
    script.write_text(f"def subject(x):\n    return x * x, lambda dy: x * dy\n\n{report.reproducer}", encoding="utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=120)
    assert len(done.stdout.splitlines()) == 6 and "pullback" in done.stdout.splitlines()[0]


@pytest.mark.parametrize(("dtype", "cast"), [(np.float64, ""), (np.float32, ".astype('float32')")])
def test_a_large_input_is_drawn_where_that_shows_the_same(normal, dtype, cast):
    report = gradcheck.check(double, normal(30, 40).astype(dtype))
    assert f"x = rng.standard_normal((30, 40)){cast}\n" in report.reproducer
    assert disagrees(report, subject=double)


def test_the_entry_of_a_drawn_input_keeps_its_value(normal):
    def leaky(x):
        return np.where(x > 5, x * x, x), lambda dy: np.where(x > 5, 3 * x, 1) * dy

    x = normal(30, 40)
    x[7, 8] = 6.5
    report = gradcheck.check(leaky, x)
    assert "x[7, 8] = 6.5" in report.reproducer and disagrees(report, subject=leaky)


def test_a_large_input_is_a_variable_where_no_other_shows_it(normal):
    def near_a_constant(x):
        wrong = bool(np.abs(x - 3).max() < 0.5)
        return np.sin(x), lambda dy: np.cos(x) * dy * (2 if wrong else 1)

    x = 3 + 0.01 * normal(20, 20)
    report = gradcheck.check(near_a_constant, x)
    assert "have x as in the check" in report.reproducer.splitlines()[0]
    assert disagrees(report, subject=near_a_constant, x=x)


@pytest.mark.parametrize(("gain", "which"), [(np.ones(4), "ones"), (np.zeros(4), "zeros")])
def test_parameters_that_hide_mistakes_are_moved_as_in_the_check(normal, gain, which):
    layer = Scaled(gain, power=3)
    report = gradcheck.check(layer, normal(4))
    assert f"# gain: {which} hide mistakes" in report.reproducer
    assert disagrees(report, subject=layer)


def test_inputs_of_ones_are_moved_where_they_hide_the_mistake(normal):
    def scaled(x, gain):
        return gain * x * x, lambda dy: (2 * x * dy, (dy * x * x).sum(0))

    report = gradcheck.check(scaled, normal(3, 4), np.ones(4))
    assert "# gain: ones hide mistakes" in report.reproducer
    assert disagrees(report, subject=scaled)


@pytest.mark.parametrize("error", [1e-3, 1e-5, 1e-7])
def test_small_mistakes_are_shown_too(normal, error):
    def nearly(x):
        return np.sin(x), lambda dy: (1 + error) * np.cos(x) * dy

    report = gradcheck.check(nearly, normal(3, 4))
    slopes, claims = table(report, subject=nearly)
    np.testing.assert_allclose(claims[3] / slopes[3] - 1, error, rtol=0.01, atol=0)  # differences are right to 1e-9


def test_constants_are_written_out_or_asked_for(normal):
    layer, x, note = Scaled(normal(4)), normal(4), object()
    report = gradcheck.check(layer, x, shift=np.array([1, 2, 3, 4]), note=note)
    assert "'shift': np.array([1, 2, 3, 4])" in report.reproducer
    assert "and have note as in the check" in report.reproducer.splitlines()[0]
    assert disagrees(report, subject=layer, note=note)


def holding_itself(kind, part):
    """A list, a tuple of a list, or a dictionary that holds itself, with one part besides."""
    if kind == "dictionary":
        held = {"first": part}
        held["again"] = held
        return held
    held = [part]
    held.append((held,) if kind == "tuple" else held)
    return held[1] if kind == "tuple" else held


@pytest.mark.parametrize("kind", ["list", "tuple", "dictionary"])
def test_what_holds_itself_is_asked_for(normal, kind):
    def doubled(x, *, note):
        return np.sin(x), lambda dy: 2 * np.cos(x) * dy

    note = holding_itself(kind, 1.0)
    report = gradcheck.check(doubled, normal(4), note=note)
    assert report.verdict == "fail" and "and have note as in the check" in report.reproducer.splitlines()[0]
    assert disagrees(report, subject=doubled, note=note)


@pytest.mark.parametrize("kind", ["list", "dictionary"])
def test_an_input_that_holds_itself_is_asked_for(normal, kind):
    first = 0 if kind == "list" else "first"

    def doubled(tree):
        x = tree[first]

        def pullback(dy):
            dx = 2 * np.cos(x) * dy
            return [dx, None] if kind == "list" else {"first": dx, "again": None}

        return np.sin(x), pullback

    tree = holding_itself(kind, normal(4))
    report = gradcheck.check(doubled, tree)
    assert report.verdict == "fail" and "and have tree as in the check" in report.reproducer.splitlines()[0]
    assert disagrees(report, subject=doubled, tree=tree)


def test_inputs_without_names_of_their_own_get_some(normal):
    def total(*parts):
        return sum(parts), lambda dy: tuple(2 * dy for _ in parts)

    report = gradcheck.check(total, normal(3), normal(3))
    assert "parts_0 = np.array" in report.reproducer and disagrees(report, subject=total)


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_steps_follow_the_size_of_the_array(normal, size):
    report = gradcheck.check(double, size * (normal(3) + 3), scale=1 / size)
    step = float(re.search(r"^d\[\d\] = (\S+)", report.reproducer, re.MULTILINE)[1])
    assert size < step < 8 * size  # the entries lie between 2 and 4 times the size
    assert disagrees(report, subject=double)


def test_where_no_entry_was_located_the_whole_array_moves(normal):
    x = normal(5)
    problem = Problem(double, (x,), {})
    (gradient,) = gradcheck.check(double, x).gradients
    gradient = dataclasses.replace(gradient, worst_index=None)
    report = dataclasses.replace(gradcheck.check(double, x), reproducer=script(problem, [gradient], [], 0, x.size))
    assert "d = 1.0 * rng.uniform(0.5, 1.5, (5,))" in report.reproducer and disagrees(report, subject=double)


def test_a_broken_contract_is_shown_by_checking_again(reports, normal):
    report = reports["shape"]
    assert "the check once more" in report.reproducer.splitlines()[0]
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(report.reproducer, {"subject": lambda x: (np.sin(x), lambda dy: (np.cos(x) * dy).sum(0))})
    assert "must have shape (3, 4), got (4,)" in output.getvalue()


def test_a_check_without_arrays_to_write_imports_no_numpy(normal):
    def writes(x, *, mode):
        def pullback(dy):
            dy *= 2
            return dy

        return x * 1.0, pullback

    x = normal(30, 30)
    report = gradcheck.check(writes, x, mode="up")
    assert "import numpy" not in report.reproducer and "subject, x, mode='up'" in report.reproducer
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(report.reproducer, {"subject": writes, "x": x})
    assert "writes to the cotangent" in output.getvalue()


def test_a_subject_that_fails_elsewhere_is_shown_where_it_was_checked(normal):
    def picky(x):
        if x.real.min() < -0.5:
            raise ValueError("negative")
        return np.sqrt(x + 1), lambda dy: dy

    x = np.abs(normal(20, 20)) + 1
    report = gradcheck.check(picky, x)
    assert "x as in the check" in report.reproducer and disagrees(report, subject=picky, x=x)


class Course:
    """As in a course: parameters and gradients are attributes."""

    def __init__(self, w):
        self.w = w

    def forward(self, x):
        self.x = x
        return x @ self.w

    def backward(self, dy):
        self.dw = 2 * self.x.T @ dy
        return dy @ self.w.T


def of_tree(tree):
    return np.sin(tree["a"]) * tree["b"][0], lambda dy: {"a": np.cos(tree["a"]) * dy, "b": [dy]}


def of_names(np_, rng, list, subject, h):
    y = np_ * rng * list * subject * h
    return y, lambda dy: tuple(2 * dy * y / x for x in (np_, rng, list, subject, h))


def with_constants(x, *, rng, weights, mask):
    scale = rng.uniform() * weights.sum()
    return scale * x * mask["keep"], lambda dy: 2 * scale * dy * mask["keep"]


def of_long(x):
    return np.asarray(np.sin(x), x.dtype), lambda dy: (2 * np.cos(x) * dy).astype(dy.dtype)


def kinds(normal):
    """Subjects of every kind, each wrong, with inputs and constants."""
    forward, backward = np.sin, lambda x, dy: 2 * np.cos(x) * dy
    return {
        "layer": (Scaled(normal(4)), (normal(4),), {}),
        "function": (double, (normal(3, 4),), {}),
        "pair": (gradcheck.adapters.pair(forward, backward), (normal(3),), {}),
        "cached": (gradcheck.adapters.cached(lambda x: (x * x, x), lambda dy, x: x * dy), (normal(3),), {}),
        "module": (gradcheck.adapters.module(Course(normal(3, 2))), (normal(5, 3),), {}),
        "tree": (of_tree, ({"a": normal(3), "b": [normal(3)]},), {}),
        "large tree": (of_tree, ({"a": normal(90), "b": [normal(90)]},), {}),
        "names": (of_names, tuple(normal(3) + 2 for _ in range(5)), {}),
        "nameless": (lambda _, __: (_ * __, lambda dy: (dy * __, 2 * dy * _)), (normal(3), normal(3)), {}),
        "number": (double, (0.7,), {}),
        "float32": (of_long, (normal(3, 4).astype(np.float32),), {}),
        "large": (double, (normal(90, 5),), {}),
        "constants": (
            with_constants,
            (normal(4),),
            {"rng": np.random.default_rng(3), "weights": normal(99), "mask": {"keep": np.array([1, 0, 1, 1])}},
        ),
        "contract": (lambda x: (np.sin(x), lambda dy: np.cos(x)), (normal(3, 4),), {}),
        "contract, large": (lambda x: (np.sin(x), lambda dy: np.cos(x)), (normal(99, 4),), {}),
    }


@pytest.mark.parametrize("kind", kinds(lambda *shape: np.zeros(shape)))
def test_it_runs_with_nothing_but_the_names_that_it_states(kind, normal):
    subject, inputs, constants = kinds(normal)[kind]
    report = gradcheck.check(subject, *inputs, **constants)
    assert report.verdict == "fail" and report.reproducer, str(report)
    head = report.reproducer.splitlines()[0]
    stated = re.search(r"have (.*) as in the check", head)
    given = dict(zip(names(adapt(subject), inputs), inputs, strict=True))
    given |= constants
    needed = {name: given[name.rstrip("_")] for name in (stated[1].split(", ") if stated else [])}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(report.reproducer, {"subject": subject, **needed})
    if "once more" in head:
        assert ": fail (" in output.getvalue().splitlines()[0]
    else:
        assert disagrees(report, subject=subject, **needed), output.getvalue()


@pytest.mark.parametrize(("kind", "name"), [("pair", "pair"), ("cached", "cached"), ("module", "module")])
def test_it_names_the_adapter_that_was_checked(kind, name, normal):
    subject, inputs, _ = kinds(normal)[kind]
    head = gradcheck.check(subject, *inputs).reproducer.splitlines()[0]
    assert f"Put the {name}(...) of gradcheck.adapters into `subject`" in head


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_of_complex_numbers_the_check_is_repeated_in_its_convention(normal, convention):
    square = gradcheck.adapters.pair(lambda z: z * z, lambda z, dy: dy * 3 * z)
    report = gradcheck.Checker(convention=convention)(square, normal(3) + 1j * normal(3))
    assert "Put the pair(...) of gradcheck.adapters into `subject`" in report.reproducer
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(report.reproducer, {"subject": square})
    assert output.getvalue().rstrip() == str(report)


def test_an_exact_check_is_repeated_as_one(normal):
    def subject(x):
        return np.sin(x), lambda dy: np.cos(x) * dy + np.cos(x) * dy * 1e-18

    report = gradcheck.check(subject, normal(3), exact=True)
    assert "Checker(seed=0, exact=True)(subject, x)" in report.reproducer
