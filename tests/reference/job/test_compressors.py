import bz2
import gzip
import lzma

import pytest

from reference.job import compressors
from reference.job.compressors import bits_a_byte

TEXT = b"the cat sat on the mat, and the bat on the hat\n" * 200


@pytest.mark.parametrize("size", [1, 1000, len(TEXT)])
def test_they_are_what_the_commands_make_of_the_whole_text(size):
    found = bits_a_byte(TEXT[first : first + size] for first in range(0, len(TEXT), size))
    whole = {"gzip": gzip.compress(TEXT, 6), "bzip2": bz2.compress(TEXT), "xz": lzma.compress(TEXT)}
    assert found.keys() == whole.keys()
    for name, data in whole.items():
        assert found[name] == pytest.approx(8 * len(data) / len(TEXT), abs=8 * 12 / len(TEXT))  # gzip's header


def test_of_a_long_text_they_read_the_beginning(monkeypatch):
    monkeypatch.setattr(compressors, "MOST", 1000)
    endless = iter(lambda: TEXT[:300], None)
    assert bits_a_byte(endless) == bits_a_byte([(TEXT[:300] * 4)[:1000]])
