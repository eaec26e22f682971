import pytest

from reference.training.errors import CheckpointError, DivergedError, RunError, WriteError


@pytest.mark.parametrize("kind", [CheckpointError, DivergedError, WriteError])
def test_each_is_work_that_cannot_be_done_with_status_1(kind):
    assert issubclass(kind, RunError)
    assert kind.status == 1
