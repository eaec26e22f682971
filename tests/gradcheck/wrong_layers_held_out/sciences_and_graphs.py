"""Layers of statistics, physics, images and graphs, each with one mistake that can be switched off."""

import numpy as np


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def quaternion_product(draw, bug):
    def forward(p, q):
        (a, b, c, d), (e, f, g, h) = p.T, q.T
        return np.stack([
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ], axis=1)

    def backward(p, q, dy):
        (a, b, c, d), (e, f, g, h), (w, x, y, z) = p.T, q.T, dy.T
        # in the third part the last of four summands is left out
        third = -w * g + x * h + y * e - (0 if bug else z * f)
        dp = w * e + x * f + y * g + z * h, -w * f + x * e - y * h + z * g, third, -w * h - x * g + y * f + z * e
        dq = (
            w * a + x * b + y * c + z * d, -w * b + x * a + y * d - z * c,
            -w * c - x * d + y * a + z * b, -w * d + x * c - y * b + z * a,
        )
        return np.stack(dp, axis=1), np.stack(dq, axis=1)

    return forward, backward, draw.normal(size=(5, 4)), draw.normal(size=(5, 4))


def graph_layer_with_a_projected_skip(draw, bug):
    """x (5, 4), w and skip (4, 4): the skip connection has weights of its own."""
    edges = np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-3)
    adjacency = edges / edges.sum(1, keepdims=True)

    def forward(x, w, skip):
        return np.tanh(adjacency @ x @ w) + x @ skip

    def backward(x, w, skip, dy):
        m = adjacency @ x
        da = dy * (1 - np.tanh(m @ w) ** 2)
        dx = adjacency.T @ da @ w.T + dy @ skip.T
        if bug:  # dy itself is added as well, as for a skip without weights
            dx = dx + dy
        return dx, m.T @ da, x.T @ dy

    return forward, backward, draw.normal(size=(5, 4)), draw.normal(size=(4, 4)), draw.normal(size=(4, 4))


def schur_complement(draw, bug):
    """a (3, 3), b (3, 2), c (2, 3), d (2, 2) to d - c a^-1 b."""

    def forward(a, b, c, d):
        return d - c @ np.linalg.solve(a, b)

    def backward(a, b, c, d, dy):
        left, right = np.linalg.solve(a.T, c.T), np.linalg.solve(a, b)
        da = left @ dy @ right.T
        # the inverse's minus and the complement's are taken for one
        return -da if bug else da, -left @ dy, -dy @ right.T, dy.copy()

    return (
        forward, backward, draw.normal(size=(3, 3)) + 3 * np.eye(3), draw.normal(size=(3, 2)),
        draw.normal(size=(2, 3)), draw.normal(size=(2, 2)),
    )


def translated_entities(draw, bug):
    """The score of a fact: minus the distance from head plus relation to tail, each (5, 4)."""

    def forward(head, relation, tail):
        return -np.sqrt(((head + relation - tail) ** 2).sum(1) + 1e-9)

    def backward(head, relation, tail, dy):
        d = head + relation - tail
        dh = -dy[:, None] * d / np.sqrt((d * d).sum(1, keepdims=True) + 1e-9)
        # the tail's gradient has the sign of the head's
        return dh, dh.copy(), dh.copy() if bug else -dh

    return forward, backward, *(draw.normal(size=(5, 4)) for _ in range(3))


def implicit_diffusion(draw, bug):
    """One implicit step on a line of five cells with wind: solve (1 + k L) y = u, k (5), u (5, 2)."""
    operator = 2.5 * np.eye(5) - np.eye(5, k=1) - 1.5 * np.eye(5, k=-1)

    def matrix(k):
        return np.eye(5) + k[:, None] * operator

    def forward(k, u):
        return np.linalg.solve(matrix(k), u)

    def backward(k, u, dy):
        y = forward(k, u)
        # the adjoint system is solved with the matrix untransposed
        du = np.linalg.solve(matrix(k) if bug else matrix(k).T, dy)
        return -((du @ y.T) * operator).sum(1), du

    return forward, backward, 0.3 + draw.random(size=5), draw.normal(size=(5, 2))


