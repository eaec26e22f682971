import pytest

from reference.training.records import NAMES, expect_record

SAID = {"epoch": 2, "step": 6, "rate": 0.1, "loss": 0.0, "gradient_norm": 3.5, "clipped": 1, "held_out_tokens": 0.25}
ALL = NAMES | {"held_out_tokens"}


@pytest.fixture
def run(tiny):
    return tiny()


def test_a_record_of_an_epoch_passes(run):
    assert expect_record(SAID, 2, run, ALL) is None


@pytest.mark.parametrize("name", sorted(ALL - {"epoch", "step"}))
@pytest.mark.parametrize("value", [-1, -1e-9])
def test_no_number_is_below_0(run, name, value):
    with pytest.raises(ValueError, match=rf"^record 2: {name} must lie in \[0, (1|inf)\], got {value}$"):
        expect_record(SAID | {name: value}, 2, run, ALL)


@pytest.mark.parametrize("name", ["clipped", "held_out_tokens"])
def test_no_share_is_above_1(run, name):
    with pytest.raises(ValueError, match=rf"^record 2: {name} must lie in \[0, 1\], got 1\.5$"):
        expect_record(SAID | {name: 1.5}, 2, run, ALL)
