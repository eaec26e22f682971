import pytest


@pytest.fixture
def x(rng):
    return rng.normal(size=(5, 4))
