import threading

import numpy as np
import pytest
from strict import Strict, strict

from reference.core.memory import LINE, PIECE, kept


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128])
@pytest.mark.parametrize("shape", [(3,), (2, 5, 7), (), (0, 4), (100, 1000)])
def test_it_is_an_array_of_zeros_like_another(dtype, shape):
    made = kept(np.ones((2, 2), dtype), shape)
    assert type(made) is np.ndarray and made.shape == shape and made.dtype == dtype and not made.any()
    assert made.flags.c_contiguous and made.flags.aligned and made.flags.writeable
    assert made.ctypes.data % LINE == 0 or not made.size


def test_what_is_kept_lies_side_by_side_and_shares_nothing():
    made = [kept(np.ones(1, np.float32), (n,)) for n in (1, 300, 17, 5000)]
    for i, array in enumerate(made):
        array[...] = i + 1
    assert [set(array.tolist()) for array in made] == [{1.0}, {2.0}, {3.0}, {4.0}]
    assert len({id(array.base) for array in made}) <= 2  # a piece may have become full in between


def test_a_full_piece_lives_as_long_as_what_lies_in_it_and_the_next_is_zeros_too():
    first = kept(np.ones(1), (PIECE // 80,))
    first[...] = 7
    for _ in range(24):  # more than two pieces
        array = kept(np.ones(1), (PIECE // 80,))
        assert not array.any()
        array[...] = 1
    assert (first == 7).all() and array.base is not first.base


def test_large_arrays_lie_by_themselves_and_those_of_other_kinds_where_they_are():
    assert kept(np.ones(1, np.uint8), (PIECE // 4 + 1,)).base is None
    assert type(kept(strict(np.ones(2)), (3,))) is Strict
    masked = kept(np.ma.ones(2), (3,))
    assert type(masked) is np.ma.MaskedArray


def test_threads_do_not_fill_one_piece():
    made = {}

    def make(name):
        made[name] = [kept(np.ones(1), (50,)) for _ in range(200)]
        for array in made[name]:
            array[...] = name

    threads = [threading.Thread(target=make, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((array == name).all() for name, arrays in made.items() for array in arrays)
