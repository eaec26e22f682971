from pathlib import Path

import numpy as np
import pytest

from reference.core.settings import written
from reference.data.errors import DataError
from reference.tasks.columns import END, OWN, PAD, UNASKED, Columns, Padded
from reference.tasks.task import START
from reference.training.settings import Run

KINDS = pytest.mark.parametrize("kind", ["pairs", "classify"])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("".join(f"{'ab' * (1 + i % 7)}{i}\t{'xy'[i % 2]}\n" for i in range(30)))
    return path


@pytest.fixture
def task(table):
    """task(kind, **entries): the task of a run on a small table."""
    return lambda kind, **entries: Run.of({"task": kind, "files": (str(table),), **entries}).task


def test_rows_are_filled_up_and_nothing_is_asked_or_seen_where_they_are():
    rows = Padded.of([np.array([5, 6, 7]), np.array([8])], [np.array([9]), np.array([3, 4, 1])], (3, 3))
    assert rows.source.tolist() == [[5, 6, 7], [8, PAD, PAD]]
    assert rows.seen.tolist() == [[True, True, True], [True, False, False]]
    assert rows.labels.tolist() == [[9, UNASKED, UNASKED], [3, 4, 1]]
    assert rows.target.tolist() == [[START, 9, PAD], [START, 3, 4]]
    assert rows.asked.sum() == rows.count == 4
    assert rows[1:].source.tolist() == [[8, PAD, PAD]]


@KINDS
def test_a_tenth_is_held_out_and_all_follows_from_the_table(task, table, kind):
    it = task(kind)
    training, held_out = it.draw(np.random.default_rng(0))
    assert (len(training), len(held_out)) == (it.training, it.held_out) == (27, 3)
    assert training.source.shape == (27, it.sizes[0]) and training.labels.shape == (27, it.sizes[1])
    assert held_out.source.max() < it.tokens
    texts = [it.source_text(row) for row in held_out.source]
    assert texts == [line.split("\t")[0] for line in table.read_text().splitlines()[::10]]


@KINDS
def test_entries_are_all_that_a_checkpoint_needs_to_say(table, kind):
    run = Run.of({"task": kind, "files": (str(table),)})
    table.unlink()
    assert Run.of(run.entries()) == run


@KINDS
@pytest.mark.parametrize("longest", [1, 3])
def test_what_is_longer_than_is_read_is_cut(task, kind, longest):
    it = task(kind, longest=longest)
    assert it.sizes[0] == longest
    assert it.asked(["ab" * 50]).source.shape == (1, longest)


@KINDS
def test_a_table_that_has_changed_since_is_one_clear_line(task, table, kind):
    it = task(kind)
    table.write_text(table.read_text() + "more\tx\n")
    with pytest.raises(DataError, match=r"a.tsv: must be the table of the run, \w{16}, got \w{16}$"):
        it.draw(np.random.default_rng(0))


@KINDS
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\na\tc\n", "must have two different texts in its first column, got 1"),
        ("a\tb\n", "must have two different texts in its first column, got 1"),
        ("\n\n", "must have two different texts in its first column, got 0"),
        ("a b\n", "line 1 must have two columns with a tab between them, got 1"),
        ("", "must have some text, got an empty file"),
    ],
)
def test_a_table_that_teaches_nothing_is_one_clear_line(task, table, kind, text, message):
    table.write_text(text)
    with pytest.raises(DataError) as error:
        task(kind)
    assert str(error.value) == f"{table}: {message}"


@KINDS
@pytest.mark.parametrize("files", [(), ("a", "b")])
def test_one_table_is_needed(kind, files):
    message = rf"^files must be one table with two columns, got {len(files)} files$"
    with pytest.raises(DataError, match=message):
        Run.of({"task": kind, "files": files})


def test_tokens_of_its_own_stand_before_those_of_the_tokenizer(task):
    it = task("pairs")
    assert it.ids("ab").min() >= OWN and it.tokens == it.encoder.vocabulary + OWN
    assert [it.name_of(token) for token in (START, END, PAD, *it.ids("a").tolist())] == ["start", "end", "", "a"]
    with pytest.raises(DataError, match=r"^a text: characters must be those of the tokenizer, got '~'$"):
        it.asked(["~"])


@pytest.mark.parametrize("word", ["bytes", "characters", "byte-pairs"])
def test_every_tokenizer_will_do(task, word):
    it = task("pairs", tokenizer=word, vocabulary=260)
    training, _ = it.draw(np.random.default_rng(0))
    assert it.source_text(training.source[0]) == "abab1"


def test_the_base_alone_says_nothing():
    with pytest.raises(NotImplementedError):
        Columns().answer_ids("a")
    assert Columns.known(Path("a.tsv"), []) == {} and written("source_length") in Columns.follow