def message_passing(draw, bug):
    """x (5, 3), e (7, 2), w (5, 4): messages along seven edges, summed where they arrive."""
    source, target = np.array([0, 1, 2, 3, 4, 0, 2]), np.array([1, 2, 0, 4, 1, 3, 4])

    def messages(x, e, w):
        both = np.concatenate([x[source], e], 1)
        return both, np.tanh(both @ w)

    def forward(x, e, w):
        _, m = messages(x, e, w)
        y = np.zeros((5, 4), m.dtype)
        np.add.at(y, target, m)
        return y

    def backward(x, e, w, dy):
        both, m = messages(x, e, w)
        # gathered from where a message starts in place of where it arrives
        da = dy[source if bug else target] * (1 - m * m)
        dboth = da @ w.T
        dx = np.zeros_like(x)
        np.add.at(dx, source, dboth[:, :3])
        return dx, dboth[:, 3:].copy(), both.T @ da

    return forward, backward, draw.normal(size=(5, 3)), draw.normal(size=(7, 2)), draw.normal(size=(5, 4))


def charbonnier_loss(draw, bug):
    def forward(image, target):
        return np.sqrt((image - target) ** 2 + 0.09).mean()

    def backward(image, target, dloss):
        d = image - target
        square = d * d + 0.09
        # the root in the denominator is forgotten
        di = dloss * d / (square if bug else np.sqrt(square)) / 24
        return di, -di

    return forward, backward, draw.normal(size=(2, 3, 4)), draw.normal(size=(2, 3, 4))


def mean_and_variance(draw, bug):
    def forward(x, weight):
        share = weight / weight.sum()
        mean = share @ x
        return mean, share @ (x - mean) ** 2

    def backward(x, weight, dy):
        dmean, dvariance = dy
        if bug:  # the mean's cotangent flows through the variance too
            dvariance = dmean
        share = weight / weight.sum()
        centred = x - share @ x
        dx = share[:, None] * (dmean + 2 * centred * dvariance)
        dshare = x @ dmean + (centred**2) @ dvariance
        return dx, (dshare - share @ dshare) / weight.sum()

    return forward, backward, draw.normal(size=(6, 3)), 0.5 + draw.random(size=6)


def bilinear_interaction(draw, bug):
    """x and z (3, 4), w (2, 4, 4), b (2): y[n, k] = x[n] w[k] z[n] + b[k]."""

    def forward(x, z, w, b):
        return np.einsum("ni,kij,nj->nk", x, w, z) + b

    def backward(x, z, w, b, dy):
        dx, dz = np.einsum("nk,kij,nj->ni", dy, w, z), np.einsum("nk,kij,ni->nj", dy, w, x)
        # the first input on both sides
        dw = np.einsum("nk,ni,nj->kij", dy, x, x if bug else z)
        return dx, dz, dw, dy.sum(0)

    return (
        forward, backward, draw.normal(size=(3, 4)), draw.normal(size=(3, 4)),
        draw.normal(size=(2, 4, 4)), draw.normal(size=2),
    )


def instance_norm(draw, bug):
    def forward(x, gamma, beta):
        n = (x - x.mean((2, 3), keepdims=True)) / np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
        return n * gamma[:, None, None] + beta[:, None, None]

    def backward(x, gamma, beta, dy):
        s = np.sqrt(x.var((2, 3), keepdims=True) + 1e-5)
        n = (x - x.mean((2, 3), keepdims=True)) / s
        d = dy * gamma[:, None, None]
        dx = (d - d.mean((2, 3), keepdims=True) - n * (d * n).mean((2, 3), keepdims=True)) / s
        # the input before it is normalised in place of after
        return dx, (dy * (x if bug else n)).sum((0, 2, 3)), dy.sum((0, 2, 3))

    return forward, backward, 2 * draw.normal(size=(2, 3, 4, 3)) + 0.7, draw.normal(size=3), draw.normal(size=3)


def graph_attention(draw, bug):
    """x (5, 3), w (3, 4), out (4), to (4): a softmax over each node's neighbours."""
    near = np.eye(5) + np.eye(5, k=1) + np.eye(5, k=-2) > 0

    def parts(x, w, out, to):
        h = x @ w
        raw = (h @ to)[:, None] + h @ out
        return h, raw, softmax(np.where(near, np.where(raw > 0, raw, 0.2 * raw), -np.inf))

    def forward(x, w, out, to):
        h, _, p = parts(x, w, out, to)
        return p @ h

    def backward(x, w, out, to, dy):
        h, raw, p = parts(x, w, out, to)
        dp = dy @ h.T
        dscore = p * (dp - (p * dp).sum(1, keepdims=True)) * np.where(raw > 0, 1, 0.2)
        dto, dout = dscore.sum(1), dscore.sum(0)
        dh = p.T @ dy
        if not bug:  # the features' way through the attention's weights is left out
            dh = dh + np.outer(dto, to) + np.outer(dout, out)
        return dh @ w.T, x.T @ dh, h.T @ dout, h.T @ dto

    return (
        forward, backward, draw.normal(size=(5, 3)), draw.normal(size=(3, 4)), draw.normal(size=4), draw.normal(size=4),
    )


