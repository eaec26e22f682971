"""The sources of the site: what becomes of a page, and what is said of an equation."""

import pytest
from equations import pages, verdicts
from website import api, equation, overview
from website.__main__ import compact
from website.assemble import places
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
    assert [row.tex for row in entry.symbols] == [r"c, \hat x", r"\nu, r", "dx", r"d\hat x"]


def test_symbols_that_their_page_explains_together_are_explained_together(entries):
    """What is said of a row of the table is said of all its symbols: half of it would be said of the wrong one."""
    for id, entry in entries.all.items():
        lines = [line for _, line in entry.page.text.section("Shapes") if line.startswith("|")]
        for row in entry.symbols:
            if ", " in row.tex:
                own = next(line for line in lines if f"| {row.meaning} |" in line)
                assert all(one in own for one in (*row.tex.split(", "), row.code, row.shape)), id
    converter = Converter(ROOT, entries.all.keys(), places(ROOT))
    said = equation.symbols(entries.all["layernorm.10"], converter)
    assert "| {math}`\\nu, r` | `variance`, `rstd` | biased variance of a row" in said


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


def test_all_mathematics_of_the_pages_is_understood():
    found = [page for room in (*verdicts.EVERY, "guides") for page in pages.load(room)]
    assert all(mathml(tex.partition(r"\tag")[0]) for page in found for tex, _ in page.displayed.values())


def test_a_line_above_is_a_border_also_within_another():
    text = mathml(r"\overline{a \overline{b}} + \bar c")
    assert text.count('<mrow class="overline">') == 2
    assert text.count("<mover") == text.count("</mover>") == 1


def test_the_start_leads_to_the_book_where_there_is_one(entries):
    assert "<backproof.pdf>" in overview.start(entries, book=True)
    assert "<backproof.pdf>" not in overview.start(entries, book=False)


def test_an_example_in_a_docstring_is_left_as_it_is():
    said = ["Return a * b.", "", ">>> f(*pair, a_, b)", "'a*b'", "", "Of a*b:"]
    assert list(api.words(said)) == ["Return a \\* b.", "", ">>> f(*pair, a_, b)", "'a*b'", "", "Of a\\*b:"]


def test_a_page_loses_marks_and_no_letter():
    code = '<span class="n">a</span> <span class="o">=</span> <span class="mi">1</span>\n  <span class="k">if</span>\n'
    page = f"<p>a\n  b</p>\n<pre>{code}\n</pre>"
    said = '<p>a\nb</p>\n<pre tabindex="0">a = <span class="mi">1</span>\n  <span class="k">if</span>\n</pre>'
    assert compact(page) == said
