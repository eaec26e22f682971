import importlib.util

import pytest

from reference.job.asked import expect_extras, whole
from reference.job.errors import JobError, UsageError


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
