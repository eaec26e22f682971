"""The sources of the site: what becomes of a page, and what is said of an equation."""

import pytest
from equations import pages, verdicts
from website import api, flow, overview, pagegraph, pictures
from website.assemble import drawn, places
from website.entries import ROOT, Broken, Entries
from website.markdown import Converter
from website.mathematics import mathml

PATH = "specs/layers/layernorm.md"


@pytest.fixture(scope="module")
def entries():
    return Entries()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("the mean $`\\overline{z}`$ of `z`", "the mean {math}`\\overline{z}` of `z`"),
        ('<a id="layernorm.3"></a>**(layernorm.3)** So:', "So:"),
        ("([layernorm.1](#layernorm.1))", "({equation}`layernorm.1`)"),
        ("[softmax.2](../functions/softmax.md#softmax.2)", "{equation}`softmax.2`"),
        ("[dropout](dropout.md)", "[dropout](/layers/dropout.md)"),
        ("[notation](../README.md#dtypes)", "[notation](/notation.md#dtypes)"),
        ("[`x`](../../reference/layers/layernorm.py)", "{src}`x <reference/layers/layernorm.py>`"),
        ("[a folder](../../gradcheck)", "a folder"),
        ("[a paper](https://arxiv.org/abs/1607.06450)", "[a paper](https://arxiv.org/abs/1607.06450)"),
        ("no link: `[a](b.md)`", "no link: `[a](b.md)`"),
        ("(`test_nothing_of_this_name`)", "(`test_nothing_of_this_name`)"),
    ],
)
def test_a_line_says_the_same_in_the_words_of_the_site(line, said):
    converter = Converter(ROOT, {"layernorm.1", "layernorm.3", "softmax.2"}, places(ROOT))
    assert converter.page(PATH, line) == f"{said}\n"


def test_a_test_that_is_named_is_a_link_to_its_line():
    said = Converter(ROOT, (), places(ROOT)).page(PATH, "(`test_shift_invariance`)")
    path, _, line = said.partition(" <")[2].partition(">")[0].partition("#L-")
    assert path == "tests/reference/layers/test_layernorm.py"
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    assert lines[int(line) - 1].strip().startswith("def test_shift_invariance(")


def test_what_is_executed_is_left_as_it_is():
    block = "```pycon\n>>> x = '$`y`$'\n\n```\n"
    assert Converter(ROOT, ()).page(PATH, block) == block


def test_an_equation_is_what_its_page_code_and_verdict_say(entries):
    entry = entries.all["layernorm.10"]
    assert (entry.title, entry.section, entry.document) == ("Layer normalisation", "Backward", "layers/layernorm")
    assert entry.code[2].startswith("dx = ") and entry.code[2].endswith("# (layernorm.10)")
    assert entry.rests == ("layernorm.4", "layernorm.5", "layernorm.9")
    assert entries.used["layernorm.9"] == ["layernorm.10"]
    assert (entry.compared, entry.proved) == verdicts.read()["layernorm.10"]
    assert [row.tex for row in entry.symbols] == [r"\hat x", "r", "dx", r"d\hat x"]


def test_every_equation_that_one_rests_on_is_there(entries):
    assert {id for entry in entries.all.values() for id in entry.rests} <= set(entries.all)


def test_a_step_rests_on_what_its_sentence_gives_as_the_reason(entries):
    assert "layernorm.a" in entries.all["layernorm.d"].rests
    assert "layernorm.1" in entries.all["layernorm.b"].rests


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: said.pop("layernorm.9"), r"^specs/layers/layernorm\.md:\d+: layernorm\.9 must have a line in .*"),
        (lambda said: said.update({"layernorm.99": ("equal", "proved")}), "^specs: layernorm.99 must be displayed .*"),
    ],
    ids=["without a verdict", "without an equation"],
)
def test_a_broken_entry_is_refused(monkeypatch, change, message):
    said = verdicts.read()
    change(said)
    monkeypatch.setattr(verdicts, "read", lambda: said)
    with pytest.raises(Broken, match=message):
        Entries().all


