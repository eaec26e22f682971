"""Rounded constants are recognised for what they stand for, or not at all."""

import math

import flint
import numpy as np
import pytest
from flint import arb

from gradcheck.exact.known import known, rounding, unrounded

PI = math.pi


@pytest.mark.parametrize(
    ("c", "exact"),
    [
        (0.1, lambda: arb(1) / 10),
        (1e-5, lambda: arb(10) ** -5),
        (-0.044715, lambda: -arb(44715) / 10**6),
        (1 / 3, lambda: arb(1) / 3),
        (math.sqrt(0.5), lambda: arb(0.5).sqrt()),
        (-1 / math.sqrt(5), lambda: -1 / arb(5).sqrt()),
        (PI / 180, lambda: arb.pi() / 180),
        (2 / PI, lambda: 2 / arb.pi()),
        (math.sqrt(2 * PI), lambda: (2 * arb.pi()).sqrt()),
        (math.sqrt(2 / PI), lambda: (2 / arb.pi()).sqrt()),
        (math.log(2), lambda: arb(2).log()),
        (-math.log(10), lambda: -arb(10).log()),
        (float(np.float32(0.1)), lambda: arb(1) / 10),
        (float(np.float32(math.sqrt(2 / PI))), lambda: (2 / arb.pi()).sqrt()),
    ],
)
def test_constants_are_recognised(c, exact):
    with flint.ctx.workprec(300):
        assert abs(unrounded(c) - exact()) < arb(10) ** -85


def test_a_number_of_no_form_is_not():
    rng = np.random.default_rng(0)
    with flint.ctx.workprec(300):
        numbers = rng.normal(size=2000).tolist()
        assert [c for c in numbers if unrounded(c) is not None] == []


def test_what_is_recognised_lies_within_the_rounding():
    rng = np.random.default_rng(1)
    with flint.ctx.workprec(300):
        for c in rng.normal(size=500).astype(np.float32).astype(float):
            x = unrounded(c)
            assert x is None or abs(x - c) <= 4 * rounding(c) * abs(arb(c))


def test_constants_a_little_off_are_not():
    with flint.ctx.workprec(300):
        assert unrounded(0.7978845608028) is None  # two digits fewer than the root has
        assert unrounded(math.sqrt(0.5) * (1 + 1e-14)) is None


def test_the_rounding_is_that_of_the_narrower_format_where_a_number_fits():
    assert (rounding(0.1), rounding(float(np.float32(0.1)))) == (arb(2) ** -53, arb(2) ** -24)


def test_those_of_all_groups_are_returned_that_are_recognised():
    odd = 0.7853298473912345
    assert set(known({frozenset([0.1]): "f", frozenset([0.1, 0.3, odd]): "g"})) == {0.1, 0.3}
