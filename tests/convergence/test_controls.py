"""What must not be learnable is not: the task needs the source, the positions, and labels that belong to it."""

import numpy as np

from reference.layers.attention import MultiHeadAttention
from reference.layers.sinusoidal import SinusoidalPositions

CHANCE = 0.45  # one symbol of three is right by chance; the rest is room for the luck of 8,000 guesses


class NoAttention(MultiHeadAttention):
    def vjp(self, x, memory, *, mask=None):
        y, attention_pullback = super().vjp(x, memory, mask=mask)
        return 0.0 * y, lambda dy: attention_pullback(0.0 * dy)


class NoPositions(SinusoidalPositions):
    def vjp(self, x):
        return x, lambda dy: (self.cotangent(), dy)


def test_without_cross_attention_the_source_is_unknown(trained, copies):
    model, held_out = trained(MultiHeadAttention, NoAttention)
    assert copies(model, held_out).tokens < CHANCE


def test_labels_of_other_sources_teach_nothing(trained, copies):
    shuffle = lambda examples: examples.shuffled(np.random.default_rng(0))  # noqa: E731
    model, held_out = trained(prepare=shuffle)
    assert copies(model, held_out).tokens < CHANCE


def test_without_positions_the_order_is_unknown(trained, copies):
    accuracy = copies(*trained(SinusoidalPositions, NoPositions))
    assert accuracy.tokens < 0.6  # with positions: 0.999
    assert accuracy.sequences < 0.1
