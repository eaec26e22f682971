"""A part of a layer in single precision is no error: each array is checked as far as its own numbers reach."""

import sys
from pathlib import Path

import numpy as np
import pytest
from narrow import brain, half

import gradcheck
from gradcheck.adapters import pair
from gradcheck.subjects.adapted import Adapted

sys.path.insert(0, str(Path(__file__).parent))
from narrow_layers import LAYERS, linear, product, residual, rms_norm

SEEDS = range(3)  # 24 of each were tried


def cast(x):
    """Round to float32; complex numbers raise, as under warnings as errors."""
    return np.asarray(x).astype(np.float32).astype(np.float64)


def torn(x):
    """Round the real part to float32, as PyTorch does; what is imaginary is lost."""
    return np.real(x).astype(np.float32).astype(np.float64)


class Layer(Adapted):
    name = "layer"

    def __init__(self, layer, rounding, factors=(1.0, 1.0, 1.0), backward=None):
        self._forward, self._backward, self._push, self.shapes = layer(rounding)
        self._backward, self.factors = backward or self._backward, factors

    def signature(self):
        return self._forward

    def forward(self, parameters, inputs, constants):
        return self._forward(*inputs)

    def vjp(self, parameters, inputs, constants):
        def pull(dy):
            found = self._backward(*inputs, dy)
            found = found if isinstance(found, tuple) else (found,)
            return None, tuple(k * d for k, d in zip(self.factors, found, strict=False))

        return self._forward(*inputs), pull

    def jvp(self, parameters, inputs, directions, constants):
        return self._push(*inputs, *directions)


