import numpy as np
import pytest

from reference.core.turns import expect_places, expect_turns
from reference.layers.rotary import Rotary

X = np.zeros((2, 4, 3, 6))


@pytest.mark.parametrize(("rotary", "message"), [
    (Rotary(width=8), "rotary.width must be even and at most the head width 6, got 8"),
    (Rotary(speeds=(1.0,)), "rotary.speeds must be those of 3 pairs, got 1"),
    (Rotary(base=7.0, speeds=(1.0, 0.5, 0.0)), r"rotary.base must be 10000\.0 where there are speeds, got 7\.0"),
])  # fmt: skip
def test_heads_that_cannot_turn_are_one_line(rotary, message):
    with pytest.raises(ValueError, match=f"^here: {message}$"):
        expect_turns("here", rotary, 6)
    for one in (Rotary(), Rotary(width=4, speeds=(1.0, 0.5)), Rotary(speeds=(1.0, 0.5, 0.0))):
        assert expect_turns("here", one, 6) is None


def test_at_most_one_thing_says_where_a_head_stands():
    ids, angles = np.zeros((1, 3), int), np.zeros((2, 3, 3))
    for given in ((5, None, None), (0, ids, None), (0, None, angles), (0, None, angles[:1])):
        assert expect_places("here", X, 3, *given) is None
    for given in ((5, ids, None), (5, None, angles), (0, ids, angles)):
        with pytest.raises(ValueError, match=r"^here: (start|position_ids) must be (0|None) where there are "):
            expect_places("here", X, 3, *given)
