"""The numbers that an equation is evaluated on.  Here: float64."""

import numpy as np
from scipy import special

FUNCTIONS = {
    "exp": np.exp, "log": np.log, "log2": np.log2, "tanh": np.tanh, "cos": np.cos, "sin": np.sin, "sqrt": np.sqrt,
    "abs": np.abs, "floor": np.floor, "erf": special.erf, "erfc": special.erfc,
}  # fmt: skip


class Floats:
    """float64, as the code has it."""

    pi = np.pi

    @staticmethod
    def number(value):
        return np.asarray(np.inf if value is None else float(value))

    @staticmethod
    def array(values):
        return np.asarray(values, float)

    def function(self, name, values):
        return FUNCTIONS[name](values)

    @staticmethod
    def power(base, exponent):
        return np.power(np.asarray(base, float), exponent)

    @staticmethod
    def integers(values):
        rounded = np.rint(values)
        if not np.array_equal(rounded, values):
            raise ValueError("an index must be a whole number")
        return rounded.astype(int)
