"""The lettered steps: proved wherever they are equations, and else executed by their page, each with its reason."""

import dataclasses
import re

import pytest
from equations import letters, pages, verdicts
from equations.exceptions import STEPS, UNPROVED_STEPS, WHY

PAGES = {page.name: page for page in pages.load(*verdicts.EVERY)}
SAID = verdicts.read()


def steps(page):
    return [id for id in page.displayed if id not in page.numbered]


def changed(page, old, new):
    """The page with one formula written otherwise."""
    assert page.source.count(old) == 1
    return dataclasses.replace(page, source=page.source.replace(old, new))


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_step_of_a_page_is_proved_but_those_listed(page):
    found = verdicts.of_letters(page)
    assert {id for id, said in found.items() if said not in letters.KINDS} == {id for id in steps(page) if id in WHY}
    assert found == {id: SAID[id][1] for id in steps(page)}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_what_is_not_proved_is_executed_by_its_page(page):
    blocks = "\n".join("\n".join(fence.body) for fence in page.text.fences if fence.language == "pycon")
    assert [id for id in steps(page) if id in WHY and not re.search(rf"#.*\b{re.escape(id)}\b", blocks)] == []


def test_a_step_that_is_not_proved_has_one_reason_of_a_closed_set():
    listed = [id for ids in UNPROVED_STEPS.values() for id in ids.split()]
    assert sorted(listed) == sorted(WHY)
    assert set(UNPROVED_STEPS) == set(STEPS)
    assert set(WHY) <= {id for page in PAGES.values() for id in steps(page)}


def test_nearly_all_steps_of_the_backward_passes_of_layers_and_losses_are_proved():
    rooms = ("functions", "layers", "losses")
    own = [id for page in PAGES.values() if page.path.parts[1] in rooms for id in steps(page)]
    assert sum(id not in WHY for id in own) >= 105
    assert {"layernorm.f", "attend.b", "attend.h", "softmax.e", "cross_entropy.g", "gated.e"} <= set(own) - set(WHY)


@pytest.mark.parametrize(
    ("name", "old", "new", "id"),
    [
        ("layernorm", r"- \frac1D - \frac1D \, \hat x_i", r"- \frac1D \, \hat x_i", "layernorm.f"),
        ("linear", r"\sum_i \delta x_{ni} \, w_{ik} + \sum_i", r"\sum_i \delta x_{ni} \, w_{ik} - \sum_i", "linear.a"),
        ("attend", r"p_{tj} \left( [j = l] - p_{tl} \right)", r"p_{tj} \left( [j = l] - p_{tj} \right)", "attend.d"),
        ("cross_entropy", r"2 \, \zeta \, \lambda_n \sum_i p", r"\zeta \, \lambda_n \sum_i p", "cross_entropy.i"),
        ("softplus", r"= \frac{1}{1 + \exp(-x)} \tag", r"= \frac{1}{1 + \exp(x)} \tag", "softplus.c"),
        ("tanh", r"\delta p = q \, \delta x, \qquad \delta q", r"\delta p = p \, \delta x, \qquad \delta q", "tanh.a"),
        ("softmax", r"J_{ij} = p_i \left(", r"J_{ij} = p_j \left(", "softmax.e"),
        ("rotary", r"\cos^2(\theta_{ti}) + \sin", r"\cos^2(\theta_{ti}) - \sin", "rotary.b"),
    ],
)
def test_a_wrong_step_is_not_proved(name, old, new, id):
    assert letters.found(PAGES[name])[id] in ("proved", "in balls")
    assert letters.found(changed(PAGES[name], old, new))[id] is None


@pytest.mark.parametrize(
    "tex",
    [
        r"\delta c = 0",  # of a symbol that the page does not list, and that would stand still
        r"\delta m = 0",  # of one that has no meaning yet where the step could be looked at
        r"p_i = e_i",
    ],
)
def test_nothing_is_proved_of_a_symbol_without_a_meaning(tex):
    page = PAGES["softmax"]
    step = page.displayed["softmax.b"][0]
    page = changed(page, step, rf"{tex} \tag{{softmax.b}}")
    page = changed(page, r"| $`c`$ | | any number; never made | (..., 1) | no |", "")
    assert letters.found(page)["softmax.b"] is None


def test_a_step_may_define_what_the_steps_after_it_read():
    found = letters.found(PAGES["cross_entropy"])
    assert (found["cross_entropy.a"], found["cross_entropy.b"]) == ("defines", "defines")
    other = changed(PAGES["cross_entropy"], r"q_{ni} = (1 - a) \,", r"q_{ni} = (1 + a) \,")
    assert letters.found(other)["cross_entropy.f"] is None
