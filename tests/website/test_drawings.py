"""The drawings of the site: how numbers flow, what pages are built of, where boxes stand, attention maps."""

from graphlib import CycleError, TopologicalSorter
from itertools import combinations

import pytest
from website import flow, layout, pagegraph, pictures
from website.assemble import drawn
from website.entries import ROOT, Entries


@pytest.fixture(scope="module")
def entries():
    return Entries()


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
            assert "```{flow}" in drawn(page.source, document, entries)


def test_an_arrow_that_two_others_imply_is_left_out(entries):
    _, pairs, _ = pagegraph.graph(entries)
    assert ("layers/linear", "layers/feedforward") in pairs
    assert ("functions/softmax", "layers/attention") not in pairs


def test_the_graph_of_a_page_has_its_neighbours(entries):
    _, pairs, _ = pagegraph.graph(entries, "layers/feedforward")
    assert ("layers/linear", "layers/feedforward") in pairs
    assert all("layers/feedforward" in pair for pair in pairs)


def test_every_page_that_is_built_of_others_or_they_of_it_ends_with_its_graph(entries):
    _, pairs, _ = pagegraph.graph(entries)
    named = {name for pair in pairs for name in pair}
    assert "layers/feedforward" in named
    for document, page in entries.pages.items():
        said = drawn(page.source, document, entries)
        assert said.endswith(f"```{{graph}} {document}\n```\n") == (document in named), document


@pytest.mark.parametrize(
    ("document", "title", "before", "after"),
    [
        ("optimizers/adam", "Update", "theta", "theta@adam.6"),
        ("optimizers/momentum", "Update", "b", "b@momentum.2"),
        ("layers/cache", "Algorithm", "kbar", "kbar@cache.2"),
        ("layers/grouped_attention", "Forward", "Q", "Q@grouped_attention.4"),
    ],
)
def test_what_replaces_a_symbol_is_made_of_the_one_before(entries, document, title, before, after):
    nodes, pairs = flow.graph(entries.pages[document], title)
    assert (before, after) in pairs
    assert nodes[before].id == ""


def test_what_is_split_by_heads_is_drawn_from_what_is_merged(entries):
    nodes, pairs = flow.graph(entries.pages["layers/grouped_attention"], "Forward")
    for number, (merged, split) in enumerate((("q", "Q"), ("k", "K'"), ("v", "V")), 1):
        assert (f"{merged}@grouped_attention.{number}", split) in pairs
        assert nodes[split].kind == "made"


def test_an_update_is_made_of_the_parameters_before_it(entries):
    """Weight decay, which stands above the step, decays the parameters that the step replaces."""
    _, pairs = flow.graph(entries.pages["optimizers/adam"], "Update")
    assert ("theta", "g@adam.7") in pairs


@pytest.mark.parametrize(
    ("document", "ways", "target"),
    [
        ("layers/residual", ("dr@residual.19", "dr@residual.9"), "dr@residual.18"),
        ("losses/cross_entropy", ("c@cross_entropy.10", "c@cross_entropy.16"), "k@cross_entropy.11"),
        ("layers/rotary", ("du@rotary.5", "du@rotary.6"), "dx@rotary.14"),
    ],
)
def test_what_is_made_in_one_of_two_ways_or_in_two_parts_leads_on_from_both(entries, document, ways, target):
    _, pairs = flow.graph(entries.pages[document], "Backward")
    assert all((way, target) in pairs for way in ways)


def test_any_shape_is_written_as_its_page_writes_it(entries):
    nodes, _ = flow.graph(entries.pages["optimizers/adam"], "Update")
    assert nodes["theta"].shape == "(...)"
    nodes, _ = flow.graph(entries.pages["layers/layernorm"], "Forward")
    assert nodes["gamma"].shape == "(D,)"


