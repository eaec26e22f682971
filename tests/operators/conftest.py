"""How much of PyTorch's operator database is tried: `--samples 3` for the whole."""

import pytest
from operator_cases import DTYPES, operators


def pytest_addoption(parser):
    parser.addoption("--samples", type=int, default=1, help="of each operator and dtype, up to 3 (default: 1)")


def pytest_generate_tests(metafunc):
    if "operator" in metafunc.fixturenames:
        found = operators()
        metafunc.parametrize(("name", "operator"), found, ids=[name for name, _ in found])
        metafunc.parametrize("dtype", DTYPES)


@pytest.fixture
def most(request):
    return request.config.getoption("--samples")
