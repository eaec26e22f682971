import copy
import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcheck
from reference.core import tree
from reference.core.keep import draw, keep
from reference.core.masks import causal
from reference.functions.alibi import alibi_slopes
from reference.layers.attention import SelfAttention
from reference.layers.grouped_attention import GroupedAttention, examples
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.layers.relative import RelativePositions
from reference.layers.residual import PreNorm
from reference.layers.rmsnorm import RMSNorm
from reference.layers.rotary import Rotary

EXACT = {"rtol": 1e-11, "atol": 1e-11}  # float64, sums of up to 16 x 16 products near 1, through norms of small rows
TURNED = {"qk_norm": True, "rotary": Rotary(base=100.0)}
EVERY = {**TURNED, "alibi": True, "window": 3, "cap": 1.5}


def random_layer(rng, groups=2, width=6, heads=4, head_width=4, **options):
    """Weights of size 0.6 keep the scores near 1, so that no softmax saturates."""
    layer = GroupedAttention.init(rng, width, heads, groups, head_width=head_width, dtype=np.float64, **options)
    return tree.map(lambda p: rng.normal(scale=0.6, size=p.shape), layer)


def small_layer(rng, groups=1, **options):
    """Two heads: where a check must find the wrong entries, it asks for every one."""
    return random_layer(rng, groups, width=2, heads=2, **options)


def changed(layer, kind=GroupedAttention, **fields):
    return kind(**{name: fields.get(name, getattr(layer, name)) for name in tree.field_names(layer)})


def run(layer, x, dy, *bias, **constants):
    """Return y, d_layer, dx and the gradients of the biases."""
    y, pullback = layer.vjp(x, *bias, **constants)
    return y, *pullback(dy)


@pytest.mark.parametrize("turned", [{"interleaved": True}, {"width": 2}, {"width": 2, "interleaved": True}])
def test_backward_is_proved_with_interleaved_pairs_and_on_a_part_of_the_head(prove, rng, turned):
    layer = random_layer(rng, qk_norm=True, rotary=Rotary(base=100.0, **turned))
    prove(layer, rng.normal(size=(2, 5, 6)))