def test_an_equation_without_its_line_of_code_is_refused(monkeypatch):
    monkeypatch.setattr(Entries, "cited", lambda self, page: {})
    with pytest.raises(Broken, match=r"^specs/[\w/]+\.md:\d+: \w+\.1 must be cited by a line of code, got none$"):
        Entries().all


def test_the_flow_of_a_page_leads_from_what_is_given_to_the_output(entries):
    nodes, pairs = flow.graph(entries.pages["layers/layernorm"], "Forward")
    kinds = {name: node.kind for name, node in nodes.items()}
    assert {name for name, kind in kinds.items() if kind == "input"} == {
        "x",
        "gamma",
        "beta",
        "varepsilon",
    }
    assert [name for name, kind in kinds.items() if kind == "output"] == ["y@layernorm.6"]
    assert ("xhat@layernorm.5", "y@layernorm.6") in pairs


def test_every_function_and_layer_has_its_flow(entries):
    for document, page in entries.pages.items():
        if document.startswith(("functions/", "layers/")):
            assert any(flow.graph(page, title)[1] for title in flow.TITLES), document
            assert "```{flow}" in drawn(page.source)


def test_an_arrow_that_two_others_imply_is_left_out(entries):
    _, pairs, _ = pagegraph.graph(entries)
    assert ("layers/linear", "layers/feedforward") in pairs
    assert ("functions/softmax", "layers/attention") not in pairs


def test_the_graph_of_a_page_has_its_neighbours(entries):
    _, pairs, _ = pagegraph.graph(entries, "layers/feedforward")
    assert ("layers/linear", "layers/feedforward") in pairs
    assert all("layers/feedforward" in pair for pair in pairs)


def test_all_mathematics_of_the_pages_is_understood():
    found = [page for room in (*verdicts.EVERY, "guides") for page in pages.load(room)]
    assert all(mathml(tex.partition(r"\tag")[0]) for page in found for tex, _ in page.displayed.values())


def test_a_line_above_is_a_border_also_within_another():
    text = mathml(r"\overline{a \overline{b}} + \bar c")
    assert text.count('<mrow class="overline">') == 2
    assert text.count("<mover") == text.count("</mover>") == 1


def test_a_picture_is_drawn_of_what_stands_above_it():
    page = (
        "```pycon\n>>> maps = {'a < b': ([[0.25, 0.75]], ['x'], ['y', 'z'])}\n\n```\n\n<!-- picture: maps -->\n\n"
        "```pycon\n>>> maps = {}\n\n```\n"
    )
    said = pictures.drawn(page)
    assert said.count("<rect") == 2 and 'fill-opacity="0.75"' in said and "<figcaption>a &lt; b</figcaption>" in said
    assert said.replace(said[said.index("```{raw}") : said.index("</div>\n```") + 10], "<!-- picture: maps -->") == page


def test_a_page_without_pictures_is_left_as_it_is():
    assert pictures.drawn("```pycon\n>>> 1 / 0\n\n```\n") == "```pycon\n>>> 1 / 0\n\n```\n"


def test_every_picture_of_a_guide_is_drawn():
    for path in sorted((ROOT / "specs/guides").glob("*.md")):
        source = path.read_text(encoding="utf-8")
        assert source.count("<!-- picture") == len(pictures.PLACE.findall(source))


def test_the_start_leads_to_the_book_where_there_is_one(entries):
    assert "<backproof.pdf>" in overview.start(entries, book=True)
    assert "<backproof.pdf>" not in overview.start(entries, book=False)


def test_an_example_in_a_docstring_is_left_as_it_is():
    said = ["Return a * b.", "", ">>> f(*pair, a_, b)", "'a*b'", "", "Of a*b:"]
    assert list(api.words(said)) == ["Return a \\* b.", "", ">>> f(*pair, a_, b)", "'a*b'", "", "Of a\\*b:"]
