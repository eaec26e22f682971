"""The Shapes of a page are a symbol table: axes in order, names in code, index letters."""

import pytest
from equations import pages, shapes
from equations.tree import Refused

PAGE = r"""# Title

## Shapes

| symbol | code | meaning | shape | differentiable |
|---|---|---|---|---|
| $`x`$ | `x` | input | (..., D) | yes |
| $`w_o, b`$ | `self.output.w`, `self.b` | weights, bias; it may be absent | (D, K), (K,) | yes, parameters |
| $`m`$ | `mask` | mask | (B or 1, H or 1, T or 1, S) | no |
| $`N`$ | `self.norm` | a layer | (..., D) to (..., D) | |
| $`\hat x, r`$ | `xhat`, `r` | normalised | (..., D), (..., 1) | |
| $`z`$ | | a sum that is never made | (..., 1) | |

Indices: $`n`$ over (...); $`i, j`$ over D; $`k`$ over K.

## Forward
"""


def read(old="", new=""):
    return shapes.read("p.md", PAGE.replace(old, new) if old else PAGE)


def test_every_symbol_has_its_axes_in_order_and_its_name_in_code():
    found = {name: (entry.axes, entry.code) for name, entry in read().entries.items()}
    assert found == {
        "x": (("...", "D"), "x"),
        "w_o": (("D", "K"), "self.output.w"),
        "b": (("K",), "self.b"),
        "m": (("B", "H", "T", "S"), "mask"),
        "N": (None, "self.norm"),
        "xhat": (("...", "D"), "xhat"),
        "r": (("...", "1"), "r"),
        "z": (("...", "1"), ""),
    }


def test_what_is_differentiated_and_what_may_be_absent_is_known():
    entries = read().entries
    assert [name for name, entry in entries.items() if entry.differentiable] == ["x", "w_o", "b"]
    assert entries["b"].optional and not entries["x"].optional


def test_a_gradient_follows_from_what_it_is_the_gradient_of():
    page = read()
    assert page.entry("dx").code == "dx"
    assert page.entry("dw_o").code == "d_output.w"
    assert page.entry("db").code == "db"
    assert page.entry("dN").code == "d_norm"
    assert page.entry("dxhat").axes == ("...", "D")
    assert page.entry("dq") is None


def test_letters_have_the_axes_that_they_run_over():
    assert read().letters == {"n": "...", "i": "D", "j": "D", "k": "K"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("code | meaning", "meaning", "p.md:5: the columns must be symbol, code, meaning, shape, got symbol, meaning"),
        ("`self.output.w`, ", "", "p.md:8: each symbol must have a name in code, got 1 for w_o, b"),
        ("(D, K), (K,)", "any", "p.md:8: a shape must be axes in brackets, scalar, or a map"),
        ("(D, K), (K,)", "(D,), (K,), (K,)", "p.md:8: shapes must be one or 2, got (D,), (K,), (K,)"),
        (r"\hat x, r", "x, r", "p.md:11: a symbol must stand in one row, got x again"),
        ("$`k`$ over", "$`x`$ over", "p.md:3: a letter must be an index or a symbol, got both for x"),
        ("$`k`$ over K", "k over K", "p.md:14: indices must be written as"),
    ],
)
def test_a_table_that_is_not_understood_is_refused_with_its_line(old, new, message):
    with pytest.raises(Refused) as refused:
        read(old, new)
    assert str(refused.value).startswith(message)


def test_a_prime_marks_what_one_block_has_of_the_same_letter():
    (page,) = (page for page in pages.load("functions") if page.name == "blockwise")
    entries, part = page.shapes.entries, {"S": "M"}
    both = [name.removesuffix("'") for name in entries if name.endswith("'") and name.removesuffix("'") in entries]
    assert {"q", "k", "v", "b", "o", "d"} <= set(both)
    for name in both:
        last = entries[name].axes[-1]
        assert entries[f"{name}'"].axes[-1] == part.get(last, last), name
    assert page.shapes.shared == set()  # two letters of one shape have two names in the code
