"""Functions of complex numbers, as functions of pairs of real ones: holomorphic ones have one derivative.

Along d and along i d the derivatives of such a function are f'(z) d and i f'(z) d (Cauchy, Riemann).
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def is_complex(x: Any) -> bool:
    """Whether x is a complex number or a complex array."""
    return isinstance(x, complex) or (isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "c")


def as_pairs(f: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Return f as a function of the real and the imaginary part of z, stacked, whose output is stacked as well."""

    def parts(pair: np.ndarray) -> np.ndarray:
        if np.iscomplexobj(pair):
            raise TypeError("a pair holds the two parts of a complex number already")
        return stacked(f(pair[0] + 1j * pair[1]))

    return parts


def stacked(z: Any) -> np.ndarray:
    """Return the real and the imaginary part of complex numbers along a new first axis."""
    z = np.asarray(z)
    return np.stack([z.real, z.imag]).astype(np.float64)


def joined(pair: np.ndarray) -> Any:
    """Return the complex numbers of which `stacked` gives the parts."""
    z = pair[0] + 1j * pair[1]
    return complex(z) if not z.ndim else z


def is_holomorphic(ahead: np.ndarray, aside: np.ndarray, bars: np.ndarray) -> bool:
    """Whether the derivative along i d, in parts, is i times the one along d, within the bars of both."""
    turned = np.stack([-ahead[1], ahead[0]])
    return bool((np.abs(aside - turned) <= bars).all())
