"""The model learns to copy, with both optimisers, from every one of five seeds."""

import pytest

# The loss is summed over the tokens of a sequence; with their mean the same rates are 8 times smaller.
SGD = {"optimizer": "sgd", "schedule": "linear", "rate": 5e-3, "end_rate": 1e-3, "epochs": 60}


@pytest.mark.parametrize("seed", range(5))
def test_sgd_copies_99_percent_of_tokens_within_60_epochs(soonest, seed):
    assert soonest(lambda shares: shares.tokens >= 0.99, seed=seed, **SGD).tokens >= 0.99


def test_sgd_still_copies_99_percent_of_tokens_after_60_epochs(trained, copies):
    assert copies(*trained(**SGD)).tokens >= 0.99


@pytest.mark.parametrize("seed", range(5))
def test_adam_copies_99_percent_of_sequences_within_10_epochs(trained, copies, seed):
    accuracy = copies(*trained(seed=seed, optimizer="adam", epochs=10))
    assert accuracy.tokens >= 0.999
    assert accuracy.sequences >= 0.99


def test_post_norm_and_tied_embeddings_copy_as_well(trained, copies):
    accuracy = copies(*trained(norm="post", embeddings="tied", epochs=10))
    assert accuracy.tokens >= 0.999
    assert accuracy.sequences >= 0.99
