"""Backward is the transpose of the derivative of Forward, for all shapes and values, on every page but those listed."""

import dataclasses

import pytest
from equations import pages, verdicts
from equations.compare import compare
from equations.exceptions import UNPROVED
from equations.programs import programs
from equations.prove import prove

PAGES = {page.name: page for page in pages.load(*pages.ROOMS)}
SAID = verdicts.read()
BACKWARD = {name: page for name, page in PAGES.items() if "\n## Backward\n" in page.source}


def changed(page, old, new):
    """The page with one formula written otherwise."""
    assert page.source.count(old) == 1
    return dataclasses.replace(page, source=page.source.replace(old, new))


@pytest.mark.parametrize("name", sorted(set(BACKWARD) - set(UNPROVED)))
def test_a_page_is_proved_for_all_shapes_and_values(name):
    page, found = BACKWARD[name], prove(BACKWARD[name])
    assert found
    assert {example: verdict for example, verdict in found.items() if verdict.kind != "proved"} == {}
    assert verdicts.of_proof(page, found) == {id: SAID[id][1] for id in page.numbered}


@pytest.mark.parametrize("name", UNPROVED)
def test_what_is_not_proved_says_why_and_is_not_listed_without_need(name):
    assert {verdict.kind for verdict in prove(PAGES[name]).values()} == {"not provable"}
    assert all(verdict.why for verdict in prove(PAGES[name]).values())


def test_attention_is_proved_with_every_option_alone_and_with_all_of_them():
    found = programs(PAGES["attend"])
    alone = {"heads 1", "heads 1, causal", "heads 4 in 2 groups", "a bias of each head", "cap 1.5", "ALiBi"}
    assert alone <= set(found)
    every = found["every option"]
    assert set(every.forward + every.backward) == set(PAGES["attend"].numbered)


@pytest.mark.parametrize("page", pages.load(*pages.COMPOSED), ids=lambda page: page.name)
def test_what_is_proved_of_a_model_is_what_is_written(page):
    assert verdicts.of_proof(page) == {id: SAID[id][1] for id in page.numbered}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("linear", r"db_k = \sum_n dy_{nk}", r"db_k = 2 \sum_n dy_{nk}"),
        ("linear", r"dw_{ik} = \sum_n x_{ni} \, dy_{nk}", r"dw_{ik} = \sum_n x_{ni} \, y_{nk}"),
        ("layernorm", r"dx = r \left( d\hat x - \o", r"dx = r \left( d\hat x + \o"),
        ("layernorm", r"\frac{\varepsilon}{\sigma^2} \right)^{-1/2}", r"\frac{\varepsilon}{\sigma^2} \right)^{-1/3}"),
        ("softmax", r"\sum_j dp_j \, p_j \right)", r"\sum_j dp_j \right)"),
        ("attend", r"dv_{iju} = \sum_{ht \,:\, g_h = i} w_{htj}", r"dv_{iju} = \sum_{ht \,:\, g_h = i} p_{htj}"),
        ("attend", r"\left( 1 - y_{tj}^2 / C^2 \right) ds_{tj} \tag", r"\left( 1 - y_{tj}^2 / C \right) ds_{tj} \tag"),
        ("attend", r"b \bmod P = e \;\land\; h", r"h"),
        ("cross_entropy", r"2 \, \zeta \, \lambda_n \right)", r"\zeta \, \lambda_n \right)"),
        ("gelu", r"dx = (\Phi + x \, \varphi) \, dy", r"dx = (\Phi - x \, \varphi) \, dy"),
        ("rotary", r"\, dv_{ti} + \sin(\theta_{ti}) \, dv", r"\, dv_{ti} - \sin(\theta_{ti}) \, dv"),
        ("residual", "dx = dy + dx' ", "dx = dy - dx' "),
        ("residual", "(dM, dr) = M^{*}(dz)", "(dM, dr) = M^{*}(dy)"),
        ("gated", r"da_f = v_f \, dh_f", r"da_f = a_f \, dh_f"),
        ("mixture", r"do_{ji} = w_{\nu_j, \eta_j} \, dy_{\nu_j, i}", r"do_{ji} = dy_{\nu_j, i}"),
    ],
)  # fmt: skip
def test_a_wrong_equation_is_refuted_by_small_integers(name, old, new):
    found = prove(changed(PAGES[name], old, new)).values()
    refuted = [verdict.why for verdict in found if verdict.kind == "refuted"]
    assert any("the two sides differ by " in why and " = " in why for why in refuted), [v.kind for v in found]


def test_another_function_with_its_right_gradient_is_proved_and_is_not_what_the_code_computes():
    """Both are needed, and neither sees what the other sees."""
    page = PAGES["softcap"]
    other = page.source.replace(r"u = \tanh(s / C)", r"u = \tanh(2 \, s / C)").replace(
        r"ds = (1 - u^2) \, dy", r"ds = 2 \, (1 - u^2) \, dy"
    )
    other = dataclasses.replace(page, source=other)
    assert {verdict.kind for verdict in prove(other).values()} == {"proved"}
    assert compare(other)["softcap.1"].kind == "differs"


def test_a_gradient_that_nothing_asks_for_is_no_proof():
    page = changed(PAGES["tanh"], r"y = \tanh(x) =", r"y = \tanh(2) =")
    assert {verdict.kind for verdict in prove(page).values()} == {"not provable"}