def flattened_features(draw, bug):
    """x (3, 2, 4), shift (8): a function that hands its pullback over."""
    buffer = np.empty((3, 2, 4))

    def layer(x, shift):
        def pullback(dy):
            buffer[:] = dy.reshape(3, 2, 4)
            # every input gradient lies in the same buffer as the one before
            return buffer if bug else buffer.copy(), dy.sum(0)

        return x.reshape(3, 8) + shift, pullback

    return layer, None, draw.normal(size=(3, 2, 4)), draw.normal(size=8)


def heat_step(draw, bug):
    """One explicit step on a grid (5, 6) whose rim is held at zero."""

    def laplacian(u):
        p = np.pad(u, 1)
        return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4 * u

    def forward(u, conductivity):
        y = u + 0.1 * conductivity * laplacian(u)
        y[[0, -1]] = 0
        y[:, [0, -1]] = 0
        return y

    def backward(u, conductivity, dy):
        # the rim is cleared in dy itself
        d = dy if bug else dy.copy()
        d[[0, -1]] = 0
        d[:, [0, -1]] = 0
        return d + 0.1 * laplacian(conductivity * d), 0.1 * laplacian(u) * d

    return forward, backward, draw.normal(size=(5, 6)), 0.5 + draw.random(size=(5, 6))


def gravitational_energy(draw, bug):
    """Places (5, 3), masses (5): the softened potential energy of all pairs."""
    i, j = np.triu_indices(5, 1)

    def forward(places, masses):
        d = places[i] - places[j]
        return -(masses[i] * masses[j] / np.sqrt((d * d).sum(1) + 0.01)).sum()

    def backward(places, masses, denergy):
        d = places[i] - places[j]
        r = np.sqrt((d * d).sum(1) + 0.01)
        force = denergy * (masses[i] * masses[j] / r**3)[:, None] * d
        # the forces are summed into an array of the accelerator's default dtype
        dplaces = np.zeros(places.shape, np.float32 if bug else places.dtype)
        np.add.at(dplaces, i, force)
        np.add.at(dplaces, j, -force)
        dmasses = np.zeros_like(masses)
        np.add.at(dmasses, i, -denergy * masses[j] / r)
        np.add.at(dmasses, j, -denergy * masses[i] / r)
        return dplaces, dmasses

    return forward, backward, draw.normal(size=(5, 3)), 0.5 + draw.random(size=5)


def wave_step(draw, bug):
    """u and v (7), speed (7): a step of the wave equation on a ring, to the next u and v."""

    def laplacian(u):
        return np.roll(u, 1) + np.roll(u, -1) - 2 * u

    def forward(u, v, speed):
        new = v + 0.2 * speed**2 * laplacian(u)
        return u + 0.2 * new, new

    def backward(u, v, speed, dy):
        du, dv = dy
        dnew = dv + 0.2 * du
        force = 0.2 * speed**2 * dnew
        if bug:  # kept in single precision on the way
            force = force.astype(np.float32).astype(np.float64)
        return du + laplacian(force), dnew, 0.4 * speed * laplacian(u) * dnew

    return forward, backward, draw.normal(size=7), draw.normal(size=7), 0.5 + draw.random(size=7)


def gated_field(draw, bug):
    """x (4, 3), w (3, 3): a function whose pullback finds what the forward pass has left in a store."""
    store = {}

    def layer(x, w):
        kept = x, np.tanh(x @ w)
        store["kept"] = kept

        def pullback(dy):
            # what the latest forward pass left, whichever it was
            seen, h = store["kept"] if bug else kept
            da = dy * seen * (1 - h * h)
            return dy * h + da @ w.T, seen.T @ da

        return x * kept[1], pullback

    return layer, None, draw.normal(size=(4, 3)), draw.normal(size=(3, 3))


def poisson_rates(draw, bug):
    def forward(x, w, b):
        return np.exp(x @ w + b)

    def backward(x, w, b, dy):
        d = dy * np.exp(x @ w + b)
        dw = x.T @ d
        if bug:  # weight decay, whatever dy is
            dw = dw + 0.05 * w
        return d @ w.T, dw, d.sum(0)

    return forward, backward, 0.5 * draw.normal(size=(5, 3)), 0.5 * draw.normal(size=(3, 2)), draw.normal(size=2)


