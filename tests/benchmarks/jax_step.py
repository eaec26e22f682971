"""The step of `training_step` as one function of JAX, compiled: the same model, weights and data."""

import jax
import jax.numpy as jnp
import numpy as np

from reference.core import tree
from reference.layers.sinusoidal import sinusoidal


def started(model, heads, source, target, labels, rate=1e-4):
    """Return what makes a step, and the first gradient by the paths of the parameters."""
    sequences, positions = source.shape
    width = model.source_embedding.table.shape[1]
    at = sinusoidal(positions, width, model.source_embedding.table.dtype)
    causal = np.tril(np.ones((positions, positions), bool))
    p = {path: jnp.asarray(leaf) for path, leaf in tree.leaves(model)}
    stacks = len(model.body.encoder.blocks), len(model.body.decoder.blocks)

    def linear(p, path, x):
        return x @ p[f"{path}.w"] + p[f"{path}.b"]

    def norm(p, path, x):
        x = x - x.mean(-1, keepdims=True)
        return p[f"{path}.gamma"] * x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) + p[f"{path}.beta"]

    def attention(p, path, x, memory, seen=None):
        q, k, v = (
            linear(p, f"{path}.{name}", z).reshape(sequences, -1, heads, width // heads).swapaxes(1, 2)
            for name, z in (("query", x), ("key", memory), ("value", memory))
        )
        s = q @ k.swapaxes(2, 3) / (width // heads) ** 0.5
        w = jax.nn.softmax(s if seen is None else jnp.where(seen, s, -jnp.inf))
        return linear(p, f"{path}.output", (w @ v).swapaxes(1, 2).reshape(x.shape))

    def feedforward(p, path, x):
        inner = jax.nn.relu(linear(p, f"{path}.inner.hidden", norm(p, f"{path}.norm", x)))
        return x + linear(p, f"{path}.inner.output", inner)

    def own(p, path, x, seen=None):
        n = norm(p, f"{path}.norm", x)
        return x + attention(p, f"{path}.inner", n, n, seen)

    def loss(p):
        memory = width**0.5 * p["source_embedding.table"][source] + at
        for k in range(stacks[0]):
            block = f"body.encoder.blocks[{k}]"
            memory = feedforward(p, f"{block}.feedforward", own(p, f"{block}.attention", memory))
        memory = norm(p, "body.encoder.norm", memory)
        y = width**0.5 * p["target_embedding.table"][target] + at
        for k in range(stacks[1]):
            block = f"body.decoder.blocks[{k}]"
            y = own(p, f"{block}.self_attention", y, causal)
            cross = f"{block}.cross_attention"
            y = y + attention(p, f"{cross}.inner", norm(p, f"{cross}.norm", y), memory)
            y = feedforward(p, f"{block}.feedforward", y)
        logits = jax.nn.log_softmax(linear(p, "output", norm(p, "body.decoder.norm", y)))
        return -jnp.take_along_axis(logits, labels[..., None], axis=-1).sum() / sequences

    def updated(p, m, v, t):
        g = jax.grad(loss)(p)
        m = {name: 0.9 * m[name] + 0.1 * g[name] for name in p}
        v = {name: 0.999 * v[name] + 0.001 * g[name] * g[name] for name in p}
        size = {name: jnp.sqrt(v[name] / (1 - 0.999**t)) + 1e-8 for name in p}
        return {name: p[name] - rate * m[name] / (1 - 0.9**t) / size[name] for name in p}, m, v, t + 1

    first = {name: np.asarray(array) for name, array in jax.jit(jax.grad(loss))(p).items()}
    update = jax.jit(updated, donate_argnums=(0, 1, 2))
    held = [p, *({name: jnp.zeros_like(array) for name, array in p.items()} for _ in range(2)), jnp.float32(1)]

    def step():
        held[:] = update(*held)
        jax.block_until_ready(held)

    return step, first
