"""Numbered equations that are not evaluated, each with a reason of a closed set."""

REASONS = {
    "ragged": "sets of different sizes, which no array holds: each layer gets the rows that chose it",
    "tuple": "auxiliary outputs are a tuple of arrays of any shape, of which each block has its own number",
    "tree": "the gradient of a layer is a tree, and of a layer without parameters an empty one",
    "sharing": "says which table stands where, and computes nothing",
}
UNEVALUATED = {
    "mixture.5": "ragged",
    "mixture.12": "ragged",
    "encoder.5": "tuple",
    "encoder.9": "tuple",
    "decoder.6": "tuple",
    "decoder.11": "tuple",
    "encoder_decoder.13": "tree",
    "tied.2": "sharing",
    "tied_decoder_only.1": "sharing",
}

# Pages with a backward pass that is not proved for all shapes and values, but holds in balls at random points.
UNPROVED = {
    "blockwise": "its sums run over blocks of different sizes, whose number is not an axis",
}

# Typos that nobody sees, each with the reason.
SURVIVORS = {
    ("online_softmax.8", r"l = \begin{cases} m + \log ( z ) & z > 0 \\ 0 & \text{otherwise} \end{cases}"): "the same: "
    "where z is positive, a score was finite, and so is the largest",
    ("schedules.2", r"f = \begin{cases} t / ( n - 1 ) & t < n \\ 1 & \text{otherwise} \end{cases}"): "the same: "
    "at t = n - 1 both cases are 1",
}
