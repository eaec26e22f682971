"""Functions of JAX arrays, with the gradient of their own or that of JAX, in both modes."""

import dataclasses

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import gradcheck
from gradcheck.adapters import jax_function


def swish(x, beta):
    return x * jax.nn.sigmoid(beta * x)


def swish_backward(kept, dy):
    x, beta = kept
    s = jax.nn.sigmoid(beta * x)
    return dy * (s + beta * x * s * (1 - s)), (dy * x * x * s * (1 - s)).sum(axis=0)


def custom(change=lambda dy, dx, dbeta: (dx, dbeta)):
    """Swish with a backward of its own: `change(dy, dx, dbeta)` says what it returns."""
    function = jax.custom_vjp(swish)
    function.defvjp(lambda x, beta: (swish(x, beta), (x, beta)), lambda kept, dy: change(dy, *swish_backward(kept, dy)))
    return function


def with_jvp(rule):
    function = jax.custom_jvp(jnp.tanh)
    function.defjvp(rule)
    return function


def told(report):
    return [(f.severity, f.message.partition(":")[0]) for f in report.findings if f.kind == "jvp"]


AGREES = ("note", "forward mode agrees with real differences and with the pullback")


def test_a_custom_vjp_is_proved(prove, inputs):
    report = prove(jax_function(custom()), *inputs)
    assert report.subject == "swish"
    assert [g.name for g in report.gradients] == ["x", "beta"]
    assert told(report) == []


@pytest.mark.parametrize("factor", [1, 5])
def test_a_batch_of_none_is_no_proof(inputs, factor):
    x, beta = inputs
    scaled = custom(lambda dy, dx, dbeta: (factor * dx, factor * dbeta))
    report = gradcheck.check(jax_function(scaled), x[:0], beta)
    assert report.verdict == "inconclusive", str(report)
    assert {g.verdict for g in report.gradients} == {"inconclusive"}
    claims = custom(lambda dy, dx, dbeta: (dx, dbeta + 1))
    assert gradcheck.check(jax_function(claims), x[:0], beta).verdict == "fail"


def test_float32_is_checked_as_the_user_has_it(prove, inputs):
    seen = set()

    def watched(x, beta):
        seen.add((jnp.ones(1).dtype.name, x.dtype.name))
        return swish(x, beta)

    prove(jax_function(watched), *(x.astype(np.float32) for x in inputs))
    assert seen == {("float32", "float32"), ("float64", "float64"), ("float64", "complex128")}


def test_numbers_of_64_bits_are_not_left_switched_on(prove, inputs):
    before = jnp.ones(1).dtype
    prove(jax_function(custom()), *inputs)
    assert jnp.ones(1).dtype == before == jnp.float32
    assert not jax.config.jax_enable_x64


def test_an_older_jax_has_the_switch_elsewhere(prove, inputs, monkeypatch):
    monkeypatch.setattr(jax.experimental, "enable_x64", jax.enable_x64, raising=False)
    monkeypatch.delattr(jax, "enable_x64")
    prove(jax_function(custom()), *inputs)


def test_arrays_of_jax_are_taken_too(prove, inputs):
    prove(jax_function(custom()), *(jnp.asarray(x) for x in inputs))


@pytest.mark.parametrize("error", [1e-2, 1e-6])
def test_a_wrong_input_is_named(error, caught, inputs):
    caught({"beta"}, jax_function(custom(lambda dy, dx, dbeta: (dx, dbeta * (1 + error)))), *inputs)


def test_an_error_in_float32_alone_is_caught(inputs, failures):
    wrong = custom(lambda dy, dx, dbeta: (dx, dbeta * (1.001 if dbeta.dtype == jnp.float32 else 1)))
    found = failures(jax_function(wrong), *(x.astype(np.float32) for x in inputs))
    assert {(kind, array) for kind, array, _ in found} == {("precision", "beta")}


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (lambda dy, dx, db: (dx,), "count", "must produce a tuple of length equal to the number of arguments"),
        (lambda dy, dx, db: (dx, db, db), "count", "must produce a tuple of length equal to the number of arguments"),
        (lambda dy, dx, db: (dx, db[:2]), "shape", "at output[1] the bwd rule produced an output of type float64[2]"),
        (lambda dy, dx, db: (dx, None), "gradient", "beta[2]: the pullback gives 0"),
        (lambda dy, dx, db: (dx, db.astype(np.float32)), "dtype", "beta must have dtype float64, got float32"),
    ],
)
def test_a_backward_that_breaks_its_contract_is_a_finding(change, kind, message, inputs, failures):
    found = failures(jax_function(custom(change)), *inputs)
    assert kind in [k for k, _, _ in found]
    assert any(message.partition("[2]")[0] in text for _, _, text in found), found
    assert all("\n" not in text for _, _, text in found)


def test_a_right_custom_jvp_is_proved_in_both_modes(prove, inputs):
    function = with_jvp(lambda primals, tangents: (jnp.tanh(*primals), tangents[0] * (1 - jnp.tanh(*primals) ** 2)))
    assert told(prove(jax_function(function), inputs[0])) == [AGREES]


def test_a_wrong_custom_jvp_is_wrong_in_both_modes(caught, inputs):
    function = with_jvp(lambda primals, tangents: (jnp.tanh(*primals), tangents[0] * (1 - jnp.tanh(*primals))))
    report = caught({"x"}, jax_function(function), inputs[0])
    assert told(report) == [("fail", "x")]


