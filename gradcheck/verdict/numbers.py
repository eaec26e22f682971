"""Two numbers beside each other, with the digits that tell them apart."""

import math

DIGITS, MOST = 12, 17  # 17 tell any two numbers of float64 apart


def apart(a: float, b: float, digits: int = DIGITS) -> tuple[str, str]:
    """Return both numbers to so many digits, or to as many more as show the difference."""
    for n in range(digits, MOST + 1):
        texts = f"{a + 0.0:.{n}g}", f"{b + 0.0:.{n}g}"  # no -0, which is 0
        if texts[0] != texts[1]:
            break
    return texts


def contradiction(claimed: float, numeric: float, bar: float | None) -> str:
    """Return what is claimed, and what differences give, if that is a number."""
    if math.isnan(numeric):
        return f"gives {claimed:.{DIGITS}g}, where differences give no number"
    a, b = apart(claimed, numeric)
    within = f" +- {bar:.1e}" if bar is not None and math.isfinite(bar) else ""
    return f"gives {a}, differences give {b}{within}"
