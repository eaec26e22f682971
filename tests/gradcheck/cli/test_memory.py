"""What does not fit is said before anything is made."""

import pytest

from gradcheck.cli import memory
from gradcheck.cli.errors import UsageError
from gradcheck.cli.memory import fits
from gradcheck.cli.values import array


def test_inputs_that_do_not_fit_are_refused_with_both_sizes(monkeypatch):
    monkeypatch.setattr(memory, "_limits", lambda: iter([2**40, 3 * 2**30]))
    with pytest.raises(UsageError) as caught:
        fits([array("x=1000000,1000000"), array("y=3")])
    assert str(caught.value) == (
        "--input x=1000000,1000000 must fit into memory, got 58 TiB for a check of all inputs where there are 3 GiB"
    )
    fits([array("x=1000,1000"), array("y=3")])


@pytest.mark.parametrize("dtype", ["float16", "int8<100", "bool"])
def test_a_narrow_dtype_is_drawn_from_a_wide_one(dtype, monkeypatch):
    monkeypatch.setattr(memory, "_limits", lambda: iter([10**6]))
    kind, _, high = dtype.partition("<")
    text = f"x=100,200{'<' * bool(high)}{high}:{kind}"
    with pytest.raises(UsageError, match=r"^--input x=100,200 must fit into memory, got 1.22 MiB for a check of all"):
        fits([array(text)])


def test_a_machine_that_tells_nothing_takes_everything(monkeypatch):
    monkeypatch.setattr(memory, "_limits", lambda: iter([]))
    assert fits([array("x=100000,100000")]) is None


def test_this_machine_has_memory_but_not_for_everything():
    assert all(limit > 0 for limit in memory._limits())
    with pytest.raises(UsageError, match="must fit into memory"):
        fits([array("x=" + "9" * 18)])


def test_nothing_is_drawn_for_a_command_that_is_refused(run, monkeypatch):
    monkeypatch.setattr("gradcheck.cli.values.Array.draw", lambda *_: pytest.fail("drawn"))
    status, out, err = run("layers:wrong", "--input", "x=1000000,1000000,1000000")
    assert (status, out, err.count("\n")) == (3, "", 1) and err.startswith("gradcheck: --input x=")
