import itertools

import numpy as np
import pytest

from reference.core.keep import draw, keep

SHAPE = (2, 3, 37, 11)  # B, H, T, S: more than two bands of 16 rows


def whole(seed=5, rate=0.3, shape=SHAPE):
    return keep(seed, rate, shape, range(shape[2]))


@pytest.mark.parametrize("cuts", [(), (1,), (16, 32), (5, 17, 18, 36), tuple(range(1, 37))])
def test_any_cut_into_blocks_gives_the_same_bits(cuts):
    edges = (0, *cuts, 37)
    blocks = [keep(5, 0.3, SHAPE, range(a, b)) for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(blocks, axis=2), whole())


@pytest.mark.parametrize("shape", [(1, 3, 37, 11), (2, 2, 37, 11), (2, 3, 20, 11), (2, 3, 37, 4), (4, 5, 50, 30)])
def test_an_entry_does_not_depend_on_the_lengths(shape):
    both = tuple(slice(min(pair)) for pair in zip(shape, SHAPE, strict=True))
    np.testing.assert_array_equal(whole(shape=shape)[both], whole()[both])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.97])
def test_the_share_of_kept_entries_is_that_of_the_rate(rate):
    kept = whole(rate=rate, shape=(2, 3, 64, 200))
    assert kept.shape == (2, 3, 64, 200) and kept.dtype == bool
    for axes in [(0, 1, 2, 3), (1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)]:
        share = kept.mean(axis=axes)
        bound = 5 * np.sqrt(rate * (1 - rate) * share.size / kept.size)  # five standard deviations of the binomial
        assert (abs(share - (1 - rate)) <= bound).all()


def test_a_larger_rate_drops_more_of_the_same():
    assert (whole(rate=0.3) >= whole(rate=0.5)).all()


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def test_seeds_batches_heads_rows_and_keys_differ():
    kept = whole(rate=0.5, shape=(2, 2, 64, 128))
    bound = 5 / np.sqrt(kept.size / 2)  # five standard deviations of the correlation of independent bits
    assert abs(correlation(kept, whole(6, 0.5, kept.shape))) < bound
    assert abs(correlation(kept, whole(5 + 2**64, 0.5, kept.shape))) < bound  # seeds of more than one word
    assert abs(correlation(kept[0], kept[1])) < bound
    assert abs(correlation(kept[:, 0], kept[:, 1])) < bound
    for step in (1, 16):
        assert abs(correlation(kept[:, :, step:], kept[:, :, :-step])) < bound
        assert abs(correlation(kept[..., step:], kept[..., :-step])) < bound


def test_these_bits_are_the_same_on_every_machine():
    row = keep(20261123, 0.5, (1, 1, 1, 24), range(1))[0, 0, 0]
    assert "".join(map(str, row.astype(int))) == "001000100111110110111000"


@pytest.mark.parametrize("shape", [(0, 3, 37, 11), (2, 0, 37, 11), (2, 3, 37, 0)])
def test_an_empty_table_keeps_nothing(shape):
    assert whole(shape=shape).shape == shape
    assert keep(5, 0.3, SHAPE, range(4, 4)).shape == (2, 3, 0, 11)


def test_one_number_is_drawn_for_a_pass():
    a, b = np.random.default_rng(3), np.random.default_rng(3)
    seed = draw(a)
    assert isinstance(seed, int) and seed == b.integers(2**63)
    assert a.random() == b.random()


@pytest.mark.parametrize("rows", [range(-1, 3), range(3, 38), range(0, 10, 2), range(5, 3)])
def test_rows_that_are_no_block_are_one_clear_line(rows):
    with pytest.raises(ValueError, match=r"^keep: rows must be consecutive and lie in \[0, 37\), got range\(.*\)$"):
        keep(5, 0.3, SHAPE, rows)


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_a_rate_out_of_range_is_one_clear_line(rate):
    with pytest.raises(ValueError, match=rf"^keep: rate must lie in \[0, 1\), got {rate}$"):
        keep(5, rate, SHAPE, range(3))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.longdouble])
def test_a_rate_of_few_bits_is_taken_as_it_is(kind):
    rate = kind(0.4)
    assert np.array_equal(keep(3, rate, (1, 2, 4, 5), range(4)), keep(3, float(rate), (1, 2, 4, 5), range(4)))
