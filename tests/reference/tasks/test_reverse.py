import numpy as np

from reference.tasks.reverse import Reverse


def test_the_answer_is_the_sequence_from_its_end():
    assert Reverse().answers(np.array([[3, 1, 2]])).tolist() == [[2, 1, 3]]
