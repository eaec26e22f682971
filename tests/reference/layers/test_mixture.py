import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.layer import Layer
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.mixture import MixtureOfExperts, examples
from reference.layers.residual import PostNorm, PreNorm

EXACT = {"rtol": 1e-12, "atol": 1e-12}  # float64, sums of at most 20 products of numbers near 1, in another order
SHAPE = (2, 3, 5)
ROUTER, EXPERTS = {"router.w", "router.b"}, {"experts[0].w", "experts[1].w", "experts[2].w"}


class Bend(Layer):
    """A small smooth expert with one parameter."""

    w: np.ndarray

    def vjp(self, x):
        y = np.tanh(x @ self.w)

        def pullback(dy):
            da = dy * (1 - y * y)
            return self.cotangent(w=np.einsum("nd,ne->de", x, da)), da @ self.w.T

        return y, pullback


class Composite(Layer):
    """A mixture within its residual connection, then an affine map, the balance beside it: seen from both sides."""

    residual: PreNorm | PostNorm
    linear: Linear

    def vjp(self, x):
        (h, balance), residual_pullback = self.residual.vjp(x)
        y, linear_pullback = self.linear.vjp(h)

        def pullback(cotangents):
            dy, dbalance = cotangents
            d_linear, dh = linear_pullback(dy)
            d_residual, dx = residual_pullback((dh, dbalance))
            return self.cotangent(residual=d_residual, linear=d_linear), dx

        return (y, balance), pullback


def mixture(rng, experts=4, k=2, width=5, kind=MixtureOfExperts):
    router = Linear(rng.normal(size=(width, experts)), rng.normal(size=experts))
    return kind(router, tuple(Bend(rng.normal(size=(width, width))) for _ in range(experts)), k)


def tokens(rng, layer, shape=SHAPE):
    """Draw x with every token at least 0.3 away from a tie, at which y jumps; the steps of the checker are smaller."""
    count, width = math.prod(shape[:-1]), shape[-1]
    x = rng.normal(size=(50 * count, width))
    s = np.sort(x @ layer.router.w + layer.router.b, axis=-1)[:, ::-1]
    if layer.k < s.shape[1]:
        x = x[s[:, layer.k - 1] - s[:, layer.k] > 0.3]
    return x[:count].reshape(shape)


def layer_and_input(rng, shape=SHAPE, **options):
    layer = mixture(rng, width=shape[-1], **options)
    return layer, tokens(rng, layer, shape)


def small(rng, **options):
    return layer_and_input(rng, (3, 2), experts=3, **options)


