"""The weights of our encoder-decoder in PyTorch's own modules."""

import numpy as np
import torch


def load(net, model):
    """Give an nn.ModuleList of body, tables and output, as `training_step` makes it, the weights of our model."""

    def put(parameter, array):
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))

    def linear(module, layer):
        put(module.weight, layer.w.T)
        put(module.bias, layer.b)

    def norm(module, layer):
        put(module.weight, layer.gamma)
        put(module.bias, layer.beta)

    def attention(module, layer):
        parts = (layer.query, layer.key, layer.value)
        put(module.in_proj_weight, np.concatenate([part.w.T for part in parts]))
        put(module.in_proj_bias, np.concatenate([part.b for part in parts]))
        linear(module.out_proj, layer.output)

    def block(module, layer, parts):
        for k, (name, to) in enumerate(parts, 1):
            residual = getattr(layer, name)
            norm(getattr(module, f"norm{k}"), residual.norm)
            if to:
                attention(getattr(module, to), residual.inner)
            else:
                linear(module.linear1, residual.inner.hidden)
                linear(module.linear2, residual.inner.output)

    body, tables, output = net
    for module, layer in zip(body.encoder.layers, model.body.encoder.blocks, strict=True):
        block(module, layer, (("attention", "self_attn"), ("feedforward", "")))
    for module, layer in zip(body.decoder.layers, model.body.decoder.blocks, strict=True):
        parts = (("self_attention", "self_attn"), ("cross_attention", "multihead_attn"), ("feedforward", ""))
        block(module, layer, parts)
    norm(body.encoder.norm, model.body.encoder.norm)
    norm(body.decoder.norm, model.body.decoder.norm)
    put(tables[0].weight, model.source_embedding.table)
    put(tables[1].weight, model.target_embedding.table)
    linear(output, model.output)
