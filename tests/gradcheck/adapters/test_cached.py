"""Functions that return `(out, cache)`, as a well-known course has them."""

import functools

import numpy as np
import pytest

import gradcheck
from gradcheck.adapters import cached


def affine_forward(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return (dout @ w.T).reshape(x.shape), x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


def norm_forward(x, gamma, beta, bn_param):
    mean, var = x.mean(axis=0), ((x - x.mean(axis=0)) ** 2).mean(axis=0)
    momentum = bn_param.setdefault("momentum", 0.9)
    running = bn_param.get("running_mean", np.zeros_like(mean))
    bn_param["running_mean"] = momentum * running + (1 - momentum) * mean
    xhat = (x - mean) / np.sqrt(var + bn_param["eps"])
    return gamma * xhat + beta, (xhat, gamma, np.sqrt(var + bn_param["eps"]))


def norm_backward(dout, cache, mean=True):
    xhat, gamma, std = cache
    g = dout * gamma
    dx = (g - g.mean(axis=0) * mean - xhat * (g * xhat).mean(axis=0)) / std
    return dx, (dout * xhat).sum(axis=0), dout.sum(axis=0)


@pytest.fixture
def affine(rng):
    return rng.normal(size=(3, 2, 4)), rng.normal(size=(8, 5)), rng.normal(size=5)


@pytest.fixture
def norm(rng):
    return rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3)


def test_an_affine_layer_is_proved(prove, affine):
    report = prove(cached(affine_forward, affine_backward), *affine)
    assert report.subject == "affine_forward"
    assert [g.name for g in report.gradients] == ["x", "w", "b"]


def test_a_layer_that_is_called_with_options_is_proved_and_they_stay_what_they_were(prove, norm):
    options = {"mode": "train", "eps": 1e-5}
    prove(cached(norm_forward, norm_backward), *norm, options)
    prove(cached(norm_forward, norm_backward), *norm, bn_param=options)
    assert options == {"mode": "train", "eps": 1e-5}


def test_a_function_of_one_input_returns_the_bare_cotangent(prove, rng):
    prove(cached(lambda x: (np.tanh(x), x), lambda dout, x: dout * (1 - np.tanh(x) ** 2)), rng.normal(size=4))


def test_a_missing_mean_is_caught_in_the_input_that_has_it(caught, norm):
    caught({"x"}, cached(norm_forward, functools.partial(norm_backward, mean=False)), *norm, {"eps": 1e-5})


def test_a_wrong_weight_gradient_is_caught(caught, affine):
    def wrong(dout, cache):
        dx, dw, db = affine_backward(dout, cache)
        return dx, dw, db / len(dx)

    caught({"b"}, cached(affine_forward, wrong), *affine)


def test_float32_is_checked_as_it_is(affine):
    narrow = [x.astype(np.float32) for x in affine]
    assert gradcheck.check(cached(affine_forward, affine_backward), *narrow).verdict == "pass"


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (
            lambda dout, cache: affine_backward(dout, cache)[:2],
            "the backward must return 3 cotangents (x, w, b), got 2",
        ),
        (lambda dout, cache: dout, "the backward must return 3 cotangents, got ndarray"),
        (lambda dout, cache: (*affine_backward(dout, cache)[:2], None), "no gradient for b, on which the output"),
    ],
)
def test_too_few_cotangents_are_a_finding(backward, message, affine):
    report = gradcheck.check(cached(affine_forward, backward), *affine)
    assert report.verdict == "fail"
    assert any(message in finding.message for finding in report.findings)


ENDING = "for a forward pass that returns out alone use gradcheck.adapters.pair(forward, backward)"


