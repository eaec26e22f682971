"""The output of vjp is that of the plain forward pass, but for roundings; of a format inside as well."""

import types

import numpy as np
import pytest

from gradcheck.contract.outputs import ROUNDINGS, same_output

X, G = np.random.default_rng(1).normal(size=(1, 12)), np.random.default_rng(2).normal(size=(2, 12))
MESSAGE = "the output of vjp differs from that of the plain forward pass"


def told(factor, dtype=None, out=np.float64):
    """What is said of y times a factor, of a tanh that is computed in a format inside."""
    asked = []

    def forward(arrays):
        asked.append(1)
        (x,) = arrays
        return np.tanh(x.ravel() if dtype is None else x.ravel().astype(dtype)).astype(out)

    problem = types.SimpleNamespace(attempt=lambda arrays, size: forward(arrays).astype(np.float64))
    run = types.SimpleNamespace(problem=problem, point=[X], y=forward([X]))
    found = list(same_output(run, (run.y * factor).astype(out), G))
    return [(f.kind, f.severity, f.message) for f in found], len(asked) - 1


@pytest.mark.parametrize("sign", [-1, 1])
def test_two_programs_may_differ_by_64_roundings_and_nothing_more_is_asked(sign):
    unit = 2.0**-52
    assert told(1 + sign * 0.98 * ROUNDINGS * unit) == ([], 0) and told(1 + sign * 1.05 * ROUNDINGS * unit)[0] != []
    assert told(1 + sign * 0.98 * ROUNDINGS * 2.0**-23, np.float32, np.float32) == ([], 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_by_roundings_of_a_format_inside_is_a_note_and_by_more_a_failure(dtype):
    unit = np.finfo(dtype).eps
    note = ("forward", "note", f"{MESSAGE} by roundings of a narrower format inside")
    assert told(1 + 2 * unit, dtype)[0] == [note]
    assert told(1 + 200 * unit, dtype)[0] == [("forward", "fail", MESSAGE)]


@pytest.mark.parametrize("error", [1e-13, 1e-8, 1e-3, np.nan])
def test_without_one_inside_every_other_difference_is_a_failure(error):
    assert told(1 + error)[0] == [("forward", "fail", MESSAGE)]