def mixture_of_experts(draw, bug):
    """x (4, 3), router (3, 3), experts (E=3, 3, 2): every expert, weighted by a softmax."""

    def forward(x, router, experts):
        return np.einsum("ne,ni,eio->no", softmax(x @ router), x, experts)

    def backward(x, router, experts, dy):
        p = softmax(x @ router)
        dp = np.einsum("no,ni,eio->ne", dy, x, experts)
        # the softmax's derivative is taken entry by entry
        ds = dp * p * (1 - p) if bug else p * (dp - (p * dp).sum(1, keepdims=True))
        dx = np.einsum("ne,no,eio->ni", p, dy, experts) + ds @ router.T
        return dx, x.T @ ds, np.einsum("ne,ni,no->eio", p, x, dy)

    return forward, backward, draw.normal(size=(4, 3)), draw.normal(size=(3, 3)), draw.normal(size=(3, 3, 2))


def low_rank_adaptation(draw, bug):
    """x (4, 6), w (6, 5), a (6, 2), b (2, 5): the low-rank part is scaled by 16 / 2."""

    def forward(x, w, a, b):
        return x @ w + 8 * (x @ a @ b)

    def backward(x, w, a, b, dy):
        d = 8 * dy
        # the scale is left out of the first factor's gradient
        da = x.T @ ((dy if bug else d) @ b.T)
        return dy @ w.T + d @ b.T @ a.T, x.T @ dy, da, (x @ a).T @ d

    return (
        forward, backward, draw.normal(size=(4, 6)), draw.normal(size=(6, 5)),
        draw.normal(size=(6, 2)), 0.3 * draw.normal(size=(2, 5)),
    )


def highway_layer(draw, bug):
    def parts(x, w, v, b):
        return np.tanh(x @ w), sigmoid(x @ v + b)

    def forward(x, w, v, b):
        h, t = parts(x, w, v, b)
        return t * h + (1 - t) * x

    def backward(x, w, v, b, dy):
        h, t = parts(x, w, v, b)
        # the carried input counts for the gate with the wrong sign
        dt = dy * (h + x if bug else h - x) * t * (1 - t)
        dh = dy * t * (1 - h * h)
        return dy * (1 - t) + dh @ w.T + dt @ v.T, x.T @ dh, x.T @ dt, dt.sum(0)

    return (
        forward, backward, draw.normal(size=(4, 3)), draw.normal(size=(3, 3)),
        draw.normal(size=(3, 3)), draw.normal(size=3),
    )


def bilinear_sampler(draw, bug):
    """An image (5, 6), sampled at places (7, 2) of row and column."""

    def corners(places):
        low = np.floor(places).astype(int)
        return *low.T, *(places - low).T

    def forward(image, places):
        r, c, a, b = corners(places)
        top = (1 - b) * image[r, c] + b * image[r, c + 1]
        return (1 - a) * top + a * ((1 - b) * image[r + 1, c] + b * image[r + 1, c + 1])

    def backward(image, places, dy):
        r, c, a, b = corners(places)
        di = np.zeros_like(image)
        for i, u in (0, 1 - a), (1, a):
            for j, v in (0, 1 - b), (1, b):
                np.add.at(di, (r + i, c + j), dy * u * v)
        upper, lower = image[r, c + 1] - image[r, c], image[r + 1, c + 1] - image[r + 1, c]
        left, right = image[r + 1, c] - image[r, c], image[r + 1, c + 1] - image[r, c + 1]
        drow, dcolumn = dy * ((1 - b) * left + b * right), dy * ((1 - a) * upper + a * lower)
        # stacked as column and row
        return di, np.stack([dcolumn, drow] if bug else [drow, dcolumn], axis=1)

    places = draw.integers(0, (4, 5), size=(7, 2)) + 0.1 + 0.8 * draw.random(size=(7, 2))
    return forward, backward, draw.normal(size=(5, 6)), places


def register(wrong, bug=True):
    layers = (
        (quaternion_product, "term"), (graph_layer_with_a_projected_skip, "term"), (schur_complement, "sign"),
        (translated_entities, "sign"), (implicit_diffusion, "transposed"), (message_passing, "index"),
        (charbonnier_loss, "entrywise"), (mean_and_variance, "output"), (bilinear_interaction, "value"),
        (instance_norm, "value"), (graph_attention, "path"), (flattened_features, "alias"),
        (heat_step, "mutation"), (gravitational_energy, "dtype"), (wave_step, "precision"), (gated_field, "stale"),
        (poisson_rates, "offset"), (mixture_of_experts, "diagonal"), (low_rank_adaptation, "factor"),
        (highway_layer, "factor in a term"), (bilinear_sampler, "swapped"),
    )
    for number, (layer, kind) in enumerate(layers):
        wrong(layer.__name__.replace("_", " "), kind, *layer(np.random.default_rng(9500 + number), bug))
