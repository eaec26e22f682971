import numpy as np
import pytest

from reference.core.settings import written
from reference.tasks import task as tasks
from reference.tasks.copy import Copy
from reference.tasks.task import START, Examples, Task

EVERY = pytest.mark.parametrize("name", tasks.every())
DRAWN = pytest.mark.parametrize("name", [name for name, kind in tasks.every().items() if issubclass(kind, Task)])


def rows(examples):
    return {tuple(row) for row in examples.source.tolist()}


def test_a_task_is_found_by_being_there():
    assert tasks.every()["copy"] is Copy is tasks.find("copy")
    assert list(tasks.every()) == sorted(tasks.every())


def test_an_unknown_task_is_one_clear_line_with_the_nearest():
    with pytest.raises(ValueError, match=r"^task: a task must be a known one, such as copy, got 'copi'$"):
        tasks.find("copi")


@DRAWN
def test_every_task_draws_what_it_says_and_nothing_twice(name):
    task = tasks.find(name)(training=40, held_out=30)
    training, held_out = task.draw(np.random.default_rng(3))
    read, said = task.sizes
    for some, count in ((training, 40), (held_out, 30)):
        assert some.source.shape == (count, read) and some.labels.shape == (count, said)
        for ids in (some.source, some.labels):
            assert ids.dtype.kind == "i" and ids.min() > START and ids.max() < task.tokens
    assert not rows(training) & rows(held_out)
    if tasks.find(name).draw is Task.draw:
        assert len(rows(training) | rows(held_out)) == 70
    again = task.draw(np.random.default_rng(3))
    assert [one.source.tolist() for one in again] == [one.source.tolist() for one in (training, held_out)]


@DRAWN
def test_every_task_takes_its_own_answers_for_right_and_no_others(name):
    task = tasks.find(name)(training=40, held_out=30)
    training, _ = task.draw(np.random.default_rng(3))
    assert task.right(training, training.labels).all()
    wrong = 1 + training.labels % (task.tokens - 1)
    assert not task.right(training, wrong).all(axis=1).any()


@DRAWN
def test_every_task_reads_what_it_shows(name):
    task = tasks.find(name)()
    source = task.sources(np.random.default_rng(3), 1)[0]
    words = [task.name_of(int(token)) for token in source]
    np.testing.assert_array_equal(task.read(words), source)
    assert len({task.name_of(token) for token in range(1, task.tokens)}) == task.tokens - 1


@EVERY
def test_every_task_says_what_it_is_and_what_its_settings_mean(name):
    task = tasks.find(name)
    assert task.title.startswith("to ")
    own = set(task.names()) - {"training", "held-out", "files", *task.follow}
    assert set(task.texts) - {"held-out"} == own
    assert written(task.__module__.rpartition(".")[2]) == name


@DRAWN
def test_more_sequences_than_there_are_is_one_clear_line(name):
    task = tasks.find(name)
    few = {field: 2 for field in ("digits", "length", "nodes", "pairs", "vocabulary", "values") if field in task.texts}
    few |= {field: 1 for field in ("digits", "arms", "keys", "pairs") if field in task.texts}
    few |= {field: 2 for field in ("longest",) if field in task.texts}
    few |= {"length": 1} if "longest" in task.texts and "length" in task.texts else {}
    few |= {"nodes": 3} if "nodes" in task.texts else {}
    with pytest.raises(ValueError, match=r"must add up to at most \d+, as many sequences as there are, got 70,000$"):
        task(training=40_000, held_out=30_000, **few)
    assert task().possible >= task().training + task().held_out


def test_an_epoch_reads_as_many_rows_as_are_wanted_each_once(rng):
    examples = Examples(source=np.arange(14).reshape(7, 2), labels=np.arange(14).reshape(7, 2))
    assert sorted(examples.order(rng, 9)) == list(range(7))
    assert len(set(examples.order(rng, 5))) == 5
    assert (examples.seen, examples.asked, examples.count) == (None, None, 14)


def test_rows_are_taken_together():
    examples = Examples(source=np.arange(6).reshape(3, 2), labels=np.arange(6, 12).reshape(3, 2))
    some = examples[np.array([2, 0])]
    assert len(some) == 2
    assert some.source.tolist() == [[4, 5], [0, 1]]
    assert some.labels.tolist() == [[10, 11], [6, 7]]


def test_shuffled_gives_each_label_to_another_source():
    rng = np.random.default_rng(5)
    training, _ = Copy(length=4, training=20, held_out=15).draw(rng)
    shuffled = training.shuffled(rng)
    np.testing.assert_array_equal(shuffled.source, training.source)
    assert sorted(shuffled.labels.tolist()) == sorted(training.labels.tolist())
    assert (shuffled.labels != training.labels).any(axis=1).sum() > 10
    np.testing.assert_array_equal(shuffled.target[:, 1:], shuffled.labels[:, :-1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["4"], "a symbol must be one of 1 to 3, got '4'"),
        (["0"], "a symbol must be one of 1 to 3, got '0'"),
        ([], "a sequence must have 1 to 8 symbols, got 0"),
        (["1"] * 9, "a sequence must have 1 to 8 symbols, got 9"),
    ],
)
def test_what_names_no_source_is_one_clear_line(words, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Copy().read(words)
