"""gradcheck.diagnosis.alternatives: other derivatives of one step."""

import numpy as np

from gradcheck.diagnosis.alternatives import moves, parts, slopes

X = np.random.default_rng(4).normal(size=6)


def said(found, words):
    return [(cause, d) for cause, text, d in found if words in text]


def test_a_smooth_slope_may_be_left_out_or_be_another_function_of_the_output():
    y = np.tanh(X)
    found = list(slopes(1 - y * y, X, y, "tanh", alone=True))
    assert any(cause == "slope" and np.array_equal(d, np.ones(6)) for cause, d in said(found, "left out"))
    assert any(np.array_equal(d, 1 - y) for _, d in said(found, "taken for 1 - y"))


def test_a_function_in_pieces_is_a_branch_and_a_chosen_operand_a_mask():
    d = (X > 0) * 1.0
    assert {cause for cause, _ in said(slopes(d, X, X * d, "relu", alone=True), "every entry")} == {"branch"}
    assert {cause for cause, _ in said(slopes(d, X, X * d, "where", alone=False), "every entry")} == {"mask"}
    ((_, other),) = said(slopes(d, X, X * d, "relu", alone=True), "the other entries")
    assert np.array_equal(other, 1 - d)


def test_of_a_range_one_end_may_be_forgotten():
    d = (np.abs(X) < 0.6) * 1.0
    ((_, above),) = said(slopes(d, X, X, "clip", alone=True), "above the range")
    assert np.array_equal(above, X > -0.6)


def test_constant_slopes_have_no_alternatives():
    assert not list(slopes(np.full(6, 2.0), X, 2 * X, "multiply", alone=False))


def test_a_map_may_be_taken_for_its_adjoint():
    m = np.tri(6)
    assert any(cause == "transposed" and np.array_equal(d, m.T) for cause, _, d in moves(m, (6,), (6,), "cumsum"))
    turn = np.roll(np.eye(6), 1, 0)
    assert any(cause == "permuted" and np.array_equal(d, turn.T) for cause, _, d in moves(turn, (6,), (6,), "roll"))


def test_axes_of_one_length_may_be_exchanged():
    d = np.diag(np.arange(1.0, 5))
    found = said(moves(d, (2, 2), (2, 2), "multiply"), "into multiply is transposed")
    assert any(np.array_equal(other, d[[0, 2, 1, 3]]) for _, other in found)


def test_of_what_is_gathered_twice_one_may_count():
    d = np.eye(3)[[0, 2, 2]]
    found = said(parts(d, (3,), (3,), "indexing"), "the last one counts")
    assert [cause for cause, _ in found] == ["repeated"]
    assert np.array_equal(found[0][1], [[1, 0, 0], [0, 0, 0], [0, 0, 1]])


def test_what_is_selected_may_be_shared_out():
    d = np.eye(4)[[1]]
    found = said(parts(d, (), (4,), "max"), "shared out")
    assert any(np.array_equal(other, np.full((1, 4), 0.25)) for _, other in found)


def test_parts_may_count_alone():
    d = np.ones((1, 3))
    assert any(np.array_equal(other, [[1, 0, 0]]) for _, other in said(parts(d, (), (3,), "sum"), "only index 0"))
    assert any(np.array_equal(other, [[0, 1, 1]]) for _, other in said(parts(d, (), (3,), "sum"), "all but index 0"))
