import numpy as np
import pytest
import torch
import transformers
from published_sizes import SIZES, SLOW, YARN

from reference.core.vocabulary import until
from reference.generation.beam import beam_search
from reference.generation.stream import stream
from reference.models.objective import Objective
from reference.published.gemma import GEMMA, GEMMA_2
from reference.published.gpt2 import GPT2
from reference.published.llama import LLAMA

GPT = {"vocab_size": 19, "n_positions": 12, "n_embd": 8, "n_head": 4, "n_layer": 2}
LINEAR = {"rope_type": "linear", "rope_theta": 500.0, "factor": 2.5}
OFTEN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 6}
FACTOR = {**YARN, "attention_factor": 0.7, "mscale": 2.0, "mscale_all_dim": 0.5}
WEIGHED = {**YARN, "mscale": 2.0, "mscale_all_dim": 0.5}
ALL = {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}
SEEN = {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1}
CAPPED = {
    "head_dim": 6, "query_pre_attn_scalar": 5, "attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.0,
    "sliding_window": 3,
}  # fmt: skip
PLAIN = {"attn_logit_softcapping": None, "final_logit_softcapping": None, "layer_types": ["full_attention"] * 2}

CASES = {
    "GPT-2": (GPT2, "GPT2", {**GPT, "eos_token_id": None, "layer_norm_epsilon": 1e-3}),
    "GPT-2, two tables": (GPT2, "GPT2", {**GPT, "eos_token_id": None, "tie_word_embeddings": False, "n_inner": 6}),
    "GPT-2, exact GELU": (GPT2, "GPT2", {**GPT, "eos_token_id": None, "activation_function": "gelu"}),
    "Llama": (LLAMA, "Llama", {**SIZES, "rms_norm_eps": 1e-3}),
    "Llama, one table, biases": (LLAMA, "Llama", {**SIZES, **ALL}),
    "Llama, wide heads, all slower": (LLAMA, "Llama", {**SIZES, "head_dim": 6, "rope_parameters": LINEAR}),
    "Llama, slow pairs slower": (LLAMA, "Llama", {**SIZES, "head_dim": 16, "rope_parameters": SLOW}),
    "Llama, YaRN": (LLAMA, "Llama", {**SIZES, "head_dim": 16, "rope_parameters": YARN}),
    "Qwen 2, YaRN, no pair often": (LLAMA, "Qwen2", {**SIZES, "rope_scaling": OFTEN}),
    "Qwen 3, YaRN, a factor": (LLAMA, "Qwen3", {**SIZES, "head_dim": 16, "rope_parameters": FACTOR}),
    "Mistral": (LLAMA, "Mistral", {**SIZES, "sliding_window": 3}),
    "Mistral, no window": (LLAMA, "Mistral", {**SIZES, "sliding_window": None}),
    "Qwen 2": (LLAMA, "Qwen2", SIZES),
    "Qwen 2, a window in one block": (LLAMA, "Qwen2", {**SIZES, **SEEN}),
    "Qwen 3, YaRN, weighed": (LLAMA, "Qwen3", {**SIZES, "head_dim": 16, "rope_parameters": WEIGHED}),
    "Qwen 3": (LLAMA, "Qwen3", {**SIZES, "head_dim": 6}),
    "Gemma": (GEMMA, "Gemma", {**SIZES, "head_dim": 6, "rms_norm_eps": 1e-3}),
    "Gemma, biases": (GEMMA, "Gemma", {**SIZES, "head_dim": 2, "attention_bias": True}),
    "Gemma 2": (GEMMA_2, "Gemma2", {**SIZES, **CAPPED}),
    "Gemma 2, no caps, no window": (GEMMA_2, "Gemma2", {**SIZES, **CAPPED, **PLAIN}),
}


@pytest.fixture(params=CASES)
def both(request, drawn, tmp_path):
    """A family, a model there, and the same one here, read from what was written there."""
    family, name, settings = CASES[request.param]
    config = getattr(transformers, f"{name}Config")(**settings)
    config._attn_implementation = "eager"
    kind = {"GPT2": "GPT2LMHeadModel"}.get(name, f"{name}ForCausalLM")
    there = drawn(getattr(transformers, kind)(config))
    there.save_pretrained(tmp_path / "there")
    return family, there, family.load(tmp_path / "there")


@pytest.fixture
def tokens(rng):
    return rng.integers(19, size=(2, 9))


def test_logits_loss_and_every_gradient_are_those_of_the_package(both, tokens, close):
    family, there, here = both
    out = there(input_ids=torch.tensor(tokens), labels=torch.tensor(tokens))
    close(here(tokens=tokens), out.logits)
    loss, pullback = Objective(here).vjp(tokens=tokens[:, :-1], labels=tokens[:, 1:])
    close(loss, out.loss)
    out.loss.backward()
    gradients = family.tensors(pullback(1.0)[0].model)
    parameters = dict(there.named_parameters())
    assert gradients.keys() == parameters.keys()
    for name, parameter in parameters.items():
        close(gradients[name], parameter.grad)


def test_what_is_written_here_is_the_same_model_there(both, tokens, tmp_path, equal):
    family, there, here = both
    family.save(here, tmp_path / "here")
    back = type(there).from_pretrained(tmp_path / "here", dtype=torch.float64, attn_implementation="eager")
    ours, theirs = back.state_dict(), there.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    equal(back(torch.tensor(tokens)).logits, there(torch.tensor(tokens)).logits)


def test_greedy_says_the_same_token_by_token(both, tokens):
    _, there, here = both
    prompt = tokens[:1, :4]
    seen = torch.ones((1, 4), dtype=torch.long)
    said = there.generate(torch.tensor(prompt), attention_mask=seen, max_new_tokens=8, do_sample=False, pad_token_id=0)
    ours = [int(token[0]) for token in stream(here, prompt, length=8)]
    assert ours == said[0, 4:].tolist()


@pytest.mark.parametrize(("penalty", "ends"), [(0.0, [2]), (0.8, [2]), (2.0, [2]), (0.8, [2, 7, 11])])
def test_beams_say_the_same_token_by_token(both, tokens, penalty, ends):
    _, there, here = both
    prompt = tokens[:1, :4]
    options = {"num_beams": 3, "num_return_sequences": 3, "length_penalty": penalty, "early_stopping": "never"}
    said = there.generate(
        torch.tensor(prompt), attention_mask=torch.ones((1, 4), dtype=torch.long), max_new_tokens=6, do_sample=False,
        eos_token_id=ends, pad_token_id=2, output_scores=True, return_dict_in_generate=True, **options,
    )  # fmt: skip
    (found,) = beam_search(here, prompt, length=6, beams=3, end=ends, penalty=penalty, offset=0.0)
    for hypothesis, ids, score in zip(found, said.sequences.tolist(), said.sequences_scores.tolist(), strict=True):
        assert list(hypothesis.ids) == until(ids[4:], ends)
        assert abs(hypothesis.score - score) <= 1e-9 * abs(score)


def test_steps_with_a_cache_are_one_forward_pass(both, tokens):
    _, _, here = both
    cache, logits = here.cache(2, 9), here(tokens=tokens)
    steps = [here.step(tokens[:, start:stop], cache) for start, stop in ((0, 4), (4, 5), (5, 6), (6, 9))]
    assert np.abs(np.concatenate(steps, axis=1) - logits).max() <= 1e-12 * np.abs(logits).max()
