import numpy as np
import pytest
import torch

from reference.core import tree
from reference.layers.attention import MultiHeadAttention


@pytest.mark.parametrize("masked", [False, True])
def test_weights_as_an_output_and_gradients_through_them_are_those_of_torch(rng, masked):
    layer = MultiHeadAttention.init(rng, 8, 4, np.float64)
    layer = tree.map(lambda p: rng.normal(scale=0.5, size=p.shape), layer)
    there = torch.nn.MultiheadAttention(8, 4, batch_first=True, dtype=torch.float64)
    maps = layer.query, layer.key, layer.value
    with torch.no_grad():
        there.in_proj_weight.copy_(torch.tensor(np.concatenate([m.w.T for m in maps])))
        there.in_proj_bias.copy_(torch.tensor(np.concatenate([m.b for m in maps])))
        there.out_proj.weight.copy_(torch.tensor(layer.output.w.T))
        there.out_proj.bias.copy_(torch.tensor(layer.output.b))
    x, memory = rng.normal(size=(2, 3, 8)), rng.normal(size=(2, 5, 8))
    seen = np.arange(5) < np.array([[5], [3]])
    padding = {"key_padding_mask": torch.tensor(~seen)} if masked else {}
    (y, w), pullback = layer.vjp(x, memory, mask=seen[:, None, None] if masked else None, weights=True)
    given = [torch.tensor(z, requires_grad=True) for z in (x, memory)]
    out, weights = there(given[0], given[1], given[1], need_weights=True, average_attn_weights=False, **padding)
    dy, dw = rng.normal(size=y.shape), rng.normal(size=w.shape)
    ((out * torch.tensor(dy)).sum() + (weights * torch.tensor(dw)).sum()).backward()
    d_layer, dx, dmemory = pullback((dy, dw))
    d_maps = d_layer.query, d_layer.key, d_layer.value
    pairs = [
        (y, out), (w, weights), (dx, given[0].grad), (dmemory, given[1].grad),
        (np.concatenate([m.w.T for m in d_maps]), there.in_proj_weight.grad),
        (np.concatenate([m.b for m in d_maps]), there.in_proj_bias.grad),
        (d_layer.output.w.T, there.out_proj.weight.grad), (d_layer.output.b, there.out_proj.bias.grad),
    ]  # fmt: skip
    for ours, theirs in pairs:
        few = {"rtol": 1e-12, "atol": 1e-13}  # sums of at most 40 products of numbers near 1
        np.testing.assert_allclose(ours, theirs.detach().numpy(), **few)