@pytest.mark.parametrize(
    ("forward", "got"), [(lambda x, w, b: x @ w, "ndarray"), (lambda x, w, b: (x,), "a tuple of 1")]
)
def test_a_forward_without_a_cache_is_refused(forward, got):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(cached(forward, affine_backward), np.eye(3), np.eye(3), np.ones(3))
    assert str(error.value) == f"gradcheck: <lambda> must return (out, cache), got {got}; {ENDING}"


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ((None, affine_backward), "gradcheck: forward must be callable, got NoneType"),
        ((affine_forward, None), "gradcheck: backward must be callable, got NoneType"),
        ((affine_forward, lambda dout: dout), "gradcheck: backward must take (dout, cache), got <lambda>(dout)"),
        (
            (affine_forward, lambda cache, dout: dout),
            "gradcheck: backward must take (dout, cache), got <lambda>(cache, dout)",
        ),
    ],
)
def test_what_cannot_be_a_backward_is_refused_at_once(functions, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        cached(*functions)
    assert str(error.value) == message


@pytest.mark.parametrize(("outputs", "taken"), [(1, "with dout first"), (2, "with 2 cotangents")])
def test_an_error_of_the_backward_says_how_it_was_called(outputs, taken, affine):
    def backward(*arguments):
        raise KeyError("w")

    with pytest.raises(KeyError) as error:
        gradcheck.check(cached(lambda *inputs: (inputs[0],) * (outputs + 1), backward), *affine)
    assert error.value.__notes__[0] == f"gradcheck: the backward of <lambda> is called {taken}, then the cache"


def step_forward(x, h, c):
    gate = np.tanh(x + h)
    return gate * c, gate + c, (gate, c)


def step_backward(dh, dc, cache):
    gate, c = cache
    dz = (dh * c + dc) * (1 - gate * gate)
    return dz, dz, dh * gate + dc


def step_of_two(x, h, c):
    h, c, cache = step_forward(x, h, c)
    return (h, c), cache


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (step_forward, step_backward),
        (step_forward, lambda dout, cache: step_backward(*dout, cache)),
        (step_of_two, step_backward),
        (step_of_two, lambda dout, cache: step_backward(*dout, cache)),
    ],
    ids=["apart", "together", "a tuple, apart", "a tuple, together"],
)
def test_several_outputs_and_a_cache_are_proved_and_a_dropped_one_is_caught(forward, backward, prove, rng):
    inputs = rng.normal(size=(3, 2, 4))
    prove(cached(forward, backward), *inputs)
    wrong = cached(step_forward, lambda dh, dc, cache: step_backward(dh, 0 * dc, cache))
    assert gradcheck.check(wrong, *inputs).verdict == "fail"


@pytest.mark.parametrize(
    ("forward", "backward", "want"),
    [
        (affine_forward, lambda x, w, dy: dy, "(dout, cache), got <lambda>(x, w, dy)"),
        (step_forward, lambda a, b, c, d: a, "(dout, cache) or 2 cotangents and cache, got <lambda>(a, b, c, d)"),
    ],
)
def test_a_backward_for_another_number_of_outputs_is_refused(forward, backward, want, rng):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(cached(forward, backward), *rng.normal(size=(3, 4, 4)))
    assert str(error.value) == f"gradcheck: backward must take {want}"


BY_NAME = {
    "the rest": lambda dx, dw, db: (dx, {"w": dw, "b": db}),
    "in a list": lambda dx, dw, db: (dx, [dw, db]),
    "all": lambda dx, dw, db: {"dx": dx, "dW": dw, "b_grad": db},
    "with more": lambda dx, dw, db: (dx, {"db": db, "dw": dw, "norm": 3.0}),
}


@pytest.mark.parametrize("form", BY_NAME.values(), ids=BY_NAME)
def test_gradients_may_have_the_names_of_the_inputs(form, prove, caught, affine):
    prove(cached(affine_forward, lambda dout, cache: form(*affine_backward(dout, cache))), *affine)

    def wrong(dout, cache):
        dx, dw, db = affine_backward(dout, cache)
        return form(dx, 1.001 * dw, db)

    caught({"w"}, cached(affine_forward, wrong), *affine)


def test_a_name_that_is_left_out_is_a_missing_gradient(affine):
    def wrong(dout, cache):
        dx, dw, _ = affine_backward(dout, cache)
        return dx, {"w": dw}

    report = gradcheck.check(cached(affine_forward, wrong), *affine)
    missing = "no gradient for b, on which the output depends: the backward returns none"
    assert [f.message for f in report.findings if f.kind == "missing"] == [missing] and report.verdict == "fail"


def test_a_builtin_without_a_signature_is_taken():
    report = gradcheck.check(cached(lambda x: (3.0 * x, 3.0), max), np.array(2.0))
    assert report.verdict == "fail"  # max(dout, cache) is no derivative
