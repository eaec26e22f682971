"""An estimate without a bar claims nothing."""

import numpy as np

from gradcheck.numeric.estimate import Estimate


def test_what_has_a_bar_is_resolved():
    value, bar, no = np.zeros(3), np.array([0.0, 1e300, np.inf]), np.zeros(3, bool)
    assert Estimate(value, bar, value, value, no, no, no).resolved.tolist() == [True, True, False]
