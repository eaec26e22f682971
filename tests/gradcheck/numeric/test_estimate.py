"""An estimate without a bar claims nothing."""

import numpy as np

from gradcheck.numeric.estimate import Estimate


def test_what_has_a_bar_is_resolved():
    assert Estimate.smooth(np.zeros(3), np.array([0.0, 1e300, np.inf])).resolved.tolist() == [True, True, False]


def test_of_what_is_smooth_the_value_alone_is_right_and_where_there_is_none_nothing_is_claimed():
    found = Estimate.smooth(np.array([2.0, np.nan]), np.array([0.5, 0.5]))
    assert found.bar.tolist() == [0.5, np.inf] and found.low[0] == found.value[0] == found.high[0] == 2
    assert not (found.kink | found.jump | found.still).any()
