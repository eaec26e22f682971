import io
import json

import numpy as np
import pytest

from reference.generation.stream import stream
from reference.job import published, special
from reference.job.errors import JobError
from reference.published import library


@pytest.fixture
def speak(model, tmp_path):
    """speak(prompt, tokens, **entries): the ids that the folder of a model with these entries says."""

    def speak(prompt, tokens, **entries):
        library.save(model, tmp_path, {"eos_token_id": [], **entries})
        out = io.StringIO()
        published.speak(tmp_path, prompt, tokens, out)
        return [int(token) for token in out.getvalue().split()]

    return speak


def free(model, prompt, length):
    return [int(token[0]) for token in stream(model, [prompt], length=length)]


def test_a_forced_first_token_is_said_behind_one_token_and_read(model, speak):
    first = next(token for token in range(11) if token != free(model, [3], 1)[0])
    assert speak("3", 5, forced_bos_token_id=first) == [first, *free(model, [3, first], 4)]
    assert speak("3", 1, forced_bos_token_id=first) == [first]
    assert speak("3 1", 5, forced_bos_token_id=first) == free(model, [3, 1], 5)
    assert speak("3", 5, forced_bos_token_id=first, eos_token_id=first) == [first]


def test_a_forced_last_token_is_said_where_no_end_came_before(model, speak):
    said = free(model, [3, 1], 5)
    last = next(token for token in range(11) if token not in said)
    assert speak("3 1", 5, forced_eos_token_id=last) == [*said[:4], last]
    assert speak("3 1", 1, forced_eos_token_id=last) == [last]
    end = said[2]
    assert speak("3 1", 5, forced_eos_token_id=last, eos_token_id=end) == said[: said.index(end) + 1]


def test_the_last_comes_before_the_first_where_there_is_room_for_one(speak):
    assert speak("3", 1, forced_bos_token_id=4, forced_eos_token_id=5) == [5]
    assert speak("3", 2, forced_bos_token_id=4, forced_eos_token_id=5) == [4, 5]


@pytest.mark.parametrize("name", ["forced_bos_token_id", "forced_eos_token_id"])
@pytest.mark.parametrize(("value", "got"), [("2", "must be an id, got '2'"), ([2], r"must be an id, got \[2\]"),
                                            (11, r"must have ids in \[0, 11\), got 11")])  # fmt: skip
def test_what_is_no_token_is_one_line(speak, name, value, got):
    with pytest.raises(JobError, match=rf": '{name}' {got}$"):
        speak("3", 2, **{name: value})


def test_the_newer_file_comes_before_the_config(model, speak, tmp_path):
    (tmp_path / "generation_config.json").write_text(json.dumps({"forced_eos_token_id": 7}))
    assert speak("3 1", 4, forced_eos_token_id=6)[-1] == 7


def test_nothing_is_forced_by_default():
    assert special.forced(None, {"forced_bos_token_id": None}, "bos", 11) is special.forced(None, {}, "eos", 11) is None
    assert list(special.with_forced(iter([1, 2]), 2, None, None)) == [1, 2]
    assert np.array(list(special.with_forced(iter([1, 2]), 3, None, 9))).tolist() == [1, 2]
