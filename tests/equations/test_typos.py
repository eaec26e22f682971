"""Typos planted into the displayed equations are seen: by the parser, by the comparison with the code, by the proof."""

import pytest
from equations import pages, typos
from equations.exceptions import SURVIVORS, UNPROVED
from equations.programs import APART, section
from equations.prove import prove
from equations.tree import Refused

LEAST, EACH, STEPS, SEED = 800, 16, 6, 20261126
PAGES = {page.name: page for page in pages.load(*pages.ROOMS, *pages.COMPOSED)}
LAYERS = [page for page in PAGES.values() if page.path.parts[1] in pages.ROOMS]
SAMPLE = typos.sample(LAYERS, EACH, SEED) + typos.sample(PAGES.values(), STEPS, SEED, typos.proved_steps)


@pytest.mark.parametrize("name", sorted({page.name for page, *_ in SAMPLE}))
def test_every_typo_of_a_page_is_seen_but_those_listed(name):
    watch, own = typos.Watch(PAGES[name]), {(id, tex) for page, id, _, tex in SAMPLE if page.name == name}
    missed = {(id, tex) for id, tex in own if watch.seen(id, tex) is None}
    assert missed == own & set(SURVIVORS)


def test_at_least_97_of_100_are_seen():
    planted = {(id, tex) for _, id, _, tex in SAMPLE}
    assert len(planted) == len(SAMPLE) >= LEAST
    assert len(planted & set(SURVIVORS)) <= 0.03 * len(planted)
    assert set(SURVIVORS) <= planted
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


def test_the_proof_alone_accepts_no_typo_of_a_backward_equation():
    """Without the code: what is not the transpose of the derivative of Forward is not proved."""
    own = [page for page in LAYERS if "\n## Backward\n" in page.source and page.name not in UNPROVED]
    accepted, tried = [], 0
    for page, id, _, tex in typos.sample(own, 8, SEED):
        part = section(page, id) == "Backward" and id not in APART
        if part and page.name != "attend":  # its eight programs take as long as all others
            try:
                tree = page.parsed(id, tex)
            except Refused:
                continue
            tried += 1
            if {verdict.kind for verdict in prove(page, {**page.equations, id: tree}).values()} == {"proved"}:
                accepted.append((id, tex))
    assert tried > 60
    assert accepted == []
