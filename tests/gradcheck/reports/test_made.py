"""Date, versions and command of a page."""

import re

import numpy as np
import pytest

from gradcheck.reports.made import command, made


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/somewhere/bin/gradcheck", "layers:Norm", "--input", "x=2,3"], "gradcheck layers:Norm --input x=2,3"),
        (["/somewhere/gradcheck/__main__.py", "demo"], "python -m gradcheck demo"),
        (["/somewhere/check.py", "a b"], "python check.py 'a b'"),
        (["gradcheck", "--input", "ids=2,8<50"], "gradcheck --input 'ids=2,8<50'"),
        (["-c", "x"], "python"),
        (["/somewhere/ipykernel_launcher.py", "-f", "/somewhere/else.json"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_the_command_may_be_typed_again_and_tells_no_place(arguments, words):
    assert command(arguments) == words


def test_date_and_versions_are_told():
    told = dict(made())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", told["made"])
    assert f"NumPy {np.__version__}" in told["with"] and "gradcheck " in told["with"] and "Python 3." in told["with"]
