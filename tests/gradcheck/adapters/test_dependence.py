"""Whether an output depends on an array that an object holds."""

import numpy as np

from gradcheck.adapters.dependence import forgotten, used


class Holder:
    def __init__(self, **arrays):
        self.__dict__.update(arrays)


def found(run, wanted=None, **arrays):
    obj = Holder(**arrays)
    paths = {(name,): x for name, x in arrays.items()}
    return [name for (name,) in used(run, obj, [(name,) for name in wanted or arrays], paths)]


A, B = np.array([0.3, 0.7]), np.array([1.5, -0.2])


def test_what_moves_the_output_is_used_and_what_does_not_is_not():
    assert found(lambda o: o.a * 2, a=A, b=B) == ["a"]
    assert found(lambda o: o.b * o.a, a=A, b=B) == ["a", "b"]
    assert found(lambda o: o.b * o.a, wanted=["b"], a=A, b=B) == ["b"]


def test_what_is_multiplied_by_zero_is_used():
    assert found(lambda o: o.a * o.b, a=A, b=np.zeros(2)) == ["a", "b"]


def test_what_counts_only_at_the_objects_own_point_is_used():
    def run(obj):
        return obj.a * 2 if np.abs(obj.b - B).max() < 0.5 and obj.a[0] < 0.35 else np.zeros(2)

    assert "a" in found(run, a=A, b=B)


def test_the_object_and_its_arrays_stay_as_they_are():
    a, b = A.copy(), B.copy()

    def run(obj):
        obj.a += 1
        return obj.a * obj.b

    assert found(run, a=a, b=b) == ["a", "b"]
    np.testing.assert_array_equal(a, A)
    np.testing.assert_array_equal(b, B)


def test_a_point_at_which_the_object_raises_tells_nothing():
    def picky(obj):
        if not np.array_equal(obj.b, B):
            raise ValueError("only there")
        return obj.a * obj.b

    def refuses(obj):
        raise ValueError("nowhere")

    assert found(picky, a=A, b=B) == ["a"]
    assert found(refuses, a=A, b=B) == []


def test_an_output_that_is_not_a_number_is_the_same_as_itself():
    assert found(lambda o: np.where(o.a > 0, np.nan, np.nan), a=A) == []


def test_arrays_keep_their_dtype_and_empty_ones_are_not_moved():
    seen = set()

    def run(obj):
        seen.add((obj.a.dtype.name, obj.b.size))
        return obj.a.astype(np.float64)

    assert found(run, a=A.astype(np.float32), b=np.zeros(0)) == ["a"]
    assert seen == {("float32", 0)}


def test_without_a_question_nothing_is_run():
    def run(obj):
        raise AssertionError("not to be run")

    assert used(run, Holder(), [], {}) == []


def test_what_a_run_draws_of_the_global_generators_is_no_dependence():
    assert found(lambda o: np.random.normal(size=2) + o.a, a=A, b=B) == ["a"]  # noqa: NPY002


def test_what_counts_is_forgotten_unless_its_gradient_is_found_or_it_is_a_mask():
    arrays = {"a": A, "b": B, "twin": A, "mask": np.ones(2), "unused": B.copy()}
    obj, paths = Holder(**arrays), {(name,): x for name, x in arrays.items()}

    def run(obj):
        return (obj.a + obj.twin) * obj.b * obj.mask

    def told(*known):
        return [(f.kind, f.severity, f.array) for f in forgotten(run, obj, paths, [(k,) for k in known], "value")]

    assert told("a") == told("twin") == [("missing", "fail", "b")]
    assert told("b") == [("missing", "fail", "a")]
    assert told("a", "b") == []
