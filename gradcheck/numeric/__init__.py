"""A derivative with its own error bar, from values of the function alone."""
