"""Elements are escaped, and what lies outside logarithmic axes is left out."""

from gradcheck.reports.svg import LogAxes, picture, power, tag, text


def test_attributes_are_escaped_and_named_as_in_a_page():
    assert tag("rect", "<b/>", class_="a", text_anchor='"end"', x=1 / 3, y=None, n=2) == (
        '<rect class="a" text-anchor="&quot;end&quot;" x="0.333333" n="2"><b/></rect>'
    )


def test_words_are_escaped_and_exponents_raised():
    assert text("a<b", 1, 2) == '<text x="1" y="2">a&lt;b</text>'
    assert text("10^-3", 1, 2) == '<text x="1" y="2">10<tspan dy="-4" font-size="75%">-3</tspan></text>'
    assert power(-3) == "10^−3" and power(4) == "10^4"


def test_a_picture_has_its_size_and_a_title():
    found = picture(20.0, 10.5, "a & b", "<g/>")
    assert 'viewBox="0 0 20 10.5"' in found and "<title>a &amp; b</title><g/>" in found


def test_few_figures_are_drawn_of_points_on_a_line():
    axes = LogAxes([1.0], [float("nan"), 0.0])
    assert axes.line([1.0, 2.0], [0.0, float("inf")], "claim").count(",") == 0
    assert axes.y == (-1, 1) and axes.x == (-1, 1)


def test_corners_of_the_axes_are_whole_decades():
    axes = LogAxes([1e-3, 1e2], [1e-8, 1e-1])
    assert axes.x == (-4, 3) and axes.y == (-9, 0)
    assert axes.place(1e-4, 1e-9) == (58.0, 256.0)
    x, y = axes.place(1e3, 1.0)
    assert (round(x, 9), round(y, 9)) == (416.0, 14.0)


def test_points_that_are_no_positive_numbers_are_left_out():
    axes = LogAxes([1.0, 10.0], [1.0, 10.0])
    xs, ys = [1.0, 2.0, 3.0, 4.0], [1.0, 0.0, float("nan"), 5.0]
    assert axes.line(xs, ys, "claim").count(",") == 2 and axes.dots(xs, ys, "claim").count("<circle") == 2
    assert "step 4: 5" in axes.dots(xs, ys, "claim")


def test_few_ticks_are_drawn_of_many_decades():
    axes = LogAxes([1e-20, 1.0], [1.0, 10.0])
    assert axes.grid("t", "e").count('text-anchor="middle"') <= 9 + 2


def test_a_guide_ends_at_the_border_it_meets_first():
    axes = LogAxes([1e-3, 1.0], [1e-3, 1.0])
    steep, flat = axes.straight(1e-2, 1e-2, 2, "t^2"), axes.straight(1e-2, 1e-3, 1, "t")
    assert steep.count(",") == flat.count(",") == 2 and "<tspan" in steep and ">t</text>" in flat
