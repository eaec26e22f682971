import contextlib
import importlib.util

import pytest

from reference.job.asked import expect_extras, expect_used, whole
from reference.job.errors import JobError, UsageError
from reference.training.settings import Run


def test_a_number_that_is_large_enough_is_handed_on():
    assert whole("count", 3, 3) == 3
    with pytest.raises(UsageError, match=r"^count must be a whole number of at least 3, got 2$"):
        whole("count", 2, 3)


def test_what_is_missing_is_named_with_what_to_install(monkeypatch):
    expect_extras("json", "sys")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(JobError, match=r"^rich and matplotlib must be installed: pip install 'backproof\[train\]'$"):
        expect_extras("rich", "matplotlib")
    with pytest.raises(JobError, match=r"^python-flint must be installed: pip install 'backproof\[exact\]'$"):
        expect_extras("flint")


@pytest.mark.parametrize(
    ("entries", "given", "message"),
    [
        ({"schedule": "constant"}, "end-rate", "end-rate must come with schedule cosine or .*, got schedule constant"),
        ({}, "factor", "factor must come with schedule step, got schedule linear"),
        ({"task": "text"}, "vocabulary", "vocabulary must come with tokenizer byte-pairs, got tokenizer bytes"),
        ({"task": "text", "tokenizer": "byte-pairs", "vocabulary": 300}, "vocabulary", None),
        ({"task": "copy"}, "vocabulary", None),
        ({"schedule": "step"}, "factor", None),
    ],
)
def test_what_is_given_and_says_nothing_of_the_run_is_one_clear_line(entries, given, message, tmp_path):
    (tmp_path / "a.txt").write_text("the cat sat on the mat\n" * 100)
    files = {"files": (str(tmp_path / "a.txt"),)} if entries.get("task") == "text" else {}
    run = Run.of({**entries, **files})
    with pytest.raises(UsageError, match=f"^{message}$") if message else contextlib.nullcontext():
        expect_used({given: 1, "task": "any"}, run)
