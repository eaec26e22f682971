import dataclasses

import pytest

from reference.core.kinds import Share, Size
from reference.core.settings import Settings, expect_known


class Garden(Settings):
    beds: Size = 3
    end_rate: Share = 0.5

    def expect(self):
        if self.beds == 7:
            raise ValueError("Garden: beds must not be 7, got 7")


class Orchard(Garden):
    trees: Size
    end_rate: Share = 0.25


def test_settings_are_a_frozen_dataclass_with_named_fields():
    assert [field.name for field in dataclasses.fields(Orchard)] == ["beds", "end_rate", "trees"]
    assert Orchard(trees=1) == Orchard(trees=1, beds=3, end_rate=0.25) != Orchard(trees=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Garden().beds = 4
    with pytest.raises(TypeError, match="positional"):
        Garden(3)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"beds": 0}, ValueError, "Garden: beds must be at least 1, got 0"),
        ({"beds": True}, TypeError, "Garden: beds must be a whole number, got bool"),
        ({"beds": "3"}, TypeError, "Garden: beds must be a whole number, got str"),
        ({"end_rate": 1.0}, ValueError, r"Garden: end-rate must lie in \[0, 1\), got 1\.0"),
        ({"beds": 7}, ValueError, "Garden: beds must not be 7, got 7"),
    ],
)
def test_a_value_that_does_not_fit_is_one_clear_line_where_it_is_made(given, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        Garden(**given)
    with pytest.raises(error, match=f"^{message}$"):
        dataclasses.replace(Garden(), **given)


def test_what_is_written_down_makes_the_same_settings_again():
    settings = Orchard(trees=5, end_rate=0.75)
    assert Orchard.names() == ("beds", "end-rate", "trees")
    assert settings.entries() == {"beds": 3, "end-rate": 0.75, "trees": 5}
    assert Orchard.of(settings.entries()) == settings
    assert Garden.of({}) == Garden()


NEAR = [("end-rat", "end-rate"), ("end_rate", "end-rate"), ("bed", "beds")]


@pytest.mark.parametrize(("name", "near"), NEAR)
def test_an_unknown_entry_is_refused_with_the_nearest_known_name(name, near):
    with pytest.raises(ValueError, match=f"^Garden: an entry must be a known one, such as {near}, got {name!r}$"):
        Garden.of({name: 0.5})


def test_known_entries_are_not_refused():
    assert expect_known("Garden", ["beds"], Garden.names()) is None
