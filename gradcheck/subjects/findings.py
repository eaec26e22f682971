"""What a check finds besides numbers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was found: `severity` is "fail", "inconclusive" or "note"; `array` the one it concerns."""

    kind: str
    message: str
    severity: str = "fail"
    array: str | None = None
