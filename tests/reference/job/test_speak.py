import io

import pytest

from reference.job.errors import UsageError
from reference.job.speak import speak
from reference.training.settings import Run
from reference.training.state import begin


class Pieces(io.StringIO):
    """Text, and the pieces in which it came."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text)
        return super().write(text)


@pytest.fixture
def run(tmp_path):
    """run(tokenizer): a run on a small text."""

    def run(tokenizer="characters"):
        (tmp_path / "a.txt").write_text("the cat sat on the mat\n" * 40)
        sizes = {"width": 8, "heads": 2, "layers": 1, "context": 8, "vocabulary": 260}
        return Run.of({"task": "text", "files": (str(tmp_path / "a.txt"),), "tokenizer": tokenizer, **sizes})

    return run


def said(run, prompt, length, seed=0, end=None):
    out = Pieces()
    speak(run, begin(run).model, prompt, length, seed, out, end=end)
    return out


@pytest.mark.parametrize("tokenizer", ["bytes", "characters", "byte-pairs"])
def test_text_goes_in_and_out_piece_by_piece_beyond_the_context(run, tokenizer):
    out = said(run(tokenizer), "the cat", 30)
    assert out.getvalue().endswith("\n") and len(out.pieces) > 5
    if tokenizer == "characters":
        assert len(out.getvalue()) == 31


def test_the_seed_says_what_is_drawn(run):
    one, again, other = (said(run(), "the", 30, seed).getvalue() for seed in (1, 1, 2))
    assert one == again != other


def test_it_stops_at_the_first_of_the_ends_also_beyond_the_context(run):
    characters, free = run().task.encoder.known, said(run(), "the", 40).getvalue()
    rare = sorted(set(free[:40]), key=free.index)[-2:]  # what is said for the first time as late as can be
    ends = [characters.index(one) for one in rare]
    assert free.index(rare[0]) > 8
    assert said(run(), "the", 40, end=ends).getvalue() == free[: free.index(rare[0]) + 1] + "\n"


@pytest.mark.parametrize(("end", "message"), [
    ([0, 99], r"end\[1\] must lie in \[0, 11\), got 99"),
    ([-1], r"end\[0\] must lie in \[0, 11\), got -1"),
])  # fmt: skip
def test_an_end_that_is_no_token_is_one_clear_line(run, end, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        said(run(), "the", 3, end=end)


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "a prompt must have at least one token, got none"),
        ("the dog~", "the prompt: characters must be those of the tokenizer, got 'd'"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_one_clear_line(run, prompt, message):
    with pytest.raises(UsageError, match=f"^{message}$"):
        said(run(), prompt, 3)


def test_a_model_of_another_task_takes_no_prompt():
    with pytest.raises(UsageError, match=r"^a prompt must be for a model of text, got one of copy$"):
        said(Run.of({}), "3 1", 3)