@pytest.mark.parametrize(
    ("rule", "kind", "message"),
    [
        (lambda primals, tangents: (jnp.tanh(*primals), tangents[0][:1]), "shape", "Custom JVP rule must produce"),
        (lambda primals, tangents: (jnp.tanh(*primals), tangents[0] ** 2), "homogeneous", "Transpose rule"),
    ],
)
def test_a_rule_that_jax_refuses_is_a_finding(rule, kind, message, inputs, failures):
    found = failures(jax_function(with_jvp(rule)), inputs[0])
    assert [k for k, _, _ in found] == [kind]
    assert found[0][2].startswith(message)


def test_an_error_of_the_function_comes_through(inputs):
    def raises(x):
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        gradcheck.check(jax_function(raises), inputs[0])


def test_an_error_of_the_backward_comes_through_with_a_note(inputs):
    def raises(dy, dx, dbeta):
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside") as error:
        gradcheck.check(jax_function(custom(raises)), *inputs)
    assert error.value.__notes__[-1] == "gradcheck: raised by the pullback of the subject under check"


def test_an_error_of_forward_mode_is_a_finding(inputs, failures):
    def wrong(primals, tangents):
        if isinstance(tangents[0], jax.core.Tracer):  # as when the pullback is derived from it
            return jnp.tanh(*primals), tangents[0] * (1 - jnp.tanh(*primals) ** 2)
        raise TypeError("only for pullbacks")

    found = failures(jax_function(with_jvp(wrong)), inputs[0])
    assert [(kind, text) for kind, _, text in found] == [("jvp", "forward mode raises TypeError: only for pullbacks")]


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Weights:
    w: object
    b: object


def test_inputs_and_outputs_of_any_nesting_are_checked(prove, rng):
    def nested(x, weights, ids):
        y = jnp.tanh(x["right"][0] @ weights.w + weights.b)
        return {"second": y[ids], "first": (x["left"] * x["left"], ids, 3)}

    x = {"right": [rng.normal(size=(4, 3))], "left": rng.normal(size=2)}
    weights = Weights(rng.normal(size=(3, 2)), rng.normal(size=2))
    report = prove(jax_function(nested), x, weights, np.array([2, 0, 2]))
    assert [g.name for g in report.gradients] == ["x.right[0]", "x.left", "weights.w", "weights.b"]
    assert told(report) == [AGREES]


def test_constants_are_handed_over_by_keyword(prove, inputs):
    def dropped(x, *, key, mask):
        return jnp.where(mask, x * x * jax.random.bernoulli(key, 0.6, x.shape), 0)

    prove(jax_function(dropped), inputs[0], key=jax.random.key(3), mask=inputs[0] > -1)


def test_a_compiled_function_is_proved(prove, inputs):
    prove(jax_function(jax.jit(custom())), *inputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.arange(3),), "swish must have a floating array to differentiate, got int64[3]"),
        ((torch.ones(3), 1.0), "x must be a NumPy array of real numbers, got torch.Tensor; for PyTorch use"),
    ],
)
def test_inputs_without_numbers_of_jax_are_refused(arguments, message):
    with pytest.raises(TypeError, match="gradcheck: ") as error:
        gradcheck.check(jax_function(swish), *arguments)
    assert str(error.value).startswith(f"gradcheck: {message}")


def test_an_array_of_jax_for_a_function_of_numpy_is_refused():
    with pytest.raises(TypeError, match=r"x must be a NumPy array of real numbers, got jaxlib\.\w+; for JAX use"):
        gradcheck.check(gradcheck.adapters.pair(lambda x: x * x, lambda x, dy: 2 * x * dy), jnp.ones(3))


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match=r"^gradcheck: function must be callable, got int$"):
        jax_function(3)


def test_balls_do_not_follow_jax():
    report = gradcheck.check(jax_function(jnp.sin), np.linspace(-1, 1, 5), exact=True)
    assert report.verdict == "pass" and str(report.gradients[0].exact) == "not followed: JAX"


def test_an_ill_conditioned_matrix_that_is_held_makes_no_right_solve_fail(rng, caught):
    home = jax if hasattr(jax, "enable_x64") else jax.experimental
    with home.enable_x64(True):
        matrix = jnp.array(1 / (1.0 + np.add.outer(range(7), range(7))))

    def solve(factor):
        function = jax.custom_vjp(lambda b: jnp.linalg.solve(matrix, b))
        function.defvjp(lambda b: (function(b), None), lambda _, dy: (factor * jnp.linalg.solve(matrix.T, dy),))
        return jax_function(function)

    b = rng.normal(size=7)
    assert gradcheck.check(solve(1), b).verdict == "pass"
    caught({"b"}, solve(1.0001), b)


def test_two_programs_of_one_function_may_differ_by_roundings_of_float32_inside(rng):
    """XLA fuses the plain forward pass in another way than that of vjp."""

    def attention(q, k, v):
        scores = jnp.einsum("tk,sk->ts", q, k, preferred_element_type=jnp.float32) / 3
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape, bool)), scores, -1e30)
        return jax.nn.softmax(scores, -1).astype(q.dtype) @ v

    report = gradcheck.check(jax_function(attention), *rng.normal(size=(3, 4, 6)))
    assert report.verdict == "pass", str(report)
