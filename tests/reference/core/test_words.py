import pytest

from reference.core.words import cut, many


@pytest.mark.parametrize(("count", "said"), [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (1234, "1,234 tokens")])
def test_one_is_no_plural(count, said):
    assert many(count, "token") == said


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.5, "1.5"),
        ("no", "no"),
        (10**20, "1" + 20 * "0"),
        (-(10**100), "a whole number of about 100 digits"),
        (10**5000, "a whole number of about 5,000 digits"),
        ("x" * 60, "x" * 60),
        ("x" * 61, f"{'x' * 57}..."),
    ],
    ids=lambda _: "",
)
def test_what_came_is_a_part_of_a_line(value, shown):
    assert cut(value) == shown