def checked(layer, seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return gradcheck.check(layer, *(rng.normal(size=shape).astype(dtype) for shape in layer.shapes))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rounding", [cast, torn])
@pytest.mark.parametrize("layer", LAYERS)
def test_right_ones_pass_with_their_forward_mode(layer, rounding, seed):
    report = checked(Layer(layer, rounding), seed)
    assert report.verdict == "pass", str(report)
    assert min(g.digits for g in report.gradients) > 2, "a hundredth would be seen"


@pytest.mark.parametrize("layer", LAYERS)
def test_with_inputs_of_single_precision_as_well(layer):
    report = checked(Layer(layer, torn), 3, np.float32)
    assert report.verdict == "pass", str(report)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rounding", [half, brain])
@pytest.mark.parametrize("layer", [product, linear])
def test_what_formats_of_few_bits_leave_is_not_failed_and_what_is_exact_beside_it_passes(layer, rounding, seed):
    coarse, exact = checked(Layer(layer, rounding), seed).gradients
    assert coarse.verdict != "fail" and exact.verdict == "pass" and exact.digits > 11
    wrong = checked(Layer(layer, rounding, (1.0, 1.01)), seed)
    assert [g.verdict == "fail" for g in wrong.gradients] == [False, True], str(wrong)


WRONG = [(layer, which) for layer in LAYERS for which in range(len(layer(cast)[3]))]


@pytest.mark.parametrize("rounding", [cast, torn])
@pytest.mark.parametrize(("layer", "which"), WRONG)
def test_a_hundredth_too_much_in_one_gradient_fails_and_is_named(layer, which, rounding):
    factors = [1.01 if i == which else 1.0 for i in range(3)]
    report = checked(Layer(layer, rounding, factors), 5)
    assert report.verdict == "fail", str(report)
    assert [g.verdict == "fail" for g in report.gradients] == [
        i == which for i in range(len(report.gradients))
    ], str(report)


@pytest.mark.parametrize("layer", [product, linear, rms_norm])
def test_what_is_exact_beside_it_keeps_its_digits(layer):
    report = checked(Layer(layer, cast), 7)
    coarse, exact = report.gradients
    assert coarse.digits < 7 and exact.digits > 11


@pytest.mark.parametrize("layer", [product, linear, rms_norm])
@pytest.mark.parametrize("rounding", [cast, torn])
def test_whoever_goes_back_in_double_precision_is_right_too(layer, rounding):
    """To the roundings that the forward pass is made of: six digits, not twelve."""
    _, backward, _, _ = layer(lambda x: x)
    report = checked(Layer(layer, rounding, backward=backward), 1)
    assert report.verdict == "pass", str(report)
    assert report.gradients[1].digits < 9


@pytest.mark.parametrize("part", [1.0, 1e-3])
@pytest.mark.parametrize("rounding", [half, brain])
@pytest.mark.parametrize("size", [1, 12, 40, 300])
def test_whoever_forgets_a_part_in_a_format_of_few_bits_fails_though_small_differences_say_the_same(
    rounding, size, part
):
    def layer(slope):
        return lambda r: (lambda x: x + part * r(np.sin(x)), slope, lambda x, d: slope(x, d), [(size,)])

    report = checked(Layer(layer(lambda x, dy: dy.copy()), rounding), 0)
    assert report.verdict == "fail", str(report)
    report = checked(Layer(layer(lambda x, dy: dy * (1 + part * np.cos(x))), rounding), 0)
    assert report.verdict != "fail", str(report)


@pytest.mark.parametrize("size", [3, 40, 257, 1000])
@pytest.mark.parametrize("width", [0.1, 0.01, 0.001])
def test_a_branch_of_f_that_its_neighbours_leave_at_once_is_no_narrow_format(size, width):
    """Of x x near 1 the wrong backward pass knows nothing: entries there are wrong by their whole size."""
    rng = np.random.default_rng(0)
    x = rng.uniform(2, 3, size)
    few = max(1, size // 7)
    x[:few] = rng.uniform(1 - width / 2, 1 + width / 2, few)

    def forward(x):
        return np.where(np.abs(x - 1) < width, x * x, x)

    assert gradcheck.check(pair(forward, lambda x, dy: dy.copy()), x).verdict == "fail"
    knows = pair(forward, lambda x, dy: dy * np.where(np.abs(x - 1) < width, 2 * x, 1))
    assert gradcheck.check(knows, x).verdict == "pass"


@pytest.mark.parametrize(
    ("rounding", "size"), [(half, 20), (half, 200), (brain, 20), (brain, 200), (brain, 3000)]
)
def test_a_mean_in_a_format_of_few_bits_beside_its_input_is_not_failed(rounding, size):
    """One entry of many moves the mean by less than a step."""
    x = np.random.default_rng(1).normal(size=size)
    x[0] = 0.0  # which is compared alone
    right = pair(lambda x: x + rounding(x.mean()), lambda x, dy: dy + dy.sum() / dy.size)
    assert gradcheck.check(right, x).verdict != "fail"
    wrong = pair(lambda x: x + rounding(x.mean()), lambda x, dy: 1.05 * dy + dy.sum() / dy.size)
    assert gradcheck.check(wrong, x).verdict == "fail"


def rms(x):
    return np.sqrt((x * x).mean())


@pytest.mark.parametrize("size", [300, 3000])
@pytest.mark.parametrize("rounding", [half, brain])
@pytest.mark.parametrize(
    ("mean", "slope"), [(lambda x: x.mean(), lambda x: 1 / x.size), (rms, lambda x: x / x.size / rms(x))]
)
def test_a_mean_that_hardly_moves_where_entries_go_to_both_sides_is_not_failed(rounding, size, mean, slope):
    x = 1 + np.random.default_rng(0).normal(size=size) / 2
    for factor in (1, 1.2):
        subject = pair(lambda x: x + rounding(mean(x)), lambda x, dy, k=factor: k * dy + dy.sum() * slope(x))
        for seed in (0, 1):
            assert (gradcheck.Checker(seed=seed)(subject, x).verdict == "fail") is (factor > 1)


@pytest.mark.parametrize(("size", "rounding"), [(300, half), (300, brain), (3000, brain)])
def test_a_mean_of_many_entries_that_the_claim_forgets_never_passes(size, rounding):
    """Small differences show the claim, and a direction with signs moves the mean by hardly a step."""
    x = 1 + np.random.default_rng(0).normal(size=size) / 2
    subject = pair(lambda x: x + rounding(x.mean()), lambda x, dy: dy)
    verdicts = [gradcheck.Checker(seed=seed)(subject, x).verdict for seed in SEEDS]
    assert "pass" not in verdicts and verdicts.count("fail") >= 2


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("size", [42, 300, 3000])
def test_a_logarithm_of_a_sum_in_few_bits_is_not_failed(seed, size):
    x = np.random.default_rng(size).normal(size=size) + 0.5
    for factor in (1, 1.3):
        subject = pair(
            lambda x: x - brain(np.log(np.exp(x).sum())),
            lambda x, dy, k=factor: k * (dy - dy.sum() * np.exp(x) / np.exp(x).sum()),
        )
        assert (gradcheck.Checker(seed=seed)(subject, x).verdict == "fail") is (factor > 1)


@pytest.mark.parametrize("layer", [product, linear, residual])
def test_a_right_one_takes_some_four_thousand_evaluations(layer):
    assert checked(Layer(layer, half), 0).evaluations <= 4400


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_a_log_sum_of_few_bits_whose_gradient_is_forgotten_does_not_pass(seed):
    def forward(x):
        return x - brain(np.log(np.exp(x).sum())) if x.dtype.kind == "f" else np.real(x)

    x = np.random.default_rng(seed).normal(size=40)
    assert gradcheck.Checker(seed=seed)(pair(forward, lambda x, dy: dy), x).verdict != "pass"


@pytest.mark.parametrize(
    ("size", "seed", "forward", "forgetting"),
    [
        (3, 5, lambda x: x * x + half(np.mean(x**3)), lambda x, dy: 2 * x * dy),
        (8, 1, lambda x: x * x + half(np.mean(x**3)), lambda x, dy: 2 * x * dy),
        (15, 4, lambda x: x - half(np.log(np.exp(x).sum())), lambda x, dy: dy),
        (40, 0, lambda x: x + half(np.sqrt((x * x).sum())), lambda x, dy: dy),
    ],
)
def test_a_part_in_few_bits_that_no_ladder_shows_is_told_by_the_integral_of_claims(size, seed, forward, forgetting):
    def real(x):
        if np.iscomplexobj(x):
            raise TypeError("real numbers only")
        return forward(x)

    x = np.random.default_rng(seed).normal(size=size)
    assert gradcheck.Checker(seed=seed)(pair(real, forgetting), x).verdict == "fail"
