"""Normalisations."""

import numpy as np


def stats(x, axis, eps):
    m = x.mean(axis, keepdims=True)
    r = 1 / np.sqrt(((x - m) ** 2).mean(axis, keepdims=True) + eps)
    return (x - m) * r, r


def norm(axis, eps=1e-5):
    return lambda x, g, b: stats(x, axis, eps)[0] * g + b


def way_back(axis, eps=1e-5, mean=1.0, project=1.0, gain=True, back_eps=None, sum_axis=0, dgamma=None, swap=False):
    def back(x, g, b, dy):
        h, r = stats(x, axis, eps if back_eps is None else back_eps)
        dh = dy * g if gain else dy
        dx = r * (dh - mean * dh.mean(axis, keepdims=True) - project * h * (dh * h).mean(axis, keepdims=True))
        dg = (dy * h).sum(sum_axis) if dgamma is None else dgamma(x, h, r, dy)
        db = dy.sum(sum_axis)
        return (dx, db, dg) if swap else (dx, dg, db)

    return back


def rms(x, g):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * g


def rms_back(count=None, project=True, gain_sum=True):
    def back(x, g, dy):
        r = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        dh, h = dy * g, x * r
        inner = (dh * h).sum(-1, keepdims=True) / (count or x.shape[-1])
        return r * (dh - h * inner * project), (dy * h).sum(0) if gain_sum else (dy * x).sum(0)

    return back


def register(wrong):
    rng = np.random.default_rng(504)
    x, g, b = rng.normal(size=(5, 6)), rng.normal(size=6), rng.normal(size=6)
    layer, batch = norm(-1), norm(0)
    wrong("layer norm without the mean term", "mean", layer, way_back(-1, mean=0), x, g, b)
    wrong("layer norm without the projection", "projection", layer, way_back(-1, project=0), x, g, b)
    wrong("layer norm without either", "term", layer, way_back(-1, mean=0, project=0), x, g, b)
    wrong("layer norm projection with plus", "projection", layer, way_back(-1, project=-1), x, g, b)
    wrong("layer norm epsilon forgotten", "rows", norm(-1, 0.5), way_back(-1, 0.5, back_eps=0.0), x, g, b)
    wrong("layer norm gain forgotten", "entrywise", layer, way_back(-1, gain=False), x, g, b)
    wrong("layer norm gain sees x", "value", layer, way_back(-1, dgamma=lambda x, h, r, dy: (dy * x).sum(0)), x, g, b)
    wrong("layer norm gain and bias crosswise", "swapped", layer, way_back(-1, swap=True), x, g, b)
    wrong(
        "layer norm gain not normalised",
        "value",
        layer,
        way_back(-1, dgamma=lambda x, h, r, dy: (dy * (x - x.mean(-1, keepdims=True))).sum(0)),
        x,
        g,
        b,
    )
    wrong(
        "layer norm gain averaged", "factor", layer, way_back(-1, dgamma=lambda x, h, r, dy: (dy * h).mean(0)), x, g, b
    )
    wrong("batch norm's mean over features", "axis", batch, way_back(-1), x, g, b)
    wrong("batch norm's statistics as constants", "term", batch, way_back(0, mean=0, project=0), x, g, b)
    wrong("batch norm without the projection", "projection", batch, way_back(0, project=0), x, g, b)
    wrong("batch norm without the mean term", "mean", batch, way_back(0, mean=0), x, g, b)
    wrong("rms norm without the projection", "projection", rms, rms_back(project=False), x, g)
    wrong("rms norm with the batch's length", "projection", rms, rms_back(count=5), x, g)
    wrong("rms norm gain sees x", "value", rms, rms_back(gain_sum=False), x, g)
    z, gz, bz = rng.normal(size=(2, 4, 3)), rng.normal(size=3), rng.normal(size=3)
    wrong("instance norm's batch taken together", "axis", norm(1), way_back((0, 1), sum_axis=(0, 1)), z, gz, bz)
    wrong(
        "layer norm of rank three, gain per item",
        "part",
        norm(-1),
        way_back(-1, dgamma=lambda x, h, r, dy: (dy * h)[0].sum(0), sum_axis=(0, 1)),
        z,
        gz,
        bz,
    )
    v = rng.normal(size=(4, 3))
    wrong(
        "weight norm without projection",
        "projection",
        lambda v, s: s * v / np.sqrt((v * v).sum(0)),
        lambda v, s, dy: (dy * s / np.sqrt((v * v).sum(0)), (dy * v).sum(0) / np.sqrt((v * v).sum(0))),
        v,
        gz,
    )
    wrong(
        "weight norm's scale not divided",
        "columns",
        lambda v, s: s * v / np.sqrt((v * v).sum(0)),
        lambda v, s, dy: (s * (dy - v * (dy * v).sum(0) / (v * v).sum(0)) / np.sqrt((v * v).sum(0)), (dy * v).sum(0)),
        v,
        gz,
    )
    wrong(
        "softmax temperature forgotten",
        "factor",
        lambda x: np.exp(x / 3) / np.exp(x / 3).sum(-1, keepdims=True),
        lambda x, dy: (lambda p: p * (dy - (p * dy).sum(-1, keepdims=True)))(
            np.exp(x / 3) / np.exp(x / 3).sum(-1, keepdims=True)
        ),
        x,
    )
