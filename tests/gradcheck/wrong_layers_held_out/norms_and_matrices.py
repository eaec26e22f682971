"""Root mean square norm, weight norm, solve, matrix power, determinant, quadratic forms, factorisation machine."""
import numpy as np


def rms_norm(bug):
    """x (B=3, T=5, D=4), gain (D=4)."""

    def forward(x, gain):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-4) * gain

    def backward(x, gain, dy):
        r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-4)
        g = dy * gain
        if bug == "root mean square held fixed":
            return g * r, (dy * x * r).sum((0, 1))
        inner = (g * x).mean(-1, keepdims=True)
        if bug == "mean over the steps in the projection":
            inner = (g * x).mean(1, keepdims=True)
        if bug == "projection by the square of the root":
            return g * r - x * inner * r**2, (dy * x * r).sum((0, 1))
        dgain = (dy * x * r).sum((0, 1))
        if bug == "gain of the last step":
            dgain = (dy * x * r)[:, -1].sum(0)
        if bug == "gain before the norm":
            dgain = (dy * x).sum((0, 1))
        if bug == "gain counted with the batch's mean":
            dgain = dgain / 3
        return g * r - x * inner * r**3, dgain

    return forward, backward


def weight_norm(bug):
    """x (N=6, D=5), v (D=5, F=3), g (F=3): x (v / |v|) g by columns."""

    def forward(x, v, g):
        return x @ (v / np.linalg.norm(v, axis=0) * g)

    def backward(x, v, g, dy):
        n = np.linalg.norm(v, axis=0)
        dw = x.T @ dy
        dg = (dw * v / n).sum(0)
        dv = g / n * (dw - v * (dw * v).sum(0) / n**2)
        if bug == "norm over the rows in the projection":
            dv = g / n * (dw - v * (dw * v).sum(1, keepdims=True) / n**2)
        if bug == "norm held fixed":
            dv = g / n * dw
        if bug == "gain's gradient without the norm":
            dg = (dw * v).sum(0)
        if bug == "input by the raw direction":
            return dy @ (v * g).T, dv, dg
        if bug == "gain left out of the direction":
            dv = dv / g
        return dy @ (v / n * g).T, dv, dg

    return forward, backward


def solve(bug):
    """a (N=4, N=4), b (N=4, M=3): the solution of a x = b."""

    def forward(a, b):
        return np.linalg.solve(a, b)

    def backward(a, b, dy):
        x = forward(a, b)
        db = np.linalg.solve(a if bug == "solved with the untransposed matrix" else a.T, dy)
        da = -db @ x.T
        if bug == "matrix's sign":
            da = -da
        if bug == "outer product turned":
            da = -x @ db.T
        if bug == "right side for the solution":
            da = -db @ b.T
        return da, db

    return forward, backward


def matrix_power(bug):
    """a (N=3, N=3): its third power."""

    def forward(a):
        return a @ a @ a

    def backward(a, dy):
        t = a.T
        first, second, third = dy @ t @ t, t @ dy @ t, t @ t @ dy
        if bug == "as of a scalar":
            return 3 * a**2 * dy
        if bug == "middle factor forgotten":
            return first + third
        if bug == "as if all commuted":
            return 3 * first
        if bug == "factors not transposed":
            return dy @ a @ a + a @ dy @ a + a @ a @ dy
        return first + second + third

    return forward, backward


def log_determinant(bug):
    """a (B=2, N=3, N=3): log |det a|."""

    def forward(a):
        return np.linalg.slogdet(a)[1]

    def backward(a, dy):
        inverse = np.linalg.inv(a)
        if bug == "inverse not transposed":
            return inverse * dy[:, None, None]
        if bug == "derivative of the determinant itself":
            return np.linalg.det(a)[:, None, None] * inverse.swapaxes(1, 2) * dy[:, None, None]
        if bug == "cotangents exchanged in the batch":
            return inverse.swapaxes(1, 2) * dy[::-1, None, None]
        return inverse.swapaxes(1, 2) * dy[:, None, None]

    return forward, backward


