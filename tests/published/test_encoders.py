import dataclasses

import numpy as np
import pytest
import torch
import transformers

from reference.losses.cross_entropy import cross_entropy_vjp
from reference.models.sentence_encoder import SentenceEncoder
from reference.published.bert import BERT

SIZES = {
    "vocab_size": 19, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 6,
    "max_position_embeddings": 12, "pad_token_id": None,  # or its row would get no gradient there
}  # fmt: skip
CASES = {
    "encoder": ("BertModel", SIZES),
    "nothing drops": ("BertModel", {**SIZES, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}),
    "GELU by tanh": ("BertModel", {**SIZES, "hidden_act": "gelu_new", "layer_norm_eps": 1e-3, "type_vocab_size": 3}),
    "masked language model": ("BertForMaskedLM", SIZES),
    "masked language model, GELU by tanh": ("BertForMaskedLM", {**SIZES, "hidden_act": "gelu_new"}),
    "classifier": ("BertForSequenceClassification", {**SIZES, "num_labels": 3}),
}
LENGTHS = np.array([7, 4])
SEEN = np.arange(7) < LENGTHS[:, None]


@pytest.fixture(params=CASES)
def both(request, drawn, tmp_path):
    """A model there, and the same one here, read from what was written there."""
    name, settings = CASES[request.param]
    config = transformers.BertConfig(**settings)
    config._attn_implementation = "eager"
    there = drawn(getattr(transformers, name)(config))
    there.save_pretrained(tmp_path / "there")
    return there, BERT.load(tmp_path / "there")


@pytest.fixture
def inputs(rng):
    """What is read, as the two call it: two sequences, one of them padded, of two segments."""
    tokens, segments = rng.integers(19, size=(2, 7)), rng.integers(2, size=(2, 7))
    there = {"input_ids": tokens, "token_type_ids": segments, "attention_mask": SEEN.astype(int)}
    there = {name: torch.tensor(array) for name, array in there.items()}
    return {"tokens": tokens, "segments": segments, "mask": SEEN[:, None, None]}, there


def agree(close, there, gradients):
    """Every gradient there is the one here; a pooler that nothing reads has none."""
    parameters = {name.removeprefix("bert."): p for name, p in there.named_parameters() if p.grad is not None}
    parameters.pop("cls.predictions.decoder.bias", None)  # is that of the predictions, by another name
    ours = {name.removeprefix("bert."): gradient for name, gradient in gradients.items()}
    assert ours.keys() == parameters.keys()
    for name, parameter in parameters.items():
        if name.endswith("key.bias"):  # moves all scores of a query alike, and no weight: 0 but for roundings
            assert np.abs(ours[name]).max() < 1e-12 and parameter.grad.abs().max() < 1e-12
        else:
            close(ours[name], parameter.grad)


def test_what_is_said_and_every_gradient_are_those_of_the_package(both, inputs, rng, close):
    (there, here), (ids, given) = both, inputs
    y, pullback = here.vjp(**ids)
    out = there(**given)
    if there.config.architectures == ["BertModel"]:
        close(y, out.last_hidden_state)
        dy = rng.normal(size=y.shape)
        (out.last_hidden_state * torch.tensor(dy)).sum().backward()
    else:
        close(y, out.logits)
        masked = there.config.architectures == ["BertForMaskedLM"]
        labels = np.where(rng.random((2, 7)) < 0.4, rng.integers(19, size=(2, 7)), -100) if masked else np.array([2, 0])
        loss, loss_pullback = cross_entropy_vjp(y, targets=labels, ignore=-100)
        said = there(**given, labels=torch.tensor(labels)).loss
        close(loss, said)
        said.backward()
        dy = loss_pullback(1.0)
    agree(close, there, BERT.tensors(pullback(dy)[0]))


