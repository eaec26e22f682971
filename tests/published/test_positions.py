"""Positions of the caller's: what `position_ids` are to the package they are here, for each family that takes them."""

import numpy as np
import pytest
import torch
import transformers
from published_sizes import SIZES, SLOW, YARN

from reference.core.masks import packed
from reference.models.objective import Objective
from reference.published.bert import BERT
from reference.published.gemma import GEMMA_2
from reference.published.gpt2 import GPT2
from reference.published.llama import LLAMA

GPT = {"vocab_size": 19, "n_positions": 12, "n_embd": 8, "n_head": 4, "n_layer": 2, "eos_token_id": None}
CASES = {
    "GPT-2": (GPT2, "GPT2LMHeadModel", "GPT2Config", GPT),
    "Llama": (LLAMA, "LlamaForCausalLM", "LlamaConfig", SIZES),
    "Llama, slow pairs slower": (LLAMA, "LlamaForCausalLM", "LlamaConfig", {**SIZES, "rope_parameters": SLOW}),
    "Llama, YaRN": (LLAMA, "LlamaForCausalLM", "LlamaConfig", {**SIZES, "head_dim": 16, "rope_parameters": YARN}),
    "Qwen 3": (LLAMA, "Qwen3ForCausalLM", "Qwen3Config", {**SIZES, "head_dim": 6}),
    "Gemma 2": (GEMMA_2, "Gemma2ForCausalLM", "Gemma2Config", {**SIZES, "head_dim": 6, "sliding_window": 4}),
}
IDS = {
    "packed": np.array([[0, 1, 2, 3, 0, 1, 2, 0, 1], [0, 1, 0, 1, 2, 3, 4, 5, 6]]),
    "padded on the left": np.array([[1, 1, 1, 0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8]]),
    "anything": np.array([[3, 9, 1, 1, 0, 11, 7, 2, 5]]),
}


@pytest.fixture(params=CASES)
def both(request, drawn, tmp_path):
    """A family, a model there, and the same one here, read from what was written there."""
    family, kind, settings, sizes = CASES[request.param]
    config = getattr(transformers, settings)(**sizes)
    config._attn_implementation = "eager"
    there = drawn(getattr(transformers, kind)(config))
    there.save_pretrained(tmp_path / "there")
    return family, there, family.load(tmp_path / "there")


def additive(seen, window=None):
    """The mask as the package takes it where it is made by hand: 0 where a place sees another, else a large number."""
    length = seen.shape[-1]
    places = np.arange(length)
    behind = places[:, None] - places
    rule = (behind >= 0) & (True if window is None else behind < window)
    return torch.tensor(np.where(seen & rule, 0.0, np.finfo(float).min))


def theirs(there, tokens, ids, seen, **more):
    window = getattr(there.config, "sliding_window", None)
    mask = additive(seen)
    if there.config.model_type == "gemma2":
        mask = {"full_attention": mask, "sliding_attention": additive(seen, window)}
    position_ids = torch.tensor(ids).expand(len(tokens), -1)
    return there(torch.tensor(tokens), attention_mask=mask, position_ids=position_ids, use_cache=False, **more)


def seen_of(kind, ids):
    """Who of a row is of one sequence with whom (B, 1, T, T); a row of padding sees itself, as there."""
    if kind == "packed":
        return packed(ids)
    seen = np.ones((len(ids), 1, 9, 9), bool)
    if kind == "padded on the left":
        seen[0, 0, :, :3] = np.eye(9, dtype=bool)[:, :3]
    return seen


@pytest.mark.parametrize("kind", IDS)
def test_logits_loss_and_every_gradient_are_those_of_the_package(both, rng, close, kind):
    family, there, here = both
    tokens, ids = rng.integers(19, size=(2, 9)), IDS[kind]
    seen = seen_of(kind, ids)
    out = theirs(there, tokens, ids, seen, labels=torch.tensor(tokens))
    close(here(tokens=tokens, mask=seen, position_ids=ids), out.logits)
    objective, given = Objective(here), {"mask": seen[..., :-1, :-1], "position_ids": ids[:, :-1]}
    loss, pullback = objective.vjp(tokens=tokens[:, :-1], labels=tokens[:, 1:], **given)
    close(loss, out.loss)
    out.loss.backward()
    gradients = family.tensors(pullback(1.0)[0].model)
    for name, parameter in there.named_parameters():
        close(gradients[name], parameter.grad)


def test_the_package_by_itself_takes_packed_rows_for_what_they_are(both, rng, close):
    _, there, here = both
    tokens, ids = rng.integers(19, size=(2, 9)), IDS["packed"]
    out = there(torch.tensor(tokens), position_ids=torch.tensor(ids), use_cache=False)
    close(here(tokens=tokens, mask=packed(ids), position_ids=ids), out.logits)


@pytest.fixture
def encoders(drawn, tmp_path):
    """encoders(kind, **options): a BERT of the package, and the one that is read from its folder."""

    def encoders(kind, **options):
        sizes = {name: value for name, value in SIZES.items() if not name.endswith("_id") and "value" not in name}
        config = transformers.BertConfig(**sizes, max_position_embeddings=12, pad_token_id=None)
        config._attn_implementation = "eager"
        there = drawn(kind(config, **options))
        there.save_pretrained(tmp_path / "there")
        return there, BERT.load(tmp_path / "there")

    return encoders


def test_an_encoder_takes_them_too(rng, encoders, close):
    there, here = encoders(transformers.BertModel, add_pooling_layer=False)
    tokens, ids = rng.integers(19, size=(2, 9)), IDS["padded on the left"]
    seen = np.ones((2, 1, 1, 9), bool)
    seen[0, :, :, :3] = False
    mask = torch.tensor(seen[:, 0, 0].astype(int))
    out = there(torch.tensor(tokens), attention_mask=mask, position_ids=torch.tensor(ids))
    close(here(tokens=tokens, mask=seen, position_ids=ids), out.last_hidden_state)


def test_an_encoder_takes_packed_rows_with_the_loss_and_every_gradient(rng, encoders, close):
    there, here = encoders(transformers.BertForMaskedLM)
    tokens, ids = rng.integers(19, size=(2, 9)), IDS["packed"]
    labels, seen = np.where(rng.random((2, 9)) < 0.5, rng.integers(19, size=(2, 9)), -100), packed(ids)
    mask = torch.tensor(np.where(seen, 0.0, np.finfo(float).min))
    given = {"attention_mask": mask, "position_ids": torch.tensor(ids), "labels": torch.tensor(labels)}
    out = there(torch.tensor(tokens), **given)
    close(here(tokens=tokens, mask=seen, position_ids=ids), out.logits)
    loss, pullback = Objective(here, ignore=-100).vjp(tokens=tokens, mask=seen, position_ids=ids, labels=labels)
    close(loss, out.loss)
    out.loss.backward()
    gradients = BERT.tensors(pullback(1.0)[0].model)
    for name, parameter in there.named_parameters():
        if name.endswith("key.bias"):  # moves all scores of a query alike, and no weight: 0 but for roundings
            assert np.abs(gradients[name]).max() < 1e-12 and parameter.grad.abs().max() < 1e-12
        else:
            close(gradients[name], parameter.grad)
