"""Typos planted into the displayed equations are seen: by the parser, by the comparison with the code, by the proof."""

import pytest
from equations import pages, typos
from equations.exceptions import SURVIVORS

COUNT, SEED = 640, 20261126
PAGES = {page.name: page for page in pages.load(*pages.ROOMS)}
SAMPLE = typos.sample(PAGES.values(), COUNT, SEED)


@pytest.mark.parametrize("name", sorted({page.name for page, *_ in SAMPLE}))
def test_every_typo_of_a_page_is_seen_but_those_listed(name):
    watch, missed = typos.Watch(PAGES[name]), set()
    for page, id, _, tex in SAMPLE:
        if page.name == name and watch.seen(id, tex) is None:
            missed.add((id, tex))
    assert missed == {key for key in SURVIVORS if key[0].partition(".")[0] == name}


def test_at_least_97_of_100_are_seen():
    assert len(SAMPLE) == COUNT
    assert len({(id, tex) for _, id, _, tex in SAMPLE}) == COUNT
    assert len(SURVIVORS) <= 0.03 * COUNT
    assert all(SURVIVORS.values())


def test_every_kind_of_typo_is_planted():
    assert {kind for _, _, kind, _ in SAMPLE} == set(typos.KINDS)


@pytest.mark.parametrize(
    ("kind", "tex"),
    [
        ("sign", r"dx = r ( d \hat x + \overline { d \hat x } - \hat x \, \overline { d \hat x \, \hat x } )"),
        ("index", r"dw_{ik} = \sum_n x_{ni} dy_{ni}"),
    ],
)
def test_a_typo_is_one_token(kind, tex):
    page = PAGES["layernorm"] if kind == "sign" else PAGES["linear"]
    id = "layernorm.10" if kind == "sign" else "linear.3"
    planted = {text.replace(" ", "") for other, text in typos.typos(page, id) if other == kind}
    assert tex.replace(r"\,", "").replace(" ", "") in planted
