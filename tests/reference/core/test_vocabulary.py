import numpy as np
import pytest

from reference.core.vocabulary import are_among, end_tokens, expect_token, until


def test_ends_are_none_one_or_several():
    assert end_tokens("f", None, 5) == ()
    assert end_tokens("f", 3, 5) == end_tokens("f", np.int64(3), 5) == end_tokens("f", [3], 5) == (3,)
    assert end_tokens("f", (3, 0), 5) == end_tokens("f", [3, 0, 3], 5) == (3, 0)  # once each
    assert all(type(token) is int for token in end_tokens("f", [np.int32(3), 0], 5))


def test_ids_are_among_the_ends_and_a_row_is_cut_at_the_first():
    ids = np.array([[4, 1, 3], [2, 2, 2]])
    assert are_among(ids, (3, 1)).tolist() == [[False, True, True], [False] * 3]
    assert not are_among(ids, ()).any()
    assert until([4, 1, 3], (3, 1)) == [4] and until([4, 1, 3], ()) == [4, 1, 3] and until([1], (3, 1)) == []


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: expect_token("A", "end", 9, 9), ValueError, r"A: end must lie in \[0, 9\), got 9"),
    (lambda: end_tokens("A", "x", 9), TypeError, "A: end must be a whole number, got str"),
    (lambda: end_tokens("A", 2.0, 9), TypeError, "A: end must be a whole number, got float"),
    (lambda: end_tokens("A", (), 9), ValueError, "A: end must be an id, several ids or None, got an empty tuple"),
    (lambda: end_tokens("A", [1, -1], 9), ValueError, r"A: end\[1\] must lie in \[0, 9\), got -1"),
    (lambda: end_tokens("A", [True], 9), TypeError, r"A: end\[0\] must be a whole number, got bool"),
    (lambda: end_tokens("A", [[1]], 9), TypeError, r"A: end\[0\] must be a whole number, got list"),
])  # fmt: skip
def test_what_is_no_end_is_one_line(call, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        call()
