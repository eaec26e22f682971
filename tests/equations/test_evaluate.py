"""Trees are evaluated over named axes: products by name, indices by place, and what does not fit is told."""

import numpy as np
import pytest
from equations import notation, shapes
from equations.evaluate import Evaluator
from equations.labelled import Labelled, Unevaluated, fitted
from equations.numbers import Floats

PAGE = r"""## Shapes

| symbol | code | meaning | shape |
|---|---|---|---|
| $`x`$ | `x` | input | (..., D) |
| $`\gamma`$ | `gamma` | gain | (D,) |
| $`w`$ | `w` | weights | (D, K) |
| $`u`$ | `u` | a square | (D, D) |
| $`a`$ | `a` | ids | (...) |
| $`E`$ | `E` | table | (V, D) |

Indices: $`n, m`$ over (...); $`i, j`$ over D; $`k`$ over K; $`v`$ over V; $`h`$ over D/2.
"""
SHAPES = shapes.read("p.md", PAGE)
LENGTHS = {"...": 3, "D": 4, "K": 2, "V": 5}


@pytest.fixture
def arrays(rng):
    made = {name: rng.normal(size=shape) for name, shape in {"x": (3, 4), "gamma": 4, "w": (4, 2), "u": (4, 4)}.items()}
    return made | {"a": np.array([2, 0, 2]), "E": rng.normal(size=(5, 4))}


@pytest.fixture
def evaluate(arrays):
    """evaluate(tex) -> (labels, values)"""

    def evaluate(tex):
        def resolve(name):
            entry = SHAPES.entries.get(name)
            return entry and fitted(arrays[name], entry.axes, LENGTHS)

        tree = notation.expression(tex, SHAPES.names)
        found = Evaluator(SHAPES, dict(LENGTHS), resolve, Floats()).evaluate(tree)
        return found.labels, found.values

    return evaluate


def same(found, labels, values):
    return found[0] == labels and np.allclose(found[1], values, rtol=1e-15, atol=0)


def test_what_has_no_index_is_multiplied_by_the_names_of_its_axes(evaluate, arrays):
    assert same(evaluate(r"\gamma x"), ("D", "..."), (arrays["gamma"] * arrays["x"]).T)


def test_a_sum_over_an_index_is_a_product_of_matrices(evaluate, arrays):
    found = evaluate(r"\sum_i x_{ni} w_{ik}")
    assert found[0] == ("n", "k")
    assert np.allclose(found[1], arrays["x"] @ arrays["w"], rtol=1e-14, atol=1e-14)  # in another order


def test_an_index_that_is_left_out_is_carried_along(evaluate, arrays):
    assert evaluate(r"x_i - \frac1D \sum_j x_j")[0] == ("...", "i")
    assert evaluate(r"\overline{x}")[0] == ("...",)


def test_indices_stand_for_axes_in_order(evaluate, arrays):
    assert same(evaluate("u_{ij}"), ("i", "j"), arrays["u"])
    with pytest.raises(Unevaluated, match="w has the axes D, K, no index over D comes there"):
        evaluate("w_{ki}")


def test_an_index_may_pick(evaluate, arrays):
    assert same(evaluate("E_{a_n i}"), ("n", "i"), arrays["E"][arrays["a"]])
    assert same(evaluate("x_{n, h + D/2}"), ("n", "h"), arrays["x"][:, 2:])
    assert same(evaluate(r"\sum_{n \,:\, a_n = v} x_{ni}")[:2], ("i", "v"), np.stack(
        [arrays["x"][arrays["a"] == v].sum(axis=0) for v in range(5)], axis=1
    ))  # fmt: skip


def test_an_index_outside_of_its_axis_is_told(evaluate):
    with pytest.raises(Unevaluated, match="an index of x lies outside its axis of 4"):
        evaluate("x_{n, h + D}")


def test_nothing_to_add_up_is_told(evaluate):
    with pytest.raises(Unevaluated, match="nothing to add up over k"):
        evaluate(r"\sum_k x_{ni}")


def test_a_symbol_without_value_is_told(evaluate):
    with pytest.raises(Unevaluated, match="q has no value"):
        evaluate("q + 1")


def test_letters_count_from_0_and_lengths_are_numbers(evaluate):
    assert same(evaluate("i + D"), ("i",), np.arange(4) + 4)
    assert same(evaluate(r"[i \bmod 2 = 0]"), ("i",), [1, 0, 1, 0])


def test_the_scale_is_that_of_the_terms_that_are_added(arrays):
    tree = notation.expression("c - c", ["c"])
    resolve = {"c": Labelled(np.array(3.0))}.get
    found = Evaluator(SHAPES, dict(LENGTHS), resolve, Floats()).evaluate(tree)
    assert (float(found.values), float(found.size)) == (0.0, 6.0)


@pytest.mark.parametrize(
    ("shape", "axes", "fits"),
    [
        ((3, 4), ("...", "D"), True),
        ((3, 1, 4), ("...", "D"), True),
        ((12,), ("...", "D"), True),
        ((3, 1), ("...", "1"), True),
        ((1, 2), ("D", "K"), True),
        ((), ("D",), True),
        ((2, 4), ("D", "K"), True),
        ((5, 2), ("D", "K"), False),
        ((4, 3), ("D", "K"), False),
    ],
)
def test_an_array_fits_its_axes_if_it_has_as_many_numbers_or_is_spread_out(shape, axes, fits):
    assert (fitted(np.zeros(shape), axes, LENGTHS) is not None) == fits
