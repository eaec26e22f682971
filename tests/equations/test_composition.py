"""Where a layer calls a layer, its line is read: the layer that is called, its arguments and outputs, in order."""

import dataclasses
import types

import pytest
from equations import composition, notation, pages
from equations.compare import compare

SOURCE = """\
class Layer:
    def vjp(self, x, memory, mask=None):
        n, norm_pullback = self.norm.vjp(x)
        out, inner_pullback = self.inner.vjp(n, memory, mask=mask)
        r, auxiliary = split(out)
        total = first(r) + second(n)

        def pullback(dy):
            d_inner, dn, dmemory = inner_pullback(join(dy, dauxiliary))
            d["norm"], dx = norm_pullback(dn)
            _, dx = norm_pullback(dn)
"""
PAGE = r"""## Shapes

| symbol | code | meaning | shape |
|---|---|---|---|
| $`x, n, r, t, y`$ | `x`, `n`, `r`, `total`, `y` | arrays | (D,) |
| $`z`$ | `memory` | memory | (D,) |
| $`m`$ | `mask` | mask | (D,) |
| $`a`$ | `auxiliary` | auxiliary | (...) |
| $`N, F`$ | `self.norm`, `self.inner` | layers | (D,) to (D,) |
| $`f, g`$ | `first`, `second` | functions | (D,) to (D,) |
"""


@pytest.fixture
def found(tmp_path):
    """found(line, tex): what differs between the equation and the line of that number."""
    path = tmp_path / "layer.py"
    path.write_text(SOURCE, encoding="utf-8")
    module = types.SimpleNamespace(module=types.SimpleNamespace(__file__=str(path)))
    page = pages.Page(path, PAGE)

    def found(line, tex):
        tree = notation.equation("p.1", tex, "p.md", 1, page.shapes.names, page.shapes.functions)
        left, right = tree.clauses[0].sides
        assert composition.is_one(left, right)
        return composition.check(page, left, right, module, types.SimpleNamespace(line=line))

    return found


@pytest.mark.parametrize(
    ("line", "tex"),
    [
        (3, "n = N(x)"),
        (5, "(r, a) = F(n, z; m)"),
        (6, "t = f(r) + g(n)"),
        (9, "(dF, dn, dz) = F^*(dy, da)"),
        (10, "(dN, dx) = N^{*}(dn)"),
        (11, "dx = N^*(dn)"),
    ],
)
def test_what_the_line_calls_is_what_the_equation_says(found, line, tex):
    assert found(line, tex) is None


@pytest.mark.parametrize(
    ("line", "tex", "words"),
    [
        (3, "n = F(x)", "F must be self.inner, got self.norm"),
        (3, "n = N(z)", "argument 1 must be z, got x"),
        (3, "n = N(x, z)", "z must be an argument, got self.norm.vjp(x)"),
        (3, "r = N(x)", "output 1 must be r, got n, norm_pullback"),
        (3, "n = N^*(x)", "the line must call the pullback of N, got self.norm.vjp"),
        (5, "(r, a) = F(z, n; m)", "argument 1 must be z, got n"),
        (5, "(r, a) = F(n)", "there must be 1 arguments, got self.inner.vjp(n, memory, mask=mask)"),
        (5, "(a, r) = F(n, z; m)", "output 1 must be a, got r, auxiliary"),
        (6, "t = f(r) + f(n)", "f must be first, got second"),
        (6, "t = f(r)", "the line must call f, got total = first(r) + second(n)"),
        (9, "(dF, dz, dn) = F^*(dy, da)", "output 2 must be dz, got d_inner, dn, dmemory"),
        (9, "(dF, dn, dz) = F^*(dx, da)", "argument 1 must be dx, got dy"),
        (10, "(dF, dx) = N^*(dn)", "output 1 must be dF, got d['norm'], dx"),
        (10, "(dN, dx) = N(dn)", "the line must call N, got norm_pullback"),
        (3, "n = N(2 x)", "argument 1 must be a symbol, got x"),
    ],
)
def test_what_differs_is_told(found, line, tex, words):
    assert found(line, tex) == words


PAGES = {page.name: page for page in pages.load("functions", "layers", "models")}


@pytest.mark.parametrize(
    ("name", "old", "new", "id", "words"),
    [
        (
            "language_model_head", "[layer normalisation](layernorm.md) with gain", "[layer](rmsnorm.md) with gain",
            "language_model_head.3", "N must be of specs/layers/rmsnorm.md, got specs/layers/layernorm.md",
        ),
        (
            "attention", "or the same [in blocks](../functions/blockwise.md)", "or [softmax](../functions/softmax.md)",
            "attention.5", "attend must be of specs/functions/attend.md or specs/functions/softmax.md, got",
        ),
        (
            "transformer", "| [encoder and decoder](encoder_decoder.md)", "| encoder and decoder",
            "transformer.3", "the row of M must link the page of what it calls, or say any, got encoder and decoder",
        ),
    ],
)  # fmt: skip
def test_the_page_that_is_linked_is_that_of_the_layer_which_is_called(name, old, new, id, words):
    page = PAGES[name]
    assert page.source.count(old) == 1
    outcome = compare(dataclasses.replace(page, source=page.source.replace(old, new)))[id]
    assert outcome.kind == "differs"
    assert words in outcome.words
