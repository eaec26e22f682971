"""A Transformer in NumPy whose every backward pass is derived, written by hand and proved against numbers."""
