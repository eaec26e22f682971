"""specs/verdicts.txt, with which the pages are published; that it is true is asserted where each half is found."""

from equations import pages, verdicts

from reference.job.spec import digest

SAID = verdicts.read()
PAGES = pages.load(*verdicts.EVERY)


def test_every_equation_has_a_line():
    assert sorted(SAID) == sorted(id for page in PAGES for id in page.displayed)


def test_the_verdicts_are_those_of_the_equations_that_are_displayed():
    assert verdicts.digests() == {page.name: digest(page.source) for page in PAGES}


def test_at_least_30_pages_are_proved():
    proved = {id.partition(".")[0] for id, (_, proof) in SAID.items() if proof == "proved"}
    assert len(proved) >= 30
    assert {"linear", "softmax", "layernorm", "rmsnorm", "attend", "cross_entropy", "kl_divergence", "gated"} <= proved
    assert {"feedforward", "rotary", "embedding", "learned", "dropout", "mixture"} <= proved


def test_the_pages_of_a_layer_are_proved_in_every_equation_that_is_part_of_a_derivative():
    weak = {id for id, (how, proof) in SAID.items() if how != "step" and proof not in ("proved", "constant")}
    pages_of_layers = {page.name for page in PAGES if page.path.parts[1] in pages.ROOMS}
    backward = {page.name for page in PAGES if "\n## Backward\n" in page.source} & pages_of_layers
    left = {id for id in weak if id.partition(".")[0] in backward - {"blockwise"}}
    # the slopes, and the bias of position ids; split and merge, which rename; the sum that self-attention is
    assert left == {"alibi.1", "alibi.2", "alibi.6", "alibi.7", "attention.4", "attention.6", "attention.14"}


def test_a_page_is_written_line_by_line():
    page = next(page for page in PAGES if page.name == "tanh")
    assert verdicts.of_page(page) == [
        f"tanh: {digest(page.source)}",
        "tanh.1: equal; proved", "tanh.2: equal; proved", "tanh.a: step; proved", "tanh.b: step; in balls",
    ]  # fmt: skip
