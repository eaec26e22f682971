"""Every numbered equation of a page is what the code computes, to 1e-10 of the terms that are added."""

import dataclasses

import pytest
from equations import pages, verdicts
from equations.compare import compare
from equations.exceptions import REASONS, UNEVALUATED

PAGES = {page.name: page for page in pages.load(*pages.ROOMS, *pages.COMPOSED)}

SAID = verdicts.read()


def changed(page, old, new):
    """The page with one formula written otherwise."""
    assert page.source.count(old) == 1
    return dataclasses.replace(page, source=page.source.replace(old, new))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_equation_of_a_page_is_what_the_code_computes(page):
    outcomes = compare(page)
    wrong = [outcome for outcome in outcomes.values() if outcome.kind in ("differs", "not evaluated")]
    words = [outcome.words for outcome in wrong if outcome.id not in UNEVALUATED]
    if words:
        pytest.fail("\n".join(words), pytrace=False)
    assert {outcome.id for outcome in wrong} == {id for id in UNEVALUATED if id.partition(".")[0] == page.name}
    assert verdicts.of_comparison(page, outcomes) == {id: SAID[id][0] for id in page.numbered}


def test_what_is_not_evaluated_has_a_reason_of_the_closed_set():
    assert set(UNEVALUATED.values()) == set(REASONS)
    assert set(UNEVALUATED) <= {id for page in PAGES.values() for id in page.numbered}


@pytest.mark.parametrize(("rooms", "share"), [(pages.ROOMS, 0.05), (pages.COMPOSED, 0.1)])
def test_nearly_all_equations_are_evaluated_or_checked_by_name(rooms, share):
    ids = [id for page in PAGES.values() if page.path.parts[1] in rooms for id in page.numbered]
    assert len(set(UNEVALUATED) & set(ids)) <= share * len(ids)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("layernorm", r"dx = r \left( d\hat x - \o", r"dx = r \left( d\hat x + \o", "layernorm.md (layernorm.10)"),
        ("linear", r"\sum_k dy_{nk} \, w_{ik} \tag", r"\sum_k dy_{nk} \, w_{ki} \tag", "(linear.2)"),
        ("attend", r"dq_{htc} = \eta \sum_j ds", r"dq_{htc} = \sum_j ds", "(attend.13)"),
        ("residual", "dx = dy + dx' ", "dx = dy - dx' ", "(residual.12)"),
        ("residual", "n = N(x) ", "n = N(y) ", "argument 1 must be y, got x"),
        ("residual", "(dN, dx') = N^{*}(dn)", "(dN, dx') = F^{*}(dn)", "F must be self.inner, got self.norm"),
        ("residual", "(dN, dx') = N^{*}(dn)", "(dx', dN) = N^{*}(dn)", "output 1 must be dx', got d_norm, dx_norm"),
        ("residual", "z = x + r", "z = x + q", "q has no value"),
    ],
)
def test_a_typo_is_told_by_page_equation_line_and_example(name, old, new, said):
    outcomes = compare(changed(PAGES[name], old, new)).values()
    words = [outcome.words for outcome in outcomes if outcome.kind in ("differs", "not evaluated")]
    assert any(said in line and f"cited at {name}.py:" in line and ", example " in line for line in words), words


def test_a_difference_names_the_entry_and_both_numbers():
    page = changed(PAGES["softcap"], "y = C \\, u", "y = 2 C \\, u")
    assert "the equation says" in compare(page)["softcap.2"].words
    assert "the code has" in compare(page)["softcap.2"].words