def quadratic(bug):
    """x (N=5, D=4), a (D=4, D=4): x a x of every row."""

    def forward(x, a):
        return np.einsum("nd,de,ne->n", x, a, x)

    def backward(x, a, dy):
        da = np.einsum("n,nd,ne->de", dy, x, x)
        if bug == "matrix taken as symmetric":
            return 2 * dy[:, None] * (x @ a), da
        if bug == "one of the two uses":
            return dy[:, None] * (x @ a.T), da
        if bug == "matrix's gradient on the diagonal":
            return dy[:, None] * (x @ (a + a.T)), np.diag(np.diag(da))
        if bug == "matrix's gradient halved":
            return dy[:, None] * (x @ (a + a.T)), da / 2
        return dy[:, None] * (x @ (a + a.T)), da

    return forward, backward


def factorisation_machine(bug):
    """x (N=6, D=4), v (D=4, K=3): half of (x v)^2 - x^2 v^2 summed over K."""

    def forward(x, v):
        return ((x @ v) ** 2 - x**2 @ v**2).sum(1) / 2

    def backward(x, v, dy):
        s = x @ v
        g = dy[:, None]
        dx = g * (s @ v.T - x * (v**2).sum(1))
        dv = x.T @ (g * s) - v * ((x**2 * g).sum(0))[:, None]
        if bug == "squares not taken off":
            dx = g * (s @ v.T)
        if bug == "squares taken off twice":
            dv = x.T @ (g * s) - 2 * v * ((x**2 * g).sum(0))[:, None]
        if bug == "factors' gradient of the interactions negated":
            dv = -x.T @ (g * s) - v * ((x**2 * g).sum(0))[:, None]
        return dx, dv

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(7202)
    layers = (
        (rms_norm, (draw.normal(size=(3, 5, 4)), draw.normal(size=4)), (
            ("root mean square held fixed", "projection"), ("mean over the steps in the projection", "axis"),
            ("projection by the square of the root", "factor in a term"), ("gain of the last step", "part"),
            ("gain before the norm", "value"), ("gain counted with the batch's mean", "factor"))),
        (weight_norm, tuple(draw.normal(size=s) for s in ((6, 5), (5, 3), 3)), (
            ("norm over the rows in the projection", "axis"), ("norm held fixed", "projection"),
            ("gain's gradient without the norm", "columns"), ("input by the raw direction", "entrywise"),
            ("gain left out of the direction", "columns"))),
        (solve, (draw.normal(size=(4, 4)) + 3 * np.eye(4), draw.normal(size=(4, 3))), (
            ("solved with the untransposed matrix", "transposed"), ("matrix's sign", "sign"),
            ("outer product turned", "transposed"), ("right side for the solution", "value"))),
        (matrix_power, (draw.normal(size=(3, 3)),), (
            ("as of a scalar", "diagonal"), ("middle factor forgotten", "path"), ("as if all commuted", "order"),
            ("factors not transposed", "transposed"))),
        (log_determinant, (draw.normal(size=(2, 3, 3)) + 2 * np.eye(3),), (
            ("inverse not transposed", "transposed"), ("derivative of the determinant itself", "rows"),
            ("cotangents exchanged in the batch", "order"))),
        (quadratic, (draw.normal(size=(5, 4)), draw.normal(size=(4, 4))), (
            ("matrix taken as symmetric", "transposed"), ("one of the two uses", "path"),
            ("matrix's gradient on the diagonal", "part"), ("matrix's gradient halved", "factor"))),
        (factorisation_machine, (draw.normal(size=(6, 4)), draw.normal(size=(4, 3))), (
            ("squares not taken off", "path"), ("squares taken off twice", "factor in a term"),
            ("factors' gradient of the interactions negated", "factor in a term"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
