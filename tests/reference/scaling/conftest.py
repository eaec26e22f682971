import numpy as np
import pytest

from reference.scaling.law import Law


@pytest.fixture
def law():
    """That of Hoffmann et al. 2022, table A3."""
    return Law(E=1.69, A=406.4, B=410.7, a=0.34, b=0.28)


@pytest.fixture
def cells():
    """Return n and d of every size with every amount of data."""

    def crossed(sizes=(1e5, 3e5, 1e6, 3e6, 1e7), data=(1e6, 3e6, 1e7, 3e7)):
        return tuple(part.ravel() for part in np.meshgrid(sizes, data, indexing="ij"))

    return crossed
