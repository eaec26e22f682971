import numpy as np

from reference.tasks.sort import Sort


def test_the_answer_is_the_sequence_in_order_with_every_symbol_as_often():
    assert Sort().answers(np.array([[3, 1, 2, 1]])).tolist() == [[1, 1, 2, 3]]
