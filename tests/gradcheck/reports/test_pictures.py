"""Pictures of convergence: what is drawn, and what the observed order is said to mean."""

import re

import numpy as np
import pytest

from gradcheck.reports.pictures import error_picture, key, order_words, remainder_picture
from gradcheck.verdict.facts import Ladder

H = 0.5 ** np.arange(20)


def ladder(phi, slope, claimed, noise=1e-16):
    """A ladder for phi at 0."""
    central, right = (phi(H) - phi(-H)) / (2 * H), (phi(H) - phi(0.0)) / H
    columns = (tuple(x.tolist()) for x in (H, central, right, np.full(H.shape, noise)))
    return Ladder(None, "x", *columns, claimed, slope, 0.0)


@pytest.mark.parametrize(
    ("claimed", "error", "words"),
    [
        (1.0, 0.0, "observed order 2.00, that of a right derivative"),
        (1.1, 0.1, "observed order 1.00, that of a wrong derivative"),
        (1 + 1e-9, 1e-9, "observed order 2.00, an error too small for this picture"),
        (np.nan, np.nan, "only rounding, as where the function is linear"),
    ],
)
def test_the_caption_says_what_the_order_means(claimed, error, words):
    found = ladder(np.exp, 1.0, claimed)
    assert found.disagrees == (error != 0) and order_words(found) == words


def test_an_order_that_kinks_spoil_is_not_called_wrong():
    found = ladder(lambda t: np.maximum(t, 2 * t - 1e-3), 1.0, 1.0, noise=1e-12)
    assert order_words(found).endswith("with kinks or rounding in the way")


def drawn(picture, what):
    return re.findall(rf'<{what}[^>]*class="([a-z ]*)"', picture)


def test_the_errors_picture_has_the_rounding_the_reference_and_the_claim():
    picture = error_picture(ladder(np.exp, 1.0, 1.1), "fail")
    assert drawn(picture, "polyline") == ["noise", "reference", "claim fail"]
    assert drawn(picture, "circle").count("claim fail") == 20
    assert set(drawn(picture, "circle")) == {"reference", "claim fail"}
    assert "Error of central differences against their step" in picture


def test_the_remainders_picture_has_guides_of_order_one_and_two_through_what_is_clear():
    picture = remainder_picture(ladder(np.exp, 1.0, 1.1), "fail")
    assert drawn(picture, "polyline") == ["guide", "guide", "noise", "claim fail"]
    assert drawn(remainder_picture(ladder(np.exp, 1.0, 1.0, noise=1.0), "pass"), "polyline") == ["noise", "claim pass"]


def test_the_key_shows_a_dot_where_the_picture_has_them():
    text = key(("noise", "rounding"), ("claim pass", "the pullback"))
    assert text.count("<line") == 2 and drawn(text, "circle") == ["claim pass"] and "rounding" in text
