import numpy as np

from reference.tasks.parity import Parity


def test_the_answer_is_whether_the_ones_are_odd_in_number():
    task = Parity(length=4, training=4, held_out=4)
    source = np.stack([task.read([*word]) for word in ("0000", "0100", "1010", "1110")])
    assert [task.name_of(int(token)) for (token,) in task.answers(source)] == ["0", "1", "0", "1"]
