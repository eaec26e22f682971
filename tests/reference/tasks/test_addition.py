import pytest

from reference.tasks.addition import Addition


def words(task, ids):
    return "".join(task.name_of(int(token)) for token in ids)


@pytest.mark.parametrize("digits", [1, 3, 12])
def test_the_answer_is_the_sum_with_its_last_digit_first(rng, digits):
    task = Addition(digits=digits, training=40, held_out=10)
    source = task.sources(rng, 50)
    for row, answer in zip(source, task.answers(source), strict=True):
        a, b = words(task, row).split("+")
        assert (len(a), len(b), len(answer)) == (digits, digits, digits + 1)
        assert int(a) + int(b) == int(words(task, answer)[::-1])


def test_a_carry_goes_all_the_way():
    task = Addition()
    assert words(task, task.answers(task.read([*"999+001"])[None])[0]) == "0001"
