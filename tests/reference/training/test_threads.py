import threading
from collections import deque

import numpy as np
import pytest

from reference.core import tree
from reference.core.known import Known
from reference.training import loop
from reference.training.state import begin
from reference.training.threads import Threads


@pytest.mark.parametrize("count", [1, 2, 3])
def test_threads_give_the_bits_of_none(tiny, count):
    run = tiny(batch=8, shards=4, dropout=0.1, epochs=2)

    def learned(workers):
        (state,) = deque(loop.train(run, begin(run), *loop.data(run), workers=workers), maxlen=1)
        return [a.tobytes() for _, a in tree.leaves((state.model, state.optimizer))], state.losses.tobytes()

    assert learned(Threads(count)) == learned(1)


def test_tasks_are_done_at_the_same_time_and_joined_in_their_order():
    together = threading.Barrier(2, timeout=60)
    with Threads(2).mapping() as mapper:
        assert mapper(lambda task: (together.wait(), -task)[1], [1, 2, 3, 4]) == [-1, -2, -3, -4]
    assert threading.active_count() == 1 or all(not t.name.startswith("ThreadPool") for t in threading.enumerate())


def test_what_overflows_in_a_thread_is_no_warning():
    with Threads(2).mapping() as mapper, np.errstate(all="raise"):
        assert mapper(lambda task: float(np.float32(3e38) * np.float32(task)), [10, 1]) == [np.inf, np.float32(3e38)]


def test_an_error_in_a_thread_is_raised_here():
    with Threads(2).mapping() as mapper, pytest.raises(ZeroDivisionError):
        mapper(lambda task: 1 // task, [1, 0])


@pytest.mark.parametrize(
    ("error", "count", "message"),
    [
        (TypeError, 2.0, r"^train: threads must be a whole number, got float$"),
        (TypeError, True, r"^train: threads must be a whole number, got bool$"),
        (ValueError, 0, r"^train: threads must lie in \[1, 1,024\], got 0$"),
        (ValueError, -1, r"^train: threads must lie in \[1, 1,024\], got -1$"),
        (ValueError, 1025, r"^train: threads must lie in \[1, 1,024\], got 1,025$"),
        (ValueError, 10**30, r"^train: threads must lie in \[1, 1,024\], got a number of more than nine digits$"),
    ],
)
def test_a_number_that_makes_no_sense_is_one_line(error, count, message):
    with pytest.raises(error, match=message):
        Threads(count)


def test_what_is_known_may_be_asked_by_several_threads():
    class Thing:
        pass

    known, thing = Known(), Thing()
    known.keep(thing, 1)

    def busy(_):
        for k in range(3000):
            known.keep(Thing(), k)
            assert known.get(thing) == 1

    with Threads(4).mapping() as mapper:
        mapper(busy, [None] * 4)
    assert len(known) == 1
