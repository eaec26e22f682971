import numpy as np
import torch

from reference.layers.embedding import Embedding


def test_padding_is_that_of_torch_where_its_row_is_zero_as_it_starts(rng):
    ids, table, dy = np.array([[2, 0, 2], [5, 2, 6]]), rng.normal(size=(7, 5)), rng.normal(size=(2, 3, 5))
    table[2] = 0
    there = torch.nn.Embedding(7, 5, padding_idx=2, _weight=torch.tensor(table))
    out = there(torch.tensor(ids))
    out.backward(torch.tensor(dy))
    y, pullback = Embedding(table, padding=2).vjp(ids=ids)
    np.testing.assert_array_equal(y, out.detach().numpy())
    np.testing.assert_allclose(pullback(dy)[0].table, there.weight.grad.numpy(), rtol=1e-14, atol=0)  # sums of two
