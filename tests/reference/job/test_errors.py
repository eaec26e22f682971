from reference.job.errors import JobError, UsageError
from reference.training.errors import RunError


def test_what_cannot_be_done_and_what_makes_no_sense_have_different_statuses():
    assert (JobError.status, UsageError.status) == (1, 2)
    assert issubclass(UsageError, JobError) and issubclass(JobError, RunError)
