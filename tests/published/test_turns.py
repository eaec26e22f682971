import pytest
import torch
from transformers.models.gpt_neox import modeling_gpt_neox
from transformers.models.gptj import modeling_gptj

from reference.layers.rotary import Rotary


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, 4, 5, 12))


def agree(close, rng, here, there, x):
    """Values and gradients of a turn here are those of one there."""
    y, pullback = here.vjp(x)
    given = torch.tensor(x, requires_grad=True)
    out = there(given)
    close(y, out)
    dy = rng.normal(size=y.shape)
    out.backward(torch.tensor(dy))
    close(pullback(dy)[1], given.grad)


@pytest.mark.parametrize("width", [8, 12])
def test_interleaved_pairs_and_a_part_of_the_head_are_those_of_gpt_j(close, rng, x, width):
    sin, cos = modeling_gptj.create_sinusoidal_positions(5, width).double().chunk(2, dim=-1)

    def there(given):
        heads = given.transpose(1, 2)
        turned = modeling_gptj.apply_rotary_pos_emb(heads[..., :width], sin[None], cos[None])
        return torch.cat([turned, heads[..., width:]], dim=-1).transpose(1, 2)

    agree(close, rng, Rotary(width=width, interleaved=True), there, x)


@pytest.mark.parametrize("width", [8, 12])
def test_halves_and_a_part_of_the_head_are_those_of_gpt_neox(close, rng, x, width):
    speed = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.outer(torch.arange(5.0), speed).repeat(1, 2)[None]

    def there(given):
        turned, _ = modeling_gpt_neox.apply_rotary_pos_emb(given, given, angle.cos(), angle.sin())
        return turned

    agree(close, rng, Rotary(width=width), there, x)
