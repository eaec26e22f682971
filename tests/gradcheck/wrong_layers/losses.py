"""Cross-entropy with smoothing, ignored labels and weights; Huber; an embedding; gates; contracts."""
import numpy as np

LABELS = np.array([2, -1, 0, 4, 2, -1, 3])
WEIGHT = np.array([0.5, 1.0, 2.0, 1.5, 0.7])
IDS = np.array([3, 0, 3, 5, 1, 3, 5, 2])


def cross_entropy(bug):
    """logits (N=7, C=5), labels of which two are ignored, class weights, smoothing."""
    kept = LABELS >= 0
    target = np.where(kept[:, None], 0.9 * np.eye(5)[LABELS] + 0.1 / 5, 0)
    weight = np.where(kept, WEIGHT[LABELS], 0)

    def softmax(z):
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def forward(z):
        return -(weight * (target * np.log(softmax(z))).sum(1)).sum() / weight.sum()

    def backward(z, dy):
        scaled = dy * weight[:, None] / weight.sum()
        if bug == "without the incoming gradient":
            scaled = weight[:, None] / weight.sum()
        if bug == "divided by the number of rows":
            scaled = dy * weight[:, None] / 7
        if bug == "class weights left out":
            scaled = dy * kept[:, None] / weight.sum()
        if bug == "labels not smoothed":
            return scaled * (softmax(z) - np.where(kept[:, None], np.eye(5)[LABELS], 0))
        if bug == "labels one too high":
            return scaled * (softmax(z) - np.roll(target, 1, 1))
        if bug == "ignored rows not ignored":
            w = WEIGHT[LABELS][:, None]
            return dy * w / weight.sum() * (softmax(z) - (0.9 * np.eye(5)[LABELS] + 0.02))
        if bug == "target minus prediction":
            return scaled * (target - softmax(z))
        return scaled * (softmax(z) - target)

    return forward, backward


def huber(bug):
    """prediction (N=5, K=4) and target of its shape: mean Huber loss."""

    def forward(p, t):
        d = np.abs(p - t)
        return np.where(d < 1, d**2 / 2, d - 0.5).mean()

    def backward(p, t, dy):
        e = p - t
        slope = np.clip(e, -1, 1)
        if bug == "linear part without its sign":
            slope = np.where(np.abs(e) < 1, e, 1.0)
        if bug == "branches exchanged":
            slope = np.where(np.abs(e) < 1, np.sign(e), e)
        if bug == "quadratic everywhere":
            slope = e
        dp = dy * slope / p.size
        return dp, dp if bug == "target's sign" else -dp

    return forward, backward


def embedding(bug):
    """table (V=6, D=3) looked up at eight places, times the root of the width; row 0 is the padding."""

    def forward(table):
        return np.where(IDS[:, None] == 0, 0, table[IDS]) * np.sqrt(3)

    def backward(table, dy):
        d = np.where(IDS[:, None] == 0, 0, dy) * np.sqrt(3)
        dt = np.zeros_like(table)
        if bug == "added in place at repeated ids":
            dt[IDS] += d
            return dt
        if bug == "padding row trained":
            d = dy * np.sqrt(3)
        if bug == "root of the width forgotten":
            d = d / np.sqrt(3)
        np.add.at(dt, (IDS + 1) % 6 if bug == "ids off by one" else IDS, d)
        return dt / np.maximum(np.bincount(IDS, minlength=6), 1)[:, None] if bug == "divided by the counts" else dt

    return forward, backward


def gated_unit(bug):
    """x (N=4, D=3), w and v (D=3, F=5): silu(x w) * (x v)."""

    def forward(x, w, v):
        a = x @ w
        return a / (1 + np.exp(-a)) * (x @ v)

    def backward(x, w, v, dy):
        a, b = x @ w, x @ v
        s = 1 / (1 + np.exp(-a))
        da, db = dy * b * s * (1 + a * (1 - s)), dy * a * s
        if bug == "sigmoid's slope for silu's":
            da = dy * b * s * (1 - s)
        if bug == "value branch gated by the sigmoid alone":
            db = dy * s
        if bug == "cotangent scaled in place":
            dy *= 2
        if bug == "cotangent's norm clipped":
            n = min(1, 1 / np.sqrt((dy**2).sum()))
            da, db = da * n, db * n
        if bug == "float32 inside":
            da = (dy * b * s * (1 + a * (1 - s))).astype(np.float32).astype(float)
        dx = da @ w.T if bug == "input by the gate alone" else da @ w.T + db @ v.T
        if bug == "weights exchanged on the way back":
            dx = da @ v.T + db @ w.T
        return dx, x.T @ da, x.T @ db

    return forward, backward


def register(wrong, bug=True):
    draw = np.random.default_rng(4105)
    layers = (
        (cross_entropy, (draw.normal(size=(7, 5)),), (
            ("without the incoming gradient", "ignored"), ("divided by the number of rows", "factor"),
            ("class weights left out", "rows"), ("labels not smoothed", "term"), ("labels one too high", "index"),
            ("ignored rows not ignored", "mask"), ("target minus prediction", "sign"))),
        (huber, (2 * draw.normal(size=(5, 4)), draw.normal(size=(5, 4))), (
            ("linear part without its sign", "signs"), ("branches exchanged", "branch"),
            ("quadratic everywhere", "branch"),
            ("target's sign", "sign"))),
        (embedding, (draw.normal(size=(6, 3)),), (
            ("added in place at repeated ids", "overwritten"), ("padding row trained", "mask"),
            ("root of the width forgotten", "factor"), ("ids off by one", "index"),
            ("divided by the counts", "overwritten"))),
        (gated_unit, tuple(draw.normal(size=s) for s in ((4, 3), (3, 5), (3, 5))), (
            ("sigmoid's slope for silu's", "entrywise"), ("value branch gated by the sigmoid alone", "entrywise"),
            ("cotangent scaled in place", "mutation"), ("cotangent's norm clipped", "nonlinear"),
            ("float32 inside", "precision"), ("input by the gate alone", "path"),
            ("weights exchanged on the way back", "swapped"))),
    )
    for layer, inputs, bugs in layers:
        for name, kind in bugs if bug else [("without a bug", "")]:
            wrong(f"{layer.__name__}: {name}", kind, *layer(name), *inputs)
