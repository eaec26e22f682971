"""Tokens a second, beside PyTorch's plain modules: the same weights, a cache made beforehand, one thread each.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tests/benchmarks/generation.py

A model like GPT-2 in float32 has read a prompt and says 64 tokens, the likeliest at each step: ours by `step`; in
PyTorch a module of nn.Embedding, nn.LayerNorm and nn.Linear, with scaled_dot_product_attention on slices of a cache,
in evaluation and under inference_mode. Both caches are made beforehand, and both say the same tokens. The two take
turns, and what is judged is the ratio of the medians of their tokens a second, by the time of the processor, which
other programs do not lengthen by being there: its 95 % bootstrap interval must lie above the bar.
The last lines are not judged: what a token costs after 128 and after 1,024 positions, with a window of 128 and without.
The exit status is 1 where a bar is not reached.
"""

import platform
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from reference.core.cache import rewind
from reference.core.families import DecoderOnlySettings
from reference.generation.stream import generate
from reference.models.decoder_only import DecoderOnly

RUNS = 21  # of each, in turns, after one that does not count
PROMPT, LENGTH = 8, 64
VOCABULARY, HEADS = 256, 4
BARS = {(64, 1, 1): 2.0, (256, 4, 16): 1.3}  # width, layers, batch: times the tokens a second of PyTorch


class Block(nn.Module):
    def __init__(self, width, batch, room):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(batch, HEADS, room, width // HEADS))

    def forward(self, x, start):
        stop = start + x.shape[1]
        n = self.norms[0](x)
        q, k, v = (
            part(n).view(*x.shape[:2], HEADS, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        self.keys[:, :, start:stop], self.values[:, :, start:stop] = k, v
        seen = self.keys[:, :, :stop], self.values[:, :, :stop]
        o = scaled_dot_product_attention(q, *seen, is_causal=x.shape[1] > 1)
        x = x + self.output(o.transpose(1, 2).reshape(x.shape))
        return x + self.down(gelu(self.up(self.norms[1](x)), approximate="tanh"))


class Plain(nn.Module):
    def __init__(self, width, layers, batch, room):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(room, width)
        self.blocks = nn.ModuleList(Block(width, batch, room) for _ in range(layers))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, VOCABULARY, bias=False)

    def forward(self, ids, start):
        x = self.embedding(ids) + self.positions.weight[start : start + ids.shape[1]]
        for block in self.blocks:
            x = block(x, start)
        return self.output(self.norm(x))


def theirs(model):
    """The module in PyTorch with the weights of `model`."""

    def copy(module, layer):
        if isinstance(module, nn.LayerNorm):
            given = {"weight": layer.gamma, "bias": layer.beta}
        elif isinstance(module, nn.Linear):
            given = {"weight": layer.w.T} | ({} if layer.b is None else {"bias": layer.b})
        else:
            given = {"weight": layer.table}
        module.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(z)) for name, z in given.items()})

    def plain(batch, room):
        width = model.embedding.table.shape[1]
        made = Plain(width, len(model.stack.blocks), batch, room).eval()
        copy(made.embedding, model.embedding)
        made.positions = nn.Embedding(len(model.positions.table), width)
        copy(made.positions, model.positions)
        copy(made.norm, model.stack.norm)
        copy(made.output, model.output)
        for block, layer in zip(made.blocks, model.stack.blocks, strict=True):
            attention, network = layer.attention.inner, layer.feedforward.inner
            for name in ("query", "key", "value", "output"):
                copy(getattr(block, name), getattr(attention, name))
            pairs = (block.up, network.hidden), (block.down, network.output)
            for one, other in (*pairs, *zip(block.norms, (layer.attention.norm, layer.feedforward.norm), strict=True)):
                copy(one, other)
        return made

    return plain


def ours_says(cache, ids):
    rewind(cache, PROMPT)
    for _ in range(LENGTH):
        ids = cache.layer.step(ids, cache)[:, -1].argmax(axis=-1)[:, None]
        yield ids[:, 0].tolist()


def theirs_says(module, ids):
    with torch.inference_mode():
        for t in range(PROMPT, PROMPT + LENGTH):
            ids = module(ids, t)[:, -1].argmax(dim=-1, keepdim=True)
            yield ids[:, 0].tolist()


def deciders(model, batch, rng):
    """Both, after the same prompts: what says the tokens of ours, and of theirs."""
    prompts, room = rng.integers(VOCABULARY, size=(batch, PROMPT)), PROMPT + LENGTH + 1
    cache, module = model.cache(batch, room), theirs(model)(batch, room)
    first = model.step(prompts, cache)[:, -1].argmax(axis=-1)[:, None]
    with torch.inference_mode():
        module(torch.from_numpy(prompts), 0)
    return (
        lambda: list(ours_says(cache, first)),
        lambda: list(theirs_says(module, torch.from_numpy(first))),
        generate(model, prompts, length=LENGTH + 1),
    )


def seconds(run):
    start = time.process_time()
    run()
    return time.process_time() - start


def interval(ours, others, rng, draws=10_000):
    """The ratio of the medians, theirs over ours, and its 95 % bootstrap interval."""
    medians = [np.median(rng.choice(times, (draws, len(times))), axis=1) for times in (others, ours)]
    low, high = np.quantile(medians[0] / medians[1], (0.025, 0.975))
    return np.median(others) / np.median(ours), low, high


def drawn(rng, width, layers, **given):
    settings = DecoderOnlySettings.gpt(
        vocabulary=VOCABULARY, length=2048, width=width, heads=HEADS, layers=layers, **given
    )
    return DecoderOnly.init(rng, settings)


def late(model, after, count=32):
    """Microseconds of a token after so many positions."""
    cache, ids = model.cache(1, after + count), np.zeros((1, 1), int)
    model.step(np.zeros((1, after), int), cache)
    return 1e6 * seconds(lambda: [model.step(ids, cache) for _ in range(count)]) / count


def main():
    torch.set_num_threads(1)
    rng, reached = np.random.default_rng(20261126), True
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    print(f"{versions}, float32, one thread each; medians of {RUNS} runs in turns\n")
    print(f"{'model':32}{'ours':>12}{'PyTorch':>12}  tokens/s{'ratio':>8}{'95 % interval':>18}{'bar':>6}")
    for (width, layers, batch), bar in BARS.items():
        mine, plain, said = deciders(drawn(rng, width, layers), batch, rng)
        assert [list(row) for row in zip(*mine(), strict=True)] == [row[1:] for row in said]
        assert mine() == plain()
        ours, others = zip(*((seconds(mine), seconds(plain)) for _ in range(RUNS)), strict=True)
        ratio, low, high = interval(ours, others, rng)
        speeds = [batch * LENGTH / np.median(times) for times in (ours, others)]
        good = low > bar
        reached &= good
        print(
            f"{f'd{width}, {layers} layers, batch {batch}':32}{speeds[0]:12.0f}{speeds[1]:12.0f}{ratio:18.2f}"
            f"{f'{low:.2f} to {high:.2f}':>18}{bar:6.1f}{'' if good else '  NOT REACHED'}",
            flush=True,
        )
    print()
    for window in (128, None):
        model = drawn(rng, 64, 1, window=window)
        costs = [np.median([late(model, after) for _ in range(9)]) for after in (128, 1024)]
        print(f"a token after 128 and 1,024 positions, window {window}: {costs[0]:.0f} and {costs[1]:.0f} microseconds")
    print(f"\n{'reached' if reached else 'NOT REACHED'}: an interval above {', '.join(map(str, BARS.values()))}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
