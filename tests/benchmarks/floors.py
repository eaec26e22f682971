"""Flops and bytes of each layer, the floor that they give, and what it takes: rows of specs/guides/performance.md.

A layer can be no faster than its products at the best rate of a product, and no faster than the numbers that it must
read and write at the best rate of a copy; both rates are those of this process, of arrays of these sizes.
"""

import functools
import time
from dataclasses import dataclass

import numpy as np
import training_step

from reference.core import tree
from reference.layers.attention import attention_vjp
from reference.layers.embedding import Embedding
from reference.layers.feedforward import FeedForward
from reference.layers.layernorm import LayerNorm
from reference.layers.linear import Linear
from reference.losses.cross_entropy import cross_entropy_vjp
from reference.optimizers.adam import Adam

TURNS, NUMBER = 9, 4  # bytes of a float32


@dataclass
class Row:
    """A layer, what its products and its numbers are of forward and backward pass together, and a call of both."""

    name: str
    flops: float
    numbers: float
    run: object


def both(vjp, *inputs, **constants):
    """Return a call of forward and backward pass."""
    y, _ = vjp(*inputs, **constants)

    def run():
        _, pullback = vjp(*inputs, **constants)
        pullback(y)

    return run


def rows(width):
    """Return the layers of one model, at its sizes."""
    _, heads, positions, sequences, v, *_ = training_step.SIZES[width]
    rng, n, d, f = np.random.default_rng(3), sequences * positions, width, 4 * width
    x, wide = (rng.normal(size=(sequences, positions, size)).astype(np.float32) for size in (d, v))
    q = x.reshape(sequences, positions, heads, d // heads).swapaxes(1, 2)
    ids, table = rng.integers(v, size=(sequences, positions)), sequences * heads * positions * positions
    network, linear, embedding = FeedForward.init(rng, d, f), Linear.init(rng, d, d), Embedding.init(rng, v, d)
    model = training_step.model_of(width)
    p = sum(leaf.size for _, leaf in tree.leaves(model))
    adam, moments = Adam(), Adam().init(model)
    return [
        Row("linear, D to D", 6 * n * d * d, 5 * n * d + 3 * d * d, both(linear.vjp, x)),
        Row("attention between maps", 12 * table * d // heads, 11 * n * d + 2 * table, both(attention_vjp, q, q, q)),
        Row("layer norm", 0, 6 * n * d, both(LayerNorm.init(d).vjp, x)),
        Row("feed-forward", 12 * n * d * f, 5 * n * d + 2 * n * f + 6 * d * f, both(network.vjp, x)),
        Row("embedding", 0, 3 * n * d + v * d, both(embedding.vjp, ids=ids)),
        Row("cross-entropy", 0, 4 * n * v, lambda: cross_entropy_vjp(wide, targets=ids)[1](1.0)),
        Row("Adam, all parameters", 0, 7 * p, lambda: adam.step(model, model, moments, 1e-4)),
    ]


def seconds(run, least=0.02):
    """The least processor time of a call, in several turns."""
    run()
    start = time.process_time()
    run()
    count = max(1, int(least / max(time.process_time() - start, 1e-6)))
    times = []
    for _ in range(TURNS):
        start = time.process_time()
        for _ in range(count):
            run()
        times.append((time.process_time() - start) / count)
    return min(times)


def rates(width):
    """Return flops a second of the best product at these sizes, and bytes a second of the best copy."""
    _, _, positions, sequences, *_ = training_step.SIZES[width]
    n, d, f = sequences * positions, width, 4 * width
    x, h, w = (np.ones(shape, np.float32) for shape in ((n, d), (n, f), (d, f)))
    products = [lambda: x @ w, lambda: h @ w.T, lambda: x.T @ h]
    best_copy = max(2 * NUMBER * z.size / seconds(functools.partial(np.copyto, np.empty_like(z), z)) for z in (x, h))
    return 2 * n * d * f / min(map(seconds, products)), best_copy


def measured(width):
    """Yield of each layer its name, flops, bytes, floor in seconds, and measured seconds; the rates come first."""
    flops, moved = rates(width)
    yield flops, moved
    for row in rows(width):
        size = NUMBER * row.numbers
        yield row.name, row.flops, size, max(row.flops / flops, size / moved), seconds(row.run)
