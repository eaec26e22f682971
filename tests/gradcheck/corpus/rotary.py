"""Rotary positions: the backward pass of a rotation turns the other way."""

import numpy as np

ANGLES = np.arange(1, 5)[:, None] * np.array([1.0, 0.31, 0.07])  # (4, 3): positions from 1, so that every row turns


def rotate(x, angles):
    """Pairs are (i, i + d/2)."""
    a, b = np.split(x, 2, axis=-1)
    c, s = np.cos(angles), np.sin(angles)
    return np.concatenate([a * c - b * s, a * s + b * c], -1)


def rotate_neighbours(x, angles):
    """Pairs are (2 i, 2 i + 1)."""
    a, b = x[..., 0::2], x[..., 1::2]
    c, s = np.cos(angles), np.sin(angles)
    return np.stack([a * c - b * s, a * s + b * c], -1).reshape(x.shape)


def register(corpus):
    rng = np.random.default_rng(43)
    x, kind = rng.normal(size=(4, 6)), "rotary"
    cos, sin = np.cos(ANGLES), np.sin(ANGLES)
    layer = corpus.subject(lambda x: rotate(x, ANGLES), x)
    layer.right("rotary", lambda x, dy: rotate(dy, -ANGLES))
    layer.wrong("rotary: not transposed", kind, lambda x, dy: rotate(dy, ANGLES))
    layer.wrong("rotary: positions off by one", kind, lambda x, dy: rotate(dy, -ANGLES + ANGLES[0]))
    layer.wrong("rotary: pairs of neighbours", kind, lambda x, dy: rotate_neighbours(dy, -ANGLES))
    layer.wrong("rotary: not rotated", kind, lambda x, dy: dy.copy())

    def with_signs(first, second):
        def backward(x, dy):
            a, b = np.split(dy, 2, axis=-1)
            return np.concatenate([a * cos + first * b * sin, second * a * sin + b * cos], -1)

        return backward

    half = np.broadcast_to(np.arange(6) < 3, x.shape)
    layer.wrong("rotary: sign of one sine", kind, with_signs(-1, -1), at={0: half})
    layer.wrong("rotary: sign of the other sine", kind, with_signs(1, 1), at={0: ~half})
    layer = corpus.subject(lambda x: rotate_neighbours(x, ANGLES), x)
    layer.right("rotary on neighbours", lambda x, dy: rotate_neighbours(dy, -ANGLES))
    reverse = lambda x, dy: rotate_neighbours(dy, -ANGLES[:, ::-1])  # noqa: E731
    outer = np.tile(np.arange(6) // 2 != 1, (4, 1))  # the middle frequency stays
    layer.wrong("rotary on neighbours: frequencies reversed", kind, reverse, at={0: outer})
    part = corpus.subject(lambda x: np.concatenate([rotate(x[:, :4], ANGLES[:, :2]), x[:, 4:]], 1), x)
    rest = np.broadcast_to(np.arange(6) >= 4, x.shape)
    turned = lambda dy: rotate(dy[:, :4], -ANGLES[:, :2])  # noqa: E731
    part.right("rotary on a part", lambda x, dy: np.concatenate([turned(dy), dy[:, 4:]], 1))
    wrong = "rotary on a part: rest forgotten"
    part.wrong(wrong, kind, lambda x, dy: np.concatenate([turned(dy), 0 * dy[:, 4:]], 1), at={0: rest})
    angle = corpus.subject(lambda x, f: rotate(x, np.arange(1, 5)[:, None] * f), x, np.array([1.0, 0.31, 0.07]))

    def frequencies(turn):
        def backward(x, f, dy):
            positions = np.arange(1, 5)[:, None]
            a, b = np.split(rotate(x, positions * f), 2, axis=-1)
            da, db = np.split(dy, 2, axis=-1)
            return rotate(dy, -positions * f), (turn(positions) * (db * a - da * b)).sum(0)

        return backward

    angle.right("rotary, learned frequencies", frequencies(lambda p: p))
    angle.wrong("rotary, learned frequencies: position forgotten", kind, frequencies(lambda p: 1), inputs=(1,))
