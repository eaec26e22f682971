"""Numbered equations that are not evaluated, each with a reason of a closed set."""

REASONS = {
    "ragged": "sets of different sizes, which no array holds: each layer gets the rows that chose it",
}
UNEVALUATED = {
    "mixture.5": "ragged",
    "mixture.12": "ragged",
}
