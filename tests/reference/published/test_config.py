import pytest

from reference.published.config import Config

CONFIG = Config(
    "config.json", {"size": 3, "zero": 0, "flag": True, "half": 0.5, "name": "gelu", "null": None, "inner": {"a": 1}}
)


def test_entries_are_what_they_say():
    assert (CONFIG.size("size"), CONFIG.number("half"), CONFIG.number("size")) == (3, 0.5, 3.0)
    assert CONFIG.flag("flag", False) is True
    assert CONFIG.choice("name", ("relu", "gelu")) == "gelu"
    assert CONFIG.part("inner").size("a") == 1


def test_a_number_that_no_float_holds_is_refused(refused):
    for number in (10**400, float("inf"), float("nan"), -1):
        said = refused(Config("config.json", {"n": number}).number, "n")
        assert said == f"config.json: 'n' must be a number in [0, inf), got {number}"


def test_null_is_no_entry():
    assert CONFIG.size("null", 7) == CONFIG.size("absent", 7) == 7
    assert CONFIG.size("null", None) is None
    assert CONFIG.is_null("null") and not CONFIG.is_null("absent")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: CONFIG.size("absent"), "config.json: must have an entry 'absent', got none"),
        (lambda: CONFIG.size("null"), "config.json: must have an entry 'null', got none"),
        (lambda: CONFIG.size("zero"), "config.json: 'zero' must be a whole number above 0, got 0"),
        (lambda: CONFIG.size("flag"), "config.json: 'flag' must be a whole number above 0, got True"),
        (lambda: CONFIG.size("half"), "config.json: 'half' must be a whole number above 0, got 0.5"),
        (lambda: CONFIG.number("name"), "config.json: 'name' must be a number in [0, inf), got 'gelu'"),
        (lambda: CONFIG.number("size", below=1), "config.json: 'size' must be a number in [0, 1), got 3"),
        (lambda: CONFIG.size("size", most=2), "config.json: 'size' must be at most 2, got 3"),
        (lambda: CONFIG.flag("size", False), "config.json: 'size' must be one of True, False, got 3"),
        (lambda: CONFIG.flag("zero", False), "config.json: 'zero' must be one of True, False, got 0"),
        (lambda: CONFIG.choice("name", ("relu",)), "config.json: 'name' must be 'relu', got 'gelu'"),
        (lambda: CONFIG.part("size"), "config.json: 'size' must be an object, got 3"),
        (lambda: CONFIG.part("inner").size("b"), "config.json: 'inner': must have an entry 'b', got none"),
    ],
)
def test_another_entry_is_refused_in_one_line(refused, ask, said):
    assert refused(ask) == said
