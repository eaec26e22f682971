import pytest

from reference.core.words import many


@pytest.mark.parametrize(("count", "said"), [(0, "0 tokens"), (1, "1 token"), (2, "2 tokens"), (1234, "1,234 tokens")])
def test_one_is_no_plural(count, said):
    assert many(count, "token") == said
