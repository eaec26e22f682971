"""Without python-flint an exact check is one line that names the extra."""

import importlib.util
import re
import subprocess
import sys

import pytest

import gradcheck
from gradcheck.exact.refusals import NotFollowed, expect_flint

LINE = r"^gradcheck: exact needs python-flint: pip install 'backproof\[exact\]'$"


@pytest.fixture
def without_flint(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "flint" else find(name, *rest))


def test_with_it_nothing_is_said():
    assert expect_flint() is None


@pytest.mark.usefixtures("without_flint")
def test_without_it_the_extra_is_named_before_any_work():
    def never(x):
        raise AssertionError("called")

    for call in (
        expect_flint,
        lambda: gradcheck.Checker(exact=True),
        lambda: gradcheck.check(never, exact=True),
        lambda: gradcheck.assert_gradients(never, exact=True),
    ):
        with pytest.raises(ImportError, match=LINE):
            call()


@pytest.mark.usefixtures("without_flint")
def test_without_it_other_checks_are_made():
    assert gradcheck.check(lambda x: (x * x, lambda dy: 2 * x * dy), 0.75).verdict == "pass"


def test_in_a_process_without_it_a_check_is_made_and_an_exact_one_is_refused():
    code = (
        "import sys; sys.modules['flint'] = None\n"
        "import gradcheck\n"
        "print(gradcheck.check(lambda x: (x * x, lambda dy: 2 * x * dy), 0.75).verdict)\n"
        "try: gradcheck.Checker(exact=True)\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    verdict, line = done.stdout.splitlines()
    assert verdict == "pass" and re.match(LINE, line)


def test_a_refusal_is_what_numpy_raises_of_a_type_it_does_not_take():
    assert issubclass(NotFollowed, TypeError)