def test_an_option_that_is_shown_last_is_used_above(entries):
    _, pairs = flow.graph(entries.pages["functions/attend"], "Forward")
    for option in ("m@attend.8", "s@attend.7"):
        used = {target for source, target in pairs if source == option}
        assert used and option not in used
    _, pairs = flow.graph(entries.pages["functions/attend"], "Backward")
    assert {target for source, target in pairs if source == "ds@attend.17"} >= {"dq@attend.13", "dk@attend.14"}


def test_no_arrow_goes_round_in_a_circle(entries):
    for document, page in entries.pages.items():
        for title in flow.TITLES:
            nodes, pairs = flow.graph(page, title)
            before = {name: {source for source, target in pairs if target == name} for name in nodes}
            try:
                order = list(TopologicalSorter(before).static_order())
            except CycleError as error:
                order = f"{document}, {title}: {error.args[1]}"
            assert sorted(order) == sorted(nodes)


def test_boxes_of_a_drawing_do_not_touch_and_stand_behind_what_they_are_made_of():
    sizes = {name: (20 + 9 * k, 24 + k) for k, name in enumerate("abcdefghi")}
    pairs = [(a, b) for k, (a, b) in enumerate(combinations("abcdefg", 2)) if k % 2] + [("h", "i")]
    middles, arrows, (width, height) = layout.layers(sizes, pairs)
    for a, b in combinations(sizes, 2):
        apart = [abs(middles[a][k] - middles[b][k]) - (sizes[a][k] + sizes[b][k]) / 2 for k in (0, 1)]
        assert max(apart) >= layout.GAP - 1e-6, (a, b)
    assert all(middles[a][1] < middles[b][1] for a, b in pairs)
    for name, (w, h) in sizes.items():
        x, y = middles[name]
        assert w / 2 - 1e-6 <= x <= width - w / 2 + 1e-6
        assert h / 2 - 1e-6 <= y <= height - h / 2 + 1e-6
    assert {(a, b) for a, b, _ in arrows} == set(pairs)


def test_an_arrow_passes_no_box():
    sizes = dict.fromkeys("abcd", (200, 24))
    middles, arrows, _ = layout.layers(sizes, [("a", "b"), ("b", "c"), ("a", "c"), ("d", "b")])
    inner = next(points for a, b, points in arrows if (a, b) == ("a", "c"))
    beside = [x for x, y in inner if abs(y - middles["b"][1]) <= 12]
    assert beside
    assert all(abs(x - middles["b"][0]) > 100 for x in beside)


def test_an_arrow_alone_is_straight():
    middles, _, _ = layout.layers(dict.fromkeys("abc", (50, 24)), [("a", "b"), ("b", "c")])
    assert len({x for x, _ in middles.values()}) == 1


def test_a_picture_is_drawn_of_what_stands_above_it():
    page = (
        "```pycon\n>>> maps = {'a < b': ([[0.25, 0.75]], ['x'], ['y', 'z'])}\n\n```\n\n<!-- picture: maps -->\n\n"
        "```pycon\n>>> maps = {}\n\n```\n"
    )
    said = pictures.drawn(page)
    assert said.count("<rect") == 2 and 'fill-opacity="0.75"' in said and ">a &lt; b</figcaption>" in said
    assert said.replace(said[said.index("```{raw}") : said.index("</div>\n```") + 10], "<!-- picture: maps -->") == page


def test_a_page_without_pictures_is_left_as_it_is():
    assert pictures.drawn("```pycon\n>>> 1 / 0\n\n```\n") == "```pycon\n>>> 1 / 0\n\n```\n"


def test_every_picture_of_a_guide_is_drawn():
    for path in sorted((ROOT / "specs/guides").glob("*.md")):
        source = path.read_text(encoding="utf-8")
        assert source.count("<!-- picture") == len(pictures.PLACE.findall(source))


def test_the_title_of_a_map_stands_below_its_squares():
    said = pictures.figure("t", [[1.0]], ["start"], ["x"])
    left = said.partition('<rect x="')[2].partition('"')[0]
    assert f'<figcaption style="padding-left: {left}px">' in said
