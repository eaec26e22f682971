import numpy as np
import pytest

from reference.generation.sampling import Sampling
from reference.generation.stream import generate
from reference.training.loop import data
from reference.training.samples import LENGTH, sample, tokens
from reference.training.settings import Run
from reference.training.state import begin

GREEDY = Sampling(temperature=0)


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("abcdefgh" * 40)
    sizes = {"width": 8, "heads": 2, "layers": 1, "context": 8, "held-out": 3, "steps": 2, "batch": 2}
    return Run.of({"task": "text", "files": (str(path),), **sizes})


@pytest.fixture
def model(run):
    return begin(run).model


def said(model, prompt, length, sampling=GREEDY, seed=0):
    rng = np.random.default_rng(seed)
    return list(tokens(model, prompt, length=length, context=8, sampling=sampling, rng=rng))


@pytest.mark.parametrize("count", [1, 3, 8])
def test_up_to_the_context_it_is_what_the_model_says(model, count):
    prompt = list(b"abcdefgh"[:count])
    (wanted,) = generate(model, [prompt], length=9 - count)
    assert said(model, prompt, 9 - count) == wanted


def test_beyond_it_the_last_half_is_read_again(model):
    first = said(model, list(b"abcd"), 5)
    (then,) = generate(model, [[*b"abcd", *first][-4:]], length=5)
    assert said(model, list(b"abcd"), 10) == first + then


@pytest.mark.parametrize("length", [1, 7, 30])
def test_a_prompt_may_be_longer_than_the_context_and_as_much_is_said_as_is_asked_for(model, length):
    assert len(said(model, list(b"abcdefgh" * 3), length)) == length
    assert said(model, list(b"abcdefgh" * 3), length) == said(model, list(b"abcdefgh"), length)


def test_the_same_seed_draws_the_same(model):
    drawn = [said(model, list(b"a"), 20, Sampling(), seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_sample_begins_with_what_was_held_out_and_depends_on_the_epoch_alone(run, model):
    _, held_out = data(run)
    first, again, second = (sample(run, model, held_out, epoch) for epoch in (1, 1, 2))
    assert first == again != second
    begun = bytes(held_out[:1].target[0, :2].tolist()).decode()
    assert first.startswith(begun)
    assert len(first) <= 2 + LENGTH  # a byte that is no character of its own is shown with others


def test_a_run_of_another_task_has_none():
    with pytest.raises(TypeError, match=r"^sample: a run must be one of text, got copy$"):
        sample(Run.of({}), None, None, 1)