def test_what_is_written_here_is_the_same_model_there(both, inputs, tmp_path, equal):
    (there, here), (_, given) = both, inputs
    BERT.save(here, tmp_path / "here")
    back = type(there).from_pretrained(tmp_path / "here", dtype=torch.float64, attn_implementation="eager")
    equal(back.eval()(**given)[0], there(**given)[0])


def test_sentence_vectors_are_mean_and_norm_of_the_package(both, inputs, rng, close):
    (there, here), (ids, given) = both, inputs
    if there.config.architectures != ["BertModel"]:
        here, there = here.body, there.bert
    v, pullback = SentenceEncoder(here).vjp(**ids)
    h, seen = there(**given).last_hidden_state, given["attention_mask"][:, :, None]
    said = torch.nn.functional.normalize((h * seen).sum(1) / seen.sum(1), p=2, dim=1)
    close(v, said)
    dv = rng.normal(size=v.shape)
    (said * torch.tensor(dv)).sum().backward()
    agree(close, there, BERT.tensors(pullback(dv)[0].body))


PADDED = {**SIZES, "pad_token_id": 0}
TABLE = "bert.embeddings.word_embeddings.weight"


def padded(drawn, tmp_path, rng):
    """A masked language model whose config names an id of padding, and rows of which one ends in it."""
    config = transformers.BertConfig(**PADDED)
    config._attn_implementation = "eager"
    there = drawn(transformers.BertForMaskedLM(config))
    there.save_pretrained(tmp_path / "there")
    tokens = np.where(SEEN, rng.integers(1, 19, size=(2, 7)), 0)
    given = {"input_ids": torch.tensor(tokens), "attention_mask": torch.tensor(SEEN.astype(int))}
    return there, BERT.load(tmp_path / "there"), {"tokens": tokens, "mask": SEEN[:, None, None]}, given


def test_where_padding_is_hidden_and_not_judged_its_row_has_the_gradient_of_the_package(drawn, tmp_path, rng, close):
    there, here, ids, given = padded(drawn, tmp_path, rng)
    labels = np.where(SEEN, rng.integers(19, size=(2, 7)), -100)
    y, pullback = here.vjp(**ids)
    loss, loss_pullback = cross_entropy_vjp(y, targets=labels, ignore=-100)
    out = there(**given, labels=torch.tensor(labels))
    close(loss, out.loss)
    out.loss.backward()
    agree(close, there, BERT.tensors(pullback(loss_pullback(1.0))[0]))


def test_where_padding_is_judged_its_row_has_its_derivative_which_the_package_leaves_out(drawn, tmp_path, rng, close):
    """The row is read there too; by the place of an entry of it the loss changes as it is said here."""
    there, here, ids, given = padded(drawn, tmp_path, rng)
    labels = rng.integers(19, size=(2, 7))

    def loss_of(model):
        return cross_entropy_vjp(model(**ids), targets=labels, ignore=-100)[0]

    y, pullback = here.vjp(**ids)
    loss, loss_pullback = cross_entropy_vjp(y, targets=labels, ignore=-100)
    gradients = BERT.tensors(pullback(loss_pullback(1.0))[0])
    out = there(**given, labels=torch.tensor(labels))
    close(loss, out.loss)
    out.loss.backward()
    said = there.get_parameter(TABLE).grad
    ours = gradients.pop(TABLE)
    agree(close, there, gradients | {TABLE: np.concatenate([said[:1].numpy(), ours[1:]])})
    step = np.zeros_like(ours)
    step[0, 3] = 1e-6
    moved = [loss_of(dataclasses.replace(here, body=shifted(here.body, sign * step))) for sign in (1, -1)]
    assert abs((moved[0] - moved[1]) / 2e-6 - ours[0, 3]) < 1e-7
    assert abs(said[0, 3] - ours[0, 3]) > 1e-3


def shifted(body, step):
    return dataclasses.replace(body, embedding=dataclasses.replace(body.embedding, table=body.embedding.table + step))
