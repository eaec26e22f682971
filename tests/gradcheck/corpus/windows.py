"""Pooling and convolution: the winner's index, the flipped kernel, the border."""

import numpy as np


def maxpool(x):
    pairs = x.reshape(-1, 2)
    return pairs[np.arange(len(pairs)), pairs.real.argmax(1)]


def maxpool_backward(choose):
    def backward(x, dy):
        pairs = x.reshape(-1, 2)
        grad = np.zeros_like(pairs)
        grad[np.arange(len(pairs)), choose(pairs)] = dy
        return grad.reshape(x.shape)

    return backward


def overlapping(x, width=3):
    return np.stack([x[i : i + width][x[i : i + width].real.argmax()] for i in range(len(x) - width + 1)])


def overlapping_backward(add):
    def backward(x, dy, width=3):
        grad = np.zeros_like(x)
        for i, g in enumerate(dy):
            j = i + x[i : i + width].argmax()
            grad[j] = grad[j] + g if add else g
        return grad

    return backward


def conv(x, w, stride=1):
    """(channels in, length), (channels out, channels in, width) to (channels out, places), without padding."""
    width = w.shape[-1]
    places = range(0, x.shape[1] - width + 1, stride)
    return np.stack([np.einsum("ck,ock->o", x[:, p : p + width], w) for p in places], axis=1)


def conv_backward(stride=1, kernel=lambda w: w, dw=lambda dw: dw, shift=0, skip=0):
    def backward(x, w, dy):
        width = w.shape[-1]
        dx, grad = np.zeros_like(x), np.zeros_like(w)
        for place in range(dy.shape[1] - skip):
            p = min(place * stride + shift, x.shape[1] - width)
            dx[:, p : p + width] += np.einsum("o,ock->ck", dy[:, place], kernel(w))
            grad += np.einsum("o,ck->ock", dy[:, place], x[:, p : p + width])
        return dx, dw(grad)

    return backward


def padded(x, w):
    return conv(np.pad(x, ((0, 0), (1, 1))), w)


def padded_backward(lost=()):
    right = conv_backward()

    def backward(x, w, dy):
        dx, dw = right(np.pad(x, ((0, 0), (1, 1))), w, dy)
        dx = dx[:, 1:-1].copy()
        for place in lost:
            dx[:, place] -= np.einsum("o,oc->c", dy[:, place], w[:, :, 1])
        return dx, dw

    return backward


def conv2d(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    return np.einsum("ijkl,kl->ij", windows, w)


def conv2d_backward(flip=(0, 1)):
    """A full correlation of dy with the flipped kernel."""

    def backward(x, w, dy):
        wide = np.pad(dy, [(k - 1, k - 1) for k in w.shape])
        windows = np.lib.stride_tricks.sliding_window_view(x, dy.shape)
        return conv2d(wide, np.flip(w, flip)), np.einsum("klij,ij->kl", windows, dy)

    return backward


def register(corpus):
    rng = np.random.default_rng(37)
    pooling(corpus, rng)
    kind = "convolution"
    x, w = rng.normal(size=(2, 7)), rng.normal(size=(2, 2, 3))

    layer = corpus.subject(conv, x, w)
    layer.right("convolution", conv_backward())
    layer.wrong("convolution: kernel not flipped", kind, conv_backward(kernel=lambda w: w[..., ::-1]))
    layer.wrong("convolution: channels not transposed", kind, conv_backward(kernel=lambda w: w.swapaxes(0, 1)))
    outer = np.broadcast_to([True, False, True], w.shape)  # the middle tap stays
    layer.wrong("convolution: kernel gradient flipped", kind, conv_backward(dw=lambda d: d[..., ::-1]), at={1: outer})
    wrong = "convolution: kernel gradient averaged over places"
    layer.wrong(wrong, kind, conv_backward(dw=lambda d: d / 5), inputs=(1,))
    layer.wrong(
        "convolution: last place left out", kind, conv_backward(skip=1), at={0: last_three(x), 1: np.ones(w.shape)}
    )
    layer.wrong("convolution: places off by one", kind, conv_backward(shift=1), inputs=(0, 1))
    layer = corpus.subject(lambda x, w: conv(x, w, 2), x, w)
    layer.right("convolution, stride 2", conv_backward(stride=2))
    layer.wrong("convolution, stride 2: stride forgotten", kind, conv_backward(stride=1), inputs=(0, 1))
    layer = corpus.subject(padded, x, w)
    layer.right("convolution, padded", padded_backward())
    border = np.zeros(x.shape, bool)
    border[:, [0, -1]] = True
    layer.wrong("convolution, padded: border entries short", kind, padded_backward(lost=(0, -1)), at={0: border})
    layer = corpus.subject(conv2d, rng.normal(size=(4, 5)), rng.normal(size=(2, 3)))
    layer.right("convolution in two dimensions", conv2d_backward())
    layer.wrong("convolution in two dimensions: flipped in one", kind, conv2d_backward(flip=(0,)))


def last_three(x):
    return np.broadcast_to(np.arange(x.shape[1]) >= x.shape[1] - 3, x.shape)


def pooling(corpus, rng):
    kind = "pooling"
    x = rng.normal(size=12)
    winner = np.zeros((6, 2), bool)
    winner[np.arange(6), x.reshape(-1, 2).argmax(1)] = True
    second = np.repeat(winner[:, 1], 2)
    layer = corpus.subject(maxpool, x)
    layer.right("max pool", maxpool_backward(lambda p: p.argmax(1)))
    layer.wrong("max pool: always the first", kind, maxpool_backward(lambda p: 0), at={0: second})
    layer.wrong("max pool: the loser", kind, maxpool_backward(lambda p: p.argmin(1)))
    layer.wrong("max pool: both", kind, lambda x, dy: np.repeat(dy, 2), at={0: ~winner})
    layer = corpus.subject(overlapping, x)
    layer.right("max pool, overlapping", overlapping_backward(add=True))
    wins = np.bincount([i + x[i : i + 3].argmax() for i in range(10)], minlength=12)
    layer.wrong(
        "max pool, overlapping: last write wins", "repeated ids", overlapping_backward(add=False), at={0: wins > 1}
    )
    layer = corpus.subject(lambda x: x.reshape(-1, 3).mean(1), x)
    layer.right("average pool", lambda x, dy: np.repeat(dy, 3) / 3)
    layer.wrong("average pool: sum for mean", kind, lambda x, dy: np.repeat(dy, 3))
    moved = np.arange(12) // 3 != np.arange(12) % 4
    layer.wrong("average pool: tiled for repeated", kind, lambda x, dy: np.tile(dy, 3) / 3, at={0: moved})
    layer = corpus.subject(lambda x: x.repeat(2, 0).repeat(2, 1), x.reshape(3, 4))
    layer.right("upsampling", lambda x, dy: dy.reshape(3, 2, 4, 2).sum((1, 3)))
    layer.wrong("upsampling: one of four", kind, lambda x, dy: dy[::2, ::2].copy())
    layer.wrong("upsampling: height only", kind, lambda x, dy: dy.reshape(3, 2, 4, 2).sum(1)[..., 0])
