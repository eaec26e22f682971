import io
import json

import numpy as np
import pytest
import safetensors.torch
import torch
import transformers

from reference.generation.beam import beam_search
from reference.generation.stream import stream
from reference.job import published
from reference.models.objective import Objective
from reference.published.marian import MARIAN
from reference.published.t5 import T5

MARIAN_SIZES = {
    "vocab_size": 19, "d_model": 8, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 6, "decoder_ffn_dim": 5, "pad_token_id": None,
}  # fmt: skip

CASES = {
    "Marian": (MARIAN, "MarianMTModel", {**MARIAN_SIZES, "activation_function": "swish", "scale_embedding": True}),
    "Marian, ReLU, embeddings as they are": (MARIAN, "MarianMTModel", {**MARIAN_SIZES, "activation_function": "relu"}),
}
START, END = 1, 2
T5_SIZES = {
    "vocab_size": 19, "d_model": 8, "d_kv": 3, "num_heads": 4, "d_ff": 6, "num_layers": 2, "num_decoder_layers": 1,
    "relative_attention_num_buckets": 8, "relative_attention_max_distance": 5, "layer_norm_epsilon": 1e-3,
}  # fmt: skip
KIND = "T5ForConditionalGeneration"
CASES |= {
    "T5": (T5, KIND, T5_SIZES),
    "T5 of later versions": (T5, KIND, {**T5_SIZES, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
}
LENGTHS = np.array([7, 4])
SEEN = np.arange(7) < LENGTHS[:, None]


@pytest.fixture(params=CASES)
def both(request, drawn, monkeypatch, tmp_path):
    """A family, a model there, and the same one here, read from what was written there."""
    family, name, settings = CASES[request.param]
    monkeypatch.setattr(torch, "FloatTensor", torch.DoubleTensor)  # of which Marian makes its positions
    kind = getattr(transformers, name)
    config = kind.config_class(**settings, decoder_start_token_id=START)
    config._attn_implementation = "eager"
    there = kind(config)
    if settings.get("tie_word_embeddings") is False:  # which the package of today ties all the same
        there.lm_head.weight = torch.nn.Parameter(torch.empty(19, 8))
    there = drawn(there)
    for module in there.modules():
        if hasattr(module, "create_weight"):
            module.weight.data = module.create_weight()
        if hasattr(module, "final_logits_bias"):
            module.final_logits_bias = torch.linspace(-1, 1, 19)[None].requires_grad_()
    there.save_pretrained(tmp_path / "there")
    if settings.get("tie_word_embeddings") is False:
        tensors = safetensors.torch.load_file(tmp_path / "there" / "model.safetensors")
        tensors["lm_head.weight"] = there.lm_head.weight.detach().clone()
        safetensors.torch.save_file(tensors, tmp_path / "there" / "model.safetensors")
        said = json.loads((tmp_path / "there" / "config.json").read_text()) | {"tie_word_embeddings": False}
        (tmp_path / "there" / "config.json").write_text(json.dumps(said))
    return family, there, family.load(tmp_path / "there")


@pytest.fixture
def inputs(rng):
    """What is read and said, as the two call it: two sources, one of them padded."""
    source, target = rng.integers(3, 19, size=(2, 7)), rng.integers(3, 19, size=(2, 5))
    there = {"input_ids": source, "decoder_input_ids": target, "attention_mask": SEEN.astype(int)}
    ours = {"source": source, "target": target, "source_mask": SEEN[:, None, None]}
    return ours, {name: torch.tensor(array) for name, array in there.items()}


def test_logits_loss_and_every_gradient_are_those_of_the_package(both, inputs, rng, close):
    (family, there, here), (ids, given) = both, inputs
    labels = np.where(rng.random((2, 5)) < 0.8, rng.integers(19, size=(2, 5)), -100)
    out = there(**given, labels=torch.tensor(labels))
    close(here(**ids), out.logits)
    loss, pullback = Objective(here, ignore=-100).vjp(**ids, labels=labels)
    close(loss, out.loss)
    out.loss.backward()
    gradients = family.tensors(pullback(1.0)[0].model)
    parameters = {name: p for name, p in there.named_parameters() if p.requires_grad} | dict(there.named_buffers())
    assert gradients.keys() == parameters.keys()
    for name, parameter in parameters.items():
        if name.endswith("k_proj.bias"):  # moves all scores of a query alike, and no weight: 0 but for roundings
            assert np.abs(gradients[name]).max() < 1e-12 and parameter.grad.abs().max() < 1e-12
        else:
            close(gradients[name], parameter.grad)


def test_what_is_written_here_is_the_same_model_there(both, inputs, tmp_path, equal):
    (family, there, here), (_, given) = both, inputs
    family.save(here, tmp_path / "here")
    back = type(there).from_pretrained(tmp_path / "here", dtype=torch.float64, attn_implementation="eager")
    ours, theirs = back.state_dict(), there.state_dict()
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    equal(back.eval()(**given).logits, there(**given).logits)


def said_there(there, given, **options):
    ids = {"input_ids": given["input_ids"], "attention_mask": given["attention_mask"]}
    ends = {"decoder_start_token_id": START, "eos_token_id": END, "pad_token_id": END, "forced_eos_token_id": None}
    return there.generate(**ids, **ends, do_sample=False, max_new_tokens=8, **options)


def test_greedy_says_the_same_token_by_token(both, inputs):
    (_, there, here), (ids, given) = both, inputs
    reads = {"source": ids["source"], "source_mask": ids["source_mask"]}
    ours = [token.tolist() for token in stream(here, [[START]] * 2, length=8, end=END, **reads)]
    assert ours == said_there(there, given)[:, 1:].T.tolist()


def test_what_a_folder_forces_is_said_as_there(both, inputs, tmp_path):
    (family, there, here), (ids, given) = both, inputs
    special = {"decoder_start_token_id": START, "eos_token_id": END, "pad_token_id": END}
    forced = {"forced_bos_token_id": 5, "forced_eos_token_id": END}
    family.save(here, tmp_path / "forced", special | forced)
    for length in (1, 2, 6):
        row = {name: given[name][:1] for name in ("input_ids", "attention_mask")}
        ours = there.generate(**row, **special, **forced, do_sample=False, max_new_tokens=length)[0, 1:].tolist()
        out = io.StringIO()
        published.speak(tmp_path / "forced", " ".join(map(str, ids["source"][0])), length, out)
        assert [int(token) for token in out.getvalue().split()] == ours and ours[-1] == END


@pytest.mark.parametrize("penalty", [0.0, 0.8, 2.0])
def test_beams_say_the_same_token_by_token(both, inputs, penalty):
    (_, there, here), (ids, given) = both, inputs
    reads = {"source": ids["source"], "source_mask": ids["source_mask"]}
    found = beam_search(here, [[START]] * 2, length=8, beams=3, end=END, penalty=penalty, offset=0.0, **reads)
    options = {"num_beams": 3, "num_return_sequences": 3, "length_penalty": penalty, "early_stopping": "never"}
    said = said_there(there, given, **options, output_scores=True, return_dict_in_generate=True)
    ours = [hypothesis for each in found for hypothesis in each]
    for hypothesis, ids_there, score in zip(ours, said.sequences.tolist(), said.sequences_scores.tolist(), strict=True):
        assert list(hypothesis.ids) == [token for token in ids_there[1:] if token != END]
        assert abs(hypothesis.score - score) <= 1e-9 * abs(score)


def test_steps_with_a_cache_are_one_forward_pass(both, inputs):
    (_, _, here), (ids, _) = both, inputs
    memory = here.encode(source=ids["source"], source_mask=ids["source_mask"])
    cache = here.cache(2, 5, memory, source_mask=ids["source_mask"])
    steps = [here.step(ids["target"][:, start:stop], cache) for start, stop in ((0, 2), (2, 3), (3, 5))]
    logits = here(**ids)
    assert np.abs(np.concatenate(steps, axis=1) - logits).max() <= 1e-12 * np.abs(logits).max()


def test_a_marian_that_begins_with_padding_has_another_gradient_of_that_row(drawn, monkeypatch, rng, close, tmp_path):
    monkeypatch.setattr(torch, "FloatTensor", torch.DoubleTensor)
    config = transformers.MarianConfig(**MARIAN_SIZES | {"pad_token_id": 0}, decoder_start_token_id=0)
    config._attn_implementation = "eager"
    there = drawn(transformers.MarianMTModel(config))
    for module in there.modules():
        if hasattr(module, "create_weight"):
            module.weight.data = module.create_weight()
    there.save_pretrained(tmp_path)
    here = MARIAN.load(tmp_path)
    source, target = rng.integers(3, 19, size=(2, 7)), rng.integers(3, 19, size=(2, 5))
    target[:, 0], labels = 0, rng.integers(19, size=(2, 5))
    out = there(input_ids=torch.tensor(source), decoder_input_ids=torch.tensor(target), labels=torch.tensor(labels))
    loss, pullback = Objective(here).vjp(source=source, target=target, labels=labels)
    close(loss, out.loss)
    out.loss.backward()
    gradients = MARIAN.tensors(pullback(1.0)[0].model)
    for name, parameter in there.named_parameters():
        if name.endswith("k_proj.bias") or not parameter.requires_grad:
            continue  # 0 but for roundings, or a table of sines
        rows = slice(1 if name == "model.shared.weight" else 0, None)
        close(gradients[name][rows], parameter.grad[rows])
    row = gradients["model.shared.weight"][0] - there.get_parameter("model.shared.weight").grad[0].numpy()
    assert np.abs(row).max() > 1e-3
