"""An answer in words."""

import pytest

from gradcheck.exact.answers import CONSTANTS, DIFFERS, NOT_FOLLOWED, PROVED, Exact


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Exact(PROVED, 88.9), "proved to 88 digits here"),
        (Exact(PROVED), "proved to be zero here"),
        (Exact(CONSTANTS, 88.9, "gelu"), "proved to 88 digits here, to the rounding of the constants in gelu"),
        (Exact(NOT_FOLLOWED, reason="numpy.fft.rfft, in f"), "not followed: numpy.fft.rfft, in f"),
        (
            Exact(DIFFERS, relative=0.5, index=(1, 2), claimed="1.5", derivative="1.0"),
            "differs by 5.0e-01 of itself: at [1, 2] the pullback gives 1.5, the derivative is 1.0",
        ),
        (
            Exact(DIFFERS, relative=1e-18, index=(), claimed="1.5", derivative="1.0"),
            "differs by 1.0e-18 of itself, which no float shows: the pullback gives 1.5, the derivative is 1.0",
        ),
        (
            Exact(DIFFERS, index=(0,), claimed="1.5", derivative="0"),
            "is not zero as the derivative is: at [0] the pullback gives 1.5, the derivative is 0",
        ),
    ],
)
def test_answers_are_told(answer, said):
    assert str(answer) == said


def test_what_is_proved():
    assert [Exact(a).is_proof for a in (PROVED, CONSTANTS, DIFFERS, NOT_FOLLOWED)] == [True, True, False, False]
