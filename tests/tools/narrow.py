"""Roundings to number formats of few bits, as a part of a layer makes them: from float64 and back."""

import numpy as np


def half(x):
    """Round to float16, and lose what is imaginary."""
    return np.real(x).astype(np.float16).astype(np.float64)


def brain(x):
    """Round to the eight bits of bfloat16, whose range is wider, and lose what is imaginary."""
    return to_bits(np.real(x), 8)


def to_bits(x, bits):
    """Round to so many bits in the range of float64."""
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)