def softmax(s):
    e = np.exp(s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def dense(layer, x, dy, dbalance, **wrong):
    """Both passes with every expert on every token; `wrong` names steps of the backward pass to take otherwise."""
    p = SimpleNamespace(x=x.reshape(-1, x.shape[-1]), E=len(layer.experts), k=layer.k, dbalance=dbalance)
    p.N, p.dy = len(p.x), dy.reshape(p.x.shape)
    p.s = np.einsum("nd,de->ne", p.x, layer.router.w) + layer.router.b
    p.c = np.array([[e in sorted(range(p.E), key=lambda a: (-s[a], a))[: p.k] for e in range(p.E)] for s in p.s])
    p.q, p.w = softmax(p.s), softmax(np.where(p.c, p.s, -np.inf))
    runs = [expert.vjp(p.x) for expert in layer.experts]
    p.o = np.stack([o for o, _ in runs], axis=1)  # (N, E, D)
    p.f, p.mean = p.c.sum(axis=0) / (p.k * p.N), p.q.mean(axis=0)
    p.y, p.balance = np.einsum("ne,ned->nd", p.w, p.o).reshape(x.shape), p.E * sum(p.f * p.mean)

    def step(name, right):
        setattr(p, name, wrong[name](p) if name in wrong else right())

    step("do", lambda: p.w[:, :, None] * p.dy[:, None])
    pulled = [back(p.do[:, e]) for e, (_, back) in enumerate(runs)]
    p.dparts = np.stack([dx for _, dx in pulled], axis=1)  # (N, E, D), 0 where an expert was not chosen
    step("dw", lambda: np.einsum("nd,ned->ne", p.dy, p.o))
    step("ds_weights", lambda: p.w * (p.dw - np.einsum("ne,ne->n", p.w, p.dw)[:, None]))
    step("dq", lambda: np.tile(p.E / p.N * p.f * p.dbalance, (p.N, 1)))
    step("ds_balance", lambda: p.q * (p.dq - np.einsum("ne,ne->n", p.q, p.dq)[:, None]))
    p.ds = p.ds_weights + p.ds_balance
    p.dx_router = np.einsum("ne,de->nd", p.ds, layer.router.w)
    step("dx", lambda: p.dparts.sum(axis=1) + p.dx_router)
    d_router = Linear(np.einsum("nd,ne->de", p.x, p.ds), p.ds.sum(axis=0))
    p.d_layer = layer.cotangent(router=d_router, experts=tuple(d for d, _ in pulled))
    p.dx = p.dx.reshape(x.shape)
    return p


def planted(**wrong):
    """Return a mixture with the backward pass of `dense`, of which the steps named in `wrong` are taken otherwise."""

    class Wrong(MixtureOfExperts):
        def vjp(self, x):
            y, _ = super().vjp(x)

            def pullback(cotangents):
                p = dense(self, x, *cotangents, **wrong)
                return p.d_layer, p.dx

            return y, pullback

    return Wrong


def run(layer, x, dy, dbalance=0.7):
    """Return y, balance, d_layer and dx."""
    (y, balance), pullback = layer.vjp(x)
    return y, balance, *pullback((dy, dbalance))


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


def same_run(got, expected):
    for a, b in zip(got, expected, strict=True):
        if isinstance(a, Layer):
            same_tree(a, b)
        else:
            same(a, b)


@pytest.mark.parametrize("i", range(3))
def test_backward_is_proved(prove, rng, i):
    _, subject, inputs, constants = list(examples(rng))[i]
    prove(subject, *inputs, **constants)


@pytest.mark.parametrize(("shape", "experts", "k"), [((1, 1, 3), 3, 2), ((3,), 3, 1), ((2, 3), 1, 1)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, shape, experts, k):
    prove(*layer_and_input(rng, shape, experts=experts, k=k))


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.lists(st.integers(1, 3), max_size=2), st.integers(1, 3), st.integers(2, 3), st.data())
def test_backward_is_proved_at_any_shape(leading, experts, width, data):
    k, seed = data.draw(st.integers(1, experts)), data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    gradcheck.assert_gradients(*layer_and_input(rng, (*leading, width), experts=experts, k=k))


@pytest.mark.parametrize("residual", [PreNorm, PostNorm])
def test_backward_is_proved_inside_a_composite(prove, rng, residual):
    layer, x = layer_and_input(rng, (4, 3), experts=3)
    norm = LayerNorm(1 + rng.normal(scale=0.2, size=3), rng.normal(scale=0.2, size=3))
    s = np.sort(layer.router(norm(x) if residual is PreNorm else x), axis=-1)
    assert (s[:, 1] - s[:, 0]).min() > 0.1  # away from a tie behind the norm too
    prove(Composite(residual(norm, layer), Linear(rng.normal(size=(3, 2)), rng.normal(size=2))), x)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_forward_and_backward_equal_their_dense_oracle(rng, k):
    layer, x = layer_and_input(rng, k=k)
    dy = rng.normal(size=SHAPE)
    p = dense(layer, x, dy, 0.7)
    assert p.c.sum() == 6 * k and 0 < p.c.sum(axis=0).max() <= 6
    same_run(run(layer, x, dy), (p.y, p.balance, p.d_layer, p.dx))
    same(layer(x)[0], p.y)


def test_permuting_tokens(rng):
    layer, x = layer_and_input(rng, (7, 5))
    dy, order = rng.normal(size=(7, 5)), rng.permutation(7)
    y, balance, d_layer, dx = run(layer, x, dy)
    same_run(run(layer, x[order], dy[order]), (y[order], balance, d_layer, dx[order]))


def test_tokens_meet_only_in_the_balance(rng):
    layer, x = layer_and_input(rng, (7, 5))
    dy = rng.normal(size=(7, 5)) * (np.arange(7) == 2)[:, None]
    y, _, _, dx = run(layer, x, dy, 0.0)
    assert dx[2].all() and not np.delete(dx, 2, axis=0).any()
    assert np.delete(run(layer, x, dy, 0.7)[3], 2, axis=0).all()
    same(y, np.stack([layer(row)[0] for row in x]))


def test_permuting_experts(rng):
    layer, x = layer_and_input(rng)
    dy, order = rng.normal(size=SHAPE), rng.permutation(4)

    def moved(mix):
        return MixtureOfExperts(
            Linear(mix.router.w[:, order], mix.router.b[order]), tuple(mix.experts[e] for e in order), 2
        )

    y, balance, d_layer, dx = run(layer, x, dy)
    same_run(run(moved(layer), x, dy), (y, balance, moved(d_layer), dx))


def test_all_experts_are_the_dense_mixture(rng):
    layer, x = layer_and_input(rng, k=4)
    y, balance = layer(x)
    q = softmax(layer.router(x))
    same(y, sum(q[..., e, None] * expert(x) for e, expert in enumerate(layer.experts)))
    same(balance, 1)
    for _, gradient in tree.leaves(run(layer, x, np.zeros(SHAPE), 1.0)[2]):
        same(gradient, 0)


def test_shifting_all_logits_of_a_token(rng):
    layer, x = layer_and_input(rng)
    dy, shift = rng.normal(size=SHAPE), rng.normal(size=(5, 1))
    y, balance, d_layer, dx = run(layer, x, dy)
    other = MixtureOfExperts(Linear(layer.router.w + shift, layer.router.b + 3), layer.experts, 2)
    same_run(run(other, x, dy), (y, balance, d_layer, dx))
    same(d_layer.router.w.sum(axis=1), 0)
    same(d_layer.router.b.sum(), 0)


def test_equal_experts_do_not_feel_the_router(rng):
    layer, x = layer_and_input(rng)
    layer = MixtureOfExperts(layer.router, tuple(Bend(layer.experts[0].w.copy()) for _ in range(4)), 2)
    y, _, d_layer, _ = run(layer, x, rng.normal(size=SHAPE), 0.0)
    same(y, layer.experts[0](x))
    same(d_layer.router.w, 0)
    same(d_layer.router.b, 0)


def test_an_expert_nobody_chose_has_no_gradient(prove, rng):
    layer, x = layer_and_input(rng)
    layer.router.b[1] = -50.0
    _, _, d_layer, dx = run(layer, x, rng.normal(size=SHAPE), 0.0)
    assert not d_layer.experts[1].w.any() and not d_layer.router.w[:, 1].any() and d_layer.router.b[1] == 0
    assert all(d_layer.experts[e].w.any() for e in (0, 2, 3)) and np.isfinite(dx).all()
    prove(layer, x)


def test_one_expert_per_token_leaves_the_router_to_the_balance(rng):
    layer, x = layer_and_input(rng, k=1)
    dy = rng.normal(size=SHAPE)
    y, _, d_layer, _ = run(layer, x, dy, 0.0)
    best = layer.router(x).argmax(axis=-1)
    for place in np.ndindex(best.shape):
        same(y[place], layer.experts[best[place]](x[place]))
    assert not d_layer.router.w.any() and not d_layer.router.b.any()
    assert run(layer, x, dy, 0.7)[2].router.w.all()


def test_balance_is_one_where_shares_or_probabilities_are_uniform(rng):
    layer, x = layer_and_input(rng)
    nothing = MixtureOfExperts(Linear(np.zeros((5, 4)), np.zeros(4)), layer.experts, 2)
    p = dense(nothing, x, x, 0.7)
    assert list(p.f) == [0.5, 0.5, 0, 0]  # every token at the first two, with equal probabilities
    same(nothing(x)[1], 1)
    sharp = MixtureOfExperts(Linear(np.eye(4) * 3, np.zeros(4)), tuple(Bend(np.eye(4)) for _ in range(4)), 2)
    x = np.array([[2.0, 1, 0, 0], [0, 0, 5, 1]])  # each expert once, with very different probabilities
    p = dense(sharp, x, x, 0.7)
    assert list(p.f) == [0.25] * 4 and np.ptp(p.mean) > 0.1
    same(sharp(x)[1], 1)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_collapse_reaches_experts_over_k(rng, k):
    layer, x = layer_and_input(rng, k=k)
    assert layer(x)[1] < 4 / k
    layer.router.b[:k] += 1000
    same(layer(x)[1], 4 / k)


def test_balance_of_one_token_is_at_least_one(rng):
    for _ in range(20):
        for k in (1, 2, 3):
            layer, x = layer_and_input(rng, (5,), k=k)
            assert 1 < layer(x)[1] < 4 / k


def test_balance_may_fall_below_one():
    layer = MixtureOfExperts(Linear(np.eye(2), np.zeros(2)), (Bend(np.eye(2)), Bend(np.eye(2))), 1)
    _, balance = layer(np.array([[0, 1e-9], [0, 1e-9], [0, 1e-9], [40, 0]]))
    # P differs from (5/8, 3/8) by a few 1e-10, as the three tokens are not quite undecided
    np.testing.assert_allclose(balance, 7 / 8, rtol=0, atol=1e-8)  # see above
    assert balance >= (1 / 4) ** 2 + (3 / 4) ** 2


def test_ties_go_to_the_lower_index(rng):
    layer, x = layer_and_input(rng)
    layer.router.w[:], layer.router.b[:] = 0, [0, 1, 0, 0]
    first, second = softmax(np.array([0.0, 1]))
    same(layer(x)[0], first * layer.experts[0](x) + second * layer.experts[1](x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer, x = layer_and_input(rng)
    y, balance, d_layer, dx = run(layer.astype(dtype), x.astype(dtype), np.ones(SHAPE, dtype), np.ones((), dtype))
    assert {z.dtype for z in (y, balance, dx, *(leaf for _, leaf in tree.leaves(d_layer)))} == {np.dtype(dtype)}
    assert balance.shape == ()


@pytest.mark.parametrize("part", ["x", "router", "expert"])
def test_an_infinitely_small_step_of_one_part_is_not_lost(rng, part):
    layer, x = layer_and_input(rng)
    dy, delta = rng.normal(size=SHAPE), rng.normal(size={"x": SHAPE, "router": (5, 4), "expert": (5, 5)}[part])
    _, _, d_layer, dx = run(layer, x, dy)
    router, experts, step = layer.router, layer.experts, 1e-30j * delta
    if part == "router":
        router = Linear(router.w + step, router.b)
    if part == "expert":
        experts = (*experts[:3], Bend(experts[3].w + step))
    y, balance = MixtureOfExperts(router, experts, 2)(x + step if part == "x" else x)
    gradient = {"x": dx, "router": d_layer.router.w, "expert": d_layer.experts[3].w}[part]
    same((np.vdot(dy, y) + 0.7 * balance).imag / 1e-30, np.vdot(gradient, delta))


@pytest.mark.parametrize("shape", [(0, 5), (2, 0, 5)])
def test_empty_batch_gives_empty_output_and_zero_gradient(rng, shape):
    for k in (1, 2, 4):
        y, balance, d_layer, dx = run(mixture(rng, k=k), np.zeros(shape), np.zeros(shape))
        assert y.shape == dx.shape == shape and balance == 0
        assert not any(leaf.any() for _, leaf in tree.leaves(d_layer))


def test_memory_layout_does_not_matter(rng):
    layer, x = layer_and_input(rng)
    dy = np.broadcast_to(rng.normal(size=(1, 1, 5)), SHAPE)
    same_run(run(layer, np.asfortranarray(x), dy), run(layer, x, dy.copy()))


def test_nothing_received_is_written_and_a_pullback_may_be_called_twice(rng):
    layer, x = layer_and_input(rng)
    dy = rng.normal(size=SHAPE)
    for array in (x, dy, *(leaf for _, leaf in tree.leaves(layer))):
        array.flags.writeable = False
    _, pullback = layer.vjp(x)
    (first, dx_first), (second, dx_second) = pullback((dy, 0.7)), pullback((dy, 0.7))
    np.testing.assert_array_equal(dx_first, dx_second)
    for (_, a), (_, b) in zip(tree.leaves(first), tree.leaves(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_token_is_dropped(rng):
    layer, x = layer_and_input(rng, (40, 5), k=1)
    layer.router.b[2] += 1000  # all of them want one expert
    same(layer(x)[0], layer.experts[2](x))


def test_a_nan_stays_in_its_token(rng):
    layer, x = layer_and_input(rng, (4, 5))
    expected, _ = layer(x)
    x[2, 0] = np.nan
    y, balance = layer(x)
    assert np.isnan(y[2]).all() and np.isnan(balance)
    same(np.delete(y, 2, axis=0), np.delete(expected, 2, axis=0))


def test_each_expert_runs_once_on_its_own_tokens(rng):
    seen = []

    class Recorder(Bend):
        def vjp(self, x):
            seen.append(x.shape)
            return super().vjp(x)

    layer, x = layer_and_input(rng)
    layer.router.b[1] = -50.0
    MixtureOfExperts(layer.router, tuple(Recorder(e.w) for e in layer.experts), 2)(x)
    loads = dense(layer, x, x, 0.7).c.sum(axis=0)
    assert seen == [(load, 5) for load in loads] and loads[1] == 0


def test_init_draws_a_router_and_its_experts(rng):
    layer = MixtureOfExperts.init(rng, 5, 7, 3, 2)
    assert layer.router.w.shape == (5, 3) and layer.k == 2 and len(layer.experts) == 3
    assert all(type(e) is FeedForward and e.hidden.w.shape == (5, 7) for e in layer.experts)
    assert len({e.hidden.w.tobytes() for e in layer.experts}) == 3
    assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(np.float32)}
    assert MixtureOfExperts.init(rng, 5, 7, 3, 2, np.float64).router.w.dtype == np.float64


def test_softmax_over_all_in_the_backward_is_caught(caught, rng):
    wrong = planted(ds_weights=lambda p: p.q * (p.dw - (p.q * p.dw).sum(axis=1, keepdims=True)))
    caught(ROUTER | {"x"}, *small(rng, kind=wrong))
    gradcheck.assert_gradients(*small(rng, kind=wrong, k=3))


def test_router_path_to_the_input_forgotten_is_caught(caught, rng):
    wrong = planted(dx=lambda p: p.dparts.sum(axis=1))
    caught({"x"}, *small(rng, kind=wrong))


def test_gradient_of_the_weights_forgotten_is_caught(caught, rng):
    wrong = planted(dw=lambda p: np.zeros_like(p.w))
    caught(ROUTER | {"x"}, *small(rng, kind=wrong))


def test_last_write_wins_is_caught(caught, rng):
    def overwrite(p):
        expert, token = np.nonzero(p.c.T)
        dx = p.dx_router.copy()
        dx[token] += p.dparts[token, expert]
        return dx

    caught({"x"}, *small(rng, kind=planted(dx=overwrite)))
    gradcheck.assert_gradients(*small(rng, kind=planted(dx=overwrite), k=1))


def test_expert_cotangent_without_its_weight_is_caught(caught, rng):
    wrong = planted(do=lambda p: p.c[:, :, None] * p.dy[:, None])
    caught(EXPERTS | {"x"}, *small(rng, kind=wrong))


def test_differentiated_share_is_caught(caught, rng):
    wrong = planted(dq=lambda p: np.tile(p.E / p.N * (p.f + p.mean) * p.dbalance, (p.N, 1)))
    caught(ROUTER | {"x"}, *small(rng, kind=wrong))


def test_balance_over_the_chosen_only_is_caught(caught, rng):
    wrong = planted(ds_balance=lambda p: p.c * p.q * (p.dq - (p.q * p.dq).sum(axis=1, keepdims=True)))
    caught(ROUTER | {"x"}, *small(rng, kind=wrong))


@pytest.mark.parametrize("factor", ["1 / E", "k"])
def test_another_factor_in_the_balance_is_caught(caught, rng, factor):
    scale = {"1 / E": lambda p: 1 / p.E, "k": lambda p: p.k}[factor]
    wrong = planted(dq=lambda p: np.tile(scale(p) * p.E / p.N * p.f * p.dbalance, (p.N, 1)))
    caught(ROUTER | {"x"}, *small(rng, kind=wrong))


def test_detached_balance_is_caught(caught, rng):
    wrong = planted(dq=lambda p: np.zeros_like(p.q))
    caught(ROUTER | {"x"}, *small(rng, kind=wrong))


def test_bad_layers_are_one_clear_line(rng):
    layer, x = layer_and_input(rng)

    def rebuilt(router=layer.router, experts=layer.experts, k=2):
        return MixtureOfExperts(router, experts, k)

    with pytest.raises(ValueError, match=r"^MixtureOfExperts: k must be at most the number of experts, 4, got 5$"):
        rebuilt(k=5)(x)
    with pytest.raises(ValueError, match=r"^MixtureOfExperts: k must be at least 1, got 0$"):
        rebuilt(k=0)(x)
    with pytest.raises(ValueError, match=r"^MixtureOfExperts: k must be at most the number of experts, 0, got 2$"):
        rebuilt(experts=())(x)
    with pytest.raises(ValueError, match=r"^MixtureOfExperts: router\.w must have shape \(D, 3\), got \(5, 4\)$"):
        rebuilt(experts=layer.experts[:3])(x)
    narrow = (*layer.experts[:3], Linear(np.zeros((5, 1)), np.zeros(1)))
    layer.router.b[3] += 1000  # every token is there
    with pytest.raises(ValueError, match=r"^MixtureOfExperts: experts\[3\] must return shape \(6, 5\), got \(6, 1\)$"):
        rebuilt(experts=narrow)(x)


def test_bad_input_is_one_clear_line(rng):
    layer = mixture(rng)
    with pytest.raises(ValueError, match=r"^MixtureOfExperts: x must have shape \(\.\.\., 5\), got \(2, 6\)$"):
        layer(np.zeros((2, 6)))
    with pytest.raises(TypeError, match=r"^MixtureOfExperts: x must be floating or complex, got int64$"):
        layer(np.zeros((2, 5), np.int64))
    with pytest.raises(ValueError, match=r"^MixtureOfExperts\.init: k must be at least 1, got 0$"):
        MixtureOfExperts.init(rng, 5, 7, 3, 0)
    with pytest.raises(ValueError, match=r"^MixtureOfExperts\.init: experts must be at least 1, got 0$"):
        MixtureOfExperts.init(rng, 5, 7, 0, 1)
    message = r"^MixtureOfExperts\.init: k must be at most the number of experts, 3, got 4$"
    with pytest.raises(ValueError, match=message):
        MixtureOfExperts.init(rng, 5, 7, 3, 4)
    with pytest.raises(TypeError, match=r"^MixtureOfExperts\.init: k must be a whole number, got float$"):
        MixtureOfExperts.init(rng, 5, 7, 3, 2.0)
