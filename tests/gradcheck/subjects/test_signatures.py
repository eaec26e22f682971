"""Whether a function takes what it is to be handed."""

import numpy as np

from gradcheck.subjects.signatures import takes, written


def layer(x, w=1, *, mask):
    raise NotImplementedError


def test_a_function_is_asked_by_its_signature_and_never_called():
    assert takes(layer, 1, mask=2) and takes(layer, 1, 2, mask=3)
    assert not takes(layer, 1) and not takes(layer, 1, 2, 3, mask=4) and not takes(layer, 1, mask=2, rate=3)


def test_a_function_of_numpy_takes_its_inputs_alone_and_one_without_a_signature_anything():
    assert takes(np.multiply, 1, 2) and not takes(np.multiply, 1, 2, 3) and not takes(np.sin, 1, 2)
    assert takes(max) and takes(max, 1, 2, key=3)


def test_a_function_is_written_with_its_parameters():
    assert written(layer) == "layer(x, w=1, *, mask)" and written(lambda: None) == "<lambda>()"
