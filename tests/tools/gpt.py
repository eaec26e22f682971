"""A model like GPT-2 in PyTorch's plain modules, with the weights of one of this project, and how it is trained."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention


class Block(nn.Module):
    def __init__(self, width, heads, dtype):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, dtype=dtype) for _ in range(2))
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, dtype=dtype) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width, dtype=dtype), nn.Linear(4 * width, width, dtype=dtype)

    def forward(self, x):
        n = self.norms[0](x)
        q, k, v = (
            part(n).view(*x.shape[:2], self.heads, -1).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        o = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(o.transpose(1, 2).reshape(x.shape))
        return x + self.down(gelu(self.up(self.norms[1](x)), approximate="tanh"))


class GPT(nn.Module):
    """The module with the weights of `model`, a DecoderOnly like GPT-2."""

    def __init__(self, model):
        super().__init__()
        table, (first, *_) = model.embedding.table, model.stack.blocks
        width, dtype = table.shape[1], torch.from_numpy(table[:0]).dtype
        self.embedding = nn.Embedding(len(table), width, dtype=dtype)
        self.positions = nn.Embedding(len(model.positions.table), width, dtype=dtype)
        heads = first.attention.inner.heads
        self.blocks = nn.ModuleList(Block(width, heads, dtype) for _ in model.stack.blocks)
        self.norm, self.output = nn.LayerNorm(width, dtype=dtype), nn.Linear(width, len(table), bias=False, dtype=dtype)
        for module, layer in self._pairs(model):
            _copy(module, layer)

    def _pairs(self, model):
        yield from ((getattr(self, name), getattr(model, name)) for name in ("embedding", "positions", "output"))
        yield self.norm, model.stack.norm
        for block, layer in zip(self.blocks, model.stack.blocks, strict=True):
            attention, network = layer.attention.inner, layer.feedforward.inner
            yield from zip(block.norms, (layer.attention.norm, layer.feedforward.norm), strict=True)
            for name in ("query", "key", "value", "output"):
                yield getattr(block, name), getattr(attention, name)
            yield from ((block.up, network.hidden), (block.down, network.output))

    def forward(self, tokens):
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.output(self.norm(x))


def _copy(module, layer):
    if isinstance(module, nn.LayerNorm):
        given = {"weight": layer.gamma, "bias": layer.beta}
    elif isinstance(module, nn.Linear):
        given = {"weight": layer.w.T} | ({} if layer.b is None else {"bias": layer.b})
    else:
        given = {"weight": layer.table}
    module.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(z)) for name, z in given.items()})


def optimizer(module, training):
    """AdamW as the settings of a run say it is: matrices and tables decay."""
    every, decay = list(module.parameters()), 0.01 if training.decay is None else training.decay
    groups = [
        {"params": [p for p in every if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in every if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, betas=(training.beta1 or 0.9, training.beta2 or 0.999))


def step(module, adamw, rate, tokens, labels):
    """Make one update on ids (B, T) and return the loss of a token; that of a batch is a mean of sums over T."""
    logits = module(torch.from_numpy(tokens))
    loss = cross_entropy(logits.flatten(0, 1), torch.from_numpy(labels).flatten(), reduction="sum")
    for group in adamw.param_groups:
        group["lr"] = rate
    adamw.zero_grad()
    (loss / len(tokens)).backward()
    adamw.step()
    return loss.detach() / labels.size
