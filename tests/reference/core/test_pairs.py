import re

import numpy as np
import pytest

from reference.core.masks import causal, packed
from reference.core.pairs import expect_source, expect_target, of_memory, of_target

SOURCE, TARGET = np.zeros((2, 5, 8)), np.zeros((2, 4, 8))


def refused(*given, error=ValueError, run=expect_source, **options):
    with pytest.raises(error) as raised:
        run("Pair", *given, **options)
    return str(raised.value).removeprefix("Pair: ")


@pytest.mark.parametrize("shape", [(2, 1, 1, 5), (1, 1, 1, 5), (2, 1, 5, 5), (1, 1, 5, 5)])
def test_a_source_has_a_mask_of_one_row_or_of_a_row_for_each_position(shape):
    mask = np.ones(shape, bool)
    expect_source("Pair", "source", SOURCE, mask)
    said = f"source_mask must have shape (2 or 1, 1, 1, 5), got {shape}"
    if shape[2] == 1:
        expect_source("Pair", "source", SOURCE, mask, one=True)
    else:
        assert refused("source", SOURCE, mask, one=True) == said


@pytest.mark.parametrize("shape", [(5,), (2, 5), (2, 5, 5), (3, 1, 1, 5), (2, 2, 1, 5), (2, 1, 4, 5), (2, 1, 1, 4)])
def test_another_mask_is_one_clear_line(shape):
    said = refused("source", SOURCE, np.ones(shape, bool))
    assert said == f"source_mask must have shape (2 or 1, 1, 5 or 1, 5), got {shape}"


def test_what_is_no_pair_is_one_clear_line():
    assert refused("memory", SOURCE[0], None) == "memory must have shape (B, S, D), got (5, 8)"
    said = refused(TARGET[:1], SOURCE, None, None, run=expect_target)
    assert said == "target must have shape (2, T, 8), got (1, 4, 8)"
    said = refused(TARGET, SOURCE, None, np.ones((2, 1, 5, 5), bool), run=expect_target)
    assert re.fullmatch(r"memory_mask must have shape \(2 or 1, 1, 4 or 1, 5\), got \(2, 1, 5, 5\)", said)
    said = refused(TARGET, SOURCE, np.ones((2, 1, 4, 4)), None, run=expect_target, error=TypeError)
    assert said == "target_mask must be a boolean array, got float64"


def test_the_memory_is_seen_as_the_source_is_where_that_has_one_row():
    one, many, own = (np.ones((2, 1, rows, 5), bool) for rows in (1, 5, 4))
    assert of_memory("Pair", None, None) is None and of_memory("Pair", one, None) is one
    assert of_memory("Pair", one, own) is own is of_memory("Pair", many, own)
    said = refused(many, None, run=of_memory)
    assert said == "memory_mask must be given where source_mask has 5 rows, got None"


def test_a_target_sees_those_up_to_its_own_that_its_mask_shows():
    rows = packed(np.array([[0, 1, 0, 1], [0, 0, 1, 2]]))
    assert np.array_equal(of_target(TARGET, None), causal(4))
    seen = of_target(TARGET, rows)
    for b, t, u in np.ndindex(2, 4, 4):
        assert seen[b, 0, t, u] == (u <= t and rows[b, 0, t, u])