@pytest.mark.parametrize("options", [{}, TURNED, {"alibi": True}, {"cap": 2.0, "window": 3}])
def test_weights_as_an_output_are_those_with_which_the_layer_mixes_its_values(prove, rng, options):
    layer, x = random_layer(rng, **options), rng.normal(size=(2, 5, 6))
    y, w = layer(x, weights=True)
    np.testing.assert_array_equal(y, layer(x))
    v = np.repeat(layer.value(x).reshape(2, 5, -1, layer.head_width), layer.heads // layer.key_value_heads, axis=2)
    same(y, layer.output(np.einsum("bhts,bshk->bthk", w, v).reshape(2, 5, -1)))
    prove(layer, x, weights=True)


def turn(t, rotary, width, angles=None):
    """Return the matrix that turns the pairs of one head at position t, or by these angles."""
    matrix = np.eye(width)
    if rotary is not None:
        for i in range(width // 2):
            angle, places = t * rotary.base ** (-2 * i / width), [i, i + width // 2]
            angle = angle if angles is None else angles[i]
            matrix[np.ix_(places, places)] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def prepare(raw, norm, rotary, rotate_first=False, at=None, angles=None):
    """Norm and turn raw (B, N, T, K); return the result with its Jacobian, row by row."""
    k = raw.shape[-1]
    r = SimpleNamespace(out=np.zeros(raw.shape), hat=np.zeros(raw.shape), gamma=np.ones(k))
    r.turns, r.norms = np.zeros((2, *raw.shape, k))
    r.gamma = r.gamma if norm is None else norm.gamma
    for b, n, t in np.ndindex(raw.shape[:3]):
        by = None if angles is None else angles[b, t]
        row, turned, normed = raw[b, n, t], turn(t if at is None else at[b, t], rotary, k, by), np.eye(k)
        row = turned @ row if rotate_first else row
        if norm is not None:
            scale = 1 / np.sqrt(sum(row * row) / k + norm.eps)
            r.hat[b, n, t] = scale * row
            row = norm.gamma * r.hat[b, n, t]
            normed = np.diag(norm.gamma) @ (np.eye(k) - np.outer(r.hat[b, n, t], r.hat[b, n, t]) / k) * scale
        r.out[b, n, t] = row if rotate_first else turned @ row
        r.turns[b, n, t], r.norms[b, n, t] = turned, normed
    return r


def oracle(layer, x, dy, *bias, mask=None, rng=None, position_ids=None, angles=None):
    """Every quantity of forward and backward, head by head and row by row."""
    heads, groups, k = layer.heads, layer.key_value_heads, layer.head_width
    scale = 1 / np.sqrt(k) if layer.scale is None else layer.scale
    at = np.broadcast_to(np.arange(x.shape[1]) if position_ids is None else position_ids, x.shape[:2])
    if layer.relative is not None:
        bias = (*bias, layer.relative(position_ids=at))
    (batch, length, _), times = x.shape, heads // groups
    r = SimpleNamespace(layer=layer, x=x, dy=dy, times=times, at=at)
    raw = {}
    for name, count in (("query", heads), ("key", groups), ("value", groups)):
        m = getattr(layer, name)
        flat = np.einsum("btd,dk->btk", x, m.w) + (0 if m.b is None else m.b)
        raw[name] = np.stack([flat[..., n * k : (n + 1) * k] for n in range(count)], axis=1)
    r.q = prepare(raw["query"], layer.query_norm, layer.rotary, at=position_ids, angles=angles)
    r.k = prepare(raw["key"], layer.key_norm, layer.rotary, at=position_ids, angles=angles)
    v, table = raw["value"], (batch, heads, length, length)
    kept, rate = np.ones(table), 0.0
    if layer.dropout and rng is not None:
        kept, rate = keep(draw(copy.deepcopy(rng)), layer.dropout, table, range(length)), layer.dropout
    do = np.einsum("btd,kd->btk", dy, layer.output.w)
    r.o, slopes = np.zeros(do.shape), alibi_slopes(heads)
    r.dq, r.dk, r.dv = np.zeros((3, batch, heads, length, k))
    r.dbias = [np.zeros(b.shape) for b in bias]
    for b, h in np.ndindex(batch, heads):
        g, c = h // times, slice(h * k, (h + 1) * k)
        s, bent = np.full((length, length), -np.inf), np.zeros((length, length))
        for t, j in np.ndindex(length, length):
            hidden = layer.causal and j > t
            hidden |= layer.window is not None and abs(t - j) >= layer.window
            hidden |= mask is not None and not np.broadcast_to(mask, table)[b, h, t, j]
            if not hidden:
                score = sum(r.q.out[b, h, t] * r.k.out[b, g, j]) * scale
                bent[t, j] = 1 if layer.cap is None else 1 - np.tanh(score / layer.cap) ** 2
                score = score if layer.cap is None else layer.cap * np.tanh(score / layer.cap)
                score += sum(np.broadcast_to(z, table)[b, h, t, j] for z in bias)
                s[t, j] = score - slopes[h] * abs(int(at[b, t]) - int(at[b, j])) if layer.alibi else score
        p = np.exp(s)
        p /= np.where(p.any(axis=-1), p.sum(axis=-1), 1)[:, None]
        w = p * kept[b, h] / (1 - rate)
        r.o[b, :, c] = w @ v[b, g]
        r.dv[b, h] = w.T @ do[b, :, c]
        dp = do[b, :, c] @ v[b, g].T * kept[b, h] / (1 - rate)
        ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True))
        for dz in r.dbias:
            dz[b if len(dz) > 1 else 0, h if dz.shape[1] > 1 else 0] += ds if dz.shape[2] > 1 else ds.sum(axis=0)
        ds = ds * bent * scale
        r.dq[b, h], r.dk[b, h] = ds @ r.k.out[b, g], ds.T @ r.q.out[b, h]
    r.y = np.einsum("btk,kd->btd", r.o, layer.output.w) + (0 if layer.output.b is None else layer.output.b)
    r.collect = {"key": lambda z: z.sum(axis=2), "value": lambda z: z.sum(axis=2)}
    r.paths = ("query", "key", "value")
    r.gains = lambda p, d: np.einsum("bhtji,bhtj,bhti->i", p.turns, d, p.hat)
    r.back = lambda p, d: np.einsum("bhtkj,bhtik,bhti->bhtj", p.norms, p.turns, d)
    return r


def total(r):
    """The cotangents of the layer, x and the biases."""
    layer, (batch, heads, length, k) = r.layer, r.dq.shape
    shape = batch, heads // r.times, r.times, length, k
    dk, dv = r.collect["key"](r.dk.reshape(shape)), r.collect["value"](r.dv.reshape(shape))
    d = {"query": r.back(r.q, r.dq), "key": r.back(r.k, dk), "value": dv}
    gradients, dx = {}, 0
    for name, dz in d.items():
        m, flat = getattr(layer, name), np.concatenate([dz[:, n] for n in range(dz.shape[1])], axis=-1)
        d_bias = {} if m.b is None else {"b": flat.sum(axis=(0, 1))}
        gradients[name] = m.cotangent(w=np.einsum("btd,btk->dk", r.x, flat), **d_bias)
        dx = dx + (flat @ m.w.T if name in r.paths else 0)
    d_bias = {} if layer.output.b is None else {"b": r.dy.sum(axis=(0, 1))}
    gradients["output"] = layer.output.cotangent(w=np.einsum("btk,btd->kd", r.o, r.dy), **d_bias)
    for name, p, dz in (("query_norm", r.q, r.dq), ("key_norm", r.k, dk)):
        if getattr(layer, name) is not None:
            gradients[name] = getattr(layer, name).cotangent(gamma=r.gains(p, dz))
    if layer.rotary is not None:
        gradients["rotary"] = layer.rotary
    if layer.relative is not None:
        (gradients["relative"],) = layer.relative.vjp(position_ids=r.at)[1](r.dbias.pop())
    return layer.cotangent(**gradients), dx, *r.dbias


def planted(layer, wrong):
    """Return `layer` with the pullback of its oracle after `wrong(right quantities)`."""

    class Wrong(GroupedAttention):
        def vjp(self, x, *bias, mask=None, rng=None):
            y, _ = super().vjp(x, *bias, mask=mask, rng=copy.deepcopy(rng))

            def pullback(dy):
                r = oracle(self, x, dy, *bias, mask=mask, rng=rng)
                wrong(r)
                return total(r)

            return y, pullback

    return changed(layer, Wrong)


def same(got, expected):
    np.testing.assert_allclose(got, expected, **EXACT)


def same_tree(got, expected):
    for (path, leaf), (_, other) in zip(tree.leaves(got), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(leaf, other, **EXACT, err_msg=path)


@pytest.mark.parametrize("i", range(8))
def test_backward_is_proved(prove, rng, i):
    _, layer, inputs, constants = list(examples(rng))[i]
    report = prove(layer, *inputs, **constants)
    assert [g.name for g in report.gradients if g.digits is None] == (["key.b"] if i == 0 else [])


@pytest.mark.parametrize("shape", [(1, 3, 6), (2, 1, 6)])
def test_backward_is_proved_at_batch_one_and_length_one(prove, rng, shape):
    prove(random_layer(rng, **EVERY), rng.normal(size=shape))


@settings(deadline=None, max_examples=6, derandomize=True)
@given(st.tuples(*[st.integers(1, 3)] * 4), st.booleans(), st.integers(0, 2**32 - 1))
def test_backward_is_proved_at_any_shape(shape, full, seed):
    batch, length, groups, times = shape
    rng = np.random.default_rng(seed)
    layer = random_layer(rng, groups, heads=groups * times, **(EVERY if full else {}))
    gradcheck.assert_gradients(layer, rng.normal(size=(batch, length, 6)))


def wide(rng, groups=2, **options):
    """A layer whose values are wider than its keys."""
    layer = random_layer(rng, groups, **options)
    value, output = Linear(rng.normal(scale=0.6, size=(6, groups * 5)), None), Linear(rng.normal(size=(20, 6)), None)
    return changed(layer, value=value, output=output)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_values_may_have_a_width_of_their_own(prove, rng, groups):
    layer, x = wide(rng, groups, **EVERY), rng.normal(size=(2, 3, 6))
    prove(layer, x)
    cache = layer.cache(2, 3)
    same(np.concatenate([layer.step(x[:, :2], cache), layer.step(x[:, 2:], cache)], axis=1), layer(x))


def test_values_of_another_width_are_padded_ones(rng):
    layer, x = wide(rng), rng.normal(size=(2, 3, 6))
    value, output = layer.value.w.reshape(6, 2, 5), layer.output.w.reshape(4, 5, 6)
    maps = Linear(value[:, :, :4].reshape(6, 8).copy(), None), Linear(output[:, :4].reshape(16, 6).copy(), None)
    unheard = Linear((output * (np.arange(5) < 4)[:, None]).reshape(20, 6), None)  # of the last entry of each value
    same(changed(layer, output=unheard)(x), changed(layer, value=maps[0], output=maps[1])(x))


def test_backward_is_proved_inside_a_composite(prove, rng):
    norm = LayerNorm(gamma=rng.normal(size=6), beta=rng.normal(size=6))
    prove(PreNorm(norm=norm, inner=random_layer(rng, **EVERY)), rng.normal(size=(1, 3, 6)))


@pytest.mark.parametrize("i", range(8))
def test_forward_and_backward_equal_their_loop_oracle(rng, i):
    _, layer, (x, *bias), constants = list(examples(rng))[i]
    dy = rng.normal(size=x.shape)
    constants.pop("weights", None)  # which have a test of their own
    r = oracle(layer, x, dy, *bias, **constants)
    y, d_layer, *gradients = run(layer, x, dy, *bias, **constants)
    d_expected, *expected = total(r)
    same(y, r.y)
    same_tree(d_layer, d_expected)
    for got, want in zip(gradients, expected, strict=True):
        same(got, want)


def test_three_heads_to_a_group_equal_their_loop_oracle(rng):
    """With 4 heads in 2 groups the heads of a group, the groups, and their difference are one number."""
    layer, (x, dy) = random_layer(rng, groups=2, heads=6, **EVERY), rng.normal(size=(2, 2, 5, 6))
    assert (layer.head_width, layer.key_value_heads) == (4, 2)
    r = oracle(layer, x, dy)
    y, d_layer, dx = run(layer, x, dy)
    d_expected, dx_expected = total(r)
    same(y, r.y)
    same_tree(d_layer, d_expected)
    same(dx, dx_expected)


def test_as_many_groups_as_heads_are_multi_head_attention(rng):
    layer, x, dy = random_layer(rng, 4, bias=True), *rng.normal(size=(2, 2, 5, 6))
    other = SelfAttention(layer.query, layer.key, layer.value, layer.output, layer.heads)
    (y, d, dx), (y_other, d_other, dx_other) = run(layer, x, dy), run(other, x, dy, mask=causal(5))
    same(y, y_other)
    same(dx, dx_other)
    same_tree(d, d_other)


@pytest.mark.parametrize("groups", [1, 2])
def test_groups_are_repeated_heads_whose_gradients_add_up(rng, groups):
    layer, x, dy = random_layer(rng, groups, **EVERY), *rng.normal(size=(2, 2, 5, 6))
    times = 4 // groups
    wide = {
        name: Linear(np.repeat(getattr(layer, name).w.reshape(6, groups, 4), times, axis=1).reshape(6, 16), None)
        for name in ("key", "value")
    }
    (y, d, dx), (y_wide, d_wide, dx_wide) = run(layer, x, dy), run(changed(layer, **wide), x, dy)
    same(y, y_wide)
    same(dx, dx_wide)
    for name in wide:
        dw = getattr(d_wide, name).w.reshape(6, groups, times, 4)
        same(getattr(d, name).w, dw.sum(axis=2).reshape(6, -1))
    same_tree(d.query_norm, d_wide.query_norm)
    same_tree(d.key_norm, d_wide.key_norm)


def test_hidden_positions_in_front_change_nothing(rng):
    layer, x, dy = random_layer(rng, **EVERY), *rng.normal(size=(2, 2, 5, 6))
    front, seen = rng.normal(size=(2, 3, 6)), (np.arange(8) >= 3)[None, None, None]
    y, d, dx = run(layer, x, dy)
    moved, d_moved, dx_moved = run(
        layer, np.concatenate((front, x), axis=1), np.concatenate((0 * front, dy), axis=1), mask=seen
    )
    same(moved[:, 3:], y)
    same(dx_moved[:, 3:], dx)
    same_tree(d_moved, d)
    assert not dx_moved[:, :3].any()


def test_causality(rng):
    layer, x = random_layer(rng, **TURNED), rng.normal(size=(2, 5, 6))
    y, pullback = layer.vjp(x)
    for t in range(5):
        dy = np.zeros(x.shape)
        dy[:, t] = rng.normal(size=(2, 6))
        _, dx = pullback(dy)
        assert not dx[:, t + 1 :].any() and dx[:, : t + 1].all()
        same(layer(x + 7 * (np.arange(5)[:, None] > t))[:, : t + 1], y[:, : t + 1])


def test_causal_is_a_causal_mask(rng):
    layer, x, dy = random_layer(rng, **TURNED), *rng.normal(size=(2, 2, 5, 6))
    (y, d, dx), (y_mask, d_mask, dx_mask) = run(layer, x, dy), run(changed(layer, causal=False), x, dy, mask=causal(5))
    np.testing.assert_array_equal(y, y_mask)
    np.testing.assert_array_equal(dx, dx_mask)
    same_tree(d, d_mask)


@pytest.mark.parametrize("one_way", [True, False])
def test_window_locality(rng, one_way):
    layer, x = random_layer(rng, causal=one_way, window=2, **TURNED), rng.normal(size=(2, 5, 6))
    _, pullback = layer.vjp(x)
    for t in range(5):
        dy = np.zeros(x.shape)
        dy[:, t] = 1
        _, dx = pullback(dy)
        seen = [s for s in range(5) if abs(t - s) < 2 and not (one_way and s > t)]
        assert [s for s in range(5) if dx[:, s].any()] == seen


def test_a_window_as_long_as_the_sequence_changes_nothing(rng):
    layer, x, dy = random_layer(rng, **TURNED), *rng.normal(size=(2, 2, 5, 6))
    (y, d, dx), (y_window, d_window, dx_window) = run(layer, x, dy), run(changed(layer, window=5), x, dy)
    np.testing.assert_array_equal(y, y_window)
    np.testing.assert_array_equal(dx, dx_window)
    same_tree(d, d_window)
    assert np.abs(changed(layer, window=4)(x) - y)[:, 4].max() > 1e-4


def with_biases(rng, **options):
    """A layer with both biases that go by the distance."""
    layer = random_layer(rng, alibi=True, cap=1.5, **options)
    return changed(layer, relative=RelativePositions(rng.normal(size=(8, 4)), far=4))


def test_biases_go_by_the_distance_of_position_ids(rng):
    layer, x, dy = with_biases(rng, causal=False), *rng.normal(size=(2, 2, 5, 6))
    usual, at = np.arange(5)[None], np.array([[0, 1, 2, 0, 1], [9, 4, 40, 0, 3]])

    def of(layer, x, dy, **ids):
        y, pullback = layer.vjp(x, **ids)
        return y, *pullback(dy)

    (y, d, dx), (z, e, dz) = of(layer, x, dy), of(layer, x, dy, position_ids=usual + 7)
    same(z, y)
    same(dz, dx)
    same_tree(e, d)
    y, d, dx = of(layer, x, dy, position_ids=at)
    rows = [of(layer, x[b : b + 1], dy[b : b + 1], position_ids=at[b : b + 1]) for b in range(2)]
    same(y, np.concatenate([row[0] for row in rows]))
    same(dx, np.concatenate([row[2] for row in rows]))
    same_tree(d, tree.map(np.add, *[row[1] for row in rows]))
    order = [3, 0, 4, 1, 2]  # where nothing goes by places, a token takes its position along
    moved, e, dz = of(layer, x[:, order], dy[:, order], position_ids=at[:, order])
    same(moved, y[:, order])
    same(dz, dx[:, order])
    same_tree(e, d)


def test_biases_by_places_in_the_backward_are_caught(caught, rng):
    """Position ids are forgotten on the way back: of rows that are packed, and of their biases alone."""

    class Wrong(GroupedAttention):
        def vjp(self, x, *, position_ids):
            return super().vjp(x, position_ids=position_ids)[0], super().vjp(x)[1]

    layer = changed(with_biases(rng), Wrong)
    x, at = rng.normal(size=(1, 4, 6)), {"position_ids": np.array([[0, 9, 0, 30]])}
    caught({"query.w", "key.w", "value.w", "output.w", "relative.table", "x"}, layer, x, **at)


@pytest.mark.parametrize("turned", [{}, {"width": 2}, {"interleaved": True}])
def test_angles_of_the_callers_turn_and_nothing_else(rng, turned):
    x, dy = rng.normal(size=(2, 2, 5, 6))
    at, pairs = np.array([[0, 1, 2, 0, 1], [9, 4, 40, 0, 3]]), turned.get("width", 4) // 2
    angles = at[:, :, None] * 100.0 ** (-np.arange(pairs) / pairs)
    layer = random_layer(rng, qk_norm=True, rotary=Rotary(base=100.0, **turned))
    ids, given = run(layer, x, dy, position_ids=at), run(layer, x, dy, angles=angles)
    for one, other in zip(ids[:1] + ids[2:], given[:1] + given[2:], strict=True):
        np.testing.assert_array_equal(one, other)
    same_tree(given[1], ids[1])
    usual = np.arange(5)[None, :, None] * 100.0 ** (-np.arange(pairs) / pairs)
    biased = with_biases(rng, rotary=Rotary(base=100.0, **turned))  # which go by places all the same
    np.testing.assert_array_equal(biased(x, angles=usual), biased(x))
    assert np.abs(biased(x, angles=angles) - biased(x, position_ids=at)).max() > 0.01


def test_angles_forgotten_in_the_backward_are_caught(caught, rng):
    class Wrong(GroupedAttention):
        def vjp(self, x, *, angles):
            return super().vjp(x, angles=angles)[0], super().vjp(x)[1]

    layer, x = changed(random_layer(rng, rotary=Rotary()), Wrong), rng.normal(size=(1, 4, 6))
    caught({"query.w", "key.w", "value.w", "output.w", "x"}, layer, x, angles=rng.normal(size=(1, 4, 2)))


ANGLES, AT = np.ones((2, 5, 2)), np.zeros((2, 5), int)


@pytest.mark.parametrize(("options", "given", "error", "message"), [
    ({}, {"angles": ANGLES[:, :4]}, ValueError, "angles must have shape (2 or 1, 5, 2), got (2, 4, 2)"),
    ({"width": 2}, {"angles": ANGLES}, ValueError, "angles must have shape (2 or 1, 5, 1), got (2, 5, 2)"),
    ({}, {"angles": ANGLES.astype(int)}, TypeError, "angles must be floating or complex, got int64"),
    ({}, {"angles": ANGLES, "position_ids": AT}, ValueError,
     "position_ids must be None where there are angles, got both"),
    (None, {"angles": ANGLES}, ValueError, "angles must be None without rotary positions, got some"),
])  # fmt: skip
def test_angles_that_are_none_are_one_clear_line(rng, options, given, error, message):
    layer = random_layer(rng, rotary=None if options is None else Rotary(**options))
    with pytest.raises(error, match=f"^GroupedAttention: {re.escape(message)}$"):
        layer.vjp(np.zeros((2, 5, 6)), **given)


def test_alibi_is_a_bias(rng):
    layer, x, dy = random_layer(rng, alibi=True, cap=1.5, causal=False), *rng.normal(size=(2, 2, 5, 6))
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    bias = -alibi_slopes(4)[None, :, None, None] * distance
    (y, d, dx), (y_bias, d_bias, dx_bias, _) = run(layer, x, dy), run(changed(layer, alibi=False), x, dy, bias)
    same(y, y_bias)
    same(dx, dx_bias)
    same_tree(d, d_bias)


def test_a_bias_that_is_constant_in_a_row_changes_nothing(rng):
    layer, x, dy = random_layer(rng, cap=1.5), *rng.normal(size=(2, 2, 5, 6))
    bias, shift = rng.normal(size=(2, 1, 5, 5)), rng.normal(size=(2, 1, 5, 1))
    y, _, dx, dbias = run(layer, x, dy, bias)
    y_moved, _, dx_moved, dbias_moved = run(layer, x, dy, bias + shift)
    for got, expected in ((y_moved, y), (dx_moved, dx), (dbias_moved, dbias), (dbias.sum(axis=-1), 0)):
        same(got, expected)


def test_a_normed_query_has_no_scale(rng):
    layer, x, dy = random_layer(rng, **TURNED), *rng.normal(size=(2, 2, 5, 6))
    layer = changed(layer, query_norm=RMSNorm(layer.query_norm.gamma, eps=0.0))
    y, d, _ = run(layer, x, dy)
    same(changed(layer, query=Linear(3 * layer.query.w, None))(x), y)
    same(np.vdot(layer.query.w, d.query.w), 0)


def test_norm_and_rotation_commute_where_the_gain_agrees_on_pairs(rng):
    raw, rotary, pair = rng.normal(size=(2, 4, 5, 4)), Rotary(base=100.0), rng.normal(size=2)
    agreeing, other = RMSNorm(np.concatenate((pair, pair))), RMSNorm(rng.normal(size=4))
    same(prepare(raw, agreeing, rotary).out, prepare(raw, agreeing, rotary, rotate_first=True).out)
    assert np.abs(prepare(raw, other, rotary).out - prepare(raw, other, rotary, rotate_first=True).out).max() > 0.5


def test_groups_are_interchangeable(rng):
    layer, x = random_layer(rng, **TURNED), rng.normal(size=(2, 5, 6))
    heads, groups = np.arange(16).reshape(4, 4)[[3, 2, 0, 1]].ravel(), np.arange(8).reshape(2, 4)[[1, 0]].ravel()
    moved = changed(
        layer,
        query=Linear(layer.query.w[:, heads], None),
        key=Linear(layer.key.w[:, groups], None),
        value=Linear(layer.value.w[:, groups], None),
        output=Linear(layer.output.w[heads], None),
    )
    same(moved(x), layer(x))


def test_dropout_draws_only_with_a_generator(rng):
    layer, x = random_layer(rng, dropout=0.4), rng.normal(size=(2, 5, 6))
    np.testing.assert_array_equal(layer(x), changed(layer, dropout=0.0)(x, rng=np.random.default_rng(1)))
    first, second = (layer(x, rng=np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - layer(x)).max() > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtype_in_is_dtype_out(rng, dtype):
    layer = GroupedAttention.init(rng, 8, 4, 2, bias=True, **EVERY, dropout=0.2, dtype=dtype)
    x, bias = rng.normal(size=(2, 5, 8)).astype(dtype), rng.normal(size=(1, 4, 5, 5)).astype(dtype)
    y, d, dx, dbias = run(layer, x, x, bias, rng=np.random.default_rng(1))
    assert {z.dtype for z in (y, dx, dbias, *(leaf for _, leaf in tree.leaves(d)))} == {np.dtype(dtype)}
    assert {leaf.dtype for _, leaf in tree.leaves(layer)} == {np.dtype(dtype)}


def test_init_draws_maps_of_the_widths_asked_for(rng):
    plain = GroupedAttention.init(rng, 8, 4)
    assert (plain.head_width, plain.key_value_heads, plain.query.b, plain.rotary) == (2, 4, None, None)
    layer = GroupedAttention.init(rng, 6, 4, 2, head_width=4, bias=True, qk_norm=True)
    shapes = {path: leaf.shape for path, leaf in tree.leaves(layer)}
    assert shapes == {
        "query.w": (6, 16), "query.b": (16,), "key.w": (6, 8), "key.b": (8,), "value.w": (6, 8), "value.b": (8,),
        "output.w": (16, 6), "output.b": (6,), "query_norm.gamma": (4,), "key_norm.gamma": (4,),
    }  # fmt: skip
    assert len({m.w[0, 0] for m in (layer.query, layer.key, layer.value, layer.output)}) == 4


def test_init_draws_query_key_and_value_as_one_map(rng):
    layer = GroupedAttention.init(rng, 64, 4, 2, head_width=32, dtype=np.float64)
    assert [z.w.shape[1] for z in (layer.query, layer.key, layer.value)] == [128, 64, 64]
    for w, columns in ((layer.query.w, 256), (layer.key.w, 256), (layer.value.w, 256), (layer.output.w, 64)):
        limit = np.sqrt(6 / (len(w) + columns))
        assert 0.99 * limit < abs(w).max() <= limit  # the largest of 4,096 is so near to the end of its interval


@pytest.mark.parametrize("shape", [(0, 5, 6), (2, 0, 6)])
def test_zero_lengths_give_zero_gradient(rng, shape):
    layer, x = random_layer(rng, **EVERY), np.zeros(shape)
    y, d, dx = run(layer, x, x)
    assert y.shape == dx.shape == shape
    assert not any(leaf.any() for _, leaf in tree.leaves(d))


def test_gradient_of_one_member_of_a_group_is_caught(caught, rng):
    def wrong(r):
        r.collect = dict.fromkeys(("key", "value"), lambda z: z[:, :, -1])

    caught({"key.w", "value.w", "x"}, planted(small_layer(rng), wrong), rng.normal(size=(1, 3, 2)))


def test_mean_over_the_group_is_caught(caught, rng):
    def wrong(r):
        r.collect = dict.fromkeys(("key", "value"), lambda z: z.mean(axis=2))

    caught({"key.w", "value.w", "x"}, planted(small_layer(rng), wrong), rng.normal(size=(1, 3, 2)))


def test_other_assignment_of_heads_in_the_backward_is_caught(caught, rng):
    def wrong(r):
        r.dk = r.dk[:, [0, 2, 1, 3]]  # head h to group h mod 2

    caught({"key.w", "x"}, planted(random_layer(rng, width=2), wrong), rng.normal(size=(1, 3, 2)))


def test_rotation_not_undone_is_caught(caught, rng):
    def wrong(r):
        r.k.turns = np.broadcast_to(np.eye(4), r.k.turns.shape)

    caught({"key.w", "x"}, planted(small_layer(rng, rotary=Rotary()), wrong), rng.normal(size=(1, 3, 2)))


def test_norm_undone_before_the_rotation_is_caught(caught, rng):
    def wrong(r):
        r.back = lambda p, d: np.einsum("bhtkj,bhtik,bhti->bhtj", p.turns, p.norms, d)

    layer = planted(small_layer(rng, **TURNED), wrong)
    caught({"query.w", "key.w", "x"}, layer, rng.normal(size=(1, 3, 2)))


def test_exchanged_gains_are_caught(caught, rng):
    def wrong(r):
        right = r.gains
        r.gains = lambda p, d: right(r.k, r.dk) if p is r.q else right(r.q, r.dq)

    layer = planted(small_layer(rng, 2, **TURNED), wrong)
    caught({"query_norm.gamma", "key_norm.gamma"}, layer, rng.normal(size=(1, 3, 2)))


def test_gain_gradient_of_one_head_is_caught(caught, rng):
    def wrong(r):
        r.gains = lambda p, d: np.einsum("btji,btj,bti->i", p.turns[:, -1], d[:, -1], p.hat[:, -1])

    layer = planted(small_layer(rng, 2, **TURNED), wrong)
    caught({"query_norm.gamma", "key_norm.gamma"}, layer, rng.normal(size=(1, 3, 2)))


@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_a_forgotten_path_is_caught(caught, rng, name):
    def wrong(r):
        r.paths = {"query", "key", "value"} - {name}

    caught({"x"}, planted(small_layer(rng), wrong), rng.normal(size=(1, 3, 2)))


def test_norm_after_the_rotation_is_another_function(rng):
    layer, x = random_layer(rng, **TURNED), rng.normal(size=(2, 5, 6))
    raw = layer.query(x).reshape(2, 5, 4, 4).swapaxes(1, 2)
    ours, theirs = (prepare(raw, layer.query_norm, layer.rotary, first).out for first in (False, True))
    assert np.abs(ours - theirs)[:, :, 0].max() < 1e-15 and np.abs(ours - theirs)[:, :, 1:].max() > 0.3


FIELDS = [
    ({"heads": 3}, "heads must divide the width 16, got 3"),
    ({"heads": 0}, "heads must be at least 1, got 0"),
    ({"query": (6, 0)}, "the head width must be at least 1, got 0"),
    ({"key": (5, 8)}, "key.w must have shape (6, G K), got (5, 8)"),
    ({"key": (6, 6)}, "key.w must have as many columns as a number of heads of width 4 that divides 4, got 6"),
    ({"key": (6, 2)}, "key.w must have as many columns as a number of heads of width 4 that divides 4, got 2"),
    ({"key": (6, 12)}, "key.w must have as many columns as a number of heads of width 4 that divides 4, got 12"),
    ({"key": (6, 32)}, "key.w must have as many columns as a number of heads of width 4 that divides 4, got 32"),
    ({"value": (5, 8)}, "value.w must have shape (6, G W), got (5, 8)"),
    ({"value": (6, 5)}, "value.w must have as many columns for each of 2 heads, got 5"),
    ({"value": (6, 4)}, "output.w must have shape (8, D), got (16, 6)"),
    ({"output": (8, 6)}, "output.w must have shape (16, D), got (8, 6)"),
    ({"query_norm": RMSNorm(np.ones(16))}, "query_norm.gamma must have shape (4,), got (16,)"),
    (
        {"heads": 16, "query_norm": None, "key_norm": None, "rotary": Rotary()},
        "the head width must be even, got 1",
    ),
    ({"relative": RelativePositions(np.ones((8, 3)))}, "relative.table must have shape (N, 4), got (8, 3)"),
    ({"scale": 0.0}, "scale must be positive and finite, got 0.0"),
    ({"window": 0}, "window must be at least 1, got 0"),
    ({"cap": 0.0}, "cap must be positive and finite, got 0.0"),
    ({"dropout": 1.0}, "dropout must lie in [0, 1), got 1.0"),
    ({"dropout": -0.1}, "dropout must lie in [0, 1), got -0.1"),
]


@pytest.mark.parametrize(("fields", "message"), FIELDS)
def test_fields_that_do_not_fit_are_one_clear_line(rng, fields, message):
    maps = {name: Linear(np.zeros(f), None) if isinstance(f, tuple) else f for name, f in fields.items()}
    with pytest.raises(ValueError, match=f"^GroupedAttention: {re.escape(message)}$"):
        changed(random_layer(rng, qk_norm=True), **maps).vjp(np.zeros((2, 5, 6)))


OPTIONS = [
    ((6, 4), {}, "heads must divide the width 6, got 4"),
    ((8, 4, 3), {}, "key_value_heads must divide the heads 4, got 3"),
    ((8, 4, 8), {}, "key_value_heads must divide the heads 4, got 8"),
    ((8, 4, 0), {}, "key_value_heads must be at least 1, got 0"),
    ((8, 4), {"head_width": 3, "rotary": Rotary()}, "the head width must be even, got 3"),
    ((8, 4), {"window": 0}, "window must be at least 1, got 0"),
    ((8, 4), {"cap": -1.0}, "cap must be positive and finite, got -1.0"),
    ((8, 4), {"dropout": 1.5}, "dropout must lie in [0, 1), got 1.5"),
]


@pytest.mark.parametrize(("counts", "options", "message"), OPTIONS)
def test_options_that_do_not_fit_are_one_clear_line(rng, counts, options, message):
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match=rf"^GroupedAttention\.init: {re.escape(message)}$"):
        GroupedAttention.init(rng, *counts, **options)
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("shape", [(5, 5), (2, 5), (2, 5, 5), (2, 5, 4, 5), (2, 3, 5, 5), (2, 4, 5, 1)])
def test_a_mask_or_bias_of_another_shape_is_one_clear_line(rng, shape):
    message = r"must have shape \(2 or 1, 4 or 1, 5 or 1, 5\), got \(.*\)$"
    layer, x = random_layer(rng), np.zeros((2, 5, 6))
    with pytest.raises(ValueError, match=rf"^GroupedAttention: mask {message}"):
        layer.vjp(x, mask=np.ones(shape, bool))
    with pytest.raises(ValueError, match=rf"^GroupedAttention: bias\[1\] {message}"):
        layer.vjp(x, np.ones((1, 1, 1, 5)), np.ones(shape))


def test_inputs_that_do_not_fit_are_one_clear_line(rng):
    layer, x = random_layer(rng), np.zeros((2, 5, 6))
    with pytest.raises(ValueError, match=r"^GroupedAttention: x must have shape \(B, T, 6\), got \(5, 6\)$"):
        layer.vjp(x[0])
    with pytest.raises(TypeError, match=r"^GroupedAttention: x must be floating or complex, got int64$"):
        layer.vjp(x.astype(np.int64))
    with pytest.raises(TypeError, match=r"^GroupedAttention: mask must be a boolean array, got float64$"):
        layer.vjp(x, mask=np.ones((1, 1, 5, 5)))
    with pytest.raises(TypeError, match=r"^GroupedAttention: rng must be a numpy\.random\.Generator or None, got int$"):
        layer.vjp(x, rng=1)
