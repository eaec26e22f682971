"""What is copied beyond the lengths of training, by kind of positions: up to 8 symbols are trained on."""

import pytest
from extrapolation import by_length


def test_with_linear_biases_one_symbol_more_is_copied_more_often_than_not_and_four_more_are_not():
    trained, one_more, four_more = by_length("copy-longer", "alibi", 0, (8, 9, 12))
    assert trained >= 0.9
    assert one_more >= 0.5  # 0.69 and 0.70 from two seeds
    assert four_more <= 0.1


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_with_a_vector_for_each_position_all_is_copied_up_to_those_lengths_and_nothing_beyond(kind):
    trained, one_more = by_length("copy-longer", kind, 0, (8, 9))
    assert trained >= 0.95
    assert one_more <= 0.05
