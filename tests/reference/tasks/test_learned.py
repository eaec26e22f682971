import numpy as np
import pytest

from reference.tasks import task as tasks
from reference.tasks.copy import Copy
from reference.tasks.learned import Learned
from reference.tasks.task import Examples, Task


class Half(Examples):
    """Only the first label of each row is asked for."""

    @property
    def asked(self):
        return np.arange(self.labels.shape[1]) < np.ones((len(self), 1))


def test_what_is_not_asked_for_is_right_whatever_is_said():
    rows = Half(np.zeros((2, 1), int), np.array([[1, 2, 3], [4, 5, 6]]))
    right = Learned.right(None, rows, np.array([[1, 9, 9], [9, 5, 6]]))
    assert right.tolist() == [[True, True, True], [False, True, True]]
    assert rows.count == 2


def test_a_task_says_what_there_is_and_by_what_it_is_judged():
    task = Copy(training=1200, held_out=20)
    assert task.about == "8 tokens to read and 8 to say, 1,200 sequences to train on, 20 held out"
    assert task.judges == "20 sequences kept out of training"
    assert task.source_text(np.array([3, 1])) == task.said_text(np.array([3, 1])) == "3 1"
    assert task.choices == 3


@pytest.mark.parametrize(("training", "batch", "steps"), [(1000, 16, 63), (64, 16, 4), (3, 16, 1)])
def test_an_epoch_has_as_many_steps_as_its_sequences_have_batches(training, batch, steps):
    assert Copy(training=training, length=20).steps_of(batch, 7) == steps


def test_bases_of_tasks_are_no_tasks():
    assert not {Learned, Task} & set(tasks.every().values())


@pytest.mark.parametrize("name", tasks.every())
def test_a_task_names_families_that_there_are_and_what_follows_is_a_field(name):
    task = tasks.find(name)
    assert task.families and set(task.follow) <= set(task.names())
    assert task.settled({"digest": "known"}) == {"digest": "known"}


@pytest.mark.parametrize("name", ["training", "held_out", "tokens", "sizes"])
def test_a_subclass_says_what_its_base_cannot_know(name):
    with pytest.raises(NotImplementedError):
        getattr(Learned(), name)


def test_a_subclass_draws_and_reads():
    for work in (lambda: Learned().draw(None), lambda: Learned().asked([])):
        with pytest.raises(NotImplementedError):
            work()
