"""Which entries of a row are its k largest.  Derivation: specs/functions/top_k.md."""

import numpy as np

from reference.core.shapes import expect_last_axis, expect_positive


def top_k(s: np.ndarray, *, k: int) -> np.ndarray:
    """Map scores s (..., E) to a boolean array (..., E) that is True at exactly k entries of every row.

    Complex scores are compared by their real parts; of equal ones the lower index goes first, and NaN goes last.

    Raises:
        TypeError: s is not a floating or complex array, or k is not a whole number.
        ValueError: s has no axis, or k lies outside [1, E].

    Source: Shazeer et al. 2017 (arXiv:1701.06538), eq. 5.
    """
    expect_last_axis("top_k", "s", s, "E")
    expect_positive("top_k", "k", k)
    if k > s.shape[-1]:
        raise ValueError(f"top_k: k must be at most the length of a row, {s.shape[-1]}, got {k}")
    order = np.argsort(-s.real, axis=-1, kind="stable")                 # (..., E)  # (top_k.1)
    chosen = np.zeros_like(s, dtype=bool, order="C")                    # (..., E)
    np.put_along_axis(chosen, order[..., :k], True, axis=-1)            # (..., E)  # (top_k.2)
    return chosen
